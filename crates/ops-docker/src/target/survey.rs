//! What matters of the engine before a deployment, and what was changed there by hand.

use bollard::{Docker, models::ContainerSummary};
use ops_core::{
    id::{Digest, ServiceName},
    world::{Changed, EngineView, Fault},
};
use ops_engine::ports::Look;

use super::{
    DockerTarget, beside,
    form::Form,
    inspect::{self, Life, inspect, life, seek},
    record::{Place, Record},
    standing::Standing,
};
use crate::{
    engine::Trouble,
    images::{Kept, find},
};

/// Where the kernel tells of memory.
const MEMORY: &str = "/proc/meminfo";

/// What the engine told.
struct Told {
    version: String,
    architecture: String,
    memory: Option<i64>,
    data: Option<String>,
    holds: bool,
    changed: Vec<Changed>,
}

impl DockerTarget {
    /// What matters of the engine before a deployment of this artifact, and which replicas of the
    /// service are not as they were made.
    pub fn survey(&self, service: &ServiceName, artifact: Option<&Digest>) -> Look<EngineView> {
        let records = self.records.of(service)?;
        let promised = self.records.all()?.iter().map(promised).sum();
        let kept = artifact.map(|digest| self.images.kept(digest)).transpose()?.flatten();
        let (service, standing) = (service.clone(), self.records.standing(service)?);
        let told = self.engine.ask(move |docker| async move {
            ask(&docker, &service, (&records, standing.as_ref()), kept).await
        });
        let told = told?;
        let place = self.engine.place();
        let memory = told.memory.and_then(|bytes| u64::try_from(bytes).ok());
        let memory_bytes = memory.ok_or_else(|| {
            let next = "see `docker info`, and the engine's log";
            Fault::new("the engine does not tell how much memory its machine has", &place, next)
        })?;
        let local = self.engine.is_local();
        Ok(EngineView {
            version: told.version,
            architecture: told.architecture,
            holds: told.holds,
            memory_bytes,
            memory_free: local.then(memory_available).flatten(),
            memory_promised: promised,
            disk_free: told.data.filter(|_| local).as_deref().and_then(disk_free),
            changed: told.changed,
            place,
        })
    }
}

async fn ask(
    docker: &Docker,
    service: &ServiceName,
    (records, standing): (&[Record], Option<&Standing>),
    kept: Option<Kept>,
) -> Result<Told, Trouble> {
    let (version, info) = (docker.version().await?, docker.info().await?);
    let holds = match &kept {
        Some(kept) => find(docker, kept).await?.is_some(),
        None => false,
    };
    let mut changed = changed(docker, service, records).await?;
    changed.extend(beside::changed(docker, records, standing).await?);
    Ok(Told {
        version: version.version.unwrap_or_default(),
        architecture: version.arch.unwrap_or_default(),
        memory: info.mem_total,
        data: info.docker_root_dir,
        holds,
        changed,
    })
}

/// Bytes of memory that a release's replicas may take, by their limits.
fn promised(record: &Record) -> u64 {
    let each = record.spec.container.as_ref().and_then(|one| one.memory_bytes).unwrap_or(0);
    let alive = record.places.iter().filter(|place| place.runs).count() as u64;
    each.saturating_mul(alive)
}

/// Bytes of memory of this machine that programs could have; `None` if the kernel does not tell.
fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string(MEMORY).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Bytes free where an engine of this machine keeps its data; `None` if it lives where this path
/// leads nowhere.
fn disk_free(folder: &str) -> Option<u64> {
    let about = rustix::fs::statvfs(folder).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// Replicas that shall run and are not as ops made them.
async fn changed(
    docker: &Docker,
    service: &ServiceName,
    records: &[Record],
) -> Result<Vec<Changed>, Trouble> {
    let all = inspect::of(docker, service).await?;
    let mut changed = Vec::new();
    for record in records.iter().filter(|record| !record.is_whole()) {
        for place in record.places.iter().filter(|place| place.runs) {
            let how = compared(docker, record, place, &all).await?;
            if !how.is_empty() {
                let (replica, release) = (record.name(place), record.spec.release.clone());
                changed.push(Changed { replica, release: Some(release), how });
            }
        }
    }
    Ok(changed)
}

/// What differs of one replica.
async fn compared(
    docker: &Docker,
    record: &Record,
    place: &Place,
    all: &[ContainerSummary],
) -> Result<Vec<String>, Trouble> {
    let made = place.made.as_ref();
    let own = match seek(record, place, all) {
        Some(id) => inspect(docker, &id).await?,
        None => None,
    };
    let Some(found) = own else {
        // Somebody may have made another one in its place, as tools do that "edit" a container.
        let Some(other) = inspect(docker, &record.name(place)).await? else {
            return Ok(vec!["it is gone".to_owned()]);
        };
        let mut how = vec!["it is gone, and one that ops has not made has its name".to_owned()];
        how.extend(made.iter().flat_map(|made| made.differences(&Form::of(&other))));
        return Ok(how);
    };
    let mut how = match made {
        Some(made) => made.differences(&Form::of(&found)),
        None => vec!["how ops made it was not written down: restart `ops serve`".to_owned()],
    };
    match life(&found) {
        Life::Running | Life::Restarting => {}
        Life::Paused => how.push("somebody paused it".to_owned()),
        Life::Down => how.push("it does not run, and ops has not stopped it".to_owned()),
        Life::Leaving => how.push("somebody is removing it".to_owned()),
    }
    Ok(how)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_its_memory_and_its_disk() {
        assert!(memory_available().is_some_and(|bytes| bytes > 1 << 20));
        assert!(disk_free("/").is_some());
        assert_eq!(disk_free("/no/such/folder"), None);
    }
}
