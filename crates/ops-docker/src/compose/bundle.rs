//! What a release of a project consists of: its folder and its images, as one content.
//!
//! A bundle is a small document that names the folder and every image by digest; the artifact of a
//! release is the digest of this document. So CQ and QA approve all of it at once (P1), and what
//! is kept is kept whole (P2). Documents lie in `<state>/images/bundles/<64 hex digits>.json`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ops_core::{
    id::Digest,
    world::{Compose, Fault, Project},
};
use ops_engine::ports::{Act, ActError, Artifacts as _, Look, ResolvedArtifact};
use serde::{Deserialize, Serialize};

use super::{
    model::{Brought, Model, digest_of},
    program::{Call, ComposeProgram, Halt},
};
use crate::{durable, images::DockerImages};

/// Readings of files that are remembered.
const READ_MAX: usize = 16;

/// A folder with a project's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The digest of its content.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Whether the store holds it.
    pub stored: bool,
    /// Where it can be read, unpacked.
    pub path: PathBuf,
}

/// Where the folders of projects come from and are kept.
pub trait ProjectFolders: Send + Sync {
    /// Reads what a reference names, without keeping it for good.
    fn look(&self, reference: &str) -> Look<Folder>;

    /// Keeps what a reference names, and proves that it is the expected content.
    fn import(&self, reference: &str, expected: &Digest) -> Act;

    /// Where a kept folder is; `None` if it is not kept.
    fn path(&self, digest: &Digest) -> Look<Option<PathBuf>>;

    /// Reads a kept folder back and compares it with its digest.
    fn verify(&self, digest: &Digest) -> Look<bool>;
}

/// Of what a release consists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bundle {
    /// The project's folder.
    pub(crate) folder: Digest,
    /// The image of every service, `registry/repository@sha256:…`.
    pub(crate) images: BTreeMap<String, String>,
}

impl Bundle {
    fn digest(&self) -> Digest {
        // Texts in a sorted map: they always serialise, and always to the same bytes.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Digests of its images.
    pub(crate) fn image_digests(&self) -> BTreeSet<Digest> {
        self.images.values().filter_map(|image| digest_of(image)).collect()
    }
}

/// Compose projects as artifacts.
#[derive(Clone)]
pub struct ComposeProjects {
    pub(crate) program: ComposeProgram,
    folders: Arc<dyn ProjectFolders>,
    documents: PathBuf,
    read: Arc<Mutex<BTreeMap<Digest, Model>>>,
}

impl ComposeProjects {
    /// Projects whose files are in these folders, below ops's state.
    pub fn new(
        program: ComposeProgram,
        folders: Arc<dyn ProjectFolders>,
        state_dir: &Path,
    ) -> Self {
        let state_dir = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
        let documents = state_dir.join("images").join("bundles");
        Self { program, folders, documents, read: Arc::default() }
    }

    fn document(&self, digest: &Digest) -> PathBuf {
        self.documents.join(format!("{}.json", digest.hex()))
    }

    /// The bundle of a digest; `None` if it is not kept.
    pub(crate) fn bundle(&self, digest: &Digest) -> Look<Option<Bundle>> {
        let bundle: Option<Bundle> = durable::load(&self.document(digest))?;
        match bundle {
            Some(bundle) if bundle.digest() != *digest => Err(Fault::new(
                format!("the list of what {digest} consists of is damaged"),
                self.document(digest).display().to_string(),
                "deploy that version again by a ticket of its own",
            )),
            other => Ok(other),
        }
    }

    /// Whether a digest is one of a bundle that is kept.
    pub fn has(&self, digest: &Digest) -> bool {
        self.document(digest).exists()
    }

    /// Where the folder of a bundle is.
    pub(crate) fn folder(&self, bundle: &Bundle) -> Look<PathBuf> {
        self.folders.path(&bundle.folder)?.ok_or_else(|| {
            let what = format!("the project's folder {} is not in the store", bundle.folder);
            Fault::new(what, "the artifact store", "import it first")
        })
    }

    /// What a file in a folder means. The same content is read once.
    pub(crate) fn model(
        &self,
        folder: &Path,
        digest: &Digest,
        compose: &Compose,
        env: &[(String, String)],
    ) -> Look<Model> {
        // What Compose reads depends on nothing else.
        let key = serde_json::to_vec(&(digest, folder, &compose.file, env)).unwrap_or_default();
        let key = Digest::of(&key);
        let known = |all: &BTreeMap<Digest, Model>| all.get(&key).cloned();
        if let Some(model) = known(&self.read.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(model);
        }
        let file = folder.join(&compose.file);
        if !file.is_file() {
            let what = format!("there is no file `{}` in the artifact", compose.file);
            return Err(Fault::new(what, digest.to_string(), "correct `compose: { file: … }`"));
        }
        let call = Call {
            folder: folder.to_owned(),
            project: "config".to_owned(),
            files: vec![file],
            env: env.to_vec(),
            engine: String::new(),
            turn: None,
        };
        let said = self.program.run(&["config"], &call, &Halt::default())?;
        let model = Model::read(&said, folder, &compose.file)?;
        let mut all = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= READ_MAX {
            all.clear();
        }
        all.insert(key, model.clone());
        Ok(model)
    }

