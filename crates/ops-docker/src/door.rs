//! The door as a container of a host: made, kept, and replaced without a gap.
//!
//! ops makes it from an image of its own program, on the host's network, with its state in a volume
//! that outlives it. The engine starts it again, also after a reboot, before ops does anything. What
//! it is made from stands on it as a hash: where ops would make it otherwise now, because it is
//! another version or was told other settings, a second container takes the place of the first one
//! over the admin socket in that volume, as one edge follows another on one machine, and the first
//! one ends when its last connection has. Only then it is removed.
//!
//! A container is ours by a token that was on disk before the first one was made.

mod make;
mod seen;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bollard::{
    models::{ContainerUpdateBody, RestartPolicy, RestartPolicyNameEnum},
    query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder},
};
use ops_core::world::Fault;
use ops_engine::ports::{ActError, Look};
use serde::{Deserialize, Serialize};

use crate::{
    durable,
    engine::{Answers, Engine, Trouble},
    images::OwnImage,
};
use make::Making;
use seen::{Life, Seen};

/// How long a new edge may take until it answers, or follows the one before it.
const BEGIN_MAX: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(200);
/// The label of what makes it ours.
const TOKEN: &str = "ops.token";

/// What is written down before anything is made.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    token: String,
    /// The number of the newest container.
    newest: u64,
}

/// The edge's container on one host.
#[derive(Debug)]
pub struct DoorContainer {
    engine: Engine,
    file: PathBuf,
    record: Record,
    /// What the edge is told, after the program's name.
    words: Vec<String>,
    answers: Arc<Answers>,
}

/// What a round of looking after it found or did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It serves as it should.
    Serves,
    /// It was not there, or stood still, and serves again.
    Started,
    /// A new one has taken the place of the one that served.
    Replaced,
}

impl DoorContainer {
    /// The container of a host, whether it is there or not. `state_dir` keeps what makes it ours;
    /// `words` are what the edge is told, of which the last ones lead to its state in `/state`;
    /// `ask` are those of the program that brings questions to it, whose answers have at most so
    /// many bytes.
    ///
    /// # Errors
    ///
    /// If what makes it ours can be neither read nor written.
    pub fn new(
        engine: Engine,
        state_dir: &Path,
        words: Vec<String>,
        ask: Vec<String>,
        answer_max: usize,
    ) -> Look<Self> {
        let file = state_dir.join("door.json");
        let record = if let Some(record) = durable::load(&file)? {
            record
        } else {
            let record = Record { token: crate::target::token("door")?, newest: 0 };
            durable::save(&file, &record)?;
            record
        };
        let label = format!("{TOKEN}={}", record.token);
        let answers = Arc::new(Answers::inside(engine.clone(), label, ask, answer_max));
        Ok(Self { engine, file, record, words, answers })
    }

    /// The way to the edge inside.
    pub fn answers(&self) -> Arc<Answers> {
        Arc::clone(&self.answers)
    }

    /// Why it does not run, if it was made and does not; `None` if it runs, or the engine is silent.
    pub fn why_down(&self) -> Option<Fault> {
        let all = self.list().ok()?;
        if all.iter().any(|one| one.life == Life::Running) {
            return None;
        }
        let newest = all.first()?;
        let what = format!("the edge there does not run: {}", self.last_words(&newest.id));
        Some(Fault::new(what, self.place(newest), "`ops serve` looks after it; see its log"))
    }

    /// Sees to it that the edge serves as it is now. `instance` asks the edge which process it is.
    /// Takes as long as an engine needs to take an image; nothing else waits for it.
    ///
    /// # Errors
    ///
    /// What is in the way. What served before goes on.
    pub fn keep(&mut self, image: &OwnImage, instance: impl Fn() -> Look<String>) -> Look<Kept> {
        let wanted = make::specification(image, &self.words)?;
        let all = self.list()?;
        let current = all.iter().find(|one| one.specification == wanted).cloned();
        let serving = all.iter().find(|one| one.life == Life::Running).cloned();
        match (current, serving) {
            (Some(current), _) if current.life == Life::Running => {
                let now = instance()?;
                if current.after.as_deref() == Some(now.as_str()) {
                    // Somebody ended in the middle of a replacement: it is waited for once more.
                    self.followed(&current, &now, &instance)?;
                }
                self.retire_others(&all, &current)?;
                Ok(Kept::Serves)
            }
            (current, Some(old)) => {
                if let Some(failed) = current {
                    self.remove(&failed)?;
                }
                self.replace(image, &wanted, &all, &old, &instance)?;
                Ok(Kept::Replaced)
            }
            (Some(current), None) => {
                let id = current.id.clone();
                self.engine
                    .ask(|docker| async move { Ok(docker.start_container(&id, None).await?) })?;
                self.answers_by(&current, &instance)?;
                self.retire_others(&all, &current)?;
                Ok(Kept::Started)
            }
            (None, None) => {
                // What is left of it has ended: its addresses are free for the new one.
                for old in &all {
                    self.remove(old)?;
                }
                let made = self.make(image, &wanted, None)?;
                self.answers_by(&made, &instance)?;
                Ok(Kept::Started)
            }
        }
    }

