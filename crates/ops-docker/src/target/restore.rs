//! After a reboot, or when an order was given and its end was not seen.

use std::fs::File;

use ops_core::{id::ServiceName, world::Fault};
use ops_engine::ports::{ActError, Look};

use super::{
    DockerTarget, Grounds,
    acts::{discard, tell_to_stop},
    beside,
    carrier::{Ended, Way},
    form::Form,
    inspect::{self, Life, inspect, life, seek},
    make::grace_seconds,
    record::{Record, Records},
    secrets,
    standing::Stood,
};
use crate::engine::{CALL_MAX, Engine, Hand, Trouble};

/// What was done to bring everything to what it was last told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Replicas that were started.
    pub started: Vec<String>,
    /// Replicas that were told to stop again.
    pub stopped: Vec<String>,
    /// Replicas that were removed, as they were meant to be.
    pub removed: Vec<String>,
    /// What could not be brought there, and why.
    pub failed: Vec<(String, Fault)>,
}

/// Which containers are to be brought back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    All,
    /// Those that are down because their secrets were lost, and those that leave.
    LeftUndone,
}

impl Restored {
    pub(crate) fn append(&mut self, other: Self) {
        self.started.extend(other.started);
        self.stopped.extend(other.stopped);
        self.removed.extend(other.removed);
        self.failed.extend(other.failed);
    }
}

impl DockerTarget {
    pub(super) fn restore_all(&self) -> Look<Restored> {
        let mut all = Restored::default();
        for service in self.records.services()? {
            let turn = self.records.quiet_turn(&service)?;
            let records = self.records.of(&service)?;
            all.append(self.restore_service(&service, records, turn, Of::All)?);
        }
        Ok(all)
    }

    pub(super) fn catch_up_all(&self) -> Look<Restored> {
        let mut all = Restored::default();
        let far = !self.engine.is_local();
        for service in self.records.services()? {
            let mut records = self.records.of(&service)?;
            records.retain(|record| record.leaves || far && !record.spec.secrets.is_empty());
            if records.is_empty() {
                continue;
            }
            // Whoever acts on it brings its secrets along.
            let Some(turn) = self.records.free_quiet_turn(&service)? else { continue };
            all.append(self.restore_service(&service, records, turn, Of::LeftUndone)?);
        }
        Ok(all)
    }

    fn restore_service(
        &self,
        service: &ServiceName,
        records: Vec<Record>,
        turn: File,
        of: Of,
    ) -> Look<Restored> {
        for record in &records {
            self.load_carrier(&record.spec).map_err(fault_of)?;
        }
        let (engine, grounds, service) =
            (self.engine.clone(), self.grounds.clone(), service.clone());
        let book = self.records.clone();
        let work = async move {
            let _turn = turn;
            let woken = wake_standing(&engine, &grounds, &book, &service).await?;
            let mut restored = restore(&engine, &grounds, &service, &records, of).await?;
            restored.started.extend(woken.started);
            restored.failed.extend(woken.failed);
            let (leaving, staying) = records.into_iter().partition(|record| record.leaves);
            write_down(&engine, &book, staying).await?;
            write_down_standing(&engine, &book, &service).await?;
            restored.removed = leave(&engine, &grounds, &book, leaving).await?;
            Ok(restored)
        };
        self.engine.within(CALL_MAX, work).unwrap_or_else(|| {
            let next = "start ops again when the engine answers";
            Err(Fault::new("the engine did not answer in time", self.engine.place(), next))
        })
    }
}

async fn restore(
    engine: &Engine,
    grounds: &Grounds,
    service: &ServiceName,
    records: &[Record],
    of: Of,
) -> Look<Restored> {
    let mut restored = Restored::default();
    let place = engine.place();
    let hand = engine.hand().await.map_err(|trouble| trouble.fault(&place))?;
    let all = inspect::of(&hand.docker, service).await.map_err(|t| t.fault(&place))?;
    for record in records {
        for one in &record.places {
            let Some(id) = seek(record, one, &all) else { continue };
            let found = inspect(&hand.docker, &id).await.map_err(|t| t.fault(&place))?;
            let Some(alive) = found.as_ref().map(life) else { continue };
            let name = record.name(one);
            match alive {
                Life::Down if one.runs => {
                    let way = Way { engine, grounds };
                    match wake(&way, &hand, record, &name, &id, of).await {
                        Ok(true) => restored.started.push(name),
                        Ok(false) => {}
                        Err(error) => restored.failed.push((name, fault_of(error))),
                    }
                }
                Life::Running | Life::Restarting | Life::Paused
                    if !one.runs && (of == Of::All || record.leaves) =>
                {
                    let grace = grace_seconds(&record.spec);
                    match tell_to_stop(engine, &hand, vec![id], grace).await {
                        Ok(()) => restored.stopped.push(name),
                        Err(error) => restored.failed.push((name, fault_of(error))),
                    }
                }
                _ => {}
            }
        }
    }
    Ok(restored)
}

