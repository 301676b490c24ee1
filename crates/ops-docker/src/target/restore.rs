//! After a reboot, or when an order was given and its end was not seen.

use ops_core::{id::ServiceName, world::Fault};
use ops_engine::ports::{ActError, Look};

use super::{
    DockerTarget, Grounds,
    acts::tell_to_stop,
    form::Form,
    inspect::{self, Life, inspect, life, seek},
    make::grace_seconds,
    record::{Place, Record, Records},
    secrets,
};
use crate::engine::{CALL_MAX, Engine, Hand};

/// What was done to bring everything to what it was last told.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Replicas that were started.
    pub started: Vec<String>,
    /// Replicas that were told to stop again.
    pub stopped: Vec<String>,
    /// What could not be brought there, and why.
    pub failed: Vec<(String, Fault)>,
}

impl DockerTarget {
    pub(super) fn restore_all(&self) -> Look<Restored> {
        let mut all = Restored::default();
        for service in self.records.services()? {
            let mut one = self.restore_service(&service)?;
            all.started.append(&mut one.started);
            all.stopped.append(&mut one.stopped);
            all.failed.append(&mut one.failed);
        }
        Ok(all)
    }

    fn restore_service(&self, service: &ServiceName) -> Look<Restored> {
        let turn = self.records.quiet_turn(service)?;
        let records = self.records.of(service)?;
        let (engine, grounds, service) =
            (self.engine.clone(), self.grounds.clone(), service.clone());
        let book = self.records.clone();
        let work = async move {
            let _turn = turn;
            let restored = restore(&engine, &grounds, &service, &records).await?;
            write_down(&engine, &book, records).await?;
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
                Life::Down if one.runs => match wake(grounds, &hand, record, one, &id).await {
                    Ok(()) => restored.started.push(name),
                    Err(fault) => restored.failed.push((name, fault)),
                },
                Life::Running | Life::Restarting | Life::Paused if !one.runs => {
                    let grace = grace_seconds(&record.spec);
                    match tell_to_stop(engine, &hand, vec![id], grace).await {
                        Ok(()) => restored.stopped.push(name),
                        Err(error) => restored.failed.push((name, of(error))),
                    }
                }
                _ => {}
            }
        }
    }
    Ok(restored)
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

async fn wake(grounds: &Grounds, hand: &Hand, record: &Record, one: &Place, id: &str) -> Look<()> {
    let name = record.name(one);
    if !secrets::are_there(grounds, &name) {
        secrets::put(grounds, &record.spec, &name)?;
    }
    let started = hand.docker.start_container(id, None).await;
    started.map_err(|error| of(hand.failed(&error.into())))
}

fn of(error: ActError) -> Fault {
    match error {
        ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault) => fault,
    }
}
