//! Secrets of ops.yaml for the services of a project that name them.
//!
//! Each value lies as one file in a folder of its own on the tmpfs of all secrets, which is named by a
//! keyed hash of it: another value is another file, so a container that runs keeps what it has, and
//! whoever names it is made anew. The overlay says which file that is; the value is in no file of a
//! disk and in no inspection (P13).

use std::collections::BTreeMap;

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::Look;

use super::Raise;
use crate::{
    compose::{Brought, Model, Secret},
    durable::blocking,
    target::{launch::token, secrets},
};

/// Characters of a hash that are part of a folder's name.
const NAMED: usize = 32;

impl Raise {
    /// Brings the values of all secrets of the release, and writes down where they lie.
    pub(super) async fn bring(&mut self, model: &Model) -> Look<Brought> {
        let spec = &self.record.spec;
        let names = spec.secrets.iter().map(|(name, _)| name.as_str());
        if let [first, ..] = *model.unnamed(names) {
            let what = format!("no service of the project's file names the secret {first}");
            let next = format!(
                "write `secrets: [{first}]` at the service that reads it, and below `secrets:` of \
                 the file where it lies without ops: `{first}: {{ file: ./{first} }}`"
            );
            return Err(Fault::new(what, spec.release.to_string(), next));
        }
        if spec.secrets.is_empty() {
            return Ok(Brought::Now(BTreeMap::new()));
        }
        let key = match &self.standing.key {
            Some(key) => key.clone(),
            None => token("docker target")?,
        };
        self.standing.key = Some(key.clone());
        let (grounds, wanted, service) =
            (self.order.grounds.clone(), spec.secrets.clone(), spec.service.to_string());
        let brought = blocking(move || {
            let mut all = Vec::new();
            for (name, reference) in wanted {
                let value = secrets::value(&grounds, &name, &reference, &service)?;
                let version = Digest::of(format!("{key}\0{name}\0{value}").as_bytes());
                let version = version.hex().get(..NAMED).unwrap_or_default().to_owned();
                let folder = format!("{}{version}", begin(&service));
                let file = secrets::put_one(&grounds, &folder, &name, value)?;
                all.push((folder, name, reference, Secret { file, version }));
            }
            Ok(all)
        });
        let mut all = BTreeMap::new();
        for (folder, name, reference, secret) in brought.await? {
            self.standing.secrets.insert(folder, (name.clone(), reference));
            all.insert(name, secret);
        }
        // Written first: whoever comes after a reboot brings them again.
        self.order.records.save_standing(&self.record.spec.service, &self.standing)?;
        Ok(Brought::Now(all))
    }
}

/// How the folders with a project's secrets begin; no replica is called so.
pub(in crate::target) fn begin(service: &str) -> String {
    format!("{service}~")
}
