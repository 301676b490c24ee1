//! Where things run: processes on this machine, and the store of the artifacts that they run.

mod artifacts;
mod process;

pub use artifacts::ArtifactStore;
pub use process::{ProcessTarget, ReplicaLog, Restored, Running, running};
