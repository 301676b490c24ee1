//! The door that a team has: one on this machine, or one on each of several hosts. Those on hosts
//! are reached through what leads to their engine anyway.

mod care;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use ops_core::{
    settings::{DockerHost, DoorKind, Doors as Wanted, Reach, Settings},
    world::Fault,
};
use ops_docker::{Answers, DoorContainer};
use ops_edge::{Doors, EdgeDoor, HostDoor, MAX_ANSWER_BYTES, Way};
use ops_engine::ports::{ActError, Door, Look};

use crate::{context::Context, places};

pub(crate) use care::Care;

/// Where it is written down what is ops's on which host.
const FOLDER: &str = "doors";
/// The edge's state inside a container.
const STATE: &str = "/state";

/// Doors on hosts.
pub(crate) struct OnHosts {
    pub(crate) doors: Arc<Doors>,
    /// Those that are containers of ops.
    containers: Vec<Container>,
}

/// A door that ops keeps as a container.
struct Container {
    host: String,
    keeps: DoorContainer,
    door: EdgeDoor,
    /// Where it is written down what keeps it from serving.
    trouble: PathBuf,
}

/// The way to an edge on a host.
struct Wire(Arc<Answers>);

impl Way for Wire {
    fn place(&self) -> String {
        self.0.place().to_owned()
    }

    fn ask(&self, question: &[u8]) -> Result<Vec<u8>, ActError> {
        self.0.ask(question)
    }
}

/// The door that the engine acts on.
pub(crate) fn door(context: &Context, settings: &Settings) -> Look<Arc<dyn Door>> {
    Ok(match OnHosts::of(context, settings)? {
        Some(hosts) => hosts.doors,
        None => Arc::new(context.door()),
    })
}

impl OnHosts {
    /// The doors that `ops.yaml` wants on hosts, if it does. Nothing is asked of them yet.
    pub(crate) fn of(context: &Context, settings: &Settings) -> Look<Option<Self>> {
        let Some(wanted) = &settings.edge.doors else { return Ok(None) };
        let folder = context.state.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|error| {
            let next = "check the owner of the state folder and the room on its disk";
            Fault::new(format!("it cannot be made: {error}"), folder.display().to_string(), next)
        })?;
        let mut doors = BTreeMap::new();
        let mut containers = Vec::new();
        for name in &wanted.hosts {
            let Some(host) = settings.docker.hosts.get(name) else { continue };
            let door = match &wanted.kind {
                DoorKind::Process { program, state } => process(host, program, state)?,
                DoorKind::Container => {
                    let of_host = folder.join(name);
                    let container = container(settings, host, &of_host)?;
                    let door = through(container.answers());
                    let trouble = of_host.join("trouble.json");
                    let (host, known) = (name.clone(), door.clone());
                    containers.push(Container { host, keeps: container, door: known, trouble });
                    door
                }
            };
            doors.insert(name.clone(), HostDoor { address: host.address, door });
        }
        Ok(Some(Self { doors: Arc::new(Doors::new(&folder, doors)), containers }))
    }

    /// What each door says, by host: where it answers, or why it does not.
    pub(crate) fn look(&self) -> Vec<(String, Look<String>)> {
        let each = self.doors.each().map(|(name, door)| {
            let said = door.status().map(|status| {
                let listen: Vec<_> = status.listen.iter().map(ToString::to_string).collect();
                format!("answers on {}", listen.join(", "))
            });
            (name.to_owned(), said.map_err(|fault| self.why(name).unwrap_or(fault)))
        });
        each.collect()
    }

    /// Why a door in a container does not answer, where that is known better than by its silence.
    fn why(&self, host: &str) -> Option<Fault> {
        let one = self.containers.iter().find(|one| one.host == host)?;
        let told = std::fs::read(&one.trouble).ok();
        let told = told.and_then(|text| serde_json::from_slice(&text).ok());
        told.or_else(|| one.keeps.why_down())
    }
}

fn through(answers: Arc<Answers>) -> EdgeDoor {
    EdgeDoor::through(Arc::new(Wire(answers)))
}

fn container(settings: &Settings, host: &DockerHost, folder: &Path) -> Look<DoorContainer> {
    let engine = places::reach(&host.engine)?;
    // Which hosts have a door does not change what each of them is.
    let edge = ops_core::settings::Edge { doors: None, ..settings.edge.clone() };
    let wishes = serde_json::to_string(&edge)
        .map_err(|error| Fault::new(error.to_string(), "edge", "report this as a defect of ops"))?;
    let words = ["edge", "--wishes", &wishes, "--state", STATE].map(str::to_owned).to_vec();
    let ask = ["/ops", "edge", "control", "--state", STATE].map(str::to_owned).to_vec();
    DoorContainer::new(engine, folder, words, ask, MAX_ANSWER_BYTES)
}

fn process(host: &DockerHost, program: &str, state: &str) -> Look<EdgeDoor> {
    match &host.engine {
        // A host whose engine has its socket here is this machine.
        Reach::Socket { .. } => Ok(EdgeDoor::new(Path::new(state).join("edge"))),
        Reach::Ssh { host, config } => {
            let words = [program, "edge", "control", "--state", state].map(str::to_owned).to_vec();
            let config = config.as_deref().map(Path::new);
            let answers = Answers::behind_ssh(host, config, words, MAX_ANSWER_BYTES)?;
            Ok(through(Arc::new(answers)))
        }
        Reach::Tls { host, .. } => Err(Fault::new(
            "there is no way to a process",
            host.clone(),
            "reach the host by ssh://, or let its door be a container",
        )),
    }
}

/// Hosts on which ops made a door that `ops.yaml` names no more: they serve on by their last routes.
pub(crate) fn left(state: &Path, wanted: Option<&Wanted>) -> Vec<String> {
    let known = |name: &String| wanted.is_some_and(|wanted| wanted.hosts.contains(name));
    let made = std::fs::read_dir(state.join(FOLDER)).into_iter().flatten().flatten();
    let made = made.filter(|entry| entry.path().join("door.json").exists());
    let names = made.filter_map(|entry| entry.file_name().into_string().ok());
    let mut left: Vec<String> = names.filter(|name| !known(name)).collect();
    left.sort();
    left
}
