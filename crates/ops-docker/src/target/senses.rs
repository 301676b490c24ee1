//! What replicas take of their machine, and what they write, as the engine tells it.
//!
//! Processor time and memory are those of the container's own group; memory that the kernel can
//! take back at once, the pages of files that nobody uses, is not counted. How often the kernel
//! ended something is told by the engine's events, of which it keeps the last ones only: what was
//! seen of them is remembered.

mod hearing;

use std::{
    collections::{BTreeMap, HashMap},
    sync::PoisonError,
};

use bollard::{
    Docker,
    models::{ContainerMemoryStats, ContainerStatsResponse},
    query_parameters::{EventsOptionsBuilder, StatsOptionsBuilder},
};
use futures_util::StreamExt as _;
use ops_core::{
    id::{ReleaseId, ServiceName},
    reading::{LogReading, Usage},
    time::Now,
};
use ops_engine::ports::{Look, Senses};

pub(super) use self::hearing::Ears;
use super::{
    DockerTarget,
    beside::{self, One},
    inspect::{self, Life, inspect, life, seek},
    sight::seconds,
};
use crate::engine::Trouble;

/// How often the kernel ended something of a container, by its id.
pub(super) type Kills = BTreeMap<String, u64>;

/// A replica that runs, as it was told.
struct Felt {
    id: String,
    usage: Usage,
}

impl Senses for DockerTarget {
    fn usage(&self, service: &ServiceName) -> Look<Vec<Usage>> {
        let records = self.records.of(service)?;
        let standing = self.records.standing(service)?;
        let service = service.clone();
        let felt = self.engine.ask(move |docker| async move {
            let all = inspect::of(&docker, &service).await?;
            let mut felt = Vec::new();
            for record in &records {
                for place in &record.places {
                    let Some(id) = seek(record, place, &all) else { continue };
                    let whose = Whose {
                        release: record.spec.release.clone(),
                        replica: record.name(place),
                        beside: false,
                    };
                    felt.extend(feel(&docker, id, whose).await?);
                }
            }
            for one in beside::all(&docker, standing.as_ref()).await? {
                let (Some(whose), Some(id)) = (Whose::beside(&one), one.id) else { continue };
                felt.extend(feel(&docker, id, whose).await?);
            }
            Ok(felt)
        })?;
        let mut kills = self.kills.lock().unwrap_or_else(PoisonError::into_inner);
        let told = felt.into_iter().map(|Felt { id, mut usage }| {
            let seen = kills.entry(id).or_default();
            *seen = usage.oom_kills.max(*seen);
            usage.oom_kills = *seen;
            usage
        });
        Ok(told.collect())
    }

    fn logs(&self, service: &ServiceName, now: &Now) -> Look<LogReading> {
        self.listen(service, now)
    }
}

/// Whose container it is that is felt or heard.
struct Whose {
    release: ReleaseId,
    replica: String,
    /// Whether it stands beside the replicas.
    beside: bool,
}

impl Whose {
    /// Of what stands beside; `None` where nobody wrote down which release made it.
    fn beside(one: &One) -> Option<Self> {
        let (release, _) = one.stood.changed.clone()?;
        Some(Self { release, replica: one.called(), beside: true })
    }
}

/// What a replica takes; `None` if it does not run or has just ended.
async fn feel(docker: &Docker, id: String, whose: Whose) -> Result<Option<Felt>, Trouble> {
    let Some(found) = inspect(docker, &id).await? else { return Ok(None) };
    if life(&found) != Life::Running {
        return Ok(None);
    }
    let options = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
    let Some(stats) = docker.stats(&id, Some(options)).next().await else { return Ok(None) };
    let Some((cpu_ms, memory)) = counted(&stats?) else { return Ok(None) };
    let limit = found.host_config.as_ref().and_then(|host| u64::try_from(host.memory?).ok());
    let usage = Usage {
        release: whose.release,
        replica: whose.replica,
        beside: whose.beside,
        cpu_ms,
        memory,
        memory_limit: limit.filter(|bytes| *bytes > 0),
        oom_kills: kills(docker, &id, found.created.as_deref()).await?,
    };
    Ok(Some(Felt { id, usage }))
}

/// Milliseconds of processor time and bytes of memory; `None` if the engine did not count, as for
/// a container that has just ended.
fn counted(stats: &ContainerStatsResponse) -> Option<(u64, u64)> {
    let cpu = stats.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage?;
    Some((cpu / 1_000_000, held(stats.memory_stats.as_ref()?)?))
}

/// Memory without the pages of files that the kernel would take back first; groups of the second
/// version and of the first call them differently.
fn held(memory: &ContainerMemoryStats) -> Option<u64> {
    let named = |name: &str| memory.stats.as_ref().and_then(|stats| stats.get(name)).copied();
    let idle = named("total_inactive_file").or_else(|| named("inactive_file")).unwrap_or(0);
    Some(memory.usage?.saturating_sub(idle))
}

/// How often the engine remembers that the kernel ended something of a container.
async fn kills(docker: &Docker, id: &str, created: Option<&str>) -> Result<u64, Trouble> {
    // By the engine's own clock, so that its answer ends by itself.
    let now = docker.info().await?.system_time;
    let (Some(since), Some(until)) = (created.and_then(seconds), now.as_deref().and_then(seconds))
    else {
        return Ok(0);
    };
    let filters = HashMap::from([("container", vec![id]), ("event", vec!["oom"])]);
    let options = EventsOptionsBuilder::new().since(&since).until(&until).filters(&filters).build();
    let mut events = docker.events(Some(options));
    let mut count = 0;
    while let Some(event) = events.next().await {
        event?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_pages_of_files_are_not_held_whichever_version_counts_them() {
        let memory = |name: &str| ContainerMemoryStats {
            usage: Some(100),
            stats: Some(HashMap::from([(name.to_owned(), 30)])),
            ..ContainerMemoryStats::default()
        };
        assert_eq!(held(&memory("total_inactive_file")), Some(70));
        assert_eq!(held(&memory("inactive_file")), Some(70));
        assert_eq!(held(&memory("other")), Some(100));
        assert_eq!(held(&ContainerMemoryStats::default()), None, "no number is no zero");
    }
}
