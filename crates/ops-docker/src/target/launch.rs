//! Start.

use std::{
    collections::BTreeSet,
    fs::File,
    path::PathBuf,
    time::{Duration, Instant},
};

use bollard::{
    models::{ContainerSummary, NetworkConnectRequest},
    query_parameters::CreateContainerOptionsBuilder,
};
use ops_core::{
    id::Stamp,
    world::{Container, Fault, ReleaseSpec},
};
use ops_engine::ports::{Act, ActError, Look};

use super::{
    DockerTarget, Grounds,
    acts::{discard, out_of_time, stop_and_wait, tell_to_stop},
    carrier::Way,
    form::Form,
    inspect::{self, Life, foreign, inspect, life, not_ours, overtaken, seek},
    make::{self, grace_seconds},
    names, ports,
    record::{Place, Record, Records},
};
use crate::{
    engine::{CALL_MAX, Engine, Hand, Trouble, left},
    images::{Kept, OwnImage, Store, ensure_loaded},
};

/// How long a start waits for the engine to take an image that it lacks.
const LOAD_WAIT: Duration = Duration::from_secs(4);
/// Ports that are tried for one replica before it is called off.
const TRIES: usize = 5;

/// A start in the middle, with the turn that it holds.
pub(super) struct Start {
    pub(super) engine: Engine,
    pub(super) grounds: Grounds,
    pub(super) records: Records,
    pub(super) images: Store,
    pub(super) kept: Kept,
    pub(super) container: Container,
    pub(super) record: Record,
    pub(super) stamp: Stamp,
    /// Whether Compose makes its containers.
    pub(super) composed: bool,
    #[expect(dead_code, reason = "what is held is given back when the start ends")]
    pub(super) turn: File,
}

impl DockerTarget {
    pub(super) fn start_release(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        if spec.compose.is_some() {
            return self.raise_release(stamp, spec);
        }
        let until = Instant::now() + CALL_MAX;
        let container = make::check(spec).map_err(ActError::NotApplied)?.clone();
        let turn = self.records.turn(&spec.service, stamp)?;
        let record = self.records.record(spec).map_err(ActError::NotApplied)?;
        let kept = self.kept(spec).map_err(ActError::NotApplied)?;
        self.load(&kept)?;
        self.load_carrier(spec)?;
        let start = Start {
            engine: self.engine.clone(),
            grounds: self.grounds.clone(),
            records: self.records.clone(),
            images: self.images.clone(),
            kept,
            container,
            record,
            stamp,
            composed: false,
            turn,
        };
        let ended = self.engine.within(left(until), start.run());
        ended.unwrap_or_else(|| Err(out_of_time(&self.engine.place())))
    }

    /// Gives an engine on another machine ops's own image if a release has secrets, which are
    /// brought there by a container of it.
    pub(super) fn load_carrier(&self, spec: &ReleaseSpec) -> Act {
        if self.engine.is_local() || spec.secrets.is_empty() {
            return Ok(());
        }
        let own = OwnImage::of_this_program().map_err(ActError::NotApplied)?;
        let (engine, image) = (self.engine.clone(), own.clone());
        let begin = |_| async move { image.ensure(&engine).await.map(|_| ()) };
        self.loads.join(&self.engine, own.digest(), LOAD_WAIT, begin).unwrap_or_else(|_| {
            Err(ActError::NotApplied(Fault::new(
                "the engine lacks ops's own image and is being given it; nothing was done",
                self.engine.place(),
                "give the act again; it goes on meanwhile",
            )))
        })
    }

    fn kept(&self, spec: &ReleaseSpec) -> Look<Kept> {
        self.images.kept(&spec.artifact)?.ok_or_else(|| {
            let what = format!("the image {} is not in the store", spec.artifact);
            Fault::new(what, spec.release.to_string(), "import it first")
        })
    }

    /// Gives the engine the image if it lacks it; that goes on by itself when it takes long.
    fn load(&self, kept: &Kept) -> Act {
        let (engine, store, image) = (self.engine.clone(), self.images.clone(), kept.clone());
        let begin = |_| async move { ensure_loaded(&engine, &store, &image).await.map(|_| ()) };
        self.loads.join(&self.engine, &kept.digest, LOAD_WAIT, begin).unwrap_or_else(|_| {
            Err(ActError::NotApplied(Fault::new(
                "the engine lacks the image and is being given it; nothing was started",
                self.engine.place(),
                "give the act again; it goes on meanwhile",
            )))
        })
    }
}

