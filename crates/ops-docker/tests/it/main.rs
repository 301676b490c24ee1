//! A real Docker Engine and a real registry. They are started by `testbed/docker-up` and
//! `testbed/registry-up`; without them these tests fail.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod broken;
mod compose;
mod conformance;
mod engine;
mod foreign;
mod hosts;
mod image;
mod images;
mod own;
mod own_image;
mod remote;
mod replicas;
mod secrets;
mod senses;
mod stand;
mod survey;
