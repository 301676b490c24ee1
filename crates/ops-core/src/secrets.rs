//! With which secrets a release starts, which version of them it has, and what of that has changed
//! since (S16, S17). Versions are keyed hashes; no value comes here (P13).

use std::collections::BTreeMap;

use crate::{plan::KnownRelease, settings::Service, world::Fault};

/// What each reference leads to now: a keyed hash of the value, or that there is none.
pub type Found = BTreeMap<String, Result<Option<String>, Fault>>;

/// A secret of what serves that has another value by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The variable.
    pub name: String,
    /// Where its value is found.
    pub from: String,
    /// Where its previous value is found, if that is declared.
    pub previous: Option<String>,
    /// The version with which the release started.
    pub was: String,
    /// The version that is there now.
    pub is: String,
    /// Whether `ops.yaml` lets it rotate: `rotate: true`, and the reference is still the one that
    /// CQ and QA approved.
    pub rotates: bool,
}

/// The version that a reference leads to, if it was looked at and there is one.
pub fn version<'a>(found: &'a Found, reference: &str) -> Option<&'a str> {
    found.get(reference)?.as_ref().ok()?.as_deref()
}

/// The references with which a release starts when it is started again: code and configuration are
/// its own, secrets are the current ones unless they are pinned (S17). What `ops.yaml` no longer
/// declares keeps its reference.
pub fn current(release: &KnownRelease, service: &Service) -> Vec<(String, String)> {
    let one = |(name, recorded): &(String, String)| match service.secrets.get(name) {
        Some(secret) if !secret.pinned => (name.clone(), secret.from.clone()),
        Some(_) | None => (name.clone(), recorded.clone()),
    };
    release.spec.secrets.iter().map(one).collect()
}

/// The versions that these references lead to, by variable.
pub fn versions(secrets: &[(String, String)], found: &Found) -> BTreeMap<String, String> {
    let one = |(name, reference): &(String, String)| {
        Some((name.clone(), version(found, reference)?.to_owned()))
    };
    secrets.iter().filter_map(one).collect()
}

/// Secrets of a release that have another value by now. What could not be read, and what was never
/// recorded, cannot be told to have changed.
pub fn changed(release: &KnownRelease, service: &Service, found: &Found) -> Vec<Changed> {
    let one = |(name, reference): &(String, String)| {
        let was = release.secret_versions.get(name)?;
        let is = version(found, reference)?;
        if is == was {
            return None;
        }
        let declared = service.secrets.get(name);
        Some(Changed {
            name: name.clone(),
            from: reference.clone(),
            previous: declared.and_then(|secret| secret.previous.clone()),
            was: was.clone(),
            is: is.to_owned(),
            rotates: declared.is_some_and(|secret| secret.rotate && secret.from == *reference),
        })
    };
    release.spec.secrets.iter().filter_map(one).collect()
}

/// Every reference that bears on a release of a service: what is declared, and what it has.
pub fn references<'a>(
    service: &'a Service,
    releases: impl IntoIterator<Item = &'a KnownRelease>,
) -> impl Iterator<Item = &'a String> {
    let declared = service.secrets.values();
    let declared = declared.flat_map(|one| std::iter::once(&one.from).chain(&one.previous));
    let recorded = releases.into_iter().flat_map(|one| one.spec.secrets.iter().map(|(_, r)| r));
    declared.chain(recorded)
}
