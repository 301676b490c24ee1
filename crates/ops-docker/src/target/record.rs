//! What ops wrote down of the containers that it makes.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Duration,
};

use ops_core::{
    id::{Generation, ReleaseId, ServiceName, Stamp},
    world::{Fault, ReleaseSpec},
};
use ops_engine::ports::{ActError, Look};
use serde::{Deserialize, Serialize};

use super::{form::Form, names};
use crate::durable::{self, unreadable};

/// The records below a state folder.
#[derive(Debug, Clone)]
pub(super) struct Records {
    folder: PathBuf,
}

/// One release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What it was started with, the last time.
    pub(super) spec: ReleaseSpec,
    /// A hash of what its containers are made from.
    pub(super) specification: String,
    /// What its containers carry to be known as ours.
    pub(super) token: String,
    /// Its replicas, in order.
    pub(super) places: Vec<Place>,
    /// It was removed wherever it was, only its host did not answer: it leaves when that is back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) leaves: bool,
}

/// One replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Its number.
    pub(super) index: u32,
    /// The port of the host that is its own.
    pub(super) port: Option<u16>,
    /// Its container, once it is known.
    pub(super) id: Option<String>,
    /// Whether it was last told to run.
    pub(super) runs: bool,
    /// The stamp of the last act on it.
    pub(super) stamp: Stamp,
    /// How its container was made, once that was read back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made: Option<Form>,
}

impl Record {
    /// The container's name of a replica.
    pub(super) fn name(&self, place: &Place) -> String {
        names::container(&self.spec.service, &self.spec.release, place.index)
    }

    /// Whether it is a project of which nothing is behind the door: one replica, the whole of it.
    pub(super) fn is_whole(&self) -> bool {
        self.spec.compose.as_ref().is_some_and(|compose| compose.without_door)
    }

    /// Writes down of such a project what it was last told.
    pub(super) fn tell_whole(&mut self, runs: bool, stamp: Stamp) {
        let (port, id, made) = (None, None, None);
        self.places = vec![Place { index: 0, port, id, runs, stamp, made }];
    }

    /// Whether a container with this id and token is the one of a replica.
    pub(super) fn owns(&self, place: &Place, id: &str, token: Option<&String>) -> bool {
        token == Some(&self.token) && place.id.as_ref().is_none_or(|known| known == id)
    }
}

impl Records {
    pub(super) fn new(state_dir: &Path) -> Self {
        let state_dir = std::path::absolute(state_dir).unwrap_or_else(|_| state_dir.to_owned());
        Self { folder: state_dir.join("docker") }
    }

    pub(super) fn service(&self, service: &ServiceName) -> Look<PathBuf> {
        names::check(service.as_str())?;
        Ok(self.folder.join(service.as_str()))
    }

    fn file(&self, service: &ServiceName, release: &ReleaseId) -> Look<PathBuf> {
        names::check(release.as_str())?;
        Ok(self.service(service)?.join("releases").join(format!("{release}.json")))
    }

    /// Takes the turn for an act, refuses it if a later act was done on the service, and writes
    /// its stamp down otherwise (P4).
    pub(super) fn turn(&self, service: &ServiceName, stamp: Stamp) -> Result<File, ActError> {
        let folder = self.service(service).map_err(ActError::NotApplied)?;
        let turn = durable::lock(&folder.join(".turn")).map_err(ActError::NotApplied)?;
        self.stamped(service, stamp, turn)
    }

    /// The same without waiting; `None` if somebody else has the turn.
    pub(super) fn free_turn(
        &self,
        service: &ServiceName,
        stamp: Stamp,
    ) -> Result<Option<File>, ActError> {
        let folder = self.service(service).map_err(ActError::NotApplied)?;
        let turn = durable::lock_within(&folder.join(".turn"), Duration::ZERO);
        let turn = turn.map_err(ActError::NotApplied)?;
        turn.map(|turn| self.stamped(service, stamp, turn)).transpose()
    }

