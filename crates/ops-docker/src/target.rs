//! The Docker target: replicas are containers of one engine.
//!
//! A replica is the container `ops-<service>-<release>-<n>`. It finds its names in `OPS_SERVICE`
//! and `OPS_RELEASE` and the port that it listens on inside in `PORT`; that port is published on a
//! port of the environment's range, on the loopback unless told otherwise.
//!
//! **What is ours.** `<state>/docker/<service>/releases/<release>.json` says, before anything is
//! made, which containers a release has, and holds a token of chance that they carry as a label.
//! A container is ours if it carries the token and has the id that was written down, where one
//! was; a name or a label alone makes nothing ours. What is not ours is never touched.
//! `<service>/stamp.json` holds the stamp of the last act on the service: acts take turns by a
//! lock that the kernel frees when its holder dies, and none gets a turn after a later one.
//!
//! **What keeps them alive.** The engine restarts what ends by itself (`unless-stopped`), with or
//! without ops, and also after it was restarted itself; what ops stopped stays so. A stop is the
//! engine's own: once it has the order, TERM, grace and KILL follow whatever becomes of ops.
//!
//! **What remains possible** after a lease was lost: an order that the engine has, to start or to
//! stop, is carried out within its call (8 s), a stop within its grace. Nothing is sent after that;
//! names are those of one release, so no late act can be about another one.
//!
//! **Compose projects.** Replicas of a release that is part of one are copies of the service behind
//! the door; the others stand once for all releases, as the release that was started last says
//! (`standing.rs`), and leave with the last release that is removed. Where nothing is behind the
//! door, a release is one replica, the whole project (`whole.rs`). Compose itself may be at work
//! for 2 min after a lease was lost; it holds the service's turn until it ends. Values of secrets
//! lie for a project by what they are, not by replica (`raise/bring.rs`).
//!
//! **Secrets** are files below `/run/secrets` inside, mounted read-only from a folder that must
//! lie on a tmpfs of this machine; only references to them are written down. After a reboot of the
//! machine they are gone, and a container that has some stays down until `restore` has put them
//! back: it never starts without them. After a restart of the engine alone they are still there.
//! On another machine the folder lies on a tmpfs there, where `carrier.rs` puts it.

mod acts;
mod beside;
mod carrier;
mod form;
mod inspect;
mod launch;
mod make;
mod names;
mod ports;
mod raise;
mod record;
mod restore;
mod secrets;
mod senses;
mod sight;
mod standing;
mod survey;
mod whole;

pub(crate) use launch::token;

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use ops_core::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    settings::{Adopt, Service},
    world::{EngineView, Fault, Foreign, ReleaseSpec, TargetView},
};
use ops_engine::ports::{Act, Look, Target};

use crate::{
    compose::{ComposeProjects, Halt},
    engine::Engine,
    images::{Jobs, Store},
};
pub use carrier::carrier;
pub(crate) use record::has_records;
use record::{Record, Records};
pub use restore::Restored;

/// Replicas of one release.
const REPLICAS_MAX: u32 = 256;

/// Finds the value behind a reference to a secret; what it fails with never holds the value.
pub type ResolveSecret = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// Where a target keeps what, and what it may take.
#[derive(Clone)]
pub struct Grounds {
    /// ops's state, with the store of images that [`crate::DockerImages`] fills.
    pub state_dir: PathBuf,
    /// Where it is written down what was made: the state, or a host's own part of it.
    pub records_dir: PathBuf,
    /// Where on the engine's machine values of secrets may lie while containers need them: on a
    /// tmpfs.
    pub secrets_dir: PathBuf,
    /// What this program is called with to be [`carrier`], in a container of its own image.
    pub carrier: Vec<String>,
    /// How references to secrets are resolved.
    pub resolve: ResolveSecret,
    /// The first and the last port of the host that replicas get.
    pub ports: (u16, u16),
    /// The host's address on which ports are published.
    pub publish: Ipv4Addr,
    /// MiB of logs that one replica may leave on the host.
    pub log_quota_mb: u64,
}

