//! What a container of a service is made from, as a hash: what differs in it is made anew.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::id::Digest;
use ops_engine::ports::Look;
use serde_json::{Map, Value, json};

use super::{Brought, Front, Model, digest_of, list, word};
use crate::compose::files;

impl Model {
    /// A hash of all that a container of each other service is made from, by name.
    pub(crate) fn configurations(
        &self,
        front: Option<&Front>,
        images: &BTreeMap<String, String>,
        brought: &Brought,
    ) -> Look<BTreeMap<String, String>> {
        let mut hashes = BTreeMap::new();
        for name in self.others(front) {
            let hash = self.configuration(name, images, brought, &hashes)?;
            hashes.insert(name.to_owned(), hash);
        }
        Ok(hashes)
    }

    fn configuration(
        &self,
        name: &str,
        images: &BTreeMap<String, String>,
        brought: &Brought,
        others: &BTreeMap<String, String>,
    ) -> Look<String> {
        let Some(mut service) = self.services.get(name).cloned() else { return Ok(String::new()) };
        // What is named by its content counts by it, not by where it lies now.
        service.remove("build");
        service.remove("depends_on");
        let digest = images.get(name).and_then(|image| digest_of(image));
        service.insert("image".to_owned(), json!(digest.map(|digest| digest.to_string())));
        let mut used = Map::new();
        for (kind, names) in [("volumes", self.volumes(name)), ("networks", networks(&service))] {
            for one in names {
                let defined = self.top.get(kind).and_then(|all| all.get(&one)).cloned();
                used.insert(format!("{kind}/{one}"), defined.unwrap_or_default());
            }
        }
        for share in self.shares(name) {
            let hash = others.get(&share).cloned().unwrap_or_default();
            used.insert(format!("shares/{share}"), json!(hash));
        }
        for (secret, one) in self.secrets_of(name, brought) {
            used.insert(format!("secrets/{secret}"), json!(one.version));
        }
        let folder = self.folder.display().to_string();
        let text = json!([service, used]).to_string().replace(&folder, ".");
        let mut parts = vec![text];
        for source in self.sources(name, brought)? {
            parts.push(files::digest(&source)?.to_string());
        }
        Ok(Digest::of(parts.join("\n").as_bytes()).hex().to_owned())
    }

    fn volumes(&self, name: &str) -> BTreeSet<String> {
        let Some(service) = self.services.get(name) else { return BTreeSet::new() };
        let named = |volume: &Value| match volume {
            Value::String(text) => text.split(':').next().map(str::to_owned),
            other => other.get("source").and_then(Value::as_str).map(str::to_owned),
        };
        let volumes = list(service, "volumes").into_iter().filter_map(named);
        volumes.filter(|name| !name.starts_with(['/', '.'])).collect()
    }
}

/// Networks that a service joins.
fn networks(service: &Map<String, Value>) -> BTreeSet<String> {
    match service.get("networks") {
        Some(Value::Object(all)) => all.keys().cloned().collect(),
        Some(Value::Array(all)) => all.iter().filter_map(word).collect(),
        _ => BTreeSet::from(["default".to_owned()]),
    }
}
