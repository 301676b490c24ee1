//! Lines between two edges: JSON both ways, but for the word that one of them is ready.

use std::{io, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    time::timeout,
};

/// Longest line of either side, in bytes.
const MAX_LINE: u64 = 128 * 1024 * 1024;

/// Longest time of one line in either direction.
const LINE_LIMIT: Duration = Duration::from_secs(10);

/// The connection of two edges.
pub(super) type Stream = BufReader<UnixStream>;

/// What is said, as a line.
pub(super) fn line(what: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    Ok(line)
}

/// Says one thing.
pub(super) async fn say(stream: &mut Stream, what: &impl Serialize) -> io::Result<()> {
    timeout(LINE_LIMIT, stream.get_mut().write_all(&line(what)?)).await?
}

/// Hears one thing.
pub(super) async fn hear<T: DeserializeOwned>(stream: &mut Stream) -> io::Result<T> {
    let line = timeout(LINE_LIMIT, read(stream)).await??;
    Ok(serde_json::from_str(&line)?)
}

/// A whole line. Whoever calls it bounds the time.
pub(super) async fn read(stream: &mut Stream) -> io::Result<String> {
    let mut line = String::new();
    stream.take(MAX_LINE).read_line(&mut line).await?;
    if line.ends_with('\n') { Ok(line) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}
