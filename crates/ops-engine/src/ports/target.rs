use ops_core::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    settings::{Adopt, Service},
    world::{EngineView, Fault, Foreign, ImageView, Project, ReleaseSpec, TargetView},
};

use super::{Act, ActError, Look};

/// A place where services run.
pub trait Target: Send + Sync {
    /// Everything that exists here of a service, asked of the keepers themselves.
    fn look(&self, service: &ServiceName) -> Look<TargetView>;

    /// Makes a release run with as many replicas as its specification says; replicas that run
    /// already stay, replicas that were stopped start again. Returns when the processes have been
    /// started, not when they are healthy.
    fn start(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act;

    /// Tells all replicas of a release to stop: TERM, grace, KILL. Returns at once; `look` tells
    /// when they have ended. They stay known and can be started again.
    fn stop(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act;

    /// Forgets a release: its replicas must be stopped; folders and logs go. Succeeds if there is
    /// nothing.
    fn remove(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act;

    /// The highest generation that anything here has seen, over all services.
    fn highest_generation(&self) -> Look<Generation>;

    /// How many ports of the range `first..=last` nobody listens on and no replica owns, on these
    /// hosts together, or on this machine if none is named. Nobody else is asked.
    fn free_ports(&self, first: u16, last: u16, hosts: &[String]) -> Look<u32>;

    /// The process of a service that somebody else started: where `ops.yaml` says that it listens,
    /// or found by its program, and how it compares with the artifact (S2). `Ok(None)`: nothing of
    /// it runs.
    fn outside(&self, adopt: &Adopt, command: &[String]) -> Look<Option<Foreign>>;

    /// Whether this port can be had, apart from replicas of `service`, on each of these hosts, or
    /// on this machine if none is named. Nobody else is asked.
    fn port_free(&self, port: u16, service: &ServiceName, hosts: &[String]) -> Look<bool>;

    /// Every engine that runs a service, with what matters of it before a deployment of this
    /// artifact, and what somebody changed there by hand; none where ops runs the service itself.
    /// An error if one of them cannot be asked.
    fn engines(&self, service: &Service, artifact: Option<&Digest>) -> Look<Vec<EngineView>>;
}

/// An artifact that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedArtifact {
    /// Digest of its content, by which it is named from now on.
    pub digest: Digest,
    /// Bytes that it takes in the store.
    pub size: u64,
    /// Whether the store holds it already.
    pub stored: bool,
    /// What it is like as an image; `None` if it is none.
    pub image: Option<ImageView>,
}

/// Where artifacts come from and where they are kept.
pub trait Artifacts: Send + Sync {
    /// Reads what a reference names (`sha256:…` in the store; a path to a folder, archive or
    /// executable), hashes it, and says whether `command`'s program is there and executable.
    fn resolve(&self, reference: &str, command: &[String]) -> Look<ResolvedArtifact>;

    /// Brings what a reference names into the store and proves that its digest is the expected
    /// one, also if it changed under our feet.
    fn import(&self, reference: &str, expected: &Digest) -> Act;

    /// Reads what a reference names as a Compose project's folder, with the images that its
    /// services run: the digest is that of all of it. Refused where an image is not pinned.
    fn resolve_project(&self, reference: &str, project: &Project) -> Look<ResolvedArtifact> {
        let _ = project;
        Err(no_projects(reference))
    }

    /// Brings a Compose project into the store, its folder and its images, and proves that all of
    /// it is the expected one.
    fn import_project(&self, reference: &str, expected: &Digest, project: &Project) -> Act {
        let _ = (expected, project);
        Err(ActError::NotApplied(no_projects(reference)))
    }

    /// Reads a stored artifact back and compares its content with its digest.
    fn verify(&self, digest: &Digest) -> Look<bool>;

    /// Removes stored artifacts except these, oldest first, until the store is under its quota.
    fn prune(&self, keep: &[Digest]) -> Act;
}

/// What a store says that keeps no Compose projects.
fn no_projects(reference: &str) -> Fault {
    Fault::new(
        "Compose projects are not kept here",
        reference,
        "let the service run with another target",
    )
}
