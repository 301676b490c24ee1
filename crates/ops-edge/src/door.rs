//! The daemon's side of the admin socket.

mod socket;

use std::{path::PathBuf, sync::Arc};

use ops_core::{
    id::{Generation, ServiceName, Stamp},
    route::Route,
    signal::SignalSecond,
    world::{DoorView, Fault},
};
use ops_engine::ports::{Act, ActError, Door, Look};

use crate::admin::{Answer, Ask, EdgeStatus, RefusalKind, Told};
pub(crate) use socket::Socket;

/// Longest answer, in bytes: 30 minutes of the busiest second that 16 releases can fill.
pub const MAX_ANSWER_BYTES: usize = 128 * 1024 * 1024;

/// How an edge is reached.
pub trait Way: Send + Sync {
    /// Where it is, in words.
    fn place(&self) -> String;

    /// Brings a question, one line of JSON with its end, and gives the answer. *Not applied* where
    /// the question certainly did not arrive; *unknown* where it may have.
    fn ask(&self, question: &[u8]) -> Result<Vec<u8>, ActError>;
}

/// An edge, seen from the daemon.
#[derive(Clone)]
pub struct EdgeDoor {
    way: Arc<dyn Way>,
}

impl std::fmt::Debug for EdgeDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("EdgeDoor").field(&self.way.place()).finish()
    }
}

impl EdgeDoor {
    /// The edge that runs on this state folder, now or later. Each call is a connection of its own,
    /// so an edge that was restarted in between is no trouble.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self::through(Arc::new(Socket::new(state_dir.into().join("edge.sock"))))
    }

    /// The edge at the end of a way.
    pub fn through(way: Arc<dyn Way>) -> Self {
        Self { way }
    }

    /// What the edge says of itself.
    ///
    /// # Errors
    ///
    /// If no edge answers.
    pub fn status(&self) -> Look<EdgeStatus> {
        match self.look_at(&Ask::Status {})? {
            Answer::Status(status) => Ok(status),
            _ => Err(self.odd_answer()),
        }
    }

    /// What the edge counted, in the text format of Prometheus.
    ///
    /// # Errors
    ///
    /// If no edge answers.
    pub fn metrics(&self) -> Look<String> {
        match self.look_at(&Ask::Metrics {})? {
            Answer::Metrics(text) => Ok(text),
            _ => Err(self.odd_answer()),
        }
    }

    /// The seconds of a service after one of its own clock, and how that clock stands.
    pub(crate) fn seconds(&self, service: &ServiceName, after: u64) -> Look<Told> {
        match self.look_at(&Ask::Seconds { service: service.clone(), after })? {
            Answer::Seconds(told) => Ok(told),
            _ => Err(self.odd_answer()),
        }
    }

    fn fault(&self, what: impl Into<String>, next: &str) -> Fault {
        Fault::new(what, self.way.place(), next)
    }

    fn odd_answer(&self) -> Fault {
        let next = "run `ops` and `ops edge` from the same version";
        self.fault("the edge gave an answer that this ops does not know", next)
    }

    fn look_at(&self, ask: &Ask) -> Look<Answer> {
        match self.call(ask) {
            Ok(Answer::Refused { fault, .. }) => Err(fault),
            Ok(answer) => Ok(answer),
            Err(error) => Err(fault_of(error)),
        }
    }

    fn act(&self, ask: &Ask) -> Act {
        match self.call(ask) {
            Ok(Answer::Done) => Ok(()),
            Ok(Answer::Refused { kind, fault }) => Err(match kind {
                RefusalKind::Stale => ActError::Stale(fault),
                RefusalKind::Unknown => ActError::Unknown(fault),
                RefusalKind::NotApplied | RefusalKind::Malformed => ActError::NotApplied(fault),
            }),
            Ok(_) => Err(ActError::Unknown(self.odd_answer())),
            Err(error) => Err(error),
        }
    }

    fn call(&self, ask: &Ask) -> Result<Answer, ActError> {
        let mut line = serde_json::to_vec(ask).map_err(|error| {
            let next = "report this as a defect of ops";
            ActError::NotApplied(self.fault(format!("a question cannot be written: {error}"), next))
        })?;
        line.push(b'\n');
        let answer = self.way.ask(&line)?;
        serde_json::from_slice(&answer).map_err(|_| ActError::Unknown(self.odd_answer()))
    }
}

/// What is to be said of a look that failed.
fn fault_of(error: ActError) -> Fault {
    match error {
        ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault) => fault,
    }
}

impl Door for EdgeDoor {
    fn look(&self, service: &ServiceName) -> Look<DoorView> {
        match self.look_at(&Ask::Look { service: service.clone() })? {
            Answer::View(view) => Ok(view),
            _ => Err(self.odd_answer()),
        }
    }

    fn highest_generation(&self) -> Look<Generation> {
        Ok(self.status()?.highest)
    }

    fn addresses(&self) -> Look<Vec<String>> {
        let listen = self.status()?.listen;
        Ok(listen.iter().map(ToString::to_string).collect())
    }

    fn set_route(&self, stamp: Stamp, route: &Route) -> Act {
        self.act(&Ask::SetRoute { stamp, route: route.clone() })
    }

    fn remove_route(&self, stamp: Stamp, service: &ServiceName) -> Act {
        self.act(&Ask::RemoveRoute { stamp, service: service.clone() })
    }

    fn signals(&self, service: &ServiceName, after: u64) -> Look<Vec<SignalSecond>> {
        match self.look_at(&Ask::Signals { service: service.clone(), after })? {
            Answer::Signals(seconds) => Ok(seconds),
            _ => Err(self.odd_answer()),
        }
    }
}