impl Records {
    /// What is written down of a release, or a new record.
    pub(super) fn record(&self, spec: &ReleaseSpec) -> Look<Record> {
        let specification = names::specification(spec)?;
        let Some(mut record) = self.load(&spec.service, &spec.release)? else {
            let (token, places) = (token("docker target")?, Vec::new());
            return Ok(Record { spec: spec.clone(), specification, token, places, leaves: false });
        };
        if record.specification != specification {
            return Err(Fault::new(
                "this release exists with another specification",
                spec.release.to_string(),
                "a release never changes: deploy a new one",
            ));
        }
        record.spec = spec.clone();
        record.leaves = false;
        Ok(record)
    }
}

impl Start {
    async fn run(mut self) -> Act {
        let image = ensure_loaded(&self.engine, &self.images, &self.kept).await?;
        let hand = self.engine.hand().await;
        let mut hand = hand.map_err(|t| ActError::NotApplied(t.fault(&self.engine.place())))?;
        let service = self.record.spec.service.clone();
        let all = inspect::of(&hand.docker, &service).await.map_err(|t| hand.failed(&t))?;
        overtaken(&service, self.stamp, std::slice::from_ref(&self.record), &all)?;
        if let Some(name) = foreign(&self.record, &all) {
            let how = "it bears the labels of this release";
            return Err(hand.ends(not_ours(&name, how)));
        }
        self.check_networks(&hand).await?;
        self.stop_surplus(&mut hand, &all).await?;
        for index in 0..self.record.spec.replicas {
            self.replica(&mut hand, index, &image, &all).await?;
        }
        Ok(())
    }

    /// Networks must be there before anything is made.
    async fn check_networks(&self, hand: &Hand) -> Act {
        for network in &self.container.networks {
            match hand.docker.inspect_network(network, None).await.map_err(Trouble::from) {
                Ok(_) => {}
                Err(trouble) if trouble.is_absent() => {
                    let what = format!("there is no network {network}");
                    let next = format!("make it (`docker network create {network}`)");
                    return Err(hand.ends(Fault::new(what, self.engine.place(), next)));
                }
                Err(trouble) => return Err(hand.failed(&trouble)),
            }
        }
        Ok(())
    }

    /// Replicas beyond the number that is wanted are told to stop.
    pub(super) async fn stop_surplus(&mut self, hand: &mut Hand, all: &[ContainerSummary]) -> Act {
        let (wanted, stamp) = (self.record.spec.replicas, self.stamp);
        let mut ids = Vec::new();
        for at in 0..self.record.places.len() {
            if self.record.places[at].index >= wanted {
                (self.record.places[at].runs, self.record.places[at].stamp) = (false, stamp);
                ids.extend(seek(&self.record, &self.record.places[at], all));
            }
        }
        if ids.is_empty() {
            return Ok(());
        }
        self.save(hand)?;
        hand.changed();
        tell_to_stop(&self.engine, hand, ids, grace_seconds(&self.record.spec)).await
    }

    /// Writes all replicas down that are wanted, with ports of their own, and tells which of them
    /// have no container.
    pub(super) async fn places(
        &mut self,
        hand: &Hand,
        all: &[ContainerSummary],
    ) -> Result<Vec<usize>, ActError> {
        let mut missing = Vec::new();
        for index in 0..self.record.spec.replicas {
            let at = self.place(index);
            if seek(&self.record, &self.record.places[at], all).is_some() {
                continue;
            }
            self.record.places[at].id = None;
            (self.record.places[at].runs, self.record.places[at].stamp) = (true, self.stamp);
            // One that somebody took since, while no container had it, is given up.
            let fixed = self.record.spec.fixed_port.is_some();
            if !fixed && let Some(port) = self.record.places[at].port {
                let taken = ports::Taken::read(&self.records, &hand.docker, true).await;
                let taken =
                    taken.map_err(|t| hand.failed(&t))?.map_err(|fault| hand.ends(fault))?;
                if !taken.is_quiet(port).map_err(|fault| hand.ends(fault))? {
                    self.record.places[at].port = None;
                }
            }
            self.choose_port(hand, at, &BTreeSet::new()).await?;
            missing.push(at);
        }
        Ok(missing)
    }

