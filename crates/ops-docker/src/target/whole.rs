//! A project of which nothing is behind the door, as the one replica that it is.
//!
//! All of its services stand once. The release that was started last is the one that runs; each
//! other one is stopped, since nothing of it is left but what both have alike.

use bollard::Docker;
use ops_core::world::{Fault, Replica, ReplicaState};
use ops_engine::ports::Act;

use super::{
    acts::{Doing, tell_to_stop},
    beside::{self, One},
    inspect::{Life, life},
    record::{Place, Record},
    standing::Standing,
};
use crate::engine::{Hand, Trouble};

/// Seconds between TERM and KILL of a container whose file says nothing.
pub(super) const GRACE: i64 = 10;

/// Whether a record is of the release that stands.
fn stands<'a>(record: &Record, standing: Option<&'a Standing>) -> Option<&'a Standing> {
    standing.filter(|standing| standing.release == record.spec.release)
}

/// How the whole of it is.
pub(super) fn seen(
    record: &Record,
    place: &Place,
    standing: Option<&Standing>,
    all: &[One],
) -> Replica {
    let alive = all.iter().any(One::is_alive);
    let ended = all.iter().find_map(|one| Some(format!("{} of {}", one.ended()?, one.called())));
    let (state, last_exit) = match stands(record, standing) {
        None => (ReplicaState::Stopped, None),
        Some(_) if !place.runs && alive => (ReplicaState::Stopping, None),
        Some(_) if !place.runs => (ReplicaState::Stopped, None),
        // Some are being made, or somebody was interrupted while they were.
        Some(_) if all.is_empty() || all.iter().any(One::is_open) => (ReplicaState::Stopped, None),
        Some(_) if ended.is_some() => (ReplicaState::BackingOff, ended),
        Some(_) => (ReplicaState::Running, None),
    };
    Replica {
        id: record.name(place),
        release: record.spec.release.clone(),
        artifact: record.spec.artifact.clone(),
        address: None,
        state,
        restarts: 0,
        last_exit,
        stamp: place.stamp,
        health: None,
    }
}

impl Doing {
    /// All of its containers are told to stop, if it is this release that stands.
    pub(super) async fn stop_whole(self, mut hand: Hand) -> Act {
        let service = &self.record.spec.service;
        let standing = self.records.standing(service).map_err(|fault| hand.ends(fault))?;
        if stands(&self.record, standing.as_ref()).is_none() {
            return Ok(());
        }
        let Some(mut standing) = standing else { return Ok(()) };
        let all = look(&hand.docker, &standing).await.map_err(|t| hand.failed(&t))?;
        let alive: Vec<&One> = all.iter().filter(|one| one.is_alive()).collect();
        for one in &alive {
            if let Some(stood) = standing.others.get_mut(&one.name) {
                stood.stopped = true;
            }
        }
        self.records.save_standing(service, &standing).map_err(|fault| hand.ends(fault))?;
        // As long as the longest of their own graces: who ends earlier is not kept.
        let graces =
            alive.iter().filter_map(|one| one.found.as_ref()?.config.as_ref()?.stop_timeout);
        let grace = graces.max().unwrap_or(GRACE).max(GRACE);
        let ids = alive.iter().filter_map(|one| one.id.clone()).rev().collect();
        hand.changed();
        tell_to_stop(&self.engine, &hand, ids, grace).await
    }

    /// Refuses where it still runs.
    pub(super) async fn rests(&self, hand: &Hand) -> Act {
        let standing = self.records.standing(&self.record.spec.service);
        let standing = standing.map_err(|fault| hand.ends(fault))?;
        let Some(standing) = stands(&self.record, standing.as_ref()) else { return Ok(()) };
        let all = look(&hand.docker, standing).await.map_err(|t| hand.failed(&t))?;
        let alive = |one: &&One| {
            let life = one.found.as_ref().map(life);
            life.is_some_and(|life| !matches!(life, Life::Down | Life::Leaving))
        };
        let Some(one) = all.iter().find(alive) else { return Ok(()) };
        let next = "stop the release first, and look until it has stopped";
        Err(hand.ends(Fault::new("the project has not stopped", one.called(), next)))
    }
}

async fn look(docker: &Docker, standing: &Standing) -> Result<Vec<One>, Trouble> {
    beside::all(docker, Some(standing)).await
}
