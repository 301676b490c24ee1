//! The hands of ops: what it may do to the world, and how it does it.
//!
//! [`Engine`] is synchronous and owns the journal: inputs go in, events become durable, jobs come
//! out. [`perform`] does one job through the [`ports`]. [`Daemon`] runs both with threads and a
//! real clock; the simulation runs the same two with virtual time.

mod chat;
mod daemon;
mod engine;
mod governing;
mod heartbeat;
mod incidents;
mod jobs;
mod knowledge;
mod notebook;
mod operator;
mod perform;
pub mod ports;
mod status;
mod view;

pub use daemon::{Command, Daemon, Handle};
pub use engine::{Engine, EngineError, FORMAT, Watcher, replay};
pub use jobs::{Done, Draft, Job, JobKey, Known, Looked, ProbeAnswer, QueueRead, Work};
pub use knowledge::{EngineEvent, Knowledge, Tried};
pub use notebook::Notebook;
pub use operator::{Ask, Reply, Who};
pub use perform::perform;
pub use status::{Newer, Serving, Status};
pub use view::{
    CheckView, DeploymentView, HurtShown, SignalShown, StepView, StreamShown, TicketView, WatchView,
};
