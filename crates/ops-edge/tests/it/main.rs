//! The edge as its users and the daemon meet it: real sockets, real servers, real clients.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

mod admin;
mod backend;
mod change;
mod disk;
mod failures;
mod forwarding;
mod hold;
mod house;
mod restart;
mod routing;
mod signals;
