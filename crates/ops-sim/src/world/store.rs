//! The simulated artifact store, and the folders that notes point to.

use std::collections::BTreeMap;

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::{Act, ActError, Look, ResolvedArtifact};

/// Bytes of every artifact.
const SIZE: u64 = 1 << 20;

/// Artifacts.
#[derive(Debug, Clone, Default)]
pub struct SimStore {
    /// What lies at a path; `None`: nothing any more.
    pub paths: BTreeMap<String, Option<Digest>>,
    /// Stored artifacts, and whether their content still matches.
    pub stored: BTreeMap<Digest, bool>,
    /// When a stored artifact was lost or changed, in simulated time.
    pub spoilt_at: BTreeMap<Digest, u64>,
}

impl SimStore {
    /// What a reference names.
    pub fn resolve(&self, reference: &str) -> Look<ResolvedArtifact> {
        let found = match reference.parse::<Digest>() {
            Ok(digest) => self.stored.contains_key(&digest).then_some(digest),
            Err(_) => self.paths.get(reference).cloned().flatten(),
        };
        let missing = || Fault::new(format!("nothing at {reference}"), "the store", "build it");
        let digest = found.ok_or_else(missing)?;
        let stored = self.stored.contains_key(&digest);
        Ok(ResolvedArtifact { digest, size: SIZE, stored, image: None })
    }

    /// Copies an artifact into the store if it is the expected one.
    pub fn import(&mut self, reference: &str, expected: &Digest) -> Act {
        let found = self.resolve(reference).map_err(ActError::NotApplied)?;
        if found.digest != *expected {
            let what = format!("{reference} is {} now", found.digest.short());
            return Err(ActError::NotApplied(Fault::new(what, "the store", "build it again")));
        }
        self.stored.insert(expected.clone(), true);
        Ok(())
    }

    /// Whether an artifact is stored intact.
    pub fn intact(&self, digest: &Digest) -> bool {
        self.stored.get(digest).copied().unwrap_or(false)
    }

    /// A stored artifact is changed under the program's feet.
    pub fn spoil(&mut self, digest: &Digest, t: u64) {
        if let Some(intact) = self.stored.get_mut(digest).filter(|intact| **intact) {
            *intact = false;
            self.spoilt_at.insert(digest.clone(), t);
        }
    }

    /// Somebody brings a spoilt artifact back.
    pub fn mend(&mut self) {
        for intact in self.stored.values_mut() {
            *intact = true;
        }
    }

    /// Whether an artifact is stored intact now, or was at most `within` milliseconds ago.
    pub fn was_intact(&self, digest: &Digest, t: u64, within: u64) -> bool {
        self.intact(digest) || self.spoilt_at.get(digest).is_some_and(|at| at + within >= t)
    }
}
