//! The socket through which the daemon acts on the door and looks at it.
//!
//! JSON lines: one question per line, one answer per line, in order. A line without an end, one
//! that is too long or one that is no question has no effect.

mod desk;
mod line;
mod protocol;

pub(crate) use desk::Desk;
pub(crate) use line::{bind, converse, listen};
pub use protocol::EdgeStatus;
pub(crate) use protocol::{Answer, Ask, RefusalKind, Told};
