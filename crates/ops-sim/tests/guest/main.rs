//! ops as a guest on `DevTeam`'s boards in virtual time: the real engine and the real client of these
//! boards, over real connections to the embedded boards with all their habits, and between them
//! somebody who loses, delays, repeats and invents answers. Everything else is simulated.

#![expect(clippy::unwrap_used, reason = "a test stops where it is wrong")]

// Half of what a run does is to read and to copy JSON.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod courses;
mod five_hundred;
mod front;
mod hour;
mod house;
mod mirror;
mod polling;
mod shown;
mod ways;
