//! What the door knows: which routes it may take, which it serves, and what it saw.

mod check;
mod control;
mod crowd;
mod disk;
mod guard;
mod live;
mod release;
mod rendezvous;
mod ring;
mod routes_file;
mod service;
mod table;
mod tally;
mod templates;
mod visit;

pub(crate) use control::{Control, Refusal};
pub(crate) use disk::{Disk, FileSystem, StateDir, StateLock, Unwritten};
pub(crate) use guard::{Due, due};
pub(crate) use live::{LiveLeg, LiveRoute};
pub(crate) use release::{Leaving, ReleaseLoad};
pub(crate) use rendezvous::hash_of;
pub(crate) use routes_file::Entries;
pub(crate) use service::{ServiceState, WaitingPlace};
pub(crate) use table::{SharedTable, Table, host_key};
pub(crate) use tally::{Completed, Outcome};
pub(crate) use visit::{About, Visit};