/// Removes releases that were to leave, once they have stopped.
async fn leave(
    engine: &Engine,
    grounds: &Grounds,
    book: &Records,
    records: Vec<Record>,
) -> Look<Vec<String>> {
    let place = engine.place();
    let told = |trouble: Trouble| trouble.fault(&place);
    let mut removed = Vec::new();
    for record in records {
        let hand = engine.hand().await.map_err(told)?;
        let all = inspect::of(&hand.docker, &record.spec.service).await.map_err(told)?;
        let ids: Vec<String> =
            record.places.iter().filter_map(|one| seek(&record, one, &all)).collect();
        let mut down = true;
        for id in &ids {
            let found = inspect(&hand.docker, id).await.map_err(told)?;
            down &= found.is_none_or(|found| life(&found) == Life::Down);
        }
        if !down {
            continue;
        }
        for id in &ids {
            discard(&hand.docker, id).await.map_err(told)?;
        }
        Way { engine, grounds }.take_away(&hand, &record).await.map_err(fault_of)?;
        book.forget(&record.spec.service, &record.spec.release)?;
        removed.extend(record.places.iter().map(|one| record.name(one)));
    }
    Ok(removed)
}

/// Writes down how containers are made that an ops before this one did not write down.
async fn write_down(engine: &Engine, book: &Records, records: Vec<Record>) -> Look<()> {
    let lacks = |record: &Record| record.places.iter().any(|one| one.made.is_none());
    for mut record in records.into_iter().filter(lacks) {
        let hand = engine.hand().await.map_err(|trouble| trouble.fault(&engine.place()))?;
        for one in record.places.iter_mut().filter(|one| one.made.is_none()) {
            let Some(id) = &one.id else { continue };
            let found = inspect(&hand.docker, id).await.map_err(|t| t.fault(&engine.place()))?;
            one.made = found.as_ref().map(Form::of);
        }
        book.save(&record)?;
    }
    Ok(())
}

/// Brings back secrets of a project, and what could not start without them.
async fn wake_standing(
    engine: &Engine,
    grounds: &Grounds,
    book: &Records,
    service: &ServiceName,
) -> Look<Restored> {
    let mut woken = Restored::default();
    let Some(standing) = book.standing(service)? else { return Ok(woken) };
    let lost = standing
        .secrets
        .iter()
        .filter(|(folder, _)| !secrets::are_there(&grounds.secrets_dir, folder));
    let lost: Vec<_> = lost.collect();
    if lost.is_empty() {
        return Ok(woken);
    }
    for (folder, (name, reference)) in lost {
        let value = secrets::value(grounds, name, reference, service.as_str());
        let put = value.and_then(|value| secrets::put_one(grounds, folder, name, value));
        if let Err(fault) = put {
            woken.failed.push((format!("secret {name}"), fault));
        }
    }
    let hand = engine.hand().await.map_err(|trouble| trouble.fault(&engine.place()))?;
    let all = beside::all(&hand.docker, Some(&standing)).await;
    for one in all.map_err(|trouble| trouble.fault(&engine.place()))? {
        let Some(id) = one.id.as_ref().filter(|_| one.ended().is_some()) else { continue };
        match hand.docker.start_container(id, None).await {
            Ok(()) => woken.started.push(one.called()),
            Err(error) => woken.failed.push((one.called(), fault_of(hand.failed(&error.into())))),
        }
    }
    Ok(woken)
}

/// The same of what stands of a project.
async fn write_down_standing(engine: &Engine, book: &Records, service: &ServiceName) -> Look<()> {
    let Some(mut standing) = book.standing(service)? else { return Ok(()) };
    let lacks = |stood: &Stood| stood.ids.iter().any(|id| !stood.made.contains_key(id));
    if !standing.others.values().any(lacks) {
        return Ok(());
    }
    let hand = engine.hand().await.map_err(|trouble| trouble.fault(&engine.place()))?;
    for stood in standing.others.values_mut() {
        for id in &stood.ids {
            if !stood.made.contains_key(id) {
                let found =
                    inspect(&hand.docker, id).await.map_err(|t| t.fault(&engine.place()))?;
                stood.made.extend(found.as_ref().map(|found| (id.clone(), Form::of(found))));
            }
        }
    }
    book.save_standing(service, &standing)
}

/// Starts a container with its secrets; tells whether that was to be done.
async fn wake(
    way: &Way<'_>,
    hand: &Hand,
    record: &Record,
    name: &str,
    id: &str,
    of: Of,
) -> Result<bool, ActError> {
    let ended = way.put_if_lost(hand, record, name).await?;
    if of == Of::LeftUndone && ended == Ended::There {
        // It is down for another reason, which is not to be undone here.
        return Ok(false);
    }
    let started = hand.docker.start_container(id, None).await;
    started.map(|()| true).map_err(|error| hand.failed(&error.into()))
}

fn fault_of(error: ActError) -> Fault {
    match error {
        ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault) => fault,
    }
}
