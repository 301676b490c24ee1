//! The side of the edge that is replaced.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::{Arc, Weak},
    time::Duration,
};

use ops_core::id::ServiceName;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::{
    io::{BufReader, Interest},
    net::UnixStream,
    sync::watch,
    time::{sleep, timeout},
};

use super::{
    Bequest, MAX_DESCRIPTORS, READY, Routes, Socket, Testament,
    line::{self, Stream, hear, say},
};
use crate::{admin::Desk, clock::boot_second, proxy::Marker, state::StateLock};

/// Longest time in which the new edge must be ready.
const READY_LIMIT: Duration = Duration::from_secs(30);

/// Pause between two testaments.
const PAUSE: Duration = Duration::from_millis(200);

/// What a new edge needs.
pub(crate) struct Estate {
    pub(crate) sockets: Vec<(Socket, OwnedFd)>,
    pub(crate) marker: Arc<Marker>,
    /// Gone with the edge itself, whoever still holds this.
    pub(crate) lock: Weak<StateLock>,
}

/// How far a handover has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Farewell {
    /// None, or one that came to nothing.
    None,
    /// Somebody prepares to take over: routes do not change.
    Prepared,
    /// Somebody else serves.
    Handed,
    /// This one has nothing in flight any more.
    Empty,
    /// And has told all.
    Told,
}

/// Takes the preparation back unless it came to something.
struct Prepared<'a>(&'a watch::Sender<Farewell>);

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        let gave_up = self.0.send_if_modified(|farewell| {
            let open = *farewell == Farewell::Prepared;
            if open {
                *farewell = Farewell::None;
            }
            open
        });
        if gave_up {
            tracing::warn!("the edge that was to take over did not; this one goes on");
        }
    }
}

/// Hands over to whoever asked, on the connection on which it did.
pub(crate) async fn bequeath(stream: UnixStream, desk: Arc<Desk>) -> io::Result<()> {
    let prepared = desk.farewell.send_if_modified(|farewell| {
        let first = *farewell == Farewell::None;
        if first {
            *farewell = Farewell::Prepared;
        }
        first
    });
    if !prepared {
        return Ok(());
    }
    let prepared = Prepared(&desk.farewell);
    // A change of routes that is under way ends first: what is on disk from here on is all.
    desk.settle().await;
    let Some(estate) = desk.estate() else { return Ok(()) };
    send_estate(&stream, &estate).await?;
    drop(estate);
    let mut stream = BufReader::new(stream);
    if timeout(READY_LIMIT, line::read(&mut stream)).await??.trim_end() != READY {
        return Ok(());
    }
    desk.farewell.send_replace(Farewell::Handed);
    drop(prepared);
    tracing::info!("another edge has taken over; this one ends when it is empty");
    let told = tell(&mut stream, &desk).await;
    let mut farewell = desk.farewell.subscribe();
    let _ = farewell.wait_for(|farewell| *farewell >= Farewell::Empty).await;
    desk.farewell.send_replace(Farewell::Told);
    told
}

/// Tells until this edge is empty and all its seconds are over.
async fn tell(stream: &mut Stream, desk: &Desk) -> io::Result<()> {
    let mut told = BTreeMap::new();
    loop {
        let empty = *desk.farewell.borrow() >= Farewell::Empty;
        if empty {
            // Its last second must be over to be told.
            let now = boot_second();
            while boot_second() == now {
                sleep(PAUSE).await;
            }
        }
        let testament = Testament { last: empty, ..testament(desk, &mut told) };
        say(stream, &testament).await?;
        let routes: Routes = hear(stream).await?;
        if empty {
            return Ok(());
        }
        if let Some(entries) = routes.0 {
            desk.follow(entries);
        }
        sleep(PAUSE).await;
    }
}

fn testament(desk: &Desk, told: &mut BTreeMap<ServiceName, u64>) -> Testament {
    let services: Vec<_> = desk.table().borrow().services().cloned().collect();
    let mut testament = Testament::default();
    for service in services {
        let after = told.get(service.name()).copied().unwrap_or(0);
        let seconds = service.signals(after);
        if let Some(last) = seconds.last() {
            told.insert(service.name().clone(), last.second);
            testament.seconds.push((service.name().clone(), seconds));
        }
        let in_flight = service.in_flight(|_| true);
        testament.in_flight.push((service.name().clone(), in_flight));
    }
    testament
}

async fn send_estate(stream: &UnixStream, estate: &Estate) -> io::Result<()> {
    let sockets = estate.sockets.iter().map(|(socket, _)| socket.clone()).collect();
    let line = line::line(&Bequest { sockets, marker: Some(Marker::clone(&estate.marker)) })?;
    let lock = estate.lock.upgrade().ok_or(io::ErrorKind::NotFound)?.share()?;
    let descriptors: Vec<BorrowedFd<'_>> =
        estate.sockets.iter().map(|(_, fd)| fd.as_fd()).chain([lock.as_fd()]).collect();
    if descriptors.len() > MAX_DESCRIPTORS {
        return Err(io::Error::other("there are too many listening sockets to hand over"));
    }
    let mut sent = 0;
    while sent < line.len() {
        stream.writable().await?;
        let wrote = stream.try_io(Interest::WRITABLE, || {
            let mut space =
                [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            // They travel with the first byte.
            if sent == 0 && !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
                return Err(io::Error::other("the descriptors do not fit"));
            }
            let rest = IoSlice::new(line.get(sent..).unwrap_or_default());
            Ok(sendmsg(stream, &[rest], &mut control, SendFlags::NOSIGNAL)?)
        });
        match wrote {
            Ok(count) => sent += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
