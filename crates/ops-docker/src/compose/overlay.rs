//! The file that ops writes beside its records and gives to Compose after the team's own.
//!
//! It says of every service which image it runs, by the id of its content; it mounts files of the
//! project from where they are kept; and it adds copies of the front, which are services of their
//! own, so that two releases of it run beside each other.

use std::{collections::BTreeMap, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use ops_core::world::Fault;
use ops_engine::ports::Look;
use serde_json::{Map, Value, json};

use super::model::{Brought, Front, Model};
use crate::durable::unwritable;

/// The label with the hash of what a container of an other service was made from.
pub(crate) const CONFIGURATION: &str = "ops.configuration";

/// A service that is not behind the door.
#[derive(Debug, Clone)]
pub(crate) struct Other {
    pub(crate) name: String,
    /// The engine's id of its image.
    pub(crate) image: String,
    /// Labels by which it is known as ours.
    pub(crate) labels: BTreeMap<String, String>,
}

/// A copy of the front.
#[derive(Debug, Clone)]
pub(crate) struct Copy {
    /// What it is called as a service of the overlay.
    pub(crate) service: String,
    /// What its container is called.
    pub(crate) container: String,
    /// The address and port of the host that lead to it.
    pub(crate) published: String,
    pub(crate) image: String,
    pub(crate) labels: BTreeMap<String, String>,
    /// Variables beside the team's.
    pub(crate) env: Vec<(String, String)>,
    /// Seconds between TERM and KILL.
    pub(crate) grace: i64,
    /// MiB of logs.
    pub(crate) log_mb: u64,
}

/// The overlay of a project; files that are mounted go to `store`.
pub(crate) fn overlay(
    model: &Model,
    front: Option<&Front>,
    others: &[Other],
    copies: &[Copy],
    (brought, store): (&Brought, &Path),
) -> Look<Value> {
    let mut services = Map::new();
    for other in others {
        let mut service = Map::new();
        service.insert("image".to_owned(), json!(other.image));
        service.insert("labels".to_owned(), labels(&other.labels));
        let mounts = mounts(model, &other.name, store)?;
        if !mounts.is_empty() {
            service.insert("volumes".to_owned(), json!(mounts));
        }
        services.insert(other.name.clone(), Value::Object(service));
    }
    for (copy, front) in copies.iter().zip(front.into_iter().cycle()) {
        services.insert(copy.service.clone(), copy_of(model, front, copy, store)?);
    }
    let mut all = Map::new();
    all.extend(model.version.clone().map(|version| ("version".to_owned(), json!(version))));
    all.insert("services".to_owned(), Value::Object(services));
    let names = others.iter().map(|other| other.name.as_str());
    let names: Vec<&str> = names.chain(front.map(|front| front.name.as_str())).collect();
    for (kind, name, file) in model.kept_grants(&names, brought, store)? {
        let entry = all.entry(kind).or_insert_with(|| json!({}));
        if let Value::Object(entry) = entry {
            entry.insert(name, json!({ "file": plain(&file.display().to_string()) }));
        }
    }
    Ok(Value::Object(all))
}

/// Files of the project from where they are kept. They cannot be written there: what a container
/// changes in them would be gone with the release, and would be no way back.
fn mounts(model: &Model, name: &str, store: &Path) -> Look<Vec<Value>> {
    let mount = |mount: super::model::Mount| {
        let kept = mount.keep(store)?;
        Ok(json!({
            "type": "bind",
            "source": plain(&kept.display().to_string()),
            "target": mount.target,
            "read_only": true,
        }))
    };
    model.mounts(name)?.into_iter().map(mount).collect()
}

/// The front as Compose reads it, but for what two of it cannot have at once.
fn copy_of(model: &Model, front: &Front, copy: &Copy, store: &Path) -> Look<Value> {
    let mut service = model.services.get(&front.name).cloned().unwrap_or_default();
    for key in ["build", "container_name", "depends_on", "deploy", "env_file", "ports", "scale"] {
        let removed = service.remove(key);
        // Limits of resources stand below the key that also says how many there are.
        if let (true, Some(resources)) =
            (key == "deploy", removed.and_then(|all| all.get("resources").cloned()))
        {
            service.insert(key.to_owned(), json!({ "resources": resources }));
        }
    }
    service.insert("image".to_owned(), json!(copy.image));
    service.insert("container_name".to_owned(), json!(copy.container));
    service.insert("ports".to_owned(), json!([format!("{}:{}", copy.published, front.port)]));
    service.insert("restart".to_owned(), json!("unless-stopped"));
    service.insert("stop_grace_period".to_owned(), json!(format!("{}s", copy.grace)));
    service.entry("logging").or_insert_with(|| {
        let half_kb = (copy.log_mb * 1024 / 2).max(1);
        json!({ "driver": "json-file", "options": { "max-size": format!("{half_kb}k"), "max-file": "2" } })
    });
    let mut all = pairs(service.remove("labels"));
    all.extend(copy.labels.iter().map(|(name, value)| (name.clone(), json!(plain(value)))));
    service.insert("labels".to_owned(), Value::Object(all));
    let mut env = pairs(service.remove("environment"));
    env.extend(copy.env.iter().map(|(name, value)| (name.clone(), json!(plain(value)))));
    service.insert("environment".to_owned(), Value::Object(env));
    // Others find it by the name that it has in the team's file.
    let joined = match service.remove("networks") {
        Some(Value::Object(all)) => all,
        Some(Value::Array(all)) => {
            all.iter().filter_map(|name| Some((name.as_str()?.to_owned(), Value::Null))).collect()
        }
        _ => Map::from_iter([("default".to_owned(), Value::Null)]),
    };
    let named = joined.into_iter().map(|(network, given)| {
        let mut given = if let Value::Object(given) = given { given } else { Map::new() };
        let mut aliases =
            given.remove("aliases").and_then(|all| all.as_array().cloned()).unwrap_or_default();
        aliases.push(json!(front.name));
        given.insert("aliases".to_owned(), json!(aliases));
        // Two cannot have one address.
        given.remove("ipv4_address");
        given.remove("ipv6_address");
        (network, Value::Object(given))
    });
    service.insert("networks".to_owned(), Value::Object(named.collect()));
    let kept = mounts(model, &front.name, store)?;
    let replaced: Vec<&str> =
        kept.iter().filter_map(|mount| mount.get("target")?.as_str()).collect();
    if let Some(Value::Array(volumes)) = service.get_mut("volumes") {
        volumes.retain(|volume| target(volume).is_none_or(|target| !replaced.contains(&target)));
        volumes.extend(kept.iter().cloned());
    }
    Ok(Value::Object(service))
}

fn target(volume: &Value) -> Option<&str> {
    match volume {
        Value::String(text) => text.split(':').nth(1),
        other => other.get("target")?.as_str(),
    }
}

/// Names with values, also where they are written as `NAME=value`.
fn pairs(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(all)) => all,
        Some(Value::Array(all)) => all
            .iter()
            .filter_map(|text| text.as_str())
            .map(|text| match text.split_once('=') {
                Some((name, value)) => (name.to_owned(), json!(value)),
                None => (text.to_owned(), Value::Null),
            })
            .collect(),
        _ => Map::new(),
    }
}

fn labels(labels: &BTreeMap<String, String>) -> Value {
    labels
        .iter()
        .map(|(name, value)| (name.clone(), json!(plain(value))))
        .collect::<Map<_, _>>()
        .into()
}

/// A text in which Compose replaces nothing.
fn plain(text: &str) -> String {
    text.replace('$', "$$")
}

/// Writes an overlay; env files' values stand in it, so nobody else may read it.
pub(crate) fn write(path: &Path, overlay: &Value) -> Look<()> {
    let write = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let fresh = path.with_extension("fresh");
        let mut options = std::fs::File::options();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh)?;
        // JSON is YAML.
        file.write_all(&serde_json::to_vec(overlay)?)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)
    };
    write().map_err(|error: std::io::Error| -> Fault { unwritable(path, &error) })
}
