//! Who asks at the control socket: the account of this machine, by the name that `ops.yaml` knows.

use std::sync::Arc;

use ops_core::{id::Identity, settings::Settings};
use ops_server::Identify;

use super::CommitWishes;

/// Whoever is not listed in `ops.yaml`, but owns the daemon's account.
const LOCAL: &str = "local";

/// Names accounts by the person of `ops.yaml` whose address begins with the account's name.
pub(super) fn by_account(wishes: Arc<CommitWishes>) -> Identify {
    Arc::new(move |uid| {
        let settings = wishes.governing();
        let name = account(uid);
        name.zip(settings)
            .and_then(|(name, settings)| person(&name, &settings))
            .unwrap_or_else(|| Identity::new(LOCAL))
    })
}

fn person(name: &str, settings: &Settings) -> Option<Identity> {
    let mut fitting = settings
        .people
        .roles
        .keys()
        .chain(&settings.people.operators)
        .filter(|who| who.as_str().split('@').next() == Some(name))
        .collect::<Vec<_>>();
    fitting.sort();
    fitting.dedup();
    match fitting.as_slice() {
        [one] => Some((*one).clone()),
        _ => None,
    }
}

fn account(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = users
        .lines()
        .find(|line| line.split(':').nth(2).and_then(|number| number.parse().ok()) == Some(uid))?;
    line.split(':').next().map(str::to_owned)
}
