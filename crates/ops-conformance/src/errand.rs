//! An act that breaks off on its way, here or in another process of ops.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use ops_core::{
    id::{ReleaseId, ServiceName, Stamp},
    world::ReleaseSpec,
};
use ops_engine::ports::{Act, ActError, Target};
use serde::{Deserialize, Serialize};

/// Where another process finds what it is to do.
const VARIABLE: &str = "OPS_CONFORMANCE_ERRAND";

/// How an act breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// What it asks of its world at that point fails.
    Fails,
    /// What it asks there is done, and nobody hears of it.
    Unheard,
    /// Who acts dies there.
    Dies,
}

/// An act, without its stamp.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Errand {
    /// A release is to run.
    Start(Box<ReleaseSpec>),
    /// A release is to stop.
    Stop(ServiceName, ReleaseId),
    /// A release is to be forgotten.
    Remove(ServiceName, ReleaseId),
}

impl Errand {
    /// Gives it to a target.
    pub fn give(&self, target: &dyn Target, stamp: Stamp) -> Act {
        match self {
            Self::Start(spec) => target.start(stamp, spec),
            Self::Stop(service, release) => target.stop(stamp, service, release),
            Self::Remove(service, release) => target.remove(stamp, service, release),
        }
    }
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// It is done.
    Done,
    /// It was not done, and nothing has changed.
    NotApplied(String),
    /// Perhaps it was done.
    Unknown(String),
    /// A later act was done before.
    Stale(String),
}

impl From<Act> for Said {
    fn from(act: Act) -> Self {
        match act {
            Ok(()) => Self::Done,
            Err(ActError::NotApplied(fault)) => Self::NotApplied(fault.to_string()),
            Err(ActError::Unknown(fault)) => Self::Unknown(fault.to_string()),
            Err(ActError::Stale(fault)) => Self::Stale(fault.to_string()),
        }
    }
}

/// What became of an act that was to break off.
#[derive(Debug)]
pub struct Broken {
    /// Whether it came to that point at all.
    pub met: bool,
    /// What was answered, unless who acted died first.
    pub said: Option<Said>,
}

/// What another process is told.
#[derive(Serialize, Deserialize)]
struct Order {
    place: String,
    stamp: Stamp,
    errand: Errand,
}

/// Another process of ops that is to do an act.
pub struct Sent {
    folder: PathBuf,
    test: &'static str,
}

impl Sent {
    /// Writes down what is to be done, in a folder of its own. `test` is the path of the test that
    /// calls [`obey`], and `place` what that needs to open the target.
    pub fn new(
        folder: &Path,
        test: &'static str,
        place: String,
        (errand, stamp): (&Errand, Stamp),
    ) -> Self {
        let order = Order { place, stamp, errand: errand.clone() };
        let sent = Self { folder: folder.to_owned(), test };
        let _ = fs::remove_file(sent.answer());
        fs::write(sent.order(), serde_json::to_vec(&order).unwrap()).unwrap();
        sent
    }

    fn order(&self) -> PathBuf {
        self.folder.join("order.json")
    }

    fn answer(&self) -> PathBuf {
        self.folder.join("answer.json")
    }

    /// This very program, as it does what it is sent to do.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", self.test, "--nocapture"]).env(VARIABLE, &self.folder);
        command
    }

    /// What it answered, if it came so far.
    pub fn said(&self) -> Option<Said> {
        serde_json::from_slice(&fs::read(self.answer()).ok()?).ok()
    }
}

/// Does what this process was sent to do, if it was.
pub fn obey(open: impl FnOnce(&str) -> Box<dyn Target>) {
    let Some(folder) = env::var_os(VARIABLE).map(PathBuf::from) else { return };
    let order = fs::read(folder.join("order.json")).unwrap();
    let order: Order = serde_json::from_slice(&order).unwrap();
    let said = Said::from(order.errand.give(&*open(&order.place), order.stamp));
    fs::write(folder.join("answer.json"), serde_json::to_vec(&said).unwrap()).unwrap();
}
