//! Start of a release that is part of a Compose project.
//!
//! First what stands beside the front is brought to what the release's file says: what changed is
//! made anew in the order of dependencies, the rest is not touched. Then copies of the front are
//! made, which run beside those of other releases. Both go through the Compose program, which may
//! take long; so the work goes on by itself, and the same act given again joins it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs::File,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use bollard::{
    Docker,
    models::{ContainerStateStatusEnum, ContainerSummary},
    query_parameters::{ListContainersOptionsBuilder, StopContainerOptionsBuilder},
};
use ops_core::{
    id::{Digest, ServiceName, Stamp},
    world::{Compose, Container, Fault, ReleaseSpec},
};
use ops_engine::ports::{Act, ActError, Look};

use super::{
    DockerTarget, Grounds, REPLICAS_MAX,
    acts::discard,
    inspect::{self, Life, foreign, inspect, life, overtaken, seek},
    launch::{Start, token},
    make::grace_seconds,
    names,
    record::{Record, Records, stale},
    standing::{self, PROJECT, Standing, Stood},
};
use crate::{
    compose::{
        self, Bundle, CONFIGURATION, Call, ComposeProjects, Copy, Front, Halt, Model, Other,
        overlay, project_name,
    },
    engine::{Engine, Hand, Trouble},
    images::{Kept, Store, ensure_loaded},
};

/// How long an act waits for the work to end; it goes on.
const WAIT: Duration = Duration::from_secs(6);
/// How long it waits for its turn: as long as Compose may have it.
const TURN_MAX: Duration = Duration::from_secs(135);
const TURN_PAUSE: Duration = Duration::from_millis(50);
/// How long a container must stay that was made.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a container that leaves the project may take.
const LEAVE_MAX: Duration = Duration::from_mins(1);

/// The work, with the turn that it holds.
struct Raise {
    engine: Engine,
    grounds: Grounds,
    records: Records,
    images: Store,
    projects: ComposeProjects,
    record: Record,
    compose: Compose,
    standing: Standing,
    stamp: Stamp,
    halt: Halt,
    turn: File,
}

/// What the files say.
struct Meant {
    model: Model,
    front: Front,
    folder: std::path::PathBuf,
    /// The engine's id of every service's image.
    images: BTreeMap<String, String>,
    /// The image of the front as it is kept.
    kept: Kept,
    /// What each other service is made from.
    configurations: BTreeMap<String, String>,
}

impl DockerTarget {
    /// Lets Compose projects run here.
    #[must_use]
    pub fn with_projects(mut self, projects: ComposeProjects) -> Self {
        self.projects = Some(projects);
        self
    }

    pub(super) fn raise_release(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        let (compose, projects) = self.check_project(spec).map_err(ActError::NotApplied)?;
        let service = &spec.service;
        let highest = self.records.stamp(service).map_err(ActError::NotApplied)?;
        if stamp < highest {
            return Err(stale(service, stamp, highest));
        }
        let halt =
            self.halt_for(service, &format!("{} {}", spec.release, names::stamp_label(stamp)));
        let key = format!("{service} {} {}", spec.release, names::stamp_label(stamp));
        let key = Digest::of(key.as_bytes());
        let begin = |_| {
            let order = Order {
                engine: self.engine.clone(),
                grounds: self.grounds.clone(),
                records: self.records.clone(),
                images: self.images.clone(),
                projects,
                compose,
                spec: spec.clone(),
                stamp,
                halt,
            };
            order.run()
        };
        self.raises.join(&self.engine, &key, WAIT, begin).unwrap_or_else(|_| {
            let next = "give the act again; it goes on meanwhile";
            Err(ActError::Unknown(Fault::new("Compose is at work", self.engine.place(), next)))
        })
    }

