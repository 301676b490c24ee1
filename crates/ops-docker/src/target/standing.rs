//! What stands of a Compose project beside the copies of its front: one set for all releases.
//!
//! `<state>/docker/<service>/project.json` says which containers that are, from which
//! configuration each was made, and for which release they were last brought about. Beside it,
//! `overlays/<release>.json` is what Compose was given, and `files/` what containers mount.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use bollard::{
    Docker,
    models::ContainerSummary,
    query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder},
};
use ops_core::{
    id::{ReleaseId, ServiceName, Stamp},
    world::Fault,
};
use ops_engine::ports::Look;
use serde::{Deserialize, Serialize};

use super::{
    form::Form,
    names,
    record::{Record, Records},
};
use crate::{durable, engine::Trouble};

/// What Compose itself calls a container's project and service, and those that it ran for once.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const ONCE: &str = "com.docker.compose.oneoff";

/// What stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// What Compose calls the project.
    pub(super) project: String,
    /// What its containers carry to be known as ours.
    pub(super) token: String,
    /// The release for which they were last brought about.
    pub(super) release: ReleaseId,
    /// The services that are not behind the door.
    pub(super) others: BTreeMap<String, Stood>,
    /// Networks that bore the project's name before ops made anything, by id: all others go with
    /// it.
    pub(super) networks_before: Option<Vec<String>>,
    /// With what values of secrets are hashed: nobody who sees a hash can try values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// Secrets whose values containers mount, by the folder of each, as name and reference.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) secrets: BTreeMap<String, (String, String)>,
}

/// The containers of one service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stood {
    /// A hash of what they are made from.
    pub(super) configuration: String,
    /// The engine's id of the image that they run.
    pub(super) image: String,
    /// They; none while they are being made.
    pub(super) ids: Vec<String>,
    /// Those that they take the place of, until they are there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) before: Vec<String>,
    /// Where it is in the order of dependencies.
    pub(super) place: usize,
    /// Whether they were seen to stay, or to end well, since they were made.
    pub(super) proven: bool,
    /// The release that changed them last, and the stamp of its act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) changed: Option<(ReleaseId, Stamp)>,
    /// How they were made, by id, once that was read back.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) made: BTreeMap<String, Form>,
    /// Whether ops stopped them, with a project that has no door.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) stopped: bool,
}

impl Standing {
    /// Names those of a project's containers that are none of ours.
    pub(super) fn strangers(&self, records: &[Record], all: &[ContainerSummary]) -> Vec<String> {
        all.iter().filter(|one| !self.owns(records, one)).map(name).collect()
    }

    fn owns(&self, records: &[Record], one: &ContainerSummary) -> bool {
        let id = one.id.as_deref().unwrap_or_default();
        let label = |name: &str| one.labels.as_ref().and_then(|labels| labels.get(name));
        if label(ONCE).is_some_and(|once| once.eq_ignore_ascii_case("true")) {
            // Run by hand, once: Compose leaves it alone as well.
            return true;
        }
        let places =
            records.iter().flat_map(|record| record.places.iter().map(move |p| (record, p)));
        for (record, place) in places {
            let open = place.id.is_none()
                && label(names::TOKEN) == Some(&record.token)
                && name(one) == record.name(place);
            if place.id.as_deref() == Some(id) || open {
                return true;
            }
        }
        let known = |stood: &Stood| stood.ids.iter().chain(&stood.before).any(|known| known == id);
        let open = || {
            let stood = label(SERVICE).and_then(|service| self.others.get(service));
            label(names::TOKEN) == Some(&self.token)
                && stood.is_some_and(|stood| stood.ids.is_empty())
        };
        self.others.values().any(known) || open()
    }

    /// The containers of a service that were made from its configuration.
    pub(super) fn made(&self, service: &str, all: &[ContainerSummary]) -> Vec<(String, String)> {
        let Some(stood) = self.others.get(service) else { return Vec::new() };
        let is_it = |one: &&ContainerSummary| {
            let label = |name: &str| one.labels.as_ref().and_then(|labels| labels.get(name));
            label(SERVICE).is_some_and(|of| of == service)
                && label(names::TOKEN) == Some(&self.token)
                && label(crate::compose::CONFIGURATION) == Some(&stood.configuration)
        };
        let both = |one: &ContainerSummary| Some((one.id.clone()?, one.image_id.clone()?));
        all.iter().filter(is_it).filter_map(both).collect()
    }

