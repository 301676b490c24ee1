//! What comes from outside, read as it is read in earnest: plain functions over bytes, for those who
//! try to break the reading.

use std::{io, path::Path, sync::Arc};

use tokio::net::UnixStream;

use crate::{
    EdgeError,
    admin::{Desk, converse},
    handover::Estate,
    proxy::Marker,
    state::{Control, StateDir, StateLock},
};

/// An admin socket whose routes nobody serves: no backend is ever connected to.
pub struct Admin {
    desk: Arc<Desk>,
    _lock: Arc<StateLock>,
}

impl Admin {
    /// Keeps its routes in a folder.
    pub fn open(state_dir: &Path) -> Result<Self, EdgeError> {
        let (dir, lock) = StateDir::open(state_dir)?;
        let control = Control::restore(dir)?;
        let lock = Arc::new(lock);
        let marker = Arc::new(Marker::new());
        let estate = Estate { sockets: Vec::new(), marker, lock: Arc::downgrade(&lock) };
        let names = ("untrusted".to_owned(), String::new());
        Ok(Self { desk: Desk::new(control, names, Vec::new(), None, estate), _lock: lock })
    }

    /// Talks with a visitor until one of the two has enough.
    pub async fn converse(&self, visitor: UnixStream) -> io::Result<()> {
        converse(visitor, Arc::clone(&self.desk)).await
    }
}
