//! Where a target is tried.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use ops_core::{
    id::{Generation, OpId, ServiceName, Stamp},
    world::{ReleaseSpec, ReplicaState, TargetView},
};
use ops_engine::ports::{Act, ActError, Target};

use crate::errand::{Break, Broken, Errand};

/// Far longer than anything here takes: reached only when a test fails.
const PATIENCE: Duration = Duration::from_mins(5);

/// What a replica runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Lives until it is told to stop, and then leaves.
    Lives,
    /// Ends at once with exit status 3.
    Fails,
    /// Lives, and ignores TERM.
    Stubborn,
}

/// A world of its own for one test. When it is dropped, nothing of it is left.
pub trait Ground {
    /// A target as a new process of ops would open it, on the state that those before left.
    fn open(&self) -> Box<dyn Target>;

    /// The service that releases are of.
    fn service(&self) -> ServiceName;

    /// A release of two replicas that could be started; the same name means the same release.
    fn release(&self, name: &str, program: Program) -> ReleaseSpec;

    /// The ports that replicas get.
    fn ports(&self) -> (u16, u16);
}

/// A ground on which acts can break off.
pub trait Breakable: Ground {
    /// A release for acts that break off: all that one can be made of.
    fn breakable(&self, name: &str) -> ReleaseSpec {
        self.release(name, Program::Lives)
    }

    /// In which ways an act can fail on its way.
    fn fails(&self) -> &'static [Break];

    /// Which points of an act are tried: every so many, from this one on.
    fn every(&self) -> (usize, usize) {
        (1, 0)
    }

    /// Gives an act that breaks off in this way at this point, counted from 0, of all it does.
    fn broken(&self, at: (Break, usize), errand: &Errand, stamp: Stamp) -> Broken;
}

/// A stamp of deployment 1.
pub fn stamp(generation: u64, op: u32) -> Stamp {
    Stamp { generation: Generation(generation), deployment: 1, op: OpId(op) }
}

/// Gives an act, and gives it again while nobody can tell whether it was done, as the engine does:
/// on a busy machine a call may end before what it asked for.
pub fn done(mut act: impl FnMut() -> Act) {
    let until = Instant::now() + PATIENCE;
    loop {
        match act() {
            Ok(()) => return,
            Err(ActError::Unknown(fault)) => assert!(Instant::now() < until, "never done: {fault}"),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the target says of the ground's service.
pub(crate) fn view(ground: &dyn Ground, target: &dyn Target) -> TargetView {
    target.look(&ground.service()).expect("the target can be looked at")
}

pub(crate) fn states(ground: &dyn Ground, target: &dyn Target) -> Vec<ReplicaState> {
    view(ground, target).replicas.into_iter().map(|replica| replica.state).collect()
}

pub(crate) fn wait_for(ground: &dyn Ground, target: &dyn Target, wanted: &[ReplicaState]) {
    let mut seen = Vec::new();
    let until = Instant::now() + PATIENCE;
    while seen != wanted {
        assert!(Instant::now() < until, "never came: {wanted:?}, last seen: {seen:?}");
        std::thread::sleep(Duration::from_millis(5));
        seen = states(ground, target);
    }
}

pub(crate) fn addresses(ground: &dyn Ground, target: &dyn Target) -> BTreeSet<String> {
    view(ground, target).replicas.into_iter().filter_map(|replica| replica.address).collect()
}
