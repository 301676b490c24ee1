//! The memory: the hash-chained journal in `SQLite`.
//!
//! [`SqliteJournal`] is what a daemon writes and what `ops history`, `ops show` and `ops audit`
//! read beside it. [`MemoryJournal`] is the same journal without a disk, for simulations.
//!
//! # How to check a journal without ops
//!
//! Every row of the table `records` carries the hash of the row before it (`previous`) and its own
//! (`hash`), written `sha256:` and 64 hex digits. The own hash is the SHA-256 of nine texts, each
//! written as a netstring (`<length in bytes>:<text>,`) one after the other:
//!
//! 1. the word `ops-journal-1`,
//! 2. `seq` in decimal,
//! 3. `deployment` in decimal, or the empty text where it is null,
//! 4. `boot`,
//! 5. `ms` in decimal,
//! 6. `wall`,
//! 7. `v` in decimal,
//! 8. `body`, byte for byte as it is stored,
//! 9. `previous`, with its prefix `sha256:`.
//!
//! `previous` of record 1 is the SHA-256 of the text `ops-journal-1`. Records are numbered from 1
//! without gaps. The chain alone cannot show that its end was cut off or that all of it was
//! written anew: for that, compare it with the number and hash that stand in ticket comments and
//! daily posts ([`verify_anchors`]).
//!
//! The tables `deployments` and `leases` are conveniences that can be made again; they are not
//! evidence and not part of the chain.

mod anchor;
mod chain;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
#[cfg(debug_assertions)]
mod crash;
mod grant;
mod lock;
mod memory;
mod reserve;
mod schema;
mod sqlite;

pub use anchor::verify_anchors;
pub use chain::{BATCH_LIMIT, BODY_LIMIT, genesis};
pub use memory::MemoryJournal;
pub use reserve::RESERVE_BYTES;
pub use sqlite::SqliteJournal;
