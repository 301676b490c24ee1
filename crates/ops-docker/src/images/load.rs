//! Giving an image to an engine that lacks it.

use std::{fs::File, time::Duration};

use bollard::{
    Docker, body_try_stream,
    query_parameters::{ImportImageOptionsBuilder, RemoveImageOptionsBuilder},
};
use futures_util::StreamExt as _;
use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::ActError;

use super::{
    archive::{self, Content, Entry},
    manifest::Part,
    store::{Kept, Store},
};
use crate::engine::{Engine, Trouble};

/// How long an engine may take to forget images; what it keeps does no harm.
const FORGET_MAX: Duration = Duration::from_secs(4);
/// How long an engine may take to take an image: it answers when it has unpacked it.
const LOAD_MAX: Duration = Duration::from_mins(10);

/// The name under which an engine has a kept image.
pub(crate) fn name(digest: &Digest) -> String {
    format!("ops.local/kept:{}", digest.hex())
}

/// What an engine's image must be to be the one that is meant.
pub(super) struct Meant<'a> {
    /// The name under which it was given.
    pub(super) name: String,
    /// By whose digest engines name it.
    pub(super) config: &'a Digest,
    /// Its layers as they are unpacked.
    pub(super) diff_ids: &'a [String],
}

/// Makes sure that an engine has a kept image, and tells by which id it is run: the id of the very
/// content, which no name can be moved away from.
pub(crate) async fn ensure_loaded(
    engine: &Engine,
    store: &Store,
    kept: &Kept,
) -> Result<String, ActError> {
    ensure(engine, &meant(kept), || content(store, kept)).await
}

/// Makes sure that an engine has an image, which is sent if it is not there.
pub(super) async fn ensure(
    engine: &Engine,
    meant: &Meant<'_>,
    content: impl FnOnce() -> Content,
) -> Result<String, ActError> {
    let place = engine.place();
    let refused = |trouble: Trouble| match trouble {
        Trouble::Lost(_) => ActError::Unknown(trouble.fault(&place)),
        Trouble::Away(_) | Trouble::Old(_) | Trouble::Refused { .. } => {
            ActError::NotApplied(trouble.fault(&place))
        }
    };
    let docker = engine.connect().await.map_err(refused)?;
    if let Some(id) = found(&docker, meant).await.map_err(refused)? {
        return Ok(id);
    }
    send(&docker, content()).await.map_err(refused)?;
    match found(&docker, meant).await.map_err(refused)? {
        Some(id) => Ok(id),
        None => Err(ActError::Unknown(Fault::new(
            "the engine took the image and does not have it",
            place,
            "look at the engine's log, then try again",
        ))),
    }
}

fn meant(kept: &Kept) -> Meant<'_> {
    Meant { name: name(&kept.digest), config: &kept.config.digest, diff_ids: &kept.diff_ids }
}

/// A kept image as it is in the store.
fn content(store: &Store, kept: &Kept) -> Content {
    let entry = |part: &Part| {
        let path = store.blob(&part.digest);
        Entry {
            digest: part.digest.clone(),
            open: Box::new(move || {
                let file = File::open(&path)?;
                Ok((file.metadata()?.len(), Box::new(file)))
            }),
        }
    };
    Content {
        name: name(&kept.digest),
        config: entry(&kept.config),
        layers: kept.layers.iter().map(entry).collect(),
    }
}

async fn send(docker: &Docker, content: Content) -> Result<(), Trouble> {
    let options = ImportImageOptionsBuilder::new().quiet(true).build();
    let patient = docker.clone().with_timeout(LOAD_MAX);
    let mut answer = patient.import_image(options, body_try_stream(archive::read(content)), None);
    while let Some(said) = answer.next().await {
        said?;
    }
    Ok(())
}

/// The engine's id of a kept image.
pub(crate) async fn find(docker: &Docker, kept: &Kept) -> Result<Option<String>, Trouble> {
    found(docker, &meant(kept)).await
}

/// The engine's id of an image, whose content is proved: engines name images by the digest of
/// their configuration. One that stores manifests, which it shows by a descriptor, writes a new
/// manifest for what it loads, so there the layers tell.
pub(super) async fn found(docker: &Docker, meant: &Meant<'_>) -> Result<Option<String>, Trouble> {
    for asked in [meant.name.as_str(), meant.config.as_str()] {
        let image = match docker.inspect_image(asked).await.map_err(Trouble::from) {
            Ok(image) => image,
            Err(trouble) if trouble.is_absent() => continue,
            Err(trouble) => return Err(trouble),
        };
        let Some(id) = image.id else { continue };
        let layers = image.root_fs.and_then(|root| root.layers).unwrap_or_default();
        let same_layers = image.descriptor.is_some() && layers == meant.diff_ids;
        if id == meant.config.as_str() || same_layers {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Lets an engine forget images that are not kept any more. What a container still uses stays, and
/// what cannot be said now does no harm.
pub(super) fn forget(engine: &Engine, gone: Vec<Digest>) {
    let other = engine.clone();
    let _ = engine.within(FORGET_MAX, async move {
        let Ok(docker) = other.connect().await else { return };
        for digest in gone {
            let options = RemoveImageOptionsBuilder::new().build();
            let _ = docker.remove_image(&name(&digest), Some(options), None).await;
        }
    });
}
