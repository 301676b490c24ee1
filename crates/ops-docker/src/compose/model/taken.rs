//! Files of the project that its services take in.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use ops_core::world::Fault;
use ops_engine::ports::Look;
use serde_json::Value;

use super::{Model, list};
use crate::compose::files;

/// A file of the project that a service mounts.
pub(in crate::compose) struct Mount {
    pub(in crate::compose) target: String,
    source: PathBuf,
}

/// A secret of ops.yaml, as a service's container gets it.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// The file with its value, on a tmpfs.
    pub(crate) file: PathBuf,
    /// A keyed hash of its value: with another value, who names it is made anew.
    pub(crate) version: String,
}

/// The secrets that ops brings.
#[derive(Debug, Clone)]
pub(crate) enum Brought {
    /// These, by name.
    Now(BTreeMap<String, Secret>),
    /// Which is not known yet: only what the file itself says is looked at.
    Later,
}

impl Brought {
    fn has(&self, name: &str) -> bool {
        matches!(self, Self::Now(all) if all.contains_key(name))
    }
}

impl Model {
    /// All files of the project that a service takes in, wherever they go.
    pub(super) fn sources(&self, name: &str, brought: &Brought) -> Look<Vec<PathBuf>> {
        let mounts = self.mounts(name)?.into_iter().map(|mount| mount.source);
        let granted = self.granted(name, brought).into_iter().map(|(_, _, source)| source);
        Ok(mounts.chain(granted).collect())
    }

    /// Files and folders of the project that a service mounts.
    pub(in crate::compose) fn mounts(&self, name: &str) -> Look<Vec<Mount>> {
        let Some(service) = self.services.get(name) else { return Ok(Vec::new()) };
        let mut mounts = Vec::new();
        for volume in list(service, "volumes") {
            let Some((source, target)) = bind(volume) else { continue };
            let source = PathBuf::from(source);
            if !source.starts_with(&self.folder) {
                continue;
            }
            if source.symlink_metadata().is_err() {
                let named = source.strip_prefix(&self.folder).unwrap_or(&source).display();
                let what = format!("`{name}` mounts `./{named}`, which is no part of the artifact");
                let next = "mount a volume or a folder of the host by its whole path: what is \
                            written below a release is gone with it";
                return Err(Fault::new(what, &self.place, next));
            }
            mounts.push(Mount { target: target.to_owned(), source });
        }
        Ok(mounts)
    }

    /// Secrets and configurations that a service is granted, by kind and name.
    fn grants(&self, name: &str) -> Vec<(&'static str, String)> {
        let Some(service) = self.services.get(name) else { return Vec::new() };
        let named = |kind: &'static str| {
            let source = |one: &Value| {
                let source = one.as_str().or_else(|| one.get("source")?.as_str());
                source.map(|source| (kind, source.to_owned()))
            };
            list(service, kind).into_iter().filter_map(source).collect::<Vec<_>>()
        };
        ["secrets", "configs"].into_iter().flat_map(named).collect()
    }

    /// Those of them that come from files of the project, unless ops brings them itself.
    fn granted(&self, name: &str, brought: &Brought) -> Vec<(&'static str, String, PathBuf)> {
        let of = |(kind, source): (&'static str, String)| {
            if kind == "secrets" && brought.has(&source) {
                return None;
            }
            let file = self.top.get(kind)?.get(&source)?.get("file")?.as_str()?;
            let file = PathBuf::from(file);
            let ours = kind == "secrets" && matches!(brought, Brought::Later);
            // Who looks at the file before ops brings its secrets finds perhaps none there.
            let wanted = file.starts_with(&self.folder) && (!ours || file.exists());
            wanted.then_some((kind, source, file))
        };
        self.grants(name).into_iter().filter_map(of).collect()
    }

    /// The secrets that a service names and that ops brings.
    pub(super) fn secrets_of<'a>(
        &self,
        name: &str,
        all: &'a Brought,
    ) -> Vec<(&'a str, &'a Secret)> {
        let Brought::Now(all) = all else { return Vec::new() };
        let grants = self.grants(name).into_iter().filter(|(kind, _)| *kind == "secrets");
        grants.filter_map(|(_, name)| all.get_key_value(&name)).map(|(n, s)| (&**n, s)).collect()
    }

    /// Secrets of ops.yaml that no service names.
    pub(crate) fn unnamed<'a>(&self, secrets: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let named: BTreeSet<(&'static str, String)> =
            self.services.keys().flat_map(|name| self.grants(name)).collect();
        secrets.filter(|name| !named.contains(&("secrets", (*name).to_owned()))).collect()
    }

    /// Where secrets and configurations of these services are, by kind and name.
    pub(in crate::compose) fn kept_grants(
        &self,
        services: &[&str],
        brought: &Brought,
        store: &Path,
    ) -> Look<Vec<(&'static str, String, PathBuf)>> {
        let mut all = Vec::new();
        for service in services {
            for (kind, name, file) in self.granted(service, brought) {
                all.push((kind, name, files::keep(store, &file)?));
            }
            let secrets = self.secrets_of(service, brought).into_iter();
            all.extend(secrets.map(|(name, one)| ("secrets", name.to_owned(), one.file.clone())));
        }
        Ok(all)
    }
}

impl Mount {
    /// Keeps it, and says where.
    pub(in crate::compose) fn keep(&self, store: &Path) -> Look<PathBuf> {
        files::keep(store, &self.source)
    }
}

/// Source and target of a bind.
fn bind(volume: &Value) -> Option<(&str, &str)> {
    match volume {
        Value::String(text) => {
            let mut parts = text.split(':');
            let (source, target) = (parts.next()?, parts.next()?);
            source.starts_with('/').then_some((source, target))
        }
        other => {
            let kind = other.get("type")?.as_str()?;
            let (source, target) = (other.get("source")?.as_str()?, other.get("target")?.as_str()?);
            (kind == "bind").then_some((source, target))
        }
    }
}
