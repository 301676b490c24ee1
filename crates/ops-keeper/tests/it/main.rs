//! Real services under real keepers.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod adoption;
mod family;
mod life;
mod logs;
mod nursery;
mod socket;
