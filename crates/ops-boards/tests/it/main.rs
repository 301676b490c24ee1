//! The embedded boards as the team meets them: over real connections, and through ops's ports.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where it is wrong")]

mod bounds;
mod browser;
mod chromium;
mod desk;
mod devteam;
mod exact;
mod follow;
mod gateway;
mod order;
mod page;
mod permissive;
mod ports;
mod refusals;
mod rules;
mod shell;
mod wire;
