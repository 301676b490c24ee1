//! Which services there are beside the front, and in which order they come.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Front, Model, list, word};

impl Model {
    /// Services without the front, if there is one, each after all that it depends on.
    pub(crate) fn others(&self, front: Option<&Front>) -> Vec<&str> {
        let mut order: Vec<&str> = Vec::new();
        let mut open: BTreeSet<&str> = self.services.keys().map(String::as_str).collect();
        while !open.is_empty() {
            let ready =
                |name: &&&str| self.needs(name).iter().all(|need| !open.contains(need.as_str()));
            // A circle is Compose's to refuse; here it is only not walked for ever.
            let Some(next) = open.iter().find(ready).or_else(|| open.first()).copied() else {
                break;
            };
            open.remove(next);
            order.push(next);
        }
        order.retain(|name| front.is_none_or(|front| *name != front.name));
        order
    }

    /// How many containers a service has.
    pub(crate) fn scale(&self, name: &str) -> usize {
        let Some(service) = self.services.get(name) else { return 0 };
        let deployed = service.get("deploy").and_then(|deploy| deploy.get("replicas"));
        let number = deployed.or_else(|| service.get("scale")).and_then(Value::as_u64);
        number.map_or(1, |number| usize::try_from(number).unwrap_or(usize::MAX))
    }

    /// What a service depends on.
    fn needs(&self, name: &str) -> BTreeSet<String> {
        let Some(service) = self.services.get(name) else { return BTreeSet::new() };
        let mut needs = self.shares(name);
        match service.get("depends_on") {
            Some(Value::Object(all)) => needs.extend(all.keys().cloned()),
            Some(Value::Array(all)) => needs.extend(all.iter().filter_map(word)),
            _ => {}
        }
        needs.retain(|need| need != name);
        needs
    }

    /// Services whose container it takes a part of, and with which it is made anew.
    pub(super) fn shares(&self, name: &str) -> BTreeSet<String> {
        let Some(service) = self.services.get(name) else { return BTreeSet::new() };
        let modes = ["network_mode", "ipc", "pid"].into_iter();
        let modes = modes.filter_map(|key| service.get(key)?.as_str()?.strip_prefix("service:"));
        let mut shares: BTreeSet<String> = modes.map(str::to_owned).collect();
        for key in ["links", "volumes_from"] {
            let named = list(service, key).into_iter().filter_map(|text| {
                let text = text.as_str()?;
                Some(text.split(':').next().unwrap_or(text).to_owned())
            });
            shares.extend(named);
        }
        shares
    }
}
