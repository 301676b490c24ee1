//! What runs: asked of the engine itself.

use std::collections::HashMap;

use bollard::{
    Docker,
    models::{ContainerInspectResponse, EventMessage, HealthStatusEnum},
    query_parameters::EventsOptionsBuilder,
};
use futures_util::StreamExt as _;
use ops_core::{
    id::{Generation, ServiceName},
    world::{OwnHealth, Replica, ReplicaState, TargetView},
};
use ops_engine::ports::Look;

use super::{
    DockerTarget, beside,
    inspect::{self, Life, inspect, life, seek},
    record::{Place, Record},
    whole,
};
use crate::engine::Trouble;

/// Exit statuses above this say which signal ended the process.
const SIGNALS: i64 = 128;

impl DockerTarget {
    pub(super) fn view(&self, service: &ServiceName) -> Look<TargetView> {
        let records = self.records.of(service)?;
        let stamp = self.records.stamp(service)?;
        let standing = self.records.standing(service)?;
        let (service, publish) = (service.clone(), self.grounds.publish);
        self.engine.ask(move |docker| async move {
            let all = inspect::of(&docker, &service).await?;
            let beside = beside::all(&docker, standing.as_ref()).await?;
            let labels = inspect::highest_label(&records, &all).unwrap_or_default();
            let mut view =
                TargetView { highest: stamp.max(labels).generation, ..Default::default() };
            for one in &beside {
                if let Some(standing) = &standing {
                    view.beside.push(one.replica(&docker, standing).await?);
                }
            }
            for record in &records {
                if record.is_whole() {
                    let each = record.places.iter();
                    let seen = |place| whole::seen(record, place, standing.as_ref(), &beside);
                    view.replicas.extend(each.map(seen));
                    continue;
                }
                for place in &record.places {
                    let Some(id) = seek(record, place, &all) else { continue };
                    let Some(found) = inspect(&docker, &id).await? else { continue };
                    let last_exit = last_exit(&docker, record, place, &found).await?;
                    let address = place.port.map(|port| format!("{publish}:{port}"));
                    view.replicas.push(Replica {
                        id: record.name(place),
                        release: record.spec.release.clone(),
                        artifact: record.spec.artifact.clone(),
                        address,
                        state: state(place, life(&found)),
                        restarts: found.restart_count.and_then(|n| n.try_into().ok()).unwrap_or(0),
                        last_exit,
                        stamp: place.stamp,
                        health: own_health(record, &found),
                    });
                }
            }
            Ok(view)
        })
    }

    /// What is known of a service where its engine cannot be asked.
    pub(super) fn unseen(&self, service: &ServiceName) -> Look<TargetView> {
        let highest = self.records.stamp(service)?.generation;
        let mut view = TargetView { highest, ..TargetView::default() };
        for record in self.records.of(service)? {
            let replica = |place: &Place| Replica {
                id: record.name(place),
                release: record.spec.release.clone(),
                artifact: record.spec.artifact.clone(),
                address: place.port.map(|port| format!("{}:{port}", self.grounds.publish)),
                state: ReplicaState::Unknown,
                restarts: 0,
                last_exit: None,
                stamp: place.stamp,
                health: None,
            };
            view.replicas.extend(record.places.iter().map(replica));
        }
        Ok(view)
    }

    pub(super) fn highest_of_all(&self) -> Look<Generation> {
        let highest = self.records.highest()?;
        let records = self.records.all()?;
        let labels = self.engine.ask(move |docker| async move {
            let all = inspect::all_labelled(&docker).await?;
            Ok(inspect::highest_label(&records, &all))
        })?;
        Ok(highest.max(labels.unwrap_or_default().generation))
    }
}

fn state(place: &Place, life: Life) -> ReplicaState {
    match life {
        Life::Running | Life::Restarting if !place.runs => ReplicaState::Stopping,
        Life::Running => ReplicaState::Running,
        Life::Restarting => ReplicaState::BackingOff,
        // Its process lives and answers nobody.
        Life::Paused => ReplicaState::Unknown,
        Life::Leaving => ReplicaState::Stopping,
        Life::Down => ReplicaState::Stopped,
    }
}

/// What the image's own health check says, where the release wants that.
fn own_health(record: &Record, found: &ContainerInspectResponse) -> Option<OwnHealth> {
    record.spec.container.as_ref()?.image_health.then(|| health(found))
}

