//! The addresses at which clients arrive.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsFd as _, OwnedFd},
    sync::Arc,
};

use tokio::net::TcpListener;

use super::connections::Entrance;
use crate::{
    config::EdgeConfig,
    error::EdgeError,
    handover::{Heir, Socket},
    tls::Tls,
};

/// Where clients arrive.
pub(super) struct Entrances {
    pub(super) all: Vec<Entrance>,
    pub(super) addresses: Vec<SocketAddr>,
    /// The same sockets once more, for an edge that takes over.
    pub(super) sockets: Vec<(Socket, OwnedFd)>,
}

/// Opens all entrances, with the sockets of an edge that is followed where it has them.
pub(super) async fn open_entrances(
    config: &EdgeConfig,
    tls: Option<&Arc<Tls>>,
    mut heir: Option<&mut Heir>,
) -> Result<Entrances, EdgeError> {
    let acceptor = tls.map(Tls::acceptor).transpose()?;
    let plain = config.listen.iter().map(|address| (*address, None));
    let secure = config.tls_listen.iter().map(|address| (*address, acceptor.clone()));
    let (mut all, mut addresses, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
    for (wanted, tls) in plain.chain(secure) {
        let socket = Socket { wanted, tls: tls.is_some() };
        let listener = match heir.as_mut().and_then(|heir| heir.take(&socket)) {
            Some(taken) => taken.map_err(|error| refused(wanted, error))?,
            None => listen(wanted).await?,
        };
        let copy = listener.as_fd().try_clone_to_owned().map_err(|e| refused(wanted, e))?;
        addresses.push(listener.local_addr().map_err(|e| refused(wanted, e))?);
        sockets.push((socket, copy));
        all.push(Entrance { listener, tls });
    }
    Ok(Entrances { all, addresses, sockets })
}

/// The certificates of TLS, if there is any.
pub(super) fn tls_of(config: &EdgeConfig) -> Result<Option<Arc<Tls>>, EdgeError> {
    if config.certificates.is_empty() {
        if config.tls_listen.is_empty() {
            return Ok(None);
        }
        return Err(EdgeError::Tls { why: "there is no certificate".to_owned() });
    }
    Tls::load(config.certificates.clone()).map(Some)
}

async fn listen(address: SocketAddr) -> Result<TcpListener, EdgeError> {
    TcpListener::bind(address).await.map_err(|error| refused(address, error))
}

fn refused(address: SocketAddr, source: io::Error) -> EdgeError {
    match source.kind() {
        io::ErrorKind::AddrInUse => EdgeError::AddressInUse { address },
        _ => EdgeError::Listen { address, source },
    }
}