    /// Makes one replica run, whatever is there of it.
    pub(super) async fn replica(
        &mut self,
        hand: &mut Hand,
        index: u32,
        image: &str,
        all: &[ContainerSummary],
    ) -> Act {
        let at = self.place(index);
        let was_told_to_run = self.record.places[at].runs;
        let (runs, stamp) = (true, self.stamp);
        (self.record.places[at].runs, self.record.places[at].stamp) = (runs, stamp);
        let Some(id) = seek(&self.record, &self.record.places[at], all) else {
            // What was there was taken away by somebody.
            (self.record.places[at].id, self.record.places[at].made) = (None, None);
            if self.composed {
                let (name, next) =
                    (self.record.name(&self.record.places[at]), "give the act again");
                return Err(hand.ends(Fault::new("somebody removed the container", name, next)));
            }
            return self.make(hand, at, image).await;
        };
        let found = inspect(&hand.docker, &id).await.map_err(|t| hand.failed(&t))?;
        let alive = found.as_ref().map_or(Life::Down, life);
        self.record.places[at].id = Some(id.clone());
        // Whoever made it did not come to write that down.
        if self.record.places[at].made.is_none() {
            self.record.places[at].made = found.as_ref().map(Form::of);
        }
        self.save(hand)?;
        match alive {
            Life::Running | Life::Restarting if was_told_to_run => return Ok(()),
            Life::Paused if was_told_to_run => {
                hand.docker.unpause_container(&id).await.map_err(|e| hand.failed(&e.into()))?;
                return Ok(());
            }
            Life::Leaving => {
                let next = "look until it is gone, then give the act again";
                return Err(hand.ends(Fault::new("the container is being removed", id, next)));
            }
            Life::Down => {}
            // It is on its way out, which cannot be called back: it ends first.
            Life::Running | Life::Restarting | Life::Paused => {
                hand.changed();
                let grace = grace_seconds(&self.record.spec);
                stop_and_wait(&hand.docker, &id, grace).await.map_err(|t| hand.failed(&t))?;
            }
        }
        self.secrets(hand, at).await?;
        match hand.docker.start_container(&id, None).await.map_err(Trouble::from) {
            Ok(()) => {
                hand.changed();
                Ok(())
            }
            Err(trouble) => {
                let refused = self.not_started(hand, at, &trouble);
                if self.composed && ports::says_taken(&trouble) {
                    // The next act makes it anew, with another port.
                    discard(&hand.docker, &id).await.map_err(|t| hand.failed(&t))?;
                    self.record.places[at].id = None;
                    self.save(hand)?;
                }
                Err(refused)
            }
        }
    }

    /// Makes a replica's container and starts it, with a port that nobody else has.
    async fn make(&mut self, hand: &mut Hand, at: usize, image: &str) -> Act {
        let mut tried = BTreeSet::new();
        loop {
            self.choose_port(hand, at, &tried).await?;
            let id = self.create(hand, at, image).await?;
            let trouble = match self.wake(hand, &id).await {
                Ok(()) => {
                    hand.changed();
                    return self.write_down(hand, at, &id).await;
                }
                Err(trouble) => trouble,
            };
            let refused = self.not_started(hand, at, &trouble);
            if matches!(trouble, Trouble::Lost(_)) {
                return Err(refused);
            }
            // What was made for nothing goes again, so that the act was not done.
            discard(&hand.docker, &id).await.map_err(|t| {
                hand.changed();
                hand.failed(&t)
            })?;
            let port = self.record.places[at].port.take();
            self.record.places[at].id = None;
            self.record.places[at].runs = false;
            self.save(hand)?;
            let again = ports::says_taken(&trouble) && self.record.spec.fixed_port.is_none();
            tried.extend(port);
            if !again || tried.len() >= TRIES {
                return Err(refused);
            }
            self.record.places[at].runs = true;
        }
    }

