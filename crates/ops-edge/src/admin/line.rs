//! The admin socket itself: who may speak, how long a line may be, how long it may take.

use std::{io, os::unix::net::UnixListener as StdListener, path::Path, sync::Arc, time::Duration};

use ops_core::world::Fault;
use rustix::{
    fs::{Mode, fchmod},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind as bind_fd, socket_with},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    desk::Desk,
    protocol::{Answer, Ask, RefusalKind},
};
use crate::handover::bequeath;

/// Longest question, in bytes: far more than the largest route.
const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// Most connections at a time; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 32;

/// Longest time from one answer to the end of the next question, and for writing an answer. Keeps
/// silent visitors from holding all places.
const LINE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections that may wait in the kernel's queue.
const BACKLOG: i32 = 128;

/// Pause after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds the socket for its owner only, in the place of one that an earlier edge left or still has:
/// from one moment to the next, visitors come here. The caller holds the lock of the state folder.
pub(crate) fn bind(path: &Path) -> io::Result<UnixListener> {
    let next = path.with_extension("next");
    match std::fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // On Linux the file that bind makes takes its mode from the socket, so there is no moment in
    // which others could connect.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind_fd(&socket, &SocketAddrUnix::new(&next)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    std::fs::rename(&next, path)?;
    UnixListener::from_std(StdListener::from(socket))
}

/// Answers whoever connects, for ever.
pub(crate) async fn listen(listener: UnixListener, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // Ends with this task, so that nothing acts for an edge that has stopped.
    let mut talks = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let accepted = listener.accept().await;
        while talks.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let desk = Arc::clone(&desk);
                talks.spawn(async move {
                    if let Err(error) = converse(stream, desk).await {
                        tracing::debug!(%error, "an admin connection broke");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin socket could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

pub(crate) async fn converse(stream: UnixStream, desk: Arc<Desk>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut stream).take(MAX_LINE_BYTES);
        timeout(LINE_TIMEOUT, bounded.read_until(b'\n', &mut line)).await??;
        if line.last() != Some(&b'\n') {
            if line.len() as u64 == MAX_LINE_BYTES {
                return write(&mut stream, &too_long()).await;
            }
            // The visitor left, perhaps in the middle of a question: it has no effect.
            return Ok(());
        }
        if matches!(serde_json::from_slice(&line), Ok(Ask::HandOver {})) {
            return bequeath(stream.into_inner(), desk).await;
        }
        let desk = Arc::clone(&desk);
        let answered = tokio::task::spawn_blocking(move || encode(&desk.answer(&line)));
        let answer = answered.await.map_err(io::Error::other)??;
        write(&mut stream, &answer).await?;
    }
}

async fn write(stream: &mut BufReader<UnixStream>, answer: &[u8]) -> io::Result<()> {
    timeout(LINE_TIMEOUT, stream.get_mut().write_all(answer)).await?
}

fn encode(answer: &Answer) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(answer).map_err(io::Error::other)?;
    line.push(b'\n');
    Ok(line)
}

fn too_long() -> Vec<u8> {
    let what = format!("the line has more than {MAX_LINE_BYTES} bytes");
    let fault = Fault::new(what, "admin socket of the edge", "send shorter lines");
    encode(&Answer::Refused { kind: RefusalKind::Malformed, fault }).unwrap_or_default()
}
