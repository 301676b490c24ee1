//! The edge as its users and the daemon meet it: real sockets, real servers, real clients.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

mod admin;
mod backend;
mod change;
mod corpus;
mod discovery;
mod disk;
mod doors;
mod failures;
mod forwarding;
mod frames;
mod h2;
mod handover;
mod hold;
mod house;
mod raw;
mod restart;
mod routing;
mod services;
mod signals;
mod sticky;
mod streams;
mod tls;
mod upgrade;
mod watchful;