    /// What must be so before anything is made.
    fn check_project(&self, spec: &ReleaseSpec) -> Look<(Compose, ComposeProjects)> {
        let place = spec.release.to_string();
        names::check(spec.service.as_str())?;
        names::check(spec.release.as_str())?;
        let refused = |what: &str, next: &str| Err(Fault::new(what, &place, next));
        let Some(compose) = spec.compose.as_deref().cloned() else {
            return refused("this release is no Compose project", "deploy it with its own target");
        };
        let Some(projects) = self.projects.clone() else {
            return refused("no Compose projects run here", "let ops know the Compose program");
        };
        if spec.replicas > REPLICAS_MAX || (spec.fixed_port.is_some() && spec.replicas > 1) {
            let what = format!("{} replicas cannot be started", spec.replicas);
            let next = format!("at most {REPLICAS_MAX} replicas; with a fixed port, one");
            return Err(Fault::new(what, place, next));
        }
        if !spec.secrets.is_empty() {
            let next = "let the project's file name them: `secrets: { token: { file: … } }`";
            return refused("secrets do not reach a Compose project from here", next);
        }
        if !self.engine.is_local() {
            let next = "run ops on the engine's machine";
            return refused("Compose projects run on an engine of this machine only", next);
        }
        Ok((compose, projects))
    }

    /// The word that ends this work; work of another act on the service ends now.
    fn halt_for(&self, service: &ServiceName, act: &str) -> Halt {
        let mut halts = self.halts.lock().unwrap_or_else(PoisonError::into_inner);
        match halts.get(service) {
            Some((of, halt)) if of == act => halt.clone(),
            before => {
                if let Some((_, halt)) = before {
                    halt.halt();
                }
                let halt = Halt::default();
                halts.insert(service.clone(), (act.to_owned(), halt.clone()));
                halt
            }
        }
    }

    /// Ends the work on a service's project for an act that comes after it.
    pub(super) fn halt(&self, service: &ServiceName, stamp: Stamp) {
        if self.records.stamp(service).is_ok_and(|highest| stamp < highest) {
            return;
        }
        let mut halts = self.halts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, halt)) = halts.remove(service) {
            halt.halt();
        }
    }
}

/// What was ordered, before it has its turn.
struct Order {
    engine: Engine,
    grounds: Grounds,
    records: Records,
    images: Store,
    projects: ComposeProjects,
    compose: Compose,
    spec: ReleaseSpec,
    stamp: Stamp,
    halt: Halt,
}

impl Order {
    async fn run(self) -> Act {
        let turn = self.turn().await?;
        let raise = self.ready(turn).map_err(ActError::NotApplied)?;
        raise.run().await
    }

    /// Waits until Compose has ended that was at work for somebody before, who may be gone.
    async fn turn(&self) -> Result<File, ActError> {
        let until = Instant::now() + TURN_MAX;
        loop {
            if let Some(turn) = self.records.free_turn(&self.spec.service, self.stamp)? {
                return Ok(turn);
            }
            if self.halt.halted() || Instant::now() > until {
                let next = "give the act again; the turn is freed when its holder ends";
                let place = self.spec.service.to_string();
                let fault = Fault::new("another act is under way and has not ended", place, next);
                return Err(ActError::NotApplied(fault));
            }
            tokio::time::sleep(TURN_PAUSE).await;
        }
    }

    fn ready(self, turn: File) -> Look<Raise> {
        let project = project_name(&self.compose, &self.spec.service);
        let standing = match self.records.standing(&self.spec.service)? {
            Some(standing) if standing.project == project => standing,
            Some(standing) => {
                let what = format!("the project is called `{}` so far", standing.project);
                let next = "keep its name: with another one all of it would be made twice";
                return Err(Fault::new(what, self.spec.release.to_string(), next));
            }
            None => Standing {
                project,
                token: token()?,
                release: self.spec.release.clone(),
                others: BTreeMap::new(),
                networks_before: None,
            },
        };
        Ok(Raise {
            record: self.records.record(&self.spec)?,
            engine: self.engine,
            grounds: self.grounds,
            records: self.records,
            images: self.images,
            projects: self.projects,
            compose: self.compose,
            standing,
            stamp: self.stamp,
            halt: self.halt,
            turn,
        })
    }
}