/// Whether the engine runs a health check in it.
pub(super) fn has_health_check(found: &ContainerInspectResponse) -> bool {
    let check = found.config.as_ref().and_then(|config| config.healthcheck.as_ref()?.test.as_ref());
    check.is_some_and(|test| test.first().is_some_and(|word| word != "NONE"))
}

/// What its health check says.
pub(super) fn health(found: &ContainerInspectResponse) -> OwnHealth {
    use HealthStatusEnum as S;
    let health = found.state.as_ref().and_then(|state| state.health.as_ref());
    match health.and_then(|health| health.status) {
        Some(S::STARTING) => OwnHealth::Starting,
        Some(S::HEALTHY) => OwnHealth::Healthy,
        Some(S::UNHEALTHY) => OwnHealth::Unhealthy,
        Some(S::NONE | S::EMPTY) | None => OwnHealth::Silent,
    }
}

/// The last end that nobody asked for, in words.
async fn last_exit(
    docker: &Docker,
    record: &Record,
    place: &Place,
    found: &ContainerInspectResponse,
) -> Result<Option<String>, Trouble> {
    let Some(state) = &found.state else { return Ok(None) };
    let restarts = found.restart_count.unwrap_or(0);
    let by_itself = match life(found) {
        Life::Restarting => true,
        Life::Down => place.runs,
        Life::Running | Life::Paused => {
            if restarts == 0 {
                return Ok(None);
            }
            // The engine forgets how it ended once it runs again, apart from its events.
            return Ok(Some(from_events(docker, found).await?.unwrap_or_else(|| {
                format!("ended {restarts} times; the engine does not remember how")
            })));
        }
        Life::Leaving => false,
    };
    if !by_itself {
        return Ok(None);
    }
    let limit = record.spec.container.as_ref().and_then(|one| one.memory_bytes);
    let error = state.error.as_deref().filter(|text| !text.is_empty());
    let oom = state.oom_killed == Some(true);
    Ok(Some(words(state.exit_code.unwrap_or(0), oom, limit, error)))
}

pub(super) fn words(code: i64, oom: bool, limit: Option<u64>, error: Option<&str>) -> String {
    let mut text = if code > SIGNALS {
        format!("exit status {code} (signal {})", code - SIGNALS)
    } else {
        format!("exit status {code}")
    };
    if oom {
        let limit = limit.map_or_else(String::new, |bytes| {
            format!(" (its limit is {} MiB)", bytes / (1024 * 1024))
        });
        text = format!("out of memory{limit}: {text}");
    }
    error.map_or_else(|| text.clone(), |error| format!("{text}: {error}"))
}

/// A time of the engine's as its events are asked for by.
pub(super) fn seconds(time: &str) -> Option<String> {
    let time: jiff::Timestamp = time.parse().ok()?;
    Some(format!("{}.{:09}", time.as_second(), time.subsec_nanosecond()))
}

/// How it last ended, as the engine's events tell.
pub(super) async fn from_events(
    docker: &Docker,
    found: &ContainerInspectResponse,
) -> Result<Option<String>, Trouble> {
    let (Some(id), Some(state)) = (&found.id, &found.state) else { return Ok(None) };
    // From its beginning to the start of what runs now: both are the engine's own times, so the
    // answer ends by itself.
    let time = |text: &Option<String>| seconds(text.as_deref()?);
    let (Some(since), Some(until)) = (time(&found.created), time(&state.started_at)) else {
        return Ok(None);
    };
    let filters = HashMap::from([("container", vec![id.as_str()]), ("event", vec!["die", "oom"])]);
    let options = EventsOptionsBuilder::new().since(&since).until(&until).filters(&filters).build();
    let mut events = docker.events(Some(options));
    let (mut last, mut oom) = (None, false);
    while let Some(event) = events.next().await {
        let event: EventMessage = event?;
        if event.action.as_deref() == Some("oom") {
            oom = true;
            continue;
        }
        let attributes = event.actor.and_then(|actor| actor.attributes).unwrap_or_default();
        let code = attributes.get("exitCode").and_then(|code| code.parse().ok());
        last = code.map(|code| words(code, std::mem::take(&mut oom), None, None));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_with_its_signal_its_limit_and_the_engines_words() {
        assert_eq!(words(3, false, None, None), "exit status 3");
        assert_eq!(words(137, false, None, None), "exit status 137 (signal 9)");
        let limit = Some(64 * 1024 * 1024);
        let oom = "out of memory (its limit is 64 MiB): exit status 137 (signal 9)";
        assert_eq!(words(137, true, limit, None), oom);
        assert_eq!(words(127, false, None, Some("no such file")), "exit status 127: no such file");
    }
}
