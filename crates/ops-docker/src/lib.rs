//! Containers: a Docker Engine as target, images, their registry.
//!
//! [`Engine`] is a connection that is made anew for every question, so an engine that was
//! restarted or upgraded in between is spoken to as it is now. [`DockerTarget`] runs releases on
//! it, and [`Fleet`] on several at once; [`DockerImages`] brings images from their registry into ops's own store, from which they
//! are loaded into the engine whenever it lacks them. [`DoorContainer`] is the door of a host.

mod compose;
mod door;
mod durable;
mod engine;
mod fleet;
mod images;
mod target;

pub use compose::{ComposeProgram, ComposeProjects, Folder, ProjectFolders};
pub use door::{DoorContainer, Kept};
pub use engine::{Answers, Engine};
pub use fleet::Fleet;
pub use images::{DockerImages, OwnImage, Registries};
pub use target::{DockerTarget, Grounds, ResolveSecret, Restored, carrier};
