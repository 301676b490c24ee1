//! Stop and remove.

use std::{
    fs::File,
    sync::Arc,
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    query_parameters::{RemoveContainerOptionsBuilder, StopContainerOptionsBuilder},
};
use ops_core::{
    id::{ReleaseId, ServiceName, Stamp},
    world::Fault,
};
use ops_engine::ports::{Act, ActError};
use tokio::{sync::mpsc, time::timeout};

use super::{
    DockerTarget, Grounds,
    carrier::Way,
    inspect::{self, Life, inspect, life, seek},
    make::grace_seconds,
    raise::{bring::begin, take_down},
    record::{Record, Records},
    secrets, standing,
};
use crate::engine::{CALL_MAX, Engine, Hand, Trouble, left};

/// How long a stop waits for what ends at once; what takes its grace is seen by looking.
const SETTLE: Duration = Duration::from_millis(1500);
/// How long an engine may take to show that it is awake.
const AWAKE: Duration = Duration::from_secs(2);

/// An act in the middle: all that it needs, also the turn that it holds.
pub(super) struct Doing {
    pub(super) engine: Engine,
    grounds: Grounds,
    pub(super) records: Records,
    pub(super) record: Record,
    stamp: Stamp,
    _turn: File,
}

impl DockerTarget {
    pub(super) fn stop_release(
        &self,
        stamp: Stamp,
        service: &ServiceName,
        release: &ReleaseId,
    ) -> Act {
        self.act(stamp, service, release, Doing::stop)
    }

    pub(super) fn remove_release(
        &self,
        stamp: Stamp,
        service: &ServiceName,
        release: &ReleaseId,
    ) -> Act {
        inspect::check_names(service, release)?;
        let record = self.records.load(service, release).map_err(ActError::NotApplied)?;
        if let Some(record) = record {
            self.load_carrier(&record.spec)?;
        }
        self.act(stamp, service, release, Doing::remove)
    }

    /// Does something with a release within a call's time; nothing if there is no such release.
    fn act<Work>(
        &self,
        stamp: Stamp,
        service: &ServiceName,
        release: &ReleaseId,
        work: impl FnOnce(Doing, Hand) -> Work + Send + 'static,
    ) -> Act
    where
        Work: Future<Output = Act> + Send + 'static,
    {
        let until = Instant::now() + CALL_MAX;
        inspect::check_names(service, release)?;
        self.halt(service, stamp);
        let turn = self.records.turn(service, stamp)?;
        let record = self.records.load(service, release).map_err(ActError::NotApplied)?;
        let Some(record) = record else { return Ok(()) };
        let doing = Doing {
            engine: self.engine.clone(),
            grounds: self.grounds.clone(),
            records: self.records.clone(),
            record,
            stamp,
            _turn: turn,
        };
        let place = self.engine.place();
        let work = async move {
            let hand = doing.engine.hand().await;
            let hand = hand.map_err(|t| ActError::NotApplied(t.fault(&doing.engine.place())))?;
            work(doing, hand).await
        };
        self.engine.within(left(until), work).unwrap_or_else(|| Err(out_of_time(&place)))
    }
}

/// What is to be said of an act that its time ran out on.
pub(super) fn out_of_time(place: &str) -> ActError {
    let lost = Trouble::Lost("the act did not end in time".to_owned());
    ActError::Unknown(lost.fault(place))
}

impl Doing {
    async fn stop(mut self, mut hand: Hand) -> Act {
        let all = self.all(&hand).await?;
        for place in &mut self.record.places {
            (place.runs, place.stamp) = (false, self.stamp);
        }
        // Written first: whoever comes after a crash knows that they shall stop.
        self.records.save(&self.record).map_err(|fault| hand.ends(fault))?;
        if self.record.is_whole() {
            return self.stop_whole(hand).await;
        }
        hand.changed();
        let ids = self.record.places.iter().filter_map(|place| seek(&self.record, place, &all));
        tell_to_stop(&self.engine, &hand, ids.collect(), grace_seconds(&self.record.spec)).await
    }

    async fn remove(self, mut hand: Hand) -> Act {
        let all = self.all(&hand).await?;
        if self.record.is_whole() {
            self.rests(&hand).await?;
        }
        let places = self.record.places.iter();
        let ids: Vec<String> = places.filter_map(|place| seek(&self.record, place, &all)).collect();
        for id in &ids {
            let found = inspect(&hand.docker, id).await.map_err(|t| hand.failed(&t))?;
            if found.is_some_and(|found| !matches!(life(&found), Life::Down | Life::Leaving)) {
                let next = "stop the release first, and look until it has stopped";
                return Err(hand.ends(Fault::new("the replica has not stopped", id, next)));
            }
        }
        for id in &ids {
            discard(&hand.docker, id).await.map_err(|trouble| hand.failed(&trouble))?;
            hand.changed();
        }
        let way = Way { engine: &self.engine, grounds: &self.grounds };
        way.take_away(&hand, &self.record).await?;
        if self.record.spec.compose.is_some() {
            self.leave_project(&mut hand).await?;
        }
        let spec = &self.record.spec;
        self.records.forget(&spec.service, &spec.release).map_err(ActError::Unknown)
    }

