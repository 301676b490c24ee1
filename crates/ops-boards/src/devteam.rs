//! `DevTeam`'s own boards, as ops uses them: over HTTP, with all their habits.
//!
//! What these boards do differently from what a caller would expect, and what is done about it:
//! a write is answered only after every gateway that it concerns has answered, so that a time-out
//! mostly means *done* and is told as unknown; errors come as JSON, as HTML or as nothing; lists are
//! cut at their oldest end; numbers, nulls and missing fields stand where text belongs; the meeting
//! board parses mentions without word boundaries and takes a caller without a token for the
//! manager. Nothing here tries a write again: the engine reads back first.

mod follow;
mod gateway;
mod line;
mod meeting;
mod mirror;
mod planning;
mod team;
mod told;

pub use follow::Follower;
pub use gateway::{Knock, gateway};
pub use line::{AddressError, Patience, Renew};
pub use meeting::DevTeamMeeting;
pub use planning::DevTeamPlanning;
pub use team::Convention;