impl Raise {
    async fn run(mut self) -> Act {
        let meant = self.meant().await?;
        let hand = self.engine.hand().await;
        let mut hand = hand.map_err(|t| ActError::NotApplied(t.fault(&self.engine.place())))?;
        self.check(&hand).await?;
        self.others(&mut hand, &meant).await?;
        self.copies(hand, meant).await
    }

    /// Reads what the release's files say, and gives the engine its images.
    async fn meant(&self) -> Result<Meant, ActError> {
        let refused = ActError::NotApplied;
        let spec = &self.record.spec;
        let missing =
            |what: String| refused(Fault::new(what, spec.release.to_string(), "import it first"));
        let bundle: Option<Bundle> = self.projects.bundle(&spec.artifact).map_err(refused)?;
        let bundle = bundle
            .ok_or_else(|| missing(format!("the project {} is not in the store", spec.artifact)))?;
        let folder = self.projects.folder(&bundle).map_err(refused)?;
        let model = {
            let (projects, folder) = (self.projects.clone(), folder.clone());
            let (digest, compose, env) =
                (bundle.folder.clone(), self.compose.clone(), spec.env.clone());
            blocking(move || projects.model(&folder, &digest, &compose, &env))
                .await
                .map_err(refused)?
        };
        let front = model.front(&self.compose).map_err(refused)?;
        let mut images = BTreeMap::new();
        let mut of_front = None;
        for (service, image) in &bundle.images {
            let digest = image.rsplit_once('@').and_then(|(_, digest)| digest.parse().ok());
            let kept = match &digest {
                Some(digest) => self.images.kept(digest).map_err(refused)?,
                None => None,
            };
            let kept =
                kept.ok_or_else(|| missing(format!("the image {image} is not in the store")))?;
            let id = ensure_loaded(&self.engine, &self.images, &kept).await?;
            images.insert(service.clone(), id);
            if *service == front.name {
                of_front = Some(kept);
            }
        }
        let kept =
            of_front.ok_or_else(|| missing(format!("no image of {} is known", front.name)))?;
        let configurations = {
            let (model, front, images) = (model.clone(), front.clone(), bundle.images.clone());
            blocking(move || model.configurations(&front, &images)).await.map_err(refused)?
        };
        Ok(Meant { model, front, folder, images, kept, configurations })
    }

    /// Refuses what is overtaken or somebody else's.
    async fn check(&self, hand: &Hand) -> Act {
        let service = &self.record.spec.service;
        let all = inspect::of(&hand.docker, service).await.map_err(|t| hand.failed(&t))?;
        overtaken(service, self.stamp, std::slice::from_ref(&self.record), &all)?;
        if let Some(name) = foreign(&self.record, &all) {
            return Err(hand.ends(inspect::not_ours(&name, "it bears the labels of this release")));
        }
        let mut records = self.records.of(service).map_err(|fault| hand.ends(fault))?;
        records.push(self.record.clone());
        let all = self.project(&hand.docker).await.map_err(|t| hand.failed(&t))?;
        let strangers = self.standing.strangers(&records, &all);
        if !strangers.is_empty() {
            return Err(hand.ends(standing::not_ours(&self.standing.project, &strangers)));
        }
        Ok(())
    }

