//! The real program, as people and scripts meet it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

mod adoption;
mod alone;
mod arrows;
mod board;
mod compose;
mod customers;
mod disks;
mod docker;
mod gates;
mod golden;
mod harm;
mod help;
mod hold;
mod hosts;
mod house;
mod kills;
mod merges;
mod mistakes;
mod p3_boards;
mod p3_settings;
mod p3_state;
mod refusals;
mod rotation;
mod security;
mod ship;
mod team;
mod told;
mod upgrade;
mod watch;
