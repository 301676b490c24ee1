//! The way of one request: find its route, wait while that is held, enter a release, reach a
//! backend, pass the answer on.

mod admit;
mod backend;
mod body;
mod forward;
mod headers;
mod intake;

pub(crate) use backend::Backend;
pub(crate) use intake::{Proxy, Visitor};