    /// The bundle that a reference and what the notes pin make up now.
    fn bundle_of(&self, reference: &str, project: &Project) -> Look<(Folder, Bundle)> {
        let folder = self.folders.look(reference)?;
        let model = self.model(&folder.path, &folder.digest, &project.compose, &project.env)?;
        let front = model.front(&project.compose)?;
        let images = model.images(&project.compose.images)?;
        // What would be refused when it is started is refused now.
        model.configurations(front.as_ref(), &images, &Brought::Later)?;
        let bundle = Bundle { folder: folder.digest.clone(), images };
        Ok((folder, bundle))
    }

    /// The bundle that a reference names by its digest.
    fn named(&self, reference: &str) -> Look<Option<(Digest, Bundle)>> {
        let Ok(digest) = reference.parse::<Digest>() else { return Ok(None) };
        Ok(self.bundle(&digest)?.map(|bundle| (digest, bundle)))
    }

    /// See [`ops_engine::ports::Artifacts::resolve_project`].
    pub fn resolve(
        &self,
        images: &DockerImages,
        reference: &str,
        project: &Project,
    ) -> Look<ResolvedArtifact> {
        if let Some((digest, _)) = self.named(reference)? {
            let stored = self.verify(images, &digest)?;
            return Ok(ResolvedArtifact { digest, size: 0, stored, image: None });
        }
        let (folder, bundle) = self.bundle_of(reference, project)?;
        let (mut size, mut stored) = (folder.size, folder.stored);
        let each: BTreeSet<&String> = bundle.images.values().collect();
        for image in each {
            let found = images.resolve(image, &[])?;
            if digest_of(image).as_ref() != Some(&found.digest) {
                let what = format!("the registry says that this is {}", found.digest);
                let next = "name it by the digest that the registry has it by";
                return Err(Fault::new(what, image, next));
            }
            size += found.size;
            stored &= found.stored;
        }
        Ok(ResolvedArtifact { digest: bundle.digest(), size, stored, image: None })
    }

    /// See [`ops_engine::ports::Artifacts::import_project`].
    pub fn import(
        &self,
        images: &DockerImages,
        reference: &str,
        expected: &Digest,
        project: &Project,
    ) -> Act {
        let refused = ActError::NotApplied;
        let bundle = match self.bundle(expected).map_err(refused)? {
            Some(bundle) => bundle,
            None => self.bundle_of(reference, project).map_err(refused)?.1,
        };
        if bundle.digest() != *expected {
            let what = format!("this is {} now, not the approved {expected}", bundle.digest());
            let next = "put the approved content back, or let CQ and QA look at the new one";
            return Err(ActError::NotApplied(Fault::new(what, reference, next)));
        }
        durable::save(&self.document(expected), &bundle).map_err(refused)?;
        if self.folders.path(&bundle.folder).map_err(refused)?.is_none()
            || !self.folders.verify(&bundle.folder).map_err(refused)?
        {
            self.folders.import(reference, &bundle.folder)?;
        }
        for image in bundle.images.values() {
            if let Some(digest) = digest_of(image) {
                images.import(image, &digest)?;
            }
        }
        Ok(())
    }

    /// Reads all that a bundle consists of back.
    pub fn verify(&self, images: &DockerImages, digest: &Digest) -> Look<bool> {
        let Some(bundle) = self.bundle(digest)? else { return Ok(false) };
        let kept = self.folders.path(&bundle.folder)?.is_some();
        if !kept || !self.folders.verify(&bundle.folder)? {
            return Ok(false);
        }
        for image in bundle.image_digests() {
            if !images.has(&image)? || !images.verify(&image)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// These digests and all that the bundles among them consist of.
    pub fn with_parts(&self, keep: &[Digest]) -> Look<Vec<Digest>> {
        let mut all: BTreeSet<Digest> = keep.iter().cloned().collect();
        for digest in keep {
            if let Some(bundle) = self.bundle(digest)? {
                all.extend(bundle.image_digests());
                all.insert(bundle.folder);
            }
        }
        Ok(all.into_iter().collect())
    }
}

impl std::fmt::Debug for ComposeProjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComposeProjects").field("program", &self.program).finish_non_exhaustive()
    }
}
