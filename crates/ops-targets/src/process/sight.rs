//! What runs, asked of the keepers themselves.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use ops_core::{
    id::{Generation, OpId, ReleaseId, ServiceName, Stamp},
    world::{Replica, ReplicaState, TargetView},
};
use ops_engine::ports::Look;
use ops_keeper::{Answer, AskError, Call, LOG_FILES, Request, State, Status};

use super::{
    ProcessTarget,
    layout::{Known, unreadable},
    orders::try_lock,
};

/// How long all keepers together may take to answer.
const LOOK_WAIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// Where one replica's output is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaLog {
    /// The replica's name.
    pub replica: String,
    /// Its release.
    pub release: ReleaseId,
    /// Its log files that exist, the oldest first.
    pub files: Vec<PathBuf>,
}

impl ProcessTarget {
    pub(super) fn view(&self, service: &ServiceName) -> Look<TargetView> {
        self.collect_children();
        let known = self.known(service)?;
        let until = Instant::now() + LOOK_WAIT;
        let calls: Vec<_> =
            known.iter().map(|replica| Call::put(&replica.folder, &Request::Status)).collect();
        let mut view =
            TargetView { highest: self.service_generation(service)?, ..TargetView::default() };
        for (replica, call) in known.iter().zip(calls) {
            let seen = see(replica, call, until)?;
            view.highest = view.highest.max(seen.stamp.generation);
            view.replicas.push(seen);
        }
        Ok(view)
    }

    pub(super) fn log_files(&self, service: &ServiceName) -> Look<Vec<ReplicaLog>> {
        let files = |replica: &Known| {
            let folder = replica.folder.join("logs");
            let files = LOG_FILES.map(|name| folder.join(name));
            files.into_iter().filter(|file| file.exists()).collect()
        };
        let log = |replica: &Known| ReplicaLog {
            replica: replica.spec.id.clone(),
            release: ReleaseId::new(&replica.spec.release),
            files: files(replica),
        };
        Ok(self.known(service)?.iter().map(log).collect())
    }
}

/// One replica: as its keeper says; as it is on disk if it has stopped and needs none; otherwise
/// unknown.
fn see(replica: &Known, call: Result<Call, AskError>, until: Instant) -> Look<Replica> {
    let mut answer = call.and_then(|call| call.answer(until));
    while matches!(answer, Err(AskError::NoKeeper | AskError::Silent)) {
        if let Some(lock) = try_lock(replica)? {
            let status = on_disk(replica)?;
            drop(lock);
            let known = status.state == State::Stopped;
            return describe(replica, &status, known);
        }
        if Instant::now() >= until {
            break;
        }
        // Its keeper is just starting or leaving.
        std::thread::sleep(PAUSE);
        let request = &Request::Status;
        answer = Call::put(&replica.folder, request).and_then(|call| call.answer(until));
    }
    match answer {
        Ok(Answer::Report(report)) => describe(replica, &report.status, true),
        _ => describe(replica, &on_disk(replica)?, false),
    }
}

fn on_disk(replica: &Known) -> Look<Status> {
    ops_keeper::read_status(&replica.folder).map_err(|error| unreadable(&replica.folder, &error))
}

fn describe(replica: &Known, status: &Status, known: bool) -> Look<Replica> {
    let spec = &replica.spec;
    let state = match status.state {
        _ if !known => ReplicaState::Unknown,
        State::Running => ReplicaState::Running,
        State::BackingOff => ReplicaState::BackingOff,
        State::Stopping => ReplicaState::Stopping,
        State::Stopped => ReplicaState::Stopped,
    };
    let artifact = spec.artifact.parse().map_err(|error: ops_core::id::NotADigest| {
        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error.to_string());
        unreadable(&replica.folder, &error)
    })?;
    Ok(Replica {
        id: spec.id.clone(),
        release: ReleaseId::new(&spec.release),
        artifact,
        address: Some(format!("127.0.0.1:{}", spec.port)),
        state,
        restarts: status.restarts,
        last_exit: status.last_exit.clone(),
        stamp: Stamp {
            generation: Generation(status.stamp.generation),
            deployment: status.stamp.deployment,
            op: OpId(status.stamp.op),
        },
        health: None,
    })
}