    /// What stands of a project goes with its last release; otherwise only what was written for this
    /// one.
    async fn leave_project(&self, hand: &mut Hand) -> Act {
        let spec = &self.record.spec;
        let records = self.records.of(&spec.service).map_err(|fault| hand.ends(fault))?;
        let last = records.iter().all(|record| record.spec.release == spec.release);
        let standing = self.records.standing(&spec.service).map_err(|fault| hand.ends(fault))?;
        if let (true, Some(standing)) = (last, standing) {
            for id in standing.ids_from_above() {
                hand.changed();
                take_down(&hand.docker, &id).await.map_err(|trouble| hand.failed(&trouble))?;
            }
            let networks = standing::networks(&hand.docker, &standing.project).await;
            for id in networks.map_err(|trouble| hand.failed(&trouble))? {
                if standing.networks_before.as_ref().is_some_and(|before| !before.contains(&id)) {
                    // One that somebody else joined stays.
                    let _ = hand.docker.remove_network(&id).await;
                }
            }
            self.records.forget_standing(&spec.service).map_err(|fault| hand.ends(fault))?;
        }
        let forgotten = self.records.forget_overlay(&spec.service, &spec.release);
        forgotten.map_err(|fault| hand.ends(fault))?;
        self.clear_secrets(hand).await
    }

    /// Takes away values of secrets that no container of the project mounts and no release names.
    async fn clear_secrets(&self, hand: &Hand) -> Act {
        let service = &self.record.spec.service;
        let folders = secrets::folders(&self.grounds, &begin(service.as_str()));
        if folders.is_empty() {
            return Ok(());
        }
        let standing = self.records.standing(service).map_err(|fault| hand.ends(fault))?;
        let mut used = self.records.overlays(service).map_err(|fault| hand.ends(fault))?;
        if let Some(standing) = &standing {
            let all = standing::containers(&hand.docker, &standing.project).await;
            let all = all.map_err(|trouble| hand.failed(&trouble))?;
            let mounts = all.into_iter().flat_map(|one| one.mounts.unwrap_or_default());
            used.extend(mounts.filter_map(|mount| mount.source));
        }
        let idle = |folder: &&String| !used.iter().any(|text| text.contains(folder.as_str()));
        let idle: Vec<&String> = folders.iter().filter(idle).collect();
        for folder in &idle {
            secrets::take_away(&self.grounds.secrets_dir, folder)
                .map_err(|fault| hand.ends(fault))?;
        }
        if let Some(mut standing) = standing {
            standing.secrets.retain(|folder, _| !idle.contains(&folder));
            let saved = self.records.save_standing(service, &standing);
            saved.map_err(|fault| hand.ends(fault))?;
        }
        Ok(())
    }

    /// Containers with the service's label, unless they tell of a later act.
    async fn all(&self, hand: &Hand) -> Result<Vec<bollard::models::ContainerSummary>, ActError> {
        let service = &self.record.spec.service;
        let all = inspect::of(&hand.docker, service).await.map_err(|t| hand.failed(&t))?;
        let own = std::slice::from_ref(&self.record);
        inspect::overtaken(service, self.stamp, own, &all)?;
        Ok(all)
    }
}

/// Removes a container that does not run, with the volumes that were made for it alone.
pub(super) async fn discard(docker: &Docker, id: &str) -> Result<(), Trouble> {
    let options = RemoveContainerOptionsBuilder::new().v(true).build();
    match docker.remove_container(id, Some(options)).await.map_err(Trouble::from) {
        Err(trouble) if trouble.is_absent() => Ok(()),
        other => other,
    }
}

/// Stops a container and waits for its end.
pub(super) async fn stop_and_wait(docker: &Docker, id: &str, grace: i64) -> Result<(), Trouble> {
    let frozen = inspect(docker, id).await?.is_some_and(|found| life(&found) == Life::Paused);
    if frozen {
        docker.unpause_container(id).await?;
    }
    let seconds = i32::try_from(grace).unwrap_or(i32::MAX);
    let options = StopContainerOptionsBuilder::new().t(seconds).build();
    match docker.stop_container(id, Some(options)).await.map_err(Trouble::from) {
        Err(trouble) if trouble.is_absent() => Ok(()),
        other => other,
    }
}

/// Gives the engine the order to stop containers. What has not ended soon ends by the engine's own
/// hand, which is awake and has the order.
pub(super) async fn tell_to_stop(
    engine: &Engine,
    hand: &Hand,
    ids: Vec<String>,
    grace: i64,
) -> Act {
    let until = Instant::now() + SETTLE;
    let wait = Duration::from_secs(grace.unsigned_abs()) + CALL_MAX;
    let docker = Arc::new(hand.docker.clone().with_timeout(wait));
    let (told, mut heard) = mpsc::channel(ids.len().max(1));
    let mut open = ids.len();
    for id in ids {
        let (docker, told) = (Arc::clone(&docker), told.clone());
        engine.spawn(async move {
            let ended = stop_and_wait(&docker, &id, grace).await;
            let _ = told.send(ended).await;
        });
    }
    let mut failed = None;
    while open > 0 {
        match timeout(left(until), heard.recv()).await {
            Ok(Some(Ok(()))) => {}
            // One that cannot be told keeps none of the others running.
            Ok(Some(Err(trouble))) => failed = Some(trouble),
            Ok(None) => break,
            Err(_) => {
                let awake = timeout(AWAKE, hand.docker.ping()).await;
                let silent = || Trouble::Lost("it took a stop and is silent".to_owned());
                awake
                    .map_err(|_| silent())
                    .and_then(|answer| answer.map_err(Trouble::from))
                    .map_err(|trouble| hand.failed(&trouble))?;
                break;
            }
        }
        open -= 1;
    }
    failed.map_or(Ok(()), |trouble| Err(hand.failed(&trouble)))
}