    /// All containers of the project, whoever made them.
    async fn project(&self, docker: &Docker) -> Result<Vec<ContainerSummary>, Trouble> {
        let label = format!("{PROJECT}={}", self.standing.project);
        let filters = HashMap::from([("label", vec![label.as_str()])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        Ok(docker.list_containers(Some(options)).await?)
    }

    fn call(&self, meant: &Meant, hand: &Hand) -> Result<Call, ActError> {
        let spec = &self.record.spec;
        let overlay = self.records.overlay(&spec.service, &spec.release);
        let overlay = overlay.map_err(|fault| hand.ends(fault))?;
        let turn = self.turn.try_clone().map_err(|error| {
            let next = "raise the limit of open files of ops";
            hand.ends(Fault::new(error.to_string(), self.engine.place(), next))
        })?;
        Ok(Call {
            folder: meant.folder.clone(),
            project: self.standing.project.clone(),
            files: vec![meant.folder.join(&self.compose.file), overlay],
            env: spec.env.clone(),
            engine: self.engine.address(),
            turn: Some(Arc::new(turn)),
        })
    }

    /// Runs Compose; what it began and did not end is not known.
    async fn up(&self, words: &[&str], services: &[String], call: &Call, hand: &mut Hand) -> Act {
        let mut all: Vec<String> = ["up", "--no-deps", "--no-build"].map(str::to_owned).into();
        all.extend(words.iter().map(|word| (*word).to_owned()));
        all.extend_from_slice(services);
        hand.changed();
        let (program, call, halt) =
            (self.projects.program.clone(), call.clone(), self.halt.clone());
        let ran = blocking(move || {
            let words: Vec<&str> = all.iter().map(String::as_str).collect();
            program.run(&words, &call, &halt)
        });
        ran.await.map(drop).map_err(ActError::Unknown)
    }

    /// Brings what stands beside the front to what the release says.
    async fn others(&mut self, hand: &mut Hand, meant: &Meant) -> Act {
        let all = self.project(&hand.docker).await.map_err(|t| hand.failed(&t))?;
        let there: BTreeSet<&str> = all.iter().filter_map(|one| one.id.as_deref()).collect();
        let order: Vec<String> =
            meant.model.others(&meant.front).into_iter().map(str::to_owned).collect();
        let mut changed = Vec::new();
        for (place, name) in order.iter().enumerate() {
            let wanted = meant.configurations.get(name).cloned().unwrap_or_default();
            let stood = self.standing.others.entry(name.clone()).or_default();
            stood.place = place;
            let whole =
                !stood.ids.is_empty() && stood.ids.iter().all(|id| there.contains(id.as_str()));
            if stood.configuration == wanted && whole {
                continue;
            }
            let mut before = std::mem::take(&mut stood.before);
            before.append(&mut stood.ids);
            before.retain(|id| there.contains(id.as_str()));
            let image = meant.images.get(name).cloned().unwrap_or_default();
            let (ids, proven) = (Vec::new(), false);
            *stood = Stood { configuration: wanted, image, ids, before, place, proven };
            changed.push(name.clone());
        }
        self.standing.release = self.record.spec.release.clone();
        if self.standing.networks_before.is_none() {
            let before = standing::networks(&hand.docker, &self.standing.project).await;
            self.standing.networks_before = Some(before.map_err(|t| hand.failed(&t))?);
        }
        // Written first: whoever comes after a crash knows what is ours.
        self.save_standing(hand)?;
        self.records.save(&self.record).map_err(|fault| hand.ends(fault))?;
        self.write(meant, hand, &[]).await?;
        if !changed.is_empty() {
            let call = self.call(meant, hand)?;
            self.up(&["-d", "--force-recreate"], &changed, &call, hand).await?;
            self.note_made(hand, &changed).await?;
        }
        self.leave(hand, &order).await?;
        self.settled(hand, &order).await
    }

    fn save_standing(&self, hand: &Hand) -> Act {
        let service = &self.record.spec.service;
        self.records.save_standing(service, &self.standing).map_err(|fault| hand.ends(fault))
    }

    /// Reads back what Compose made, and proves what it runs (P7).
    async fn note_made(&mut self, hand: &mut Hand, changed: &[String]) -> Act {
        let all = self.project(&hand.docker).await.map_err(|t| hand.failed(&t))?;
        for name in changed {
            let made = self.standing.made(name, &all);
            let Some(stood) = self.standing.others.get_mut(name) else { continue };
            if let Some((_, other)) = made.iter().find(|(_, image)| *image != stood.image) {
                let what = format!("`{name}` runs {other}, not the approved {}", stood.image);
                let next = "see who else uses this engine; the next act makes it anew";
                return Err(hand.ends(Fault::new(what, &self.standing.project, next)));
            }
            stood.ids = made.into_iter().map(|(id, _)| id).collect();
            // What a run that broke off has left beside them.
            for id in std::mem::take(&mut stood.before) {
                if all.iter().any(|one| one.id.as_ref() == Some(&id)) {
                    take_down(&hand.docker, &id).await.map_err(|t| hand.failed(&t))?;
                }
            }
        }
        self.save_standing(hand)
    }

    /// What the release's file does not have any more leaves, dependants first.
    async fn leave(&mut self, hand: &mut Hand, order: &[String]) -> Act {
        let gone = self.standing.others.iter().filter(|(name, _)| !order.contains(name));
        let mut gone: Vec<(usize, String)> =
            gone.map(|(name, stood)| (stood.place, name.clone())).collect();
        gone.sort();
        for (_, name) in gone.into_iter().rev() {
            let Some(stood) = self.standing.others.get(&name) else { continue };
            for id in stood.ids.iter().chain(&stood.before) {
                hand.changed();
                take_down(&hand.docker, id).await.map_err(|trouble| hand.failed(&trouble))?;
            }
            self.standing.others.remove(&name);
            self.save_standing(hand)?;
        }
        Ok(())
    }

    /// What was made stays for a moment, or has done what it had to do; what was seen to do so
    /// already is left as it is.
    async fn settled(&mut self, hand: &mut Hand, order: &[String]) -> Act {
        for name in order {
            let Some(stood) = self.standing.others.get(name).filter(|stood| !stood.proven) else {
                continue;
            };
            for id in stood.ids.clone() {
                let until = Instant::now() + SETTLE;
                while Instant::now() < until {
                    self.stays(hand, name, &id).await?;
                    tokio::time::sleep(TURN_PAUSE).await;
                }
            }
            if let Some(stood) = self.standing.others.get_mut(name) {
                stood.proven = true;
            }
            self.save_standing(hand)?;
        }
        Ok(())
    }

    /// Says so if a container has ended badly; one that was never started is.
    async fn stays(&self, hand: &mut Hand, name: &str, id: &str) -> Act {
        let found = inspect(&hand.docker, id).await.map_err(|t| hand.failed(&t))?;
        let state = found.as_ref().and_then(|found| found.state.as_ref());
        let code = state.and_then(|state| state.exit_code).unwrap_or(0);
        let ended = state.and_then(|state| state.status) == Some(ContainerStateStatusEnum::EXITED);
        match found.as_ref().map(life) {
            Some(Life::Running | Life::Paused) => Ok(()),
            Some(Life::Down) if ended && code == 0 => Ok(()),
            Some(Life::Down) if !ended => {
                let started = hand.docker.start_container(id, None).await;
                started.map_err(|error| hand.failed(&error.into()))?;
                hand.changed();
                Ok(())
            }
            Some(Life::Down | Life::Restarting | Life::Leaving) | None => {
                let what = format!("the service `{name}` ended with exit status {code}");
                let next = format!("see why: `docker logs {}`", id.get(..12).unwrap_or(id));
                Err(hand.ends(Fault::new(what, &self.standing.project, next)))
            }
        }
    }

    /// Writes the overlay with the others and these copies of the front.
    async fn write(&self, meant: &Meant, hand: &Hand, copies: &[Copy]) -> Act {
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
        let others: Vec<Other> = meant.model.others(&meant.front).iter().map(of).collect();
        let (model, front, copies) = (meant.model.clone(), meant.front.clone(), copies.to_vec());
        let paths = self
            .records
            .files(&spec.service)
            .and_then(|files| Ok((files, self.records.overlay(&spec.service, &spec.release)?)));
        let (files, path) = paths.map_err(|fault| hand.ends(fault))?;
        let written = blocking(move || {
            let overlay = overlay(&model, &front, &others, &copies, &files)?;
            compose::write(&path, &overlay)
        });
        written.await.map_err(|fault| hand.ends(fault))
    }

    /// Copies of the front that are not there are made; then all of them are made to run.
    async fn copies(self, mut hand: Hand, meant: Meant) -> Act {
        let mut start = Start {
            engine: self.engine.clone(),
            grounds: self.grounds.clone(),
            records: self.records.clone(),
            images: self.images.clone(),
            kept: meant.kept.clone(),
            container: Container { port: Some(meant.front.port), ..Container::default() },
            record: self.record.clone(),
            stamp: self.stamp,
            composed: true,
            turn: self.turn.try_clone().map_err(|error| {
                let next = "raise the limit of open files of ops";
                hand.ends(Fault::new(error.to_string(), self.engine.place(), next))
            })?,
        };
        let service = self.record.spec.service.clone();
        let all = inspect::of(&hand.docker, &service).await.map_err(|t| hand.failed(&t))?;
        start.stop_surplus(&mut hand, &all).await?;
        let missing = start.places(&hand, &all).await?;
        if !missing.is_empty() {
            self.make(&mut start, &mut hand, &meant, &missing).await?;
        }
        let all = inspect::of(&hand.docker, &service).await.map_err(|t| hand.failed(&t))?;
        let image = meant.images.get(&meant.front.name).cloned().unwrap_or_default();
        for index in 0..self.record.spec.replicas {
            start.replica(&mut hand, index, &image, &all).await?;
        }
        Ok(())
    }

    /// Lets Compose make copies of the front, which are started after that.
    async fn make(
        &self,
        start: &mut Start,
        hand: &mut Hand,
        meant: &Meant,
        missing: &[usize],
    ) -> Act {
        for at in missing {
            let name = start.record.name(&start.record.places[*at]);
            if inspect(&hand.docker, &name).await.map_err(|t| hand.failed(&t))?.is_some() {
                return Err(hand.ends(inspect::not_ours(&name, "it has the name of our replica")));
            }
        }
        let copies = self.copies_of(&start.record, meant);
        self.write(meant, hand, &copies).await?;
        let services: Vec<String> = missing
            .iter()
            .map(|at| service_of(&meant.front, &start.record, start.record.places[*at].index))
            .collect();
        let call = self.call(meant, hand)?;
        self.up(&["--no-start", "--no-recreate"], &services, &call, hand).await?;
        let service = &self.record.spec.service;
        let all = inspect::of(&hand.docker, service).await.map_err(|t| hand.failed(&t))?;
        let image = meant.images.get(&meant.front.name);
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
        self.records.save(&start.record).map_err(|fault| hand.ends(fault))
    }

    fn copies_of(&self, record: &Record, meant: &Meant) -> Vec<Copy> {
        let spec = &record.spec;
        let places = record.places.iter().filter_map(|place| Some((place, place.port?)));
        let copy = |(place, port): (&super::record::Place, u16)| Copy {
            service: service_of(&meant.front, record, place.index),
            container: record.name(place),
            published: format!("{}:{port}", self.grounds.publish),
            image: meant.images.get(&meant.front.name).cloned().unwrap_or_default(),
            labels: super::make::own_labels(record, place.stamp).into_iter().collect(),
            env: vec![
                ("OPS_SERVICE".to_owned(), spec.service.to_string()),
                ("OPS_RELEASE".to_owned(), spec.release.to_string()),
            ],
            grace: grace_seconds(spec),
            log_mb: self.grounds.log_quota_mb,
        };
        places.map(copy).collect()
    }
}

/// What a copy of the front is called as a service of the overlay.
fn service_of(front: &Front, record: &Record, index: u32) -> String {
    format!("{}.{}.{index}", front.name, record.spec.release).replace('@', ".")
}

/// Stops a container and removes it, with the volumes that were made for it alone.
pub(super) async fn take_down(docker: &Docker, id: &str) -> Result<(), Trouble> {
    let patient = docker.clone().with_timeout(LEAVE_MAX);
    // With the grace that its own file gives it.
    let options = StopContainerOptionsBuilder::new().build();
    match patient.stop_container(id, Some(options)).await.map_err(Trouble::from) {
        Err(trouble) if trouble.is_absent() => return Ok(()),
        other => other?,
    }
    discard(docker, id).await
}

/// Does what waits for a disk or a program where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Look<T> + Send + 'static) -> Look<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Fault::new("the work on the project broke off", "docker target", "try again"))
    })
}