    /// A new one takes the place of the one that serves.
    fn replace(
        &mut self,
        image: &OwnImage,
        wanted: &str,
        all: &[Seen],
        old: &Seen,
        instance: &impl Fn() -> Look<String>,
    ) -> Look<()> {
        let before = instance()?;
        let made = self.make(image, wanted, Some(&before))?;
        self.followed(&made, &before, instance)?;
        let others = all.iter().filter(|one| one.id != old.id && one.life != Life::Running);
        for other in others {
            self.remove(other)?;
        }
        self.retire(old)
    }

    /// Waits until another edge than the one before answers. One that does not follow is removed, so
    /// that the one before goes on as if nothing had been asked.
    fn followed(&self, new: &Seen, before: &str, instance: &impl Fn() -> Look<String>) -> Look<()> {
        let so = || instance().is_ok_and(|now| now != before);
        let waited = self.wait(new, so);
        waited.inspect_err(|_| {
            if !so() {
                // What cannot be removed now is met again by the next round.
                let _ = self.remove(new);
            }
        })
    }

    /// Waits until an edge answers.
    fn answers_by(&self, new: &Seen, instance: &impl Fn() -> Look<String>) -> Look<()> {
        self.wait(new, || instance().is_ok())
    }

    fn wait(&self, new: &Seen, so: impl Fn() -> bool) -> Look<()> {
        let until = Instant::now() + BEGIN_MAX;
        loop {
            if so() {
                return Ok(());
            }
            let all = self.list()?;
            let life = all.iter().find(|one| one.id == new.id).map(|one| one.life);
            if life != Some(Life::Running) || Instant::now() >= until {
                let said = self.last_words(&new.id);
                let next = "free what it names, or let `edge.listen` name another port; the next \
                            round tries again";
                let what = format!("the edge does not start: {said}");
                return Err(Fault::new(what, self.place(new), next));
            }
            thread::sleep(POLL);
        }
    }

    /// Makes and starts a container.
    fn make(&mut self, image: &OwnImage, wanted: &str, after: Option<&str>) -> Look<Seen> {
        let id = image.give(&self.engine).map_err(|error| match error {
            ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault) => {
                fault
            }
        })?;
        // On disk before it is made: a number is given once.
        self.record.newest += 1;
        durable::save(&self.file, &self.record)?;
        let making = Making {
            token: &self.record.token,
            number: self.record.newest,
            specification: wanted,
            image: &id,
            words: &self.words,
            after,
        };
        let (name, body) = (making.name(), making.body());
        let made = self.engine.ask(|docker| async move {
            let options = CreateContainerOptionsBuilder::new().name(&name).build();
            let made = docker.create_container(Some(options), body).await?;
            docker.start_container(&made.id, None).await?;
            Ok(made.id)
        })?;
        Ok(Seen {
            id: made,
            number: self.record.newest,
            specification: wanted.to_owned(),
            after: after.map(str::to_owned),
            life: Life::Running,
        })
    }

    fn retire_others(&self, all: &[Seen], current: &Seen) -> Look<()> {
        all.iter().filter(|one| one.id != current.id).try_for_each(|old| self.retire(old))
    }

    /// One that was followed is not started again when its last connection has ended, and is removed
    /// then.
    fn retire(&self, old: &Seen) -> Look<()> {
        if old.life != Life::Running {
            return self.remove(old);
        }
        let id = old.id.clone();
        let never =
            RestartPolicy { name: Some(RestartPolicyNameEnum::NO), ..RestartPolicy::default() };
        let update =
            ContainerUpdateBody { restart_policy: Some(never), ..ContainerUpdateBody::default() };
        self.engine.ask(|docker| async move { Ok(docker.update_container(&id, update).await?) })
    }

    fn remove(&self, old: &Seen) -> Look<()> {
        let id = old.id.clone();
        self.engine.ask(|docker| async move {
            let options = RemoveContainerOptionsBuilder::new().force(true).build();
            match docker.remove_container(&id, Some(options)).await.map_err(Trouble::from) {
                Err(trouble) if trouble.is_absent() => Ok(()),
                other => other,
            }
        })
    }

    /// Ours, the newest first.
    fn list(&self) -> Look<Vec<Seen>> {
        let label = format!("{TOKEN}={}", self.record.token);
        let all = self.engine.ask(|docker| async move { seen::list(&docker, &label).await })?;
        let newest = self.record.newest;
        Ok(all.into_iter().filter(|one| one.number <= newest).collect())
    }

    fn last_words(&self, id: &str) -> String {
        let id = id.to_owned();
        let said = self.engine.ask(|docker| async move { seen::last_words(&docker, &id).await });
        said.ok().flatten().unwrap_or_else(|| "it says nothing".to_owned())
    }

    fn place(&self, container: &Seen) -> String {
        let name = make::name(&self.record.token, container.number);
        format!("container {name}, {}", self.engine.place())
    }
}