/// The services that run as containers of one engine.
pub struct DockerTarget {
    engine: Engine,
    grounds: Grounds,
    records: Records,
    images: Store,
    loads: Jobs,
    /// Compose projects, where they may run here.
    projects: Option<ComposeProjects>,
    /// Compose at work, which goes on by itself.
    raises: Jobs,
    /// What ends that work, by service, and which act it is of.
    halts: Mutex<HashMap<ServiceName, (String, Halt)>>,
    /// What was seen of the kernel's kills, which the engine forgets.
    kills: Mutex<senses::Kills>,
    /// Where listening to logs goes on.
    ears: Mutex<senses::Ears>,
}

impl DockerTarget {
    /// A target on an engine.
    pub fn new(engine: Engine, grounds: Grounds) -> Self {
        let state_dir: &Path = &grounds.state_dir;
        let records = Records::new(&grounds.records_dir);
        let images = Store::new(state_dir);
        Self {
            engine,
            records,
            images,
            loads: Jobs::default(),
            projects: None,
            raises: Jobs::default(),
            halts: Mutex::default(),
            kills: Mutex::default(),
            ears: Mutex::default(),
            grounds,
        }
    }

    /// Whether anything of a service was made here and is not removed. What cannot be read is taken
    /// for that, so that whoever acts on it is told.
    pub fn knows(&self, service: &ServiceName) -> bool {
        self.records.of(service).map_or(true, |records| !records.is_empty())
    }

    /// Whether a release was made here and is not removed.
    pub fn has(&self, service: &ServiceName, release: &ReleaseId) -> bool {
        let records = self.records.of(service);
        records.map_or(true, |all| all.iter().any(|record| record.spec.release == *release))
    }

    /// What was written down of a service, for when nobody can look: each of its replicas is
    /// [`ops_core::world::ReplicaState::Unknown`].
    pub(crate) fn remembered(&self, service: &ServiceName) -> Look<TargetView> {
        self.unseen(service)
    }

    /// The highest generation that was written down here.
    pub(crate) fn remembered_generation(&self) -> Look<Generation> {
        self.records.highest()
    }

    /// Brings everything to what it was last told: containers that shall run and are down start
    /// with their secrets, those that shall not and run are stopped. For the start of the daemon,
    /// above all after a reboot; nothing that was ordered is changed.
    pub fn restore(&self) -> Look<Restored> {
        self.restore_all()
    }

    /// Does what could not be done while another machine was away: containers come back that its
    /// boot left down without their secrets, and releases leave that were removed everywhere else.
    /// Nothing besides; to be done again and again. While somebody acts on a service, it is left
    /// alone.
    pub fn catch_up(&self) -> Look<Restored> {
        self.catch_up_all()
    }

    /// Replicas of releases that leave when the machine is back.
    pub fn leaving(&self) -> Look<Vec<String>> {
        let left = self.records.all()?.into_iter().filter(|record| record.leaves);
        let names = |record: Record| record.places.iter().map(|one| record.name(one)).collect();
        Ok(left.flat_map(|record| -> Vec<String> { names(record) }).collect())
    }

    /// Writes down that a release leaves when its machine is back.
    pub(crate) fn will_leave(&self, service: &ServiceName, release: &ReleaseId) -> Look<()> {
        let _turn = self.records.quiet_turn(service)?;
        let Some(mut record) = self.records.load(service, release)? else { return Ok(()) };
        record.leaves = true;
        for place in &mut record.places {
            place.runs = false;
        }
        self.records.save(&record)
    }
}

impl Target for DockerTarget {
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

    /// Containers that somebody else started are not adopted yet: who asks is told so, and never
    /// that nothing runs.
    fn outside(&self, adopt: &Adopt, _command: &[String]) -> Look<Option<Foreign>> {
        let _ = adopt;
        Err(Fault::new(
            "containers that ops did not start cannot be adopted yet",
            self.engine.place(),
            "remove `adopt` from the service, deploy it beside, then stop the old container",
        ))
    }

    fn port_free(&self, port: u16, service: &ServiceName, _hosts: &[String]) -> Look<bool> {
        self.port_can_be_had(port, service)
    }

    fn engines(&self, service: &Service, artifact: Option<&Digest>) -> Look<Vec<EngineView>> {
        Ok(vec![self.survey(&service.name, artifact)?])
    }
}

impl std::fmt::Debug for DockerTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DockerTarget").field("engine", &self.engine).finish_non_exhaustive()
    }
}
