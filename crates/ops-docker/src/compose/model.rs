//! What a project's file means: the Compose program's own reading of it.

mod configuration;
mod order;
mod taken;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use ops_core::{
    id::Digest,
    world::{Compose, Fault},
};
use ops_engine::ports::Look;
use serde_json::{Map, Value};

pub(super) use self::taken::Mount;
pub(crate) use self::taken::{Brought, Secret};
use super::text;

/// A project's services and what they share.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    /// Services that are started, each as Compose reads it.
    pub(super) services: BTreeMap<String, Map<String, Value>>,
    /// The rest: networks, volumes, secrets.
    top: Map<String, Value>,
    /// The language's version that the team's file names.
    pub(super) version: Option<String>,
    folder: PathBuf,
    place: String,
}

/// The service behind the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Front {
    pub(crate) name: String,
    /// The port that it listens on inside.
    pub(crate) port: u16,
}

impl Model {
    /// Reads what `config` printed of a file in a folder.
    pub(crate) fn read(said: &str, folder: &Path, file: &str) -> Look<Self> {
        let place = file.to_owned();
        let unreadable = |why: String| {
            let what = format!("what Compose made of the file cannot be read: {why}");
            Fault::new(what, &place, "report this as a defect of ops, with the file")
        };
        let Value::Object(mut top) = text::read(said).map_err(unreadable)? else {
            return Err(unreadable("it is no mapping".to_owned()));
        };
        let Some(Value::Object(all)) = top.remove("services") else {
            let next = "add `services:` with what the project runs";
            return Err(Fault::new("the file has no services", place, next));
        };
        let started = |(name, service): (String, Value)| match service {
            Value::Object(service) if list(&service, "profiles").is_empty() => {
                Some((name, service))
            }
            _ => None,
        };
        let services = all.into_iter().filter_map(started).collect();
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        let version = text.lines().find_map(|line| line.strip_prefix("version:"));
        let version = version.and_then(|text| text.split('#').next());
        let version = version.map(|text| text.trim().trim_matches(['"', '\'']).to_owned());
        Ok(Self { services, top, version, folder: folder.to_owned(), place })
    }

    /// The service behind the door and its port; `None` where nothing of the project is.
    pub(crate) fn front(&self, compose: &Compose) -> Look<Option<Front>> {
        if compose.without_door {
            return Ok(None);
        }
        let name = compose.front.clone().map_or_else(|| self.publishes(), Ok)?;
        let Some(service) = self.services.get(&name) else {
            let what = format!("there is no service `{name}`, which shall be behind the door");
            return Err(Fault::new(what, &self.place, "correct `compose: { front: … }`"));
        };
        if let Some(mode) = service.get("network_mode") {
            let what = format!("the front `{name}` has the network mode {mode}");
            let next = "take it away: ops publishes its copies on ports of their own";
            return Err(Fault::new(what, &self.place, next));
        }
        let port = match (compose.port, ports(service).into_iter().collect::<Vec<_>>().as_slice()) {
            (Some(port), _) => port,
            (None, [port]) => *port,
            (None, _) => {
                let what = format!("it cannot be told on which port `{name}` listens");
                let next = "say it: `compose: { port: 8080 }`, the port inside";
                return Err(Fault::new(what, &self.place, next));
            }
        };
        Ok(Some(Front { name, port }))
    }

    /// The only service that publishes ports.
    fn publishes(&self) -> Look<String> {
        let publish = |(_, service): &(&String, &Map<String, Value>)| !ports(service).is_empty();
        let all: Vec<&str> =
            self.services.iter().filter(publish).map(|(name, _)| name.as_str()).collect();
        if let [only] = *all {
            return Ok(only.to_owned());
        }
        let what = format!("{} services publish ports: {}", all.len(), all.join(", "));
        let next = "say which is behind the door: `compose: { front: web }`";
        Err(Fault::new(what, &self.place, next))
    }

