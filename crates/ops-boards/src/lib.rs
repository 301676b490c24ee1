//! The team: the embedded planning and meeting boards.
//!
//! One `SQLite` file holds both boards. People and agents reach them over HTTP in the wire protocol
//! of `DevTeam`'s boards ([`router`]), from the shell through [`BoardClient`], and ops itself through
//! the ports of the engine ([`EmbeddedPlanning`], [`EmbeddedMeeting`]). All of them pass the same
//! rules, which live in [`BoardStore`]: who may move a ticket, what is stamped, what is bounded.

mod client;
pub mod devteam;
mod embedded;
mod error;
mod feed;
mod http;
pub mod limits;
mod mail;
mod mention;
mod notice;
mod role;
mod secret;
mod settings;
mod store;
#[doc(hidden)]
pub mod untrusted;
mod wire;

pub use client::{BoardClient, ClientError};
pub use embedded::{EmbeddedMeeting, EmbeddedPlanning};
pub use error::BoardError;
pub use http::router;
pub use role::{Role, Status};
pub use settings::{BeforeVerdict, BoardSettings, Rate, Rates, ResolveSecret};
pub use store::{
    AuditQuery, BoardStore, Edit, FieldChange, Gateway, ListQuery, Member, MessageQuery, NewMember,
    NewTicket,
};
pub use wire::{
    AgentWire, AuditWire, BoardWire, ChannelWire, CommentWire, HistoryWire, MeWire, MessageWire,
    TicketWire, UserWire, WatchWire,
};
