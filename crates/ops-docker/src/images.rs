//! Images: named by digest, brought from their registry, kept in ops's own store.
//!
//! ops itself reads the registry and keeps manifest, configuration and layers by their digests
//! below `<state>/images/`, so that neither `docker system prune -a` nor a registry that forgot
//! the digest can take the way back. The engine is given an image from there whenever it lacks it,
//! under the name `ops.local/kept:<digest>`; what is run is always the content that the approved
//! digest stands for, whatever that name means to somebody else.

mod archive;
mod credentials;
mod intake;
mod job;
mod load;
mod manifest;
mod own;
mod registry;
mod store;

use std::path::Path;

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::{Act, ActError, Artifacts, Look, ResolvedArtifact};

use crate::engine::{CALL_MAX, Engine};
pub(crate) use job::Jobs;
pub(crate) use load::{ensure_loaded, find};
pub use own::OwnImage;
pub use registry::Registries;
pub(crate) use store::{Kept, Store};

/// Images of one engine and of the store beside ops's other state.
#[derive(Debug)]
pub struct DockerImages {
    engine: Engine,
    /// Engines of other hosts, which are given images when something starts on them.
    others: Vec<Engine>,
    registries: Registries,
    store: Store,
    quota: u64,
    /// Imports that go on by themselves, so that none is begun twice.
    under_way: Jobs,
}

impl DockerImages {
    /// The images of an engine, kept below a state folder, with the store's quota in MiB.
    pub fn new(engine: Engine, registries: Registries, state_dir: &Path, quota_mb: u64) -> Self {
        Self {
            engine,
            others: Vec::new(),
            registries,
            store: Store::new(state_dir),
            quota: quota_mb.saturating_mul(1024 * 1024),
            under_way: Jobs::default(),
        }
    }

    /// Other engines that are given images too, when something starts on them.
    #[must_use]
    pub fn with_others(mut self, others: Vec<Engine>) -> Self {
        self.others = others;
        self
    }

    /// Whether an image is kept.
    pub fn has(&self, digest: &Digest) -> Look<bool> {
        Ok(self.store.kept(digest)?.is_some())
    }

    /// What the store knows of a reference by itself: one by digest, or the digest alone.
    fn known(&self, reference: &str) -> Look<Option<ResolvedArtifact>> {
        let digest = reference.rsplit_once('@').map_or(reference, |(_, digest)| digest);
        let Ok(digest) = digest.parse::<Digest>() else { return Ok(None) };
        let Some(kept) = self.store.kept(&digest)? else {
            if reference.starts_with("sha256:") {
                return Err(Fault::new(
                    format!("the image {digest} is not in the store"),
                    self.store.place(),
                    "name it with its registry, so that it can be imported",
                ));
            }
            return Ok(None);
        };
        let size = kept.size();
        let image = match self.store.configuration(&kept) {
            Ok(configuration) => Some(configuration.view()),
            // What was damaged in the store is brought again from where it came.
            Err(_) if !reference.starts_with("sha256:") => return Ok(None),
            Err(fault) => return Err(fault),
        };
        Ok(Some(ResolvedArtifact { digest, size, stored: true, image }))
    }
}

impl Artifacts for DockerImages {
    /// Reads what a reference stands for now. What a container runs is part of the image, so its
    /// `command` cannot be checked before it starts.
    fn resolve(&self, reference: &str, _command: &[String]) -> Look<ResolvedArtifact> {
        if let Some(known) = self.known(reference)? {
            return Ok(known);
        }
        let (engine, registries, text, store) = (
            self.engine.clone(),
            self.registries.clone(),
            reference.to_owned(),
            self.store.clone(),
        );
        let asked = self.engine.within(CALL_MAX, async move {
            let architecture = engine.architecture().await?;
            registries.image(&text, &architecture, |layer| store.blob(layer).exists()).await
        });
        let image = asked.unwrap_or_else(|| Err(registry::silent(reference)))?;
        let stored = self.store.kept(&image.digest)?.is_some();
        let view = Some(image.configuration.view());
        Ok(ResolvedArtifact { size: image.size(), digest: image.digest, stored, image: view })
    }

    /// Goes on by itself when it takes longer than a call may; the same act again tells how far it
    /// is, and its end.
    fn import(&self, reference: &str, expected: &Digest) -> Act {
        let wanted = intake::Wanted {
            reference: reference.to_owned(),
            digest: expected.clone(),
            quota: self.quota,
        };
        let (engine, registries, store) =
            (self.engine.clone(), self.registries.clone(), self.store.clone());
        let begin = |job| intake::run(engine, registries, store, wanted, job);
        self.under_way.join(&self.engine, expected, CALL_MAX, begin).unwrap_or_else(|far| {
            let what = format!("the image is being brought: {far}");
            let next = "give the act again; it goes on meanwhile";
            Err(ActError::Unknown(Fault::new(what, reference, next)))
        })
    }

    fn verify(&self, digest: &Digest) -> Look<bool> {
        self.store.verify(digest)
    }

    fn prune(&self, keep: &[Digest]) -> Act {
        let gone = self.store.prune(keep)?;
        for engine in std::iter::once(&self.engine).chain(&self.others) {
            load::forget(engine, gone.clone());
        }
        Ok(())
    }
}