    /// The image of every service, by its digest: as the notes name it, else as the file does.
    pub(crate) fn images(
        &self,
        pinned: &BTreeMap<String, String>,
    ) -> Look<BTreeMap<String, String>> {
        if let Some(name) = pinned.keys().find(|name| !self.services.contains_key(*name)) {
            let what = format!("the notes name an image of `{name}`, and there is no such service");
            return Err(Fault::new(what, &self.place, "correct `images:` in the ticket's notes"));
        }
        let mut images = BTreeMap::new();
        for (name, service) in &self.services {
            let written = service.get("image").and_then(Value::as_str);
            let by_digest = written.filter(|image| digest_of(image).is_some());
            let Some(image) = pinned.get(name).map(String::as_str).or(by_digest) else {
                let what = match written {
                    _ if service.contains_key("build") => {
                        format!("`{name}` would be built where it runs, of what nobody approved")
                    }
                    Some(image) => {
                        format!("`{name}` runs `{image}`, which can mean another content")
                    }
                    None => format!("`{name}` names no image"),
                };
                let repository = written.map_or("registry/repository", untagged);
                let next = format!(
                    "write under `images:` in the ticket's notes what `{name}` runs: {repository} by \
                     its digest"
                );
                return Err(Fault::new(what, &self.place, next));
            };
            images.insert(name.clone(), image.to_owned());
        }
        Ok(images)
    }
}

/// The digest that an image is named by.
pub(super) fn digest_of(image: &str) -> Option<Digest> {
    image.rsplit_once('@')?.1.parse().ok()
}

fn untagged(image: &str) -> &str {
    match image.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => image,
    }
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn list<'a>(service: &'a Map<String, Value>, key: &str) -> Vec<&'a Value> {
    service.get(key).and_then(Value::as_array).map(|all| all.iter().collect()).unwrap_or_default()
}

