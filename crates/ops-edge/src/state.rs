//! What the door knows: which routes it may take, which it serves, and what it saw.

mod check;
mod control;
mod disk;
mod ring;
mod routes_file;
mod service;
mod table;

pub(crate) use control::{Control, Refusal};
pub(crate) use disk::{Disk, FileSystem, StateDir, StateLock, Unwritten};
pub(crate) use ring::Outcome;
pub(crate) use service::{ReleaseLoad, ServiceState, Visit, WaitingPlace};
pub(crate) use table::{LiveLeg, LiveRoute, SharedTable, Table, host_key};