    /// Writes down how a container was made, so that what somebody changes is noticed.
    async fn write_down(&mut self, hand: &Hand, at: usize, id: &str) -> Act {
        let found = inspect(&hand.docker, id).await.map_err(|t| hand.failed(&t))?;
        self.record.places[at].made = found.as_ref().map(Form::of);
        self.save(hand)
    }

    /// Joins the other networks and starts.
    async fn wake(&self, hand: &Hand, id: &str) -> Result<(), Trouble> {
        for network in self.container.networks.iter().skip(1) {
            let request = NetworkConnectRequest { container: id.to_owned(), endpoint_config: None };
            hand.docker.connect_network(network, request).await?;
        }
        Ok(hand.docker.start_container(id, None).await?)
    }

    /// Chooses and writes down a replica's port, if it needs one.
    async fn choose_port(&mut self, hand: &Hand, at: usize, tried: &BTreeSet<u16>) -> Act {
        if self.container.port.is_none() {
            return self.save(hand);
        }
        let _turn = self.records.port_turn().map_err(|fault| hand.ends(fault))?;
        let local = self.engine.is_local();
        let taken = ports::Taken::read(&self.records, &hand.docker, local).await;
        let taken = taken.map_err(|t| hand.failed(&t))?.map_err(|fault| hand.ends(fault))?;
        let own = self.record.spec.fixed_port.or(self.record.places[at].port);
        let port = match own {
            Some(port) if taken.is_quiet(port).map_err(|fault| hand.ends(fault))? => port,
            Some(port) => return Err(hand.ends(ports::held(port))),
            None => taken.choose(self.grounds.ports, tried).map_err(|fault| hand.ends(fault))?,
        };
        self.record.places[at].port = Some(port);
        self.save(hand)
    }

    async fn create(
        &mut self,
        hand: &mut Hand,
        at: usize,
        image: &str,
    ) -> Result<String, ActError> {
        let folder = self.secrets(hand, at).await?;
        let place = &self.record.places[at];
        let name = self.record.name(place);
        let (record, grounds) = (&self.record, &self.grounds);
        let body = make::body(record, place, &self.container, image, grounds, folder.as_deref());
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let made = hand.docker.create_container(Some(options), body).await.map_err(Trouble::from);
        let id = match made {
            Ok(made) => made.id,
            Err(trouble) if trouble.is_conflict() => {
                return Err(hand.ends(not_ours(&name, "it has the name of our replica")));
            }
            Err(trouble) => return Err(hand.failed(&trouble)),
        };
        self.record.places[at].id = Some(id.clone());
        self.records.save(&self.record).map_err(ActError::Unknown)?;
        Ok(id)
    }

    /// Why a container did not start.
    fn not_started(&self, hand: &Hand, at: usize, trouble: &Trouble) -> ActError {
        match self.record.places[at].port {
            Some(port) if ports::says_taken(trouble) => hand.ends(ports::held(port)),
            _ => hand.failed(trouble),
        }
    }

    async fn secrets(&self, hand: &Hand, at: usize) -> Result<Option<PathBuf>, ActError> {
        if self.composed {
            // Its overlay names the files.
            return Ok(None);
        }
        let name = self.record.name(&self.record.places[at]);
        Way { engine: &self.engine, grounds: &self.grounds }.put(hand, &self.record, &name).await
    }

    /// Where a replica is written down; a new one is added.
    fn place(&mut self, index: u32) -> usize {
        let places = &mut self.record.places;
        if let Some(at) = places.iter().position(|place| place.index == index) {
            return at;
        }
        let (port, id, made) = (None, None, None);
        places.push(Place { index, port, id, runs: true, stamp: self.stamp, made });
        places.len() - 1
    }

    fn save(&self, hand: &Hand) -> Act {
        self.records.save(&self.record).map_err(|fault| hand.ends(fault))
    }
}

/// What the containers of one release carry to be known as ours: nobody else can have guessed it.
pub(crate) fn token(whose: &str) -> Look<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        Fault::new(format!("there is no chance to be had: {error}"), whose, "try again")
    })?;
    Ok(ops_core::id::Digest::from_hash(&bytes).hex().to_owned())
}