/// Ports inside that a service publishes.
fn ports(service: &Map<String, Value>) -> BTreeSet<u16> {
    let inside = |port: &Value| -> Option<u16> {
        match port {
            Value::Number(number) => number.as_u64()?.try_into().ok(),
            Value::String(text) => text.rsplit(':').next()?.split('/').next()?.parse().ok(),
            other => match other.get("target")? {
                Value::Number(number) => number.as_u64()?.try_into().ok(),
                target => target.as_str()?.parse().ok(),
            },
        }
    };
    list(service, "ports").into_iter().filter_map(inside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
services:
  web:
    image: shop:latest
    ports: [{ published: 80, target: 8080 }]
    depends_on: { db: { condition: service_started } }
  db:
    image: db@sha256:0000000000000000000000000000000000000000000000000000000000000000
  app:
    build: { context: . }
    depends_on: [db]
  side:
    image: side:1
    network_mode: service:app
  rare:
    image: rare:1
    profiles: [tools]
";

    fn compose() -> Compose {
        let images = BTreeMap::new();
        Compose {
            file: "compose.yaml".into(),
            project: None,
            front: None,
            port: None,
            without_door: false,
            images,
        }
    }

    fn model(text: &str) -> Model {
        Model::read(text, Path::new("/nowhere"), "compose.yaml").unwrap()
    }

    fn pins(names: &[&str]) -> BTreeMap<String, String> {
        let image =
            |name: &&str| ((*name).to_owned(), format!("r/{name}@{}", Digest::of(name.as_bytes())));
        names.iter().map(image).collect()
    }

    #[test]
    fn the_front_is_the_one_that_publishes_unless_it_is_named() {
        let model = model(FILE);
        let front = model.front(&compose()).unwrap().unwrap();
        assert_eq!(front, Front { name: "web".into(), port: 8080 });
        assert_eq!(model.others(Some(&front)), ["db", "app", "side"], "by dependency, no profiles");
        let named = Compose { front: Some("app".into()), port: Some(90), ..compose() };
        let app = Front { name: "app".into(), port: 90 };
        assert_eq!(model.front(&named).unwrap(), Some(app));
        let without = Compose { without_door: true, ..compose() };
        assert_eq!(model.front(&without).unwrap(), None);
        assert_eq!(model.others(None), ["db", "app", "side", "web"]);
        let three = FILE.replace("build: { context: . }", "build: { context: . }\n    scale: 3");
        assert_eq!((model.scale("app"), self::model(&three).scale("app")), (1, 3));
        for (bad, why) in [
            (Compose { front: Some("none".into()), ..compose() }, "there is no service `none`"),
            (Compose { front: Some("app".into()), ..compose() }, "on which port"),
            (Compose { front: Some("side".into()), ..compose() }, "network mode"),
        ] {
            let fault = model.front(&bad).unwrap_err();
            assert!(fault.to_string().contains(why), "{fault}");
        }
        let twice = FILE.replace("image: side:1", "image: side:1\n    ports: ['90:90/tcp']");
        let fault = self::model(&twice).front(&compose()).unwrap_err();
        assert!(fault.to_string().contains("2 services publish ports: side, web"), "{fault}");
    }

    #[test]
    fn p1_what_is_not_pinned_is_refused_with_the_line_to_write() {
        let model = model(FILE);
        for (pinned, why) in [
            (&["app", "side"][..], "what `web` runs: shop by its digest"),
            (&["web", "side"][..], "`app` would be built where it runs"),
            (&["web", "app", "side", "rare"][..], "`rare`, and there is no such service"),
        ] {
            let fault = model.images(&pins(pinned)).unwrap_err();
            assert!(fault.to_string().contains(why), "{fault}");
        }
        let images = model.images(&pins(&["web", "app", "side"])).unwrap();
        assert_eq!(images.len(), 4, "and the one that the file pins");
    }

    #[test]
    fn a_configuration_changes_with_what_a_container_is_made_from_and_with_nothing_else() {
        let front = Front { name: "web".into(), port: 8080 };
        let of = |text: &str, names: &[&str]| {
            let model = model(text);
            model
                .configurations(Some(&front), &model.images(&pins(names)).unwrap(), &Brought::Later)
                .unwrap()
        };
        let pinned = ["web", "app", "side"];
        let same = of(FILE, &pinned);
        assert_eq!(of(&FILE.replace("shop:latest", "shop:other"), &pinned), same);
        let changed = of(&FILE.replace("side:1", "side:1\n    environment: { A: b }"), &pinned);
        assert_eq!((&changed["db"], &changed["app"]), (&same["db"], &same["app"]));
        assert_ne!(changed["side"], same["side"]);
        // Who takes a part of another's container is made anew with it.
        let changed = of(&FILE.replace("[db]", "[db]\n    environment: { A: b }"), &pinned);
        assert_eq!(changed["db"], same["db"]);
        assert!(changed["app"] != same["app"] && changed["side"] != same["side"]);
    }

    #[test]
    fn what_is_mounted_must_be_part_of_the_artifact_and_counts_by_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "services:\n  web: {{ image: a, ports: [80] }}\n  db:\n    image: b\n    volumes:\n    - \
             {}/conf:/etc/db:ro\n    - data:/var/lib:rw\nvolumes: {{ data: {{}} }}\n",
            folder.path().display()
        );
        let front = Front { name: "web".into(), port: 80 };
        let read = || {
            let model = Model::read(&text, folder.path(), "compose.yaml").unwrap();
            model.configurations(Some(&front), &pins(&["web", "db"]), &Brought::Later)
        };
        let fault = read().unwrap_err();
        assert!(fault.to_string().contains("`./conf`, which is no part"), "{fault}");
        std::fs::write(folder.path().join("conf"), "a").unwrap();
        let first = read().unwrap();
        assert_eq!(read().unwrap(), first);
        std::fs::write(folder.path().join("conf"), "b").unwrap();
        assert_ne!(read().unwrap(), first);
    }
}
