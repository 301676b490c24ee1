//! Giving a kept image to an engine that lacks it.

use std::time::Duration;

use bollard::{
    Docker, body_try_stream,
    query_parameters::{ImportImageOptionsBuilder, RemoveImageOptionsBuilder},
};
use futures_util::StreamExt as _;
use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::ActError;

use super::{
    archive,
    store::{Kept, Store},
};
use crate::engine::{Engine, Trouble};

/// How long an engine may take to forget images; what it keeps does no harm.
const FORGET_MAX: Duration = Duration::from_secs(4);

/// The name under which an engine has a kept image.
pub(crate) fn name(digest: &Digest) -> String {
    format!("ops.local/kept:{}", digest.hex())
}

/// Makes sure that an engine has an image, and tells by which id it is run: the id of the very
/// content, which no name can be moved away from.
pub(crate) async fn ensure_loaded(
    engine: &Engine,
    store: &Store,
    kept: &Kept,
) -> Result<String, ActError> {
    let place = engine.place();
    let refused = |trouble: Trouble| match trouble {
        Trouble::Lost(_) => ActError::Unknown(trouble.fault(&place)),
        Trouble::Away(_) | Trouble::Old(_) | Trouble::Refused { .. } => {
            ActError::NotApplied(trouble.fault(&place))
        }
    };
    let docker = engine.connect().await.map_err(refused)?;
    if let Some(id) = find(&docker, kept).await.map_err(refused)? {
        return Ok(id);
    }
    send(&docker, store, kept).await.map_err(refused)?;
    match find(&docker, kept).await.map_err(refused)? {
        Some(id) => Ok(id),
        None => Err(ActError::Unknown(Fault::new(
            "the engine took the image and does not have it",
            place,
            "look at the engine's log, then try again",
        ))),
    }
}

async fn send(docker: &Docker, store: &Store, kept: &Kept) -> Result<(), Trouble> {
    let archive = archive::read(store.clone(), kept.clone(), name(&kept.digest));
    let options = ImportImageOptionsBuilder::new().quiet(true).build();
    let mut answer = docker.import_image(options, body_try_stream(archive), None);
    while let Some(said) = answer.next().await {
        said?;
    }
    Ok(())
}

/// The engine's id of a kept image, whose content is proved: engines name images by the digest of
/// their configuration. One that stores manifests, which it shows by a descriptor, writes a new
/// manifest for what it loads, so there the layers tell.
pub(crate) async fn find(docker: &Docker, kept: &Kept) -> Result<Option<String>, Trouble> {
    for asked in [name(&kept.digest), kept.config.digest.to_string()] {
        let image = match docker.inspect_image(&asked).await.map_err(Trouble::from) {
            Ok(image) => image,
            Err(trouble) if trouble.is_absent() => continue,
            Err(trouble) => return Err(trouble),
        };
        let Some(id) = image.id else { continue };
        let layers = image.root_fs.and_then(|root| root.layers).unwrap_or_default();
        let same_layers = image.descriptor.is_some() && layers == kept.diff_ids;
        if id == kept.config.digest.as_str() || same_layers {
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