    /// The services that stand, each after all that it depends on.
    pub(super) fn in_order(&self) -> Vec<(&String, &Stood)> {
        let mut all: Vec<(&String, &Stood)> = self.others.iter().collect();
        all.sort_by_key(|(_, stood)| stood.place);
        all
    }

    /// All of its containers, those on which others depend last.
    pub(super) fn ids_from_above(&self) -> Vec<String> {
        let from_above = self.in_order().into_iter().rev();
        from_above.flat_map(|(_, one)| one.ids.iter().chain(&one.before)).cloned().collect()
    }
}

fn name(one: &ContainerSummary) -> String {
    let name = one.names.as_ref().and_then(|names| names.first());
    name.map_or("(unnamed)", |name| name.trim_start_matches('/')).to_owned()
}

/// All containers that bear a project's name, whoever made them.
pub(super) async fn containers(
    docker: &Docker,
    project: &str,
) -> Result<Vec<ContainerSummary>, Trouble> {
    let label = format!("{PROJECT}={project}");
    let filters = HashMap::from([("label", vec![label.as_str()])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    Ok(docker.list_containers(Some(options)).await?)
}

/// All networks that bear a project's name, by id.
pub(super) async fn networks(docker: &Docker, project: &str) -> Result<Vec<String>, Trouble> {
    let label = format!("{PROJECT}={project}");
    let filters = HashMap::from([("label", vec![label.as_str()])]);
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let all = docker.list_networks(Some(options)).await?;
    Ok(all.into_iter().filter_map(|network| network.id).collect())
}

/// What is to be said of a project that is somebody else's.
pub(super) fn not_ours(project: &str, strangers: &[String]) -> Fault {
    Fault::new(
        format!(
            "the Compose project `{project}` has containers that ops has not made, and they are \
             left alone: {}",
            strangers.join(", ")
        ),
        format!("project {project}"),
        format!(
            "see what they are; take them down (`docker-compose -p {project} down`, which keeps \
             volumes), or give the service another name: `compose: {{ project: … }}`"
        ),
    )
}

impl Records {
    fn standing_file(&self, service: &ServiceName) -> Look<PathBuf> {
        Ok(self.service(service)?.join("project.json"))
    }

    pub(super) fn standing(&self, service: &ServiceName) -> Look<Option<Standing>> {
        durable::load(&self.standing_file(service)?)
    }

    pub(super) fn save_standing(&self, service: &ServiceName, standing: &Standing) -> Look<()> {
        durable::save(&self.standing_file(service)?, standing)
    }

    /// Where what containers of a service mount is kept.
    pub(super) fn files(&self, service: &ServiceName) -> Look<PathBuf> {
        Ok(self.service(service)?.join("files"))
    }

    pub(super) fn overlay(&self, service: &ServiceName, release: &ReleaseId) -> Look<PathBuf> {
        names::check(release.as_str())?;
        Ok(self.service(service)?.join("overlays").join(format!("{release}.json")))
    }

    /// Forgets a release's overlay, and the files that no other one mounts; with the last one, all.
    pub(super) fn forget_overlay(&self, service: &ServiceName, release: &ReleaseId) -> Look<()> {
        let overlay = self.overlay(service, release)?;
        if overlay.exists() {
            durable::forget(&overlay)?;
        }
        let others = texts(overlay.parent().unwrap_or(Path::new(".")));
        let files = self.files(service)?;
        for entry in std::fs::read_dir(&files).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !others.iter().any(|text| text.contains(&name)) {
                std::fs::remove_dir_all(entry.path())
                    .map_err(|error| durable::unwritable(&entry.path(), &error))?;
            }
        }
        Ok(())
    }

    /// What the overlays of all releases of a service say.
    pub(super) fn overlays(&self, service: &ServiceName) -> Look<Vec<String>> {
        Ok(texts(&self.service(service)?.join("overlays")))
    }

    pub(super) fn forget_standing(&self, service: &ServiceName) -> Look<()> {
        durable::forget(&self.standing_file(service)?)
    }
}

/// What overlays say.
fn texts(folder: &Path) -> Vec<String> {
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    listing.filter_map(|entry| std::fs::read_to_string(entry.path()).ok()).collect()
}
