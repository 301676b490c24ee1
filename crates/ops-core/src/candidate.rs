//! The candidate: what CQ and QA approve, one content hash.

use serde::{Deserialize, Serialize};

use crate::id::{DeploymentId, Digest, ReleaseId, ServiceName};

/// Names the layout of the bytes that are hashed. A change of the layout changes this line.
const LAYOUT: &str = "ops candidate 1";

/// What a ticket wants deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// The artifact, by content.
    pub artifact: Digest,
    /// The service.
    pub service: ServiceName,
    /// The version in the team's words.
    pub version: String,
    /// The source commit.
    pub commit: Option<String>,
    /// Hash of the service's settings for all its stages.
    pub config: Digest,
    /// Migrations, in order.
    pub migrations: Vec<String>,
    /// Hash of the deployment notes.
    pub notes: Digest,
}

impl Candidate {
    /// The hash that verdicts bind to.
    ///
    /// SHA-256 over the layout's name and the fields in the order of this type. Each text is its
    /// length in bytes (64 bits, big endian) and its UTF-8 bytes; a list is its number of items
    /// (64 bits, big endian) and the items; an optional text is a list of none or one. So no two
    /// different candidates give the same bytes.
    pub fn hash(&self) -> Digest {
        let mut bytes = Vec::new();
        for text in [LAYOUT, self.artifact.as_str(), self.service.as_str(), &self.version] {
            put(&mut bytes, text);
        }
        list(&mut bytes, self.commit.as_slice());
        put(&mut bytes, self.config.as_str());
        list(&mut bytes, &self.migrations);
        put(&mut bytes, self.notes.as_str());
        Digest::of(&bytes)
    }

    /// The name of its release in a deployment: the first 12 hex digits of the hash and the
    /// deployment's number.
    pub fn release_id(&self, deployment: DeploymentId) -> ReleaseId {
        ReleaseId(format!("{}-{}", self.hash().short(), deployment.0))
    }
}

fn put(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

fn list(bytes: &mut Vec<u8>, items: &[String]) {
    bytes.extend_from_slice(&(items.len() as u64).to_be_bytes());
    for item in items {
        put(bytes, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            artifact: Digest::of(b"artifact"),
            service: "shop".into(),
            version: "v1.2.0".to_owned(),
            commit: None,
            config: Digest::of(b"config"),
            migrations: Vec::new(),
            notes: Digest::of(b"notes"),
        }
    }

    #[test]
    fn the_hash_is_stable() {
        let candidate = candidate();
        assert_eq!(candidate.hash().short(), "78bddc9fb3e2");
        assert_eq!(candidate.release_id(DeploymentId(12)).as_str(), "78bddc9fb3e2-12");
    }

    #[test]
    fn p1_every_field_counts_and_none_runs_into_the_next() {
        let same = candidate();
        let changed = [
            Candidate { artifact: Digest::of(b"other"), ..candidate() },
            Candidate { service: "shopv".into(), version: "1.2.0".to_owned(), ..candidate() },
            Candidate { version: "v1.2.1".to_owned(), ..candidate() },
            Candidate { commit: Some(String::new()), ..candidate() },
            Candidate { commit: Some("abc1234".to_owned()), ..candidate() },
            Candidate { config: Digest::of(b"other"), ..candidate() },
            Candidate { migrations: vec!["a".to_owned(), "b".to_owned()], ..candidate() },
            Candidate { migrations: vec!["ab".to_owned()], ..candidate() },
            Candidate { notes: Digest::of(b"other"), ..candidate() },
        ];
        let mut hashes: Vec<_> = changed.iter().chain([&same]).map(Candidate::hash).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), changed.len() + 1);
    }
}
