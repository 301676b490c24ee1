//! Real processes and real archives.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

mod artifacts;
mod broken;
mod conformance;
mod hearing;
mod outside;
mod process;
mod stand;
mod usage;
