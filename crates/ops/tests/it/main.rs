//! The real program, as people and scripts meet it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must fail")]

mod adoption;
mod alone;
mod arrows;
mod board;
mod compose;
mod containers;
mod customers;
mod disks;
mod docker;
mod doors;
mod gates;
mod golden;
mod guest;
mod harm;
mod help;
mod hold;
mod hosts;
mod house;
mod judgement;
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
mod talk;
mod team;
mod told;
mod upgrade;
mod watch;