    fn stamped(&self, service: &ServiceName, stamp: Stamp, turn: File) -> Result<File, ActError> {
        let folder = self.service(service).map_err(ActError::NotApplied)?;
        let highest = self.stamp(service).map_err(ActError::NotApplied)?;
        if stamp < highest {
            return Err(stale(service, stamp, highest));
        }
        if stamp > highest {
            durable::save(&folder.join("stamp.json"), &stamp).map_err(ActError::NotApplied)?;
        }
        Ok(turn)
    }

    /// Takes the turn without an act of its own.
    pub(super) fn quiet_turn(&self, service: &ServiceName) -> Look<File> {
        durable::lock(&self.service(service)?.join(".turn"))
    }

    /// The same without waiting; `None` if somebody else has it.
    pub(super) fn free_quiet_turn(&self, service: &ServiceName) -> Look<Option<File>> {
        durable::lock_within(&self.service(service)?.join(".turn"), Duration::ZERO)
    }

    /// Ports are chosen by one act at a time, over all services.
    pub(super) fn port_turn(&self) -> Look<File> {
        durable::lock(&self.folder.join(".ports"))
    }

    /// The highest stamp that was given a turn on a service.
    pub(super) fn stamp(&self, service: &ServiceName) -> Look<Stamp> {
        Ok(durable::load(&self.service(service)?.join("stamp.json"))?.unwrap_or_default())
    }

    pub(super) fn load(&self, service: &ServiceName, release: &ReleaseId) -> Look<Option<Record>> {
        durable::load(&self.file(service, release)?)
    }

    pub(super) fn save(&self, record: &Record) -> Look<()> {
        durable::save(&self.file(&record.spec.service, &record.spec.release)?, record)
    }

    pub(super) fn forget(&self, service: &ServiceName, release: &ReleaseId) -> Look<()> {
        durable::forget(&self.file(service, release)?)
    }

    /// The highest generation of any act.
    pub(super) fn highest(&self) -> Look<Generation> {
        let mut highest = Generation::default();
        for service in self.services()? {
            highest = highest.max(self.stamp(&service)?.generation);
        }
        Ok(highest)
    }

    /// All releases of a service, in the order of their names.
    pub(super) fn of(&self, service: &ServiceName) -> Look<Vec<Record>> {
        let folder = self.service(service)?.join("releases");
        let mut records = Vec::new();
        for path in entries(&folder)? {
            if path.extension().is_some_and(|extension| extension == "json") {
                // It may have been removed while we looked.
                records.extend(durable::load::<Record>(&path)?);
            }
        }
        Ok(records)
    }

    /// All services that have or had containers.
    pub(super) fn services(&self) -> Look<Vec<ServiceName>> {
        let folders = entries(&self.folder)?.into_iter().filter(|path| path.is_dir());
        let name = |path: PathBuf| Some(ServiceName::from(path.file_name()?.to_str()?));
        Ok(folders.filter_map(name).collect())
    }

    /// All releases of all services.
    pub(super) fn all(&self) -> Look<Vec<Record>> {
        let mut all = Vec::new();
        for service in self.services()? {
            all.append(&mut self.of(&service)?);
        }
        Ok(all)
    }
}

/// Whether a folder tells of containers of a service. What cannot be read is taken for that.
pub(crate) fn has_records(records_dir: &Path, service: &ServiceName) -> bool {
    Records::new(records_dir).of(service).map_or(true, |records| !records.is_empty())
}

/// What is refused because a later act came before.
pub(super) fn stale(service: &ServiceName, stamp: Stamp, highest: Stamp) -> ActError {
    let words = |stamp: Stamp| {
        let Stamp { generation, deployment, op } = stamp;
        format!("generation {generation}, D-{deployment}, operation {}", op.0)
    };
    ActError::Stale(Fault::new(
        format!("{} has acted already, this is {}", words(highest), words(stamp)),
        service.to_string(),
        "stop acting: a later act was done, or another ops holds the lease",
    ))
}

/// What is in a folder, by name; there may be none.
fn entries(folder: &Path) -> Look<Vec<PathBuf>> {
    let failed = |error: std::io::Error| unreadable(folder, &error);
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in listing {
        found.push(entry.map_err(failed)?.path());
    }
    found.sort();
    Ok(found)
}
