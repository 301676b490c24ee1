//! Start of a release that is part of a Compose project.
//!
//! First what stands beside the front is brought to what the release's file says: what changed is
//! made anew in the order of dependencies, the rest is not touched. Then copies of the front are
//! made, which run beside those of other releases. Both go through the Compose program, which may
//! take long; so the work goes on by itself, and the same act given again joins it.

pub(super) mod bring;
mod copies;
mod others;

use std::{
    collections::BTreeMap,
    fs::File,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use bollard::{Docker, models::ContainerSummary, query_parameters::StopContainerOptionsBuilder};
use ops_core::{
    id::{Digest, ServiceName, Stamp},
    world::{Compose, Fault, ReleaseSpec},
};
use ops_engine::ports::{Act, ActError, Look};

use super::{
    DockerTarget, Grounds, REPLICAS_MAX,
    acts::discard,
    inspect::{self, foreign, overtaken},
    launch::token,
    names,
    record::{Record, Records, stale},
    standing::{self, Standing},
};
use crate::{
    compose::{Brought, Bundle, Call, ComposeProjects, Front, Halt, Model, project_name},
    durable::blocking,
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

/// What was ordered, with all that its work needs.
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

/// The work, with the turn that it holds.
struct Raise {
    order: Order,
    record: Record,
    standing: Standing,
    turn: File,
}

/// What the files say.
struct Meant {
    model: Model,
    /// The service behind the door, with its image as it is kept.
    front: Option<(Front, Kept)>,
    folder: std::path::PathBuf,
    /// The engine's id of every service's image.
    images: BTreeMap<String, String>,
    /// The secrets of ops.yaml, as they lie for the containers that name them.
    brought: Brought,
    /// What each other service is made from.
    configurations: BTreeMap<String, String>,
}

impl Meant {
    /// The service behind the door.
    fn named(&self) -> Option<&Front> {
        self.front.as_ref().map(|(front, _)| front)
    }
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
        let act = format!("{} {}", spec.release, names::stamp_label(stamp));
        let halt = self.halt_for(service, &act);
        let key = Digest::of(format!("{service} {act}").as_bytes());
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
                token: token("docker target")?,
                release: self.spec.release.clone(),
                others: BTreeMap::new(),
                networks_before: None,
                key: None,
                secrets: BTreeMap::new(),
            },
        };
        Ok(Raise { record: self.records.record(&self.spec)?, standing, turn, order: self })
    }
}

impl Raise {
    async fn run(mut self) -> Act {
        let meant = self.meant().await?;
        let hand = self.order.engine.hand().await;
        let mut hand =
            hand.map_err(|t| ActError::NotApplied(t.fault(&self.order.engine.place())))?;
        self.check(&hand).await?;
        self.others(&mut hand, &meant).await?;
        match &meant.front {
            Some((front, kept)) => self.copies(hand, &meant, front, kept).await,
            None => Ok(()),
        }
    }

    /// Reads what the release's files say, and gives the engine its images.
    async fn meant(&mut self) -> Result<Meant, ActError> {
        let refused = ActError::NotApplied;
        let spec = self.record.spec.clone();
        let missing =
            |what: String| refused(Fault::new(what, spec.release.to_string(), "import it first"));
        let bundle: Option<Bundle> = self.order.projects.bundle(&spec.artifact).map_err(refused)?;
        let bundle = bundle
            .ok_or_else(|| missing(format!("the project {} is not in the store", spec.artifact)))?;
        let folder = self.order.projects.folder(&bundle).map_err(refused)?;
        let model = {
            let (projects, folder) = (self.order.projects.clone(), folder.clone());
            let (digest, compose, env) =
                (bundle.folder.clone(), self.order.compose.clone(), spec.env.clone());
            blocking(move || projects.model(&folder, &digest, &compose, &env))
                .await
                .map_err(refused)?
        };
        let front = model.front(&self.order.compose).map_err(refused)?;
        let mut images = BTreeMap::new();
        let mut all_kept = BTreeMap::new();
        for (service, image) in &bundle.images {
            let digest = image.rsplit_once('@').and_then(|(_, digest)| digest.parse().ok());
            let kept = match &digest {
                Some(digest) => self.order.images.kept(digest).map_err(refused)?,
                None => None,
            };
            let kept =
                kept.ok_or_else(|| missing(format!("the image {image} is not in the store")))?;
            let id = ensure_loaded(&self.order.engine, &self.order.images, &kept).await?;
            images.insert(service.clone(), id);
            all_kept.insert(service.clone(), kept);
        }
        let brought = self.bring(&model).await.map_err(refused)?;
        let configurations = {
            let (model, front, images) = (model.clone(), front.clone(), bundle.images.clone());
            let brought = brought.clone();
            let read = move || model.configurations(front.as_ref(), &images, &brought);
            blocking(read).await.map_err(refused)?
        };
        let front = match front {
            Some(front) => {
                let kept = all_kept.remove(&front.name);
                let unknown = || missing(format!("no image of {} is known", front.name));
                let kept = kept.ok_or_else(unknown)?;
                Some((front, kept))
            }
            None => None,
        };
        Ok(Meant { model, front, folder, images, brought, configurations })
    }

    /// Refuses what is overtaken or somebody else's.
    async fn check(&self, hand: &Hand) -> Act {
        let service = &self.record.spec.service;
        let all = inspect::of(&hand.docker, service).await.map_err(|t| hand.failed(&t))?;
        overtaken(service, self.order.stamp, std::slice::from_ref(&self.record), &all)?;
        if let Some(name) = foreign(&self.record, &all) {
            return Err(hand.ends(inspect::not_ours(&name, "it bears the labels of this release")));
        }
        let mut records = self.order.records.of(service).map_err(|fault| hand.ends(fault))?;
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
        standing::containers(docker, &self.standing.project).await
    }

    fn call(&self, meant: &Meant, hand: &Hand) -> Result<Call, ActError> {
        let spec = &self.record.spec;
        let overlay = self.order.records.overlay(&spec.service, &spec.release);
        let overlay = overlay.map_err(|fault| hand.ends(fault))?;
        let turn = self.turn.try_clone().map_err(|error| {
            let next = "raise the limit of open files of ops";
            hand.ends(Fault::new(error.to_string(), self.order.engine.place(), next))
        })?;
        Ok(Call {
            folder: meant.folder.clone(),
            project: self.standing.project.clone(),
            files: vec![meant.folder.join(&self.order.compose.file), overlay],
            env: spec.env.clone(),
            engine: self.order.engine.address(),
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
            (self.order.projects.program.clone(), call.clone(), self.order.halt.clone());
        let ran = blocking(move || {
            let words: Vec<&str> = all.iter().map(String::as_str).collect();
            program.run(&words, &call, &halt)
        });
        ran.await.map(drop).map_err(ActError::Unknown)
    }
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
