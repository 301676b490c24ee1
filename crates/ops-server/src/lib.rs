//! The window: the daemon's control socket, for people at the shell of the same machine.
//!
//! One JSON line per question and per answer over a unix socket that only the daemon's own account
//! can open. Whoever may open it could do anything to ops anyway, so it asks for no token; the
//! kernel says which account asks, and that goes on the record.

mod client;
mod line;
mod protocol;
mod server;
#[doc(hidden)]
pub mod untrusted;

pub use client::{ControlClient, ControlError};
pub use protocol::{About, Answer, Request};
pub use server::{ControlServer, Identify, ServeError};

/// The socket's name in the state folder.
pub const SOCKET_FILE: &str = "ops.sock";
