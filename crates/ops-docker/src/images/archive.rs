//! An image as the archive that `docker load` reads, made while it is sent.

use std::{
    io::{self, Read, Write},
    pin::Pin,
};

use bytes::Bytes;
use futures_util::{Stream, stream};
use ops_core::id::Digest;
use serde::Serialize;
use tokio::sync::mpsc;

const PIECE: usize = 256 * 1024;
/// Pieces that wait for the engine to take them.
const WAITING: usize = 4;

/// Gives content and its size.
pub(super) type Open = Box<dyn Fn() -> io::Result<(u64, Box<dyn Read>)> + Send>;

/// Content of an image, which is opened when it is its turn.
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) open: Open,
}

/// An image to be sent.
pub(super) struct Content {
    /// The name that it shall have.
    pub(super) name: String,
    pub(super) config: Entry,
    /// The lowest first.
    pub(super) layers: Vec<Entry>,
}

/// The archive's list of images.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

/// Hands pieces over; an engine that went away ends the work.
struct Pipe {
    to: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.to
            .blocking_send(Ok(Bytes::copy_from_slice(piece)))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The archive, piece by piece.
pub(super) fn read(image: Content) -> Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>> {
    let (to, from) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let pipe = io::BufWriter::with_capacity(PIECE, Pipe { to: to.clone() });
        if let Err(error) = write(image, pipe) {
            let _ = to.blocking_send(Err(error));
        }
    });
    Box::pin(stream::unfold(from, |mut from| async move {
        let piece = from.recv().await?;
        Some((piece, from))
    }))
}

fn write(image: Content, pipe: impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(pipe);
    let config = format!("{}.json", image.config.digest.hex());
    append(&mut archive, &config, (image.config.open)()?)?;
    let mut layers = Vec::new();
    for layer in &image.layers {
        let path = format!("{}.tar", layer.digest.hex());
        if !layers.contains(&path) {
            append(&mut archive, &path, (layer.open)()?)?;
        }
        layers.push(path);
    }
    let listed = vec![Listed { config, repo_tags: vec![image.name], layers }];
    let text = serde_json::to_vec(&listed)?;
    append(&mut archive, "manifest.json", (text.len() as u64, text.as_slice()))?;
    archive.into_inner()?.flush()
}

fn append(
    archive: &mut tar::Builder<impl Write>,
    path: &str,
    (size, content): (u64, impl Read),
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(0o444);
    archive.append_data(&mut header, path, content)
}
