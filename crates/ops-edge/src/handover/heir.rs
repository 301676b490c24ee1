//! The side of the edge that takes over.

use std::{
    fs::File,
    io::{self, IoSliceMut, Write as _},
    mem::MaybeUninit,
    net::TcpListener as StdListener,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::Path,
    time::Duration,
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tokio::{
    io::{AsyncWriteExt as _, BufReader},
    net::{TcpListener, UnixStream},
};

use super::{
    Bequest, MAX_DESCRIPTORS, READY, Routes, Socket, Testament,
    line::{Stream, hear, say},
};
use crate::{
    admin::Desk,
    proxy::Marker,
    state::{Entries, SharedTable},
};

/// Longest time in which the old edge must answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// Longest line that comes with descriptors, in bytes.
const MAX_BEQUEST: usize = 64 * 1024;

/// What was handed over.
pub(crate) struct Heir {
    pub(crate) lock: File,
    /// By what the old one's own requests are known, if it says so.
    pub(crate) marker: Option<Marker>,
    sockets: Vec<(Socket, OwnedFd)>,
    link: StdStream,
}

/// The connection to the old edge, from the moment at which this one serves.
pub(crate) struct Link {
    stream: Stream,
    /// The routes as the old edge knows them.
    told: Option<Entries>,
}

impl Heir {
    /// Asks the edge whose admin socket this is; `None` if nobody answers there. Blocks.
    pub(crate) fn ask(socket: &Path) -> io::Result<Option<Self>> {
        let Ok(mut link) = StdStream::connect(socket) else { return Ok(None) };
        link.set_read_timeout(Some(ANSWER_LIMIT))?;
        link.set_write_timeout(Some(ANSWER_LIMIT))?;
        link.write_all(b"{\"ask\":\"hand_over\"}\n")?;
        let (text, mut descriptors) = receive(&link)?;
        let refused = |_| io::Error::other(String::from_utf8_lossy(&text).into_owned());
        let bequest: Bequest = serde_json::from_slice(&text).map_err(refused)?;
        if descriptors.len() != bequest.sockets.len() + 1 {
            return Err(io::Error::other("it sent another number of descriptors than it said"));
        }
        let lock = descriptors.pop().map(File::from);
        let lock = lock.ok_or(io::ErrorKind::InvalidData)?;
        let sockets = bequest.sockets.into_iter().zip(descriptors).collect();
        Ok(Some(Self { lock, marker: bequest.marker, sockets, link }))
    }

    /// The listening socket of an address, if it was handed over.
    pub(crate) fn take(&mut self, wanted: &Socket) -> Option<io::Result<TcpListener>> {
        let at = self.sockets.iter().position(|(socket, _)| socket == wanted)?;
        let listener = StdListener::from(self.sockets.remove(at).1);
        Some(listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener)))
    }

    /// Keeps only the connection; sockets that nobody wanted are let go of.
    pub(crate) fn into_link(self) -> io::Result<Link> {
        self.link.set_read_timeout(None)?;
        self.link.set_nonblocking(true)?;
        Ok(Link { stream: BufReader::new(UnixStream::from_std(self.link)?), told: None })
    }
}

fn receive(link: &StdStream) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let (mut text, mut descriptors) = (Vec::new(), Vec::new());
    let mut piece = [0; 4096];
    while text.last() != Some(&b'\n') {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(&mut piece)];
        let got = recvmsg(link, &mut into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(sent) = message {
                descriptors.extend(sent);
            }
        }
        if got.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.extend_from_slice(piece.get(..got.bytes).unwrap_or_default());
        if text.len() > MAX_BEQUEST {
            return Err(io::Error::other("its answer is too long"));
        }
    }
    Ok((text, descriptors))
}

impl Link {
    /// Says that this edge serves, and waits until the old one has stopped accepting. What that
    /// counted so far is taken over.
    pub(crate) async fn ready(&mut self, desk: &Desk) -> io::Result<()> {
        let table = desk.table();
        self.stream.get_mut().write_all(format!("{READY}\n").as_bytes()).await?;
        let testament: Testament = hear(&mut self.stream).await?;
        for (name, seconds) in &testament.seconds {
            let service = table.borrow().service(name).cloned();
            if let Some(service) = service {
                service.inherit(seconds);
            }
        }
        note_in_flight(table, &testament);
        self.answer(desk).await
    }

    /// Takes over what the old edge counts until it is empty.
    pub(crate) async fn follow(mut self, desk: &Desk) {
        let table = desk.table();
        loop {
            let Ok(testament) = hear::<Testament>(&mut self.stream).await else { break };
            for (name, seconds) in &testament.seconds {
                let service = table.borrow().service(name).cloned();
                let Some(service) = service else { continue };
                for second in seconds {
                    service.add(second);
                }
            }
            note_in_flight(table, &testament);
            if self.answer(desk).await.is_err() || testament.last {
                break;
            }
        }
        // It is empty, or gone: in both cases nothing of it is in flight.
        for service in table.borrow().services() {
            for (id, _) in service.in_flight(|_| true) {
                service.release(&id).set_elsewhere(0);
            }
        }
    }

    async fn answer(&mut self, desk: &Desk) -> io::Result<()> {
        let now = desk.entries();
        let changed = self.told.as_ref() != Some(&now);
        let routes = Routes(changed.then(|| now.clone()));
        self.told = Some(now);
        say(&mut self.stream, &routes).await
    }
}

fn note_in_flight(table: &SharedTable, testament: &Testament) {
    for (name, releases) in &testament.in_flight {
        let service = table.borrow().service(name).cloned();
        let Some(service) = service else { continue };
        for (id, count) in releases {
            service.release(id).set_elsewhere(*count);
        }
    }
}
