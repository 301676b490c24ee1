//! Names and folders of replicas.

use std::{
    io,
    path::{Path, PathBuf},
};

use ops_core::{
    id::{ReleaseId, ServiceName, Stamp},
    world::Fault,
};
use ops_engine::ports::Look;
use ops_keeper::Spec;

use super::ProcessTarget;

/// Bytes of a service's or a release's name.
const NAME_MAX: usize = 100;
/// Folders that a keeper's crate is making begin with this.
const MADE: &str = ".new-";
/// Folders that are being removed begin with this.
pub(super) const REMOVED: &str = ".gone-";

/// A replica that exists here, whatever its state.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) folder: PathBuf,
    pub(super) spec: Spec,
}

impl ProcessTarget {
    /// The folder of a service. Refuses names that would lead elsewhere.
    pub(super) fn service_folder(&self, service: &ServiceName) -> Look<PathBuf> {
        check_name(service.as_str())?;
        Ok(self.replicas.join(service.as_str()))
    }

    /// The folder of a replica.
    pub(super) fn replica_folder(
        &self,
        service: &ServiceName,
        release: &ReleaseId,
        index: u32,
    ) -> Look<PathBuf> {
        check_name(release.as_str())?;
        Ok(self.service_folder(service)?.join(replica_id(release, index)))
    }

    /// All services that have or had replicas.
    pub(super) fn services(&self) -> Look<Vec<ServiceName>> {
        Ok(folders(&self.replicas)?.into_iter().map(|(name, _)| ServiceName(name)).collect())
    }

    /// All replicas of a service, in the order of their names.
    pub(super) fn known(&self, service: &ServiceName) -> Look<Vec<Known>> {
        let mut known = Vec::new();
        for (_, folder) in folders(&self.service_folder(service)?)? {
            match ops_keeper::read_spec(&folder) {
                Ok(spec) => known.push(Known { folder, spec }),
                // It was removed while we looked.
                Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => {}
                Err(error) => return Err(unreadable(&folder, &error)),
            }
        }
        known.sort_by(|a, b| (&a.spec.release, a.spec.index).cmp(&(&b.spec.release, b.spec.index)));
        Ok(known)
    }

    /// Removes what is left of folders that a crash kept from being made or removed.
    pub(super) fn clear_remains(&self, service: &ServiceName) -> Look<()> {
        let folder = self.service_folder(service)?;
        let failed = |error: io::Error| unwritable(&folder, &error);
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if [MADE, REMOVED].iter().any(|prefix| name.starts_with(prefix)) {
                std::fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// All replicas of one release.
    pub(super) fn known_of(&self, service: &ServiceName, release: &ReleaseId) -> Look<Vec<Known>> {
        let mut known = self.known(service)?;
        known.retain(|replica| replica.spec.release == release.as_str());
        Ok(known)
    }

    /// All replicas of all services.
    pub(super) fn all_known(&self) -> Look<Vec<Known>> {
        let mut known = Vec::new();
        for service in self.services()? {
            known.append(&mut self.known(&service)?);
        }
        Ok(known)
    }
}

/// A replica's name: `<release>.<index>`.
pub(super) fn replica_id(release: &ReleaseId, index: u32) -> String {
    format!("{release}.{index}")
}

/// A stamp in the keeper's form.
pub(super) fn keeper_stamp(stamp: Stamp) -> ops_keeper::Stamp {
    ops_keeper::Stamp {
        generation: stamp.generation.0,
        deployment: stamp.deployment,
        op: stamp.op.0,
    }
}

/// What is to be said when state cannot be read.
pub(super) fn unreadable(place: &Path, error: &io::Error) -> Fault {
    Fault::new(
        format!("the state of replicas cannot be read: {error}"),
        place.display().to_string(),
        "check the folder's owner; if the file is damaged, stop the service's processes and \
         remove this folder",
    )
}

/// What is to be said when state cannot be written.
pub(super) fn unwritable(place: &Path, error: &io::Error) -> Fault {
    Fault::new(
        format!("the state of replicas cannot be written: {error}"),
        place.display().to_string(),
        "check the folder's owner and the room on its disk, then try again",
    )
}

fn check_name(name: &str) -> Look<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    if !name.is_empty()
        && name.len() <= NAME_MAX
        && !name.starts_with('.')
        && name.chars().all(allowed)
    {
        return Ok(());
    }
    Err(Fault::new(
        format!("`{name}` cannot be the name of a folder"),
        "process target",
        "use letters, digits, `-`, `_`, `.` and `@`, and begin with no dot",
    ))
}

/// The folders inside one, by name; there may be none. Those that begin with a dot are being made
/// or removed.
fn folders(inside: &Path) -> Look<Vec<(String, PathBuf)>> {
    let failed = |error: io::Error| unreadable(inside, &error);
    let listing = match std::fs::read_dir(inside) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.file_type().map_err(failed)?.is_dir() {
            found.push((name, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for good in ["shop", "a.b-c_d", "9f2c01ab34cd-12"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "ä", &"x".repeat(NAME_MAX + 1)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
