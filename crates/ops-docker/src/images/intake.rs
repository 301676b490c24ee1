//! Bringing an image into the store and from there into the engine.

use std::{
    fs::File,
    io::Write as _,
    sync::{Arc, atomic::Ordering},
};

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::{Act, ActError, Look};
use sha2::{Digest as _, Sha256};

use super::{
    job::Job,
    load,
    manifest::Part,
    registry::{Counter, Image, Registries},
    store::{Kept, Store},
};
use crate::{
    durable::{blocking, unwritable},
    engine::Engine,
};

/// Bytes that stay free on the store's disk whatever is imported.
const SPARE: u64 = 64 * 1024 * 1024;

/// What is to be brought.
pub(super) struct Wanted {
    pub(super) reference: String,
    pub(super) digest: Digest,
    pub(super) quota: u64,
}

/// Brings an image: first into the store, then into the engine.
pub(super) async fn run(
    engine: Engine,
    registries: Registries,
    store: Store,
    wanted: Wanted,
    job: Arc<Job>,
) -> Act {
    match keep(&engine, &registries, &store, &wanted, &job).await {
        Ok(kept) => load::ensure_loaded(&engine, &store, &kept).await.map(|_| ()),
        Err(fault) => Err(ActError::NotApplied(fault)),
    }
}

async fn keep(
    engine: &Engine,
    registries: &Registries,
    store: &Store,
    wanted: &Wanted,
    job: &Job,
) -> Look<Kept> {
    let turn = {
        let store = store.clone();
        blocking(move || store.turn()).await?
    };
    if let Some(kept) = store.kept(&wanted.digest)? {
        let (store, digest) = (store.clone(), wanted.digest.clone());
        if blocking(move || store.verify(&digest)).await? {
            return Ok(kept);
        }
    }
    let counter = registries.counter(&wanted.reference).await?;
    let architecture = engine.architecture().await?;
    let image = counter.image(&architecture).await?;
    if image.digest != wanted.digest {
        return Err(Fault::new(
            format!("the reference now means {}, not the approved {}", image.digest, wanted.digest),
            &wanted.reference,
            "name the image by its digest, or let CQ and QA look at the new one",
        ));
    }
    let missing = missing(store, &image).await?;
    let bytes: u64 = missing.iter().map(|part| part.size).sum();
    room(store, wanted.quota, bytes)?;
    job.total.store(bytes.max(1), Ordering::Relaxed);
    let mut documents = Vec::new();
    for (digest, text) in &image.documents {
        write(store, digest, text)?;
        documents.push(Part { digest: digest.clone(), size: text.len() as u64 });
    }
    documents.pop();
    for part in &missing {
        bring(store, &counter, part, job).await?;
    }
    let kept = Kept {
        digest: image.digest,
        documents,
        config: image.manifest.config,
        layers: image.manifest.layers,
        diff_ids: image.configuration.rootfs.diff_ids,
    };
    store.keep(&kept)?;
    drop(turn);
    Ok(kept)
}

/// The layers that are not here yet; those that are were read back.
async fn missing(store: &Store, image: &Image) -> Look<Vec<Part>> {
    let mut missing: Vec<Part> = Vec::new();
    for layer in &image.manifest.layers {
        let (looking, digest) = (store.clone(), layer.digest.clone());
        let known = missing.iter().any(|part| part.digest == layer.digest);
        if !known && !blocking(move || looking.holds(&digest)).await? {
            missing.push(layer.clone());
        }
    }
    Ok(missing)
}

/// Says so if there is no room for so many bytes.
fn room(store: &Store, quota: u64, bytes: u64) -> Look<()> {
    let place = store.place();
    let used = store.used()?;
    if used.saturating_add(bytes) > quota {
        let what = format!("the image needs {bytes} bytes, and {used} of {quota} are taken");
        return Err(Fault::new(
            what,
            place,
            "raise the quota of artifacts, or keep fewer releases",
        ));
    }
    let free = rustix::fs::statvfs(place.as_str()).map_err(|error| {
        let what = format!("it cannot be told how much room is left: {error}");
        Fault::new(what, &place, "check the folder and its disk")
    })?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    if free >= bytes.saturating_add(SPARE) {
        return Ok(());
    }
    let what = format!("the image needs {bytes} bytes, and {free} are free");
    Err(Fault::new(what, place, "free room on this disk"))
}

fn write(store: &Store, digest: &Digest, text: &[u8]) -> Look<()> {
    let passing = store.passing(digest);
    let written = File::create(&passing).and_then(|mut file| {
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&passing, store.blob(digest))
    });
    written.map_err(|error| unwritable(&passing, &error))
}

/// Brings one layer and proves that it is what its digest says.
async fn bring(store: &Store, counter: &Counter, part: &Part, job: &Job) -> Look<()> {
    let passing = store.passing(&part.digest);
    let failed = |error: std::io::Error| unwritable(&passing, &error);
    let mut file = File::create(&passing).map_err(failed)?;
    let (mut hash, mut length) = (Sha256::new(), 0_u64);
    counter
        .read(part, |piece| {
            hash.update(piece);
            length += piece.len() as u64;
            if length > part.size {
                let what = format!("a layer is larger than its {} bytes", part.size);
                let next = "do not deploy from this registry before it is known why";
                return Err(Fault::new(what, part.digest.to_string(), next));
            }
            job.done.fetch_add(piece.len() as u64, Ordering::Relaxed);
            file.write_all(piece).map_err(failed)
        })
        .await?;
    let found = Digest::from_hash(&hash.finalize());
    if found != part.digest {
        let what = format!("a layer is {found}, not what its manifest says");
        let next = "do not deploy from this registry before it is known why";
        return Err(Fault::new(what, part.digest.to_string(), next));
    }
    file.sync_all()
        .and_then(|()| std::fs::rename(&passing, store.blob(&part.digest)))
        .map_err(failed)
}
