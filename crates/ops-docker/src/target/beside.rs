//! What stands of a Compose project, container by container, as the engine tells it.

use bollard::{Docker, models::ContainerInspectResponse};
use ops_core::{
    id::Digest,
    world::{Changed, Replica, ReplicaState},
};

use super::{
    form::Form,
    inspect::{Life, inspect, life},
    record::Record,
    sight,
    standing::{self, Standing, Stood},
};
use crate::engine::Trouble;

/// Characters of an id by which people know a container.
const SHORT: usize = 12;

/// One container of a service, or the service itself while none is known.
#[derive(Debug)]
pub(super) struct One {
    /// The service, as the team's file names it.
    pub(super) name: String,
    pub(super) stood: Stood,
    /// The container; `None` while it is being made.
    pub(super) id: Option<String>,
    /// As the engine has it; `None` if it is gone.
    pub(super) found: Option<ContainerInspectResponse>,
}

/// Looks at all that stands, in the order of dependencies.
pub(super) async fn all(docker: &Docker, standing: Option<&Standing>) -> Result<Vec<One>, Trouble> {
    let mut all = Vec::new();
    for (name, stood) in standing.into_iter().flat_map(Standing::in_order) {
        let one = |id, found| One { name: name.clone(), stood: stood.clone(), id, found };
        if stood.ids.is_empty() {
            all.push(one(None, None));
        }
        for id in &stood.ids {
            let found = inspect(docker, id).await?;
            all.push(one(Some(id.clone()), found));
        }
    }
    Ok(all)
}

impl One {
    /// What it is called, so that no other container is called the same, before or after it.
    pub(super) fn called(&self) -> String {
        match &self.id {
            Some(id) => format!("{} ({})", self.name, id.get(..SHORT).unwrap_or(id)),
            None => format!("{} (being made)", self.name),
        }
    }

    /// Whether nobody has written down yet which containers it has.
    pub(super) fn is_open(&self) -> bool {
        self.id.is_none()
    }

    pub(super) fn is_alive(&self) -> bool {
        let life = self.found.as_ref().map(life);
        life.is_some_and(|life| matches!(life, Life::Running | Life::Restarting | Life::Paused))
    }

    /// How it ended, if it is down and should not be.
    pub(super) fn ended(&self) -> Option<String> {
        if self.is_open() || self.stood.stopped {
            return None;
        }
        let Some(found) = &self.found else { return Some("somebody's removal".to_owned()) };
        match life(found) {
            Life::Running | Life::Paused => None,
            Life::Leaving => Some("somebody's removal".to_owned()),
            Life::Down | Life::Restarting => {
                let state = found.state.as_ref();
                let code = state.and_then(|state| state.exit_code).unwrap_or(0);
                let oom = state.and_then(|state| state.oom_killed) == Some(true);
                // What ended well has done what it had to do, unless it is kept running.
                let bad = code != 0 || oom || self.is_kept();
                bad.then(|| sight::words(code, oom, None, None))
            }
        }
    }

    /// Whether the engine starts it again whenever it ends by itself.
    fn is_kept(&self) -> bool {
        let host = self.found.as_ref().and_then(|found| found.host_config.as_ref());
        let policy = host.and_then(|host| host.restart_policy.as_ref()?.name);
        policy.is_some_and(|name| matches!(name.to_string().as_str(), "always" | "unless-stopped"))
    }

    /// As the engine of ops takes it.
    pub(super) async fn replica(
        &self,
        docker: &Docker,
        standing: &Standing,
    ) -> Result<Replica, Trouble> {
        let (release, stamp) = match &self.stood.changed {
            Some((release, stamp)) => (release.clone(), *stamp),
            None => (standing.release.clone(), ops_core::id::Stamp::default()),
        };
        let restarts = self.found.as_ref().and_then(|found| found.restart_count).unwrap_or(0);
        let last_exit = match (self.ended(), &self.found) {
            (None, Some(found)) if restarts > 0 => sight::from_events(docker, found).await?,
            (ended, _) => ended,
        };
        let state = match self.found.as_ref().map(life) {
            _ if self.is_open() => ReplicaState::Unknown,
            Some(Life::Running) => ReplicaState::Running,
            Some(Life::Restarting) => ReplicaState::BackingOff,
            Some(Life::Paused) => ReplicaState::Unknown,
            Some(Life::Down | Life::Leaving) | None => ReplicaState::Stopped,
        };
        let health = self.found.as_ref().filter(|found| sight::has_health_check(found));
        Ok(Replica {
            id: self.called(),
            release,
            artifact: self.stood.image.parse().unwrap_or_else(|_| Digest::of(b"")),
            address: None,
            state,
            restarts: u32::try_from(restarts).unwrap_or(u32::MAX),
            last_exit,
            stamp,
            health: health.map(sight::health),
        })
    }

    /// What somebody changed of it by hand.
    async fn compared(&self, docker: &Docker) -> Result<Vec<String>, Trouble> {
        let Some(id) = &self.id else { return Ok(Vec::new()) };
        let made = self.stood.made.get(id);
        let Some(found) = &self.found else {
            let name = made.and_then(Form::name).map(str::to_owned);
            let other = match &name {
                Some(name) => inspect(docker, name).await?,
                None => None,
            };
            let Some(other) = other else { return Ok(vec!["it is gone".to_owned()]) };
            let mut how = vec!["it is gone, and one that ops has not made has its name".to_owned()];
            how.extend(made.iter().flat_map(|made| made.differences(&Form::of(&other))));
            return Ok(how);
        };
        let mut how = match made {
            Some(made) => made.differences(&Form::of(found)),
            None => vec!["how ops made it was not written down: restart `ops serve`".to_owned()],
        };
        if life(found) == Life::Paused {
            how.push("somebody paused it".to_owned());
        }
        how.extend(self.ended().map(|how| format!("it does not run since {how}")));
        Ok(how)
    }
}

/// What of a project is not as ops made it, also containers of its name that ops has not made.
pub(super) async fn changed(
    docker: &Docker,
    records: &[Record],
    standing: Option<&Standing>,
) -> Result<Vec<Changed>, Trouble> {
    let Some(standing) = standing else { return Ok(Vec::new()) };
    let mut changed = Vec::new();
    for one in all(docker, Some(standing)).await? {
        let how = one.compared(docker).await?;
        if !how.is_empty() {
            changed.push(Changed { replica: one.called(), release: None, how });
        }
    }
    let all = standing::containers(docker, &standing.project).await?;
    let strangers = standing.strangers(records, &all).into_iter().map(|replica| {
        let how = format!("ops has not made it, and it is of the project `{}`", standing.project);
        Changed { replica, release: None, how: vec![how] }
    });
    changed.extend(strangers);
    Ok(changed)
}
