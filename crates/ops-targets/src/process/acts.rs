//! Start, stop, remove.

use std::time::{Duration, Instant};

use ops_core::{
    id::{ReleaseId, ServiceName, Stamp},
    world::{Fault, ReleaseSpec},
};
use ops_engine::ports::{Act, ActError, Look};
use ops_keeper::{Order, ReplicaLock, State};
use rustix::fs::{Access, access};

use super::{
    ProcessTarget, REPLICAS_MAX,
    layout::{Known, REMOVED, keeper_stamp, unreadable, unwritable},
    orders::{after, resting, stale, try_lock},
    ports::check_bindable,
};

/// How long all replicas of an act together may take. What was not told by then is told when the
/// act is given again.
const ACT_WAIT: Duration = Duration::from_secs(6);
/// How long a removal waits for keepers that are just leaving.
const LEAVE_WAIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

impl ProcessTarget {
    pub(super) fn start_release(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        self.check(spec).map_err(ActError::NotApplied)?;
        let until = Instant::now() + ACT_WAIT;
        let _turn = self.turn(&spec.service, stamp)?;
        let known = self.known_of(&spec.service, &spec.release).map_err(ActError::NotApplied)?;
        for replica in known.iter().filter(|replica| replica.spec.index < spec.replicas) {
            self.check_known(replica, spec).map_err(ActError::NotApplied)?;
        }
        let mut changed = false;
        for replica in known.iter().filter(|replica| replica.spec.index >= spec.replicas) {
            after(changed, self.tell(replica, Order::Stop, stamp, until))?;
            changed = true;
        }
        for index in 0..spec.replicas {
            let there = known.iter().find(|replica| replica.spec.index == index);
            let replica = if let Some(replica) = there {
                refer(replica, spec).map_err(ActError::Unknown)?
            } else {
                let replica = after(changed, self.add(spec, index))?;
                changed = true;
                replica
            };
            after(changed, self.tell(&replica, Order::Start, stamp, until))?;
            changed = true;
        }
        Ok(())
    }

    pub(super) fn stop_release(
        &self,
        stamp: Stamp,
        service: &ServiceName,
        release: &ReleaseId,
    ) -> Act {
        let until = Instant::now() + ACT_WAIT;
        let _turn = self.turn(service, stamp)?;
        let known = self.known_of(service, release).map_err(ActError::NotApplied)?;
        // One that cannot be told keeps none of the others running.
        let told: Vec<Act> =
            known.iter().map(|replica| self.tell(replica, Order::Stop, stamp, until)).collect();
        let refused = |act: &Act| matches!(act, Err(ActError::NotApplied(_)));
        let changed = !told.iter().all(refused);
        told.into_iter().try_for_each(|act| after(changed, act))
    }

    pub(super) fn remove_release(
        &self,
        stamp: Stamp,
        service: &ServiceName,
        release: &ReleaseId,
    ) -> Act {
        let _turn = self.turn(service, stamp)?;
        let known = self.known_of(service, release).map_err(ActError::NotApplied)?;
        let mut locked = Vec::new();
        for replica in known {
            locked.push((stopped(&replica, stamp)?, replica));
        }
        for (lock, replica) in locked {
            forget(&replica, lock)
                .map_err(|error| ActError::Unknown(unwritable(&replica.folder, &error)))?;
        }
        self.collect_children();
        self.clear_remains(service).map_err(ActError::Unknown)
    }

    /// What must be so before anything is started.
    fn check(&self, spec: &ReleaseSpec) -> Look<()> {
        let place = spec.release.to_string();
        if spec.replicas > REPLICAS_MAX || (spec.fixed_port.is_some() && spec.replicas > 1) {
            let what = format!("{} replicas cannot be started", spec.replicas);
            let next = format!("at most {REPLICAS_MAX} replicas; with a fixed port, one");
            return Err(Fault::new(what, place, next));
        }
        let artifact = self.artifacts.join(spec.artifact.hex());
        if !artifact.is_dir() {
            let what = format!("the artifact {} is not in the store", spec.artifact);
            return Err(Fault::new(what, place, "import it first"));
        }
        let program = artifact.join(spec.command.first().map_or("", String::as_str));
        if program.is_file() && access(&program, Access::EXEC_OK).is_ok() {
            return Ok(());
        }
        let what = format!("the program {} is no executable file", program.display());
        Err(Fault::new(what, place, "correct the service's `command`"))
    }

