//! The process target: replicas are processes of this machine, each under its own keeper.
//!
//! A service finds its port in `PORT`, its artifact in `OPS_ARTIFACT`, its names in `OPS_SERVICE`
//! and `OPS_RELEASE`; `{port}` and `{artifact}` are replaced in its arguments. Its current folder
//! is its own and writable, with a link to everything at the top of the artifact.
//!
//! `<state>/replicas/<service>/<release>.<index>/` is a replica's folder (see [`ops_keeper`]);
//! `<service>/stamp.json` holds the stamp of the last act on the service. Keepers
//! outlive whoever started them, so several processes of ops may use one target at once: acts on
//! one service take turns by a lock that the kernel frees when its holder dies.

mod acts;
mod launch;
mod layout;
mod orders;
mod outside;
mod ports;
mod restore;
mod senses;
mod sight;
mod turn;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Child,
    sync::Mutex,
};

use ops_core::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    settings::{Adopt, Service},
    world::{EngineView, Foreign, ReleaseSpec, TargetView},
};
use ops_engine::ports::{Act, Look, Target};

pub use outside::{Running, running};
pub use restore::Restored;
pub use sight::ReplicaLog;

/// Replicas of one release.
const REPLICAS_MAX: u32 = 256;

/// The services that run as processes on this machine.
#[derive(Debug)]
pub struct ProcessTarget {
    replicas: PathBuf,
    artifacts: PathBuf,
    keeper: Vec<OsString>,
    ports: (u16, u16),
    log_quota: u64,
    /// Keepers that this process started, waited for when they have ended.
    children: Mutex<Vec<Child>>,
    /// Processor time as it was told.
    pulse: Mutex<senses::Pulse>,
    /// Where listening to logs goes on.
    ears: Mutex<senses::Ears>,
}

impl ProcessTarget {
    /// A target below a state folder, beside its artifact store.
    ///
    /// `keeper_command` starts a keeper when a replica's folder is added to it; `ports` are the
    /// first and the last port that replicas get; `log_quota_mb` bounds the logs of one replica,
    /// in MiB.
    pub fn new(
        state_dir: &Path,
        keeper_command: Vec<OsString>,
        ports: (u16, u16),
        log_quota_mb: u64,
    ) -> Self {
        let state_dir = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
        Self {
            replicas: state_dir.join("replicas"),
            artifacts: state_dir.join("artifacts"),
            keeper: keeper_command,
            ports,
            log_quota: log_quota_mb.saturating_mul(1024 * 1024),
            children: Mutex::new(Vec::new()),
            pulse: Mutex::default(),
            ears: Mutex::default(),
        }
    }

    /// Starts the keepers of all replicas that shall run, or that had not finished stopping, and
    /// whose keeper is not at work: after a reboot, or after keepers died. Living services are
    /// adopted, not started twice; nothing that was ordered is changed.
    pub fn restore(&self) -> Look<Restored> {
        self.restore_keepers()
    }

    /// Where the output of a service's replicas is, those of all releases.
    pub fn logs(&self, service: &ServiceName) -> Look<Vec<ReplicaLog>> {
        self.log_files(service)
    }
}

impl Target for ProcessTarget {
    fn look(&self, service: &ServiceName) -> Look<TargetView> {
        self.view(service)
    }

    fn start(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        self.start_release(stamp, spec)
    }

    fn stop(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.stop_release(stamp, service, release)
    }

    fn remove(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.remove_release(stamp, service, release)
    }

    fn highest_generation(&self) -> Look<Generation> {
        self.highest_of_all()
    }

    fn free_ports(&self, first: u16, last: u16, _hosts: &[String]) -> Look<u32> {
        self.count_free_ports(first, last)
    }

    fn outside(&self, adopt: &Adopt, command: &[String]) -> Look<Option<Foreign>> {
        self.find_outside(adopt, command)
    }

    fn port_free(&self, port: u16, service: &ServiceName, _hosts: &[String]) -> Look<bool> {
        self.port_can_be_had(port, service)
    }

    /// Keepers are ops's own: no engine runs anything for them.
    fn engines(&self, _: &Service, _: Option<&Digest>) -> Look<Vec<EngineView>> {
        Ok(Vec::new())
    }
}
