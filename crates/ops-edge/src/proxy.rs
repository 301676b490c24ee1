//! The way of one request: find its route, wait while that is held, enter a release, reach a
//! backend, pass the answer on.

mod admit;
mod attempts;
mod backend;
mod body;
mod counted;
mod forward;
mod frames;
mod headers;
mod health;
mod intake;
mod marker;
mod mirror;
mod moved;
mod outgoing;
mod relay;
mod sticky;
mod tunnel;
mod visitor;

pub(crate) use backend::Backend;
pub(crate) use body::DoorBody;
pub(crate) use intake::Proxy;
pub(crate) use marker::Marker;
pub(crate) use visitor::Visitor;