    /// A replica that exists must be of the same make, and its port free if it does not run.
    fn check_known(&self, replica: &Known, spec: &ReleaseSpec) -> Look<()> {
        let wanted =
            self.keeper_spec(spec, replica.spec.index, replica.spec.port, &replica.folder)?;
        let (is, was) = (&wanted, &replica.spec);
        let same = (&is.artifact, &is.program, &is.args, &is.env)
            == (&was.artifact, &was.program, &was.args, &was.env);
        if !same || spec.fixed_port.is_some_and(|port| port != replica.spec.port) {
            return Err(Fault::new(
                "this release exists with another specification",
                &replica.spec.id,
                "a release never changes: deploy a new one",
            ));
        }
        if resting(&replica.folder)? {
            check_bindable(replica.spec.port)?;
            self.link_artifact(replica, &spec.artifact)?;
        }
        Ok(())
    }

    /// Makes a replica that does not exist yet, with a port that nobody else has.
    fn add(&self, spec: &ReleaseSpec, index: u32) -> Result<Known, ActError> {
        let refused = ActError::NotApplied;
        let folder = self.replica_folder(&spec.service, &spec.release, index).map_err(refused)?;
        let _turn = self.port_turn().map_err(refused)?;
        let port = self.choose_port(spec.fixed_port).map_err(refused)?;
        let spec_there = self.keeper_spec(spec, index, port, &folder).map_err(refused)?;
        ops_keeper::create(&folder, &spec_there)
            .map_err(|error| ActError::Unknown(unwritable(&folder, &error)))?;
        let replica = Known { folder, spec: spec_there };
        self.link_artifact(&replica, &spec.artifact).map_err(ActError::Unknown)?;
        Ok(replica)
    }
}

/// A release never changes, but where its secrets are found can (S16, S17): a replica that has
/// stopped starts with the references that are asked for; one that runs keeps what it has.
fn refer(replica: &Known, spec: &ReleaseSpec) -> Look<Known> {
    let mut replica = replica.clone();
    let until = Instant::now() + LEAVE_WAIT;
    while replica.spec.secrets != spec.secrets && has_stopped(&replica)? {
        if let Some(lock) = try_lock(&replica)? {
            replica.spec = ops_keeper::refer(&lock, &replica.folder, &spec.secrets)
                .map_err(|error| unwritable(&replica.folder, &error))?;
        } else if Instant::now() >= until {
            let next = "look again, then give the same act again";
            return Err(Fault::new("its keeper is just leaving", &replica.spec.id, next));
        } else {
            std::thread::sleep(PAUSE);
        }
    }
    Ok(replica)
}

/// Whether it was last written down as stopped; its keeper may still be leaving.
fn has_stopped(replica: &Known) -> Look<bool> {
    let status = ops_keeper::read_status(&replica.folder);
    let status = status.map_err(|error| unreadable(&replica.folder, &error))?;
    Ok(status.state == State::Stopped)
}

/// Proves that a replica has stopped and keeps it so.
fn stopped(replica: &Known, stamp: Stamp) -> Result<ReplicaLock, ActError> {
    let until = Instant::now() + LEAVE_WAIT;
    let runs = || {
        let next = "stop the release first, and look until it has stopped";
        ActError::NotApplied(Fault::new("the replica has not stopped", &replica.spec.id, next))
    };
    let lock = loop {
        if let Some(lock) = try_lock(replica).map_err(ActError::NotApplied)? {
            break lock;
        }
        if Instant::now() >= until {
            return Err(runs());
        }
        std::thread::sleep(PAUSE);
    };
    let status = ops_keeper::read_status(&replica.folder)
        .map_err(|error| ActError::NotApplied(unreadable(&replica.folder, &error)))?;
    if keeper_stamp(stamp) < status.stamp {
        return Err(stale(replica, status.stamp));
    }
    if status.state == State::Stopped { Ok(lock) } else { Err(runs()) }
}

/// Removes a stopped replica's folder. It is renamed first, so that a crash leaves no half one.
fn forget(replica: &Known, lock: ReplicaLock) -> std::io::Result<()> {
    let gone = replica.folder.with_file_name(format!("{REMOVED}{}", replica.spec.id));
    if gone.exists() {
        std::fs::remove_dir_all(&gone)?;
    }
    std::fs::rename(&replica.folder, &gone)?;
    drop(lock);
    std::fs::remove_dir_all(&gone)
}
