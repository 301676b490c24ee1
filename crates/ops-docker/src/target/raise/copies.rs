//! Copies of the front, and the overlay that names them.

use std::collections::BTreeMap;

use ops_core::world::{Container, Fault};
use ops_engine::ports::Act;

use super::{Meant, Raise};
use crate::{
    compose::{self, CONFIGURATION, Copy, Front, Other, overlay},
    durable::blocking,
    engine::Hand,
    images::Kept,
    target::{
        inspect::{self, inspect, seek},
        launch::Start,
        make::grace_seconds,
        names,
        record::Record,
    },
};

impl Raise {
    /// Writes the overlay with the others and these copies of the front.
    pub(super) async fn write(&self, meant: &Meant, hand: &Hand, copies: &[Copy]) -> Act {
        let spec = &self.record.spec;
        let of = |name: &&str| Other {
            name: (*name).to_owned(),
            image: meant.images.get(*name).cloned().unwrap_or_default(),
            labels: BTreeMap::from([
                (names::TOKEN.to_owned(), self.standing.token.clone()),
                (
                    CONFIGURATION.to_owned(),
                    meant.configurations.get(*name).cloned().unwrap_or_default(),
                ),
            ]),
        };
        let others: Vec<Other> = meant.model.others(meant.named()).iter().map(of).collect();
        let (model, front, copies) = (meant.model.clone(), meant.named().cloned(), copies.to_vec());
        let paths = self.order.records.files(&spec.service).and_then(|files| {
            Ok((files, self.order.records.overlay(&spec.service, &spec.release)?))
        });
        let (files, path) = paths.map_err(|fault| hand.ends(fault))?;
        let brought = meant.brought.clone();
        let written = blocking(move || {
            let overlay = overlay(&model, front.as_ref(), &others, &copies, (&brought, &files))?;
            compose::write(&path, &overlay)
        });
        written.await.map_err(|fault| hand.ends(fault))
    }

    /// Copies of the front that are not there are made; then all of them are made to run.
    pub(super) async fn copies(
        &self,
        mut hand: Hand,
        meant: &Meant,
        front: &Front,
        kept: &Kept,
    ) -> Act {
        let mut start = Start {
            engine: self.order.engine.clone(),
            grounds: self.order.grounds.clone(),
            records: self.order.records.clone(),
            images: self.order.images.clone(),
            kept: kept.clone(),
            container: Container { port: Some(front.port), ..Container::default() },
            record: self.record.clone(),
            stamp: self.order.stamp,
            composed: true,
            turn: self.turn.try_clone().map_err(|error| {
                let next = "raise the limit of open files of ops";
                hand.ends(Fault::new(error.to_string(), self.order.engine.place(), next))
            })?,
        };
        let service = self.record.spec.service.clone();
        let all = inspect::of(&hand.docker, &service).await.map_err(|t| hand.failed(&t))?;
        start.stop_surplus(&mut hand, &all).await?;
        let missing = start.places(&hand, &all).await?;
        if !missing.is_empty() {
            self.make(&mut start, &mut hand, (meant, front), &missing).await?;
        }
        let all = inspect::of(&hand.docker, &service).await.map_err(|t| hand.failed(&t))?;
        let image = meant.images.get(&front.name).cloned().unwrap_or_default();
        for index in 0..self.record.spec.replicas {
            start.replica(&mut hand, index, &image, &all).await?;
        }
        Ok(())
    }

    /// Lets Compose make copies of the front, which are started after that.
    pub(super) async fn make(
        &self,
        start: &mut Start,
        hand: &mut Hand,
        (meant, front): (&Meant, &Front),
        missing: &[usize],
    ) -> Act {
        for at in missing {
            let name = start.record.name(&start.record.places[*at]);
            if inspect(&hand.docker, &name).await.map_err(|t| hand.failed(&t))?.is_some() {
                return Err(hand.ends(inspect::not_ours(&name, "it has the name of our replica")));
            }
        }
        let copies = self.copies_of(&start.record, meant, front);
        self.write(meant, hand, &copies).await?;
        let services: Vec<String> = missing
            .iter()
            .map(|at| service_of(front, &start.record, start.record.places[*at].index))
            .collect();
        let call = self.call(meant, hand)?;
        self.up(&["--no-start", "--no-recreate"], &services, &call, hand).await?;
        let service = &self.record.spec.service;
        let all = inspect::of(&hand.docker, service).await.map_err(|t| hand.failed(&t))?;
        let image = meant.images.get(&front.name);
        for at in missing {
            let place = &start.record.places[*at];
            let id = seek(&start.record, place, &all);
            let runs =
                id.as_ref().and_then(|id| all.iter().find(|one| one.id.as_ref() == Some(id)));
            if runs.and_then(|one| one.image_id.as_ref()) != image {
                let what = format!(
                    "the copy {} does not run the approved image",
                    start.record.name(place)
                );
                let next = "see who else uses this engine; the next act looks again";
                return Err(hand.ends(Fault::new(what, &self.standing.project, next)));
            }
            start.record.places[*at].id = id;
        }
        self.order.records.save(&start.record).map_err(|fault| hand.ends(fault))
    }

    fn copies_of(&self, record: &Record, meant: &Meant, front: &Front) -> Vec<Copy> {
        let spec = &record.spec;
        let places = record.places.iter().filter_map(|place| Some((place, place.port?)));
        let copy = |(place, port): (&crate::target::record::Place, u16)| Copy {
            service: service_of(front, record, place.index),
            container: record.name(place),
            published: format!("{}:{port}", self.order.grounds.publish),
            image: meant.images.get(&front.name).cloned().unwrap_or_default(),
            labels: crate::target::make::own_labels(record, place.stamp).into_iter().collect(),
            env: vec![
                ("OPS_SERVICE".to_owned(), spec.service.to_string()),
                ("OPS_RELEASE".to_owned(), spec.release.to_string()),
            ],
            grace: grace_seconds(spec),
            log_mb: self.order.grounds.log_quota_mb,
        };
        places.map(copy).collect()
    }
}

/// What a copy of the front is called as a service of the overlay.
fn service_of(front: &Front, record: &Record, index: u32) -> String {
    format!("{}.{}.{index}", front.name, record.spec.release).replace('@', ".")
}
