//! Questions and answers of the admin socket.

use std::net::SocketAddr;

use ops_core::{
    id::{Generation, ReleaseId, ServiceName, Stamp},
    route::{Route, ServedRoute},
    signal::SignalSecond,
    world::{DoorView, Fault},
};
use serde::{Deserialize, Serialize};

use crate::tls::TlsStatus;

/// A question, such as `{"ask":"look","service":"shop"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Ask {
    /// What is served for a service.
    Look {
        /// The service.
        service: ServiceName,
    },
    /// Replace a service's route.
    SetRoute {
        /// Stamp of the act.
        stamp: Stamp,
        /// The new route.
        route: Route,
    },
    /// Remove a service's route.
    RemoveRoute {
        /// Stamp of the act.
        stamp: Stamp,
        /// The service.
        service: ServiceName,
    },
    /// The seconds after `after` that are over.
    Signals {
        /// The service.
        service: ServiceName,
        /// Boot time in seconds.
        after: u64,
    },
    /// The same with the clock by which they are counted, for whoever has another one.
    Seconds {
        /// The service.
        service: ServiceName,
        /// Boot time in seconds.
        after: u64,
    },
    /// What this edge is.
    Status {},
    /// What it counted, as text for Prometheus.
    Metrics {},
    /// Hand over to the process that asks.
    HandOver {},
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// To `look`.
    View(DoorView),
    /// The act is in force and durable.
    Done,
    /// To `signals`.
    Signals(Vec<SignalSecond>),
    /// To `seconds`.
    Seconds(Told),
    /// To `status`.
    Status(EdgeStatus),
    /// To `metrics`.
    Metrics(String),
    /// There is no other answer.
    Refused {
        /// What that means for an act.
        kind: RefusalKind,
        /// Why.
        fault: Fault,
    },
}

/// The seconds of a service, as a door counts them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// The boot from which it counts.
    pub(crate) boot: String,
    /// Milliseconds since then.
    pub(crate) now_ms: u64,
    /// The last act for the service, if there was any.
    pub(crate) last: Option<Stamp>,
    /// Whether it has a route for it.
    pub(crate) served: bool,
    /// Whether it counts for it: also for a while after its route was removed.
    pub(crate) counted: bool,
    /// Those that are over.
    pub(crate) seconds: Vec<SignalSecond>,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RefusalKind {
    /// No effect, now or later.
    NotApplied,
    /// Perhaps an effect.
    Unknown,
    /// No effect, and whoever asked must stop acting.
    Stale,
    /// The line was no question: no effect.
    Malformed,
}

/// An edge about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EdgeStatus {
    /// Drawn at each start: tells one process from the next.
    pub instance: String,
    /// What tells its program from another version of it.
    #[serde(default)]
    pub build: String,
    /// Addresses on which users are served.
    pub listen: Vec<SocketAddr>,
    /// The highest generation that was accepted, over all services.
    pub highest: Generation,
    /// The routes as they are served.
    pub routes: Vec<ServedRoute>,
    /// Requests that wait at the door, per service; services without any are absent.
    pub held: Vec<(ServiceName, u32)>,
    /// Requests still in flight for services whose route was removed.
    pub unrouted: Vec<(ServiceName, Vec<(ReleaseId, u64)>)>,
    /// Certificates in force.
    #[serde(default)]
    pub tls: TlsStatus,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_have_the_documented_form() {
        let ask: Ask = serde_json::from_str(r#"{"ask":"signals","service":"shop","after":7}"#)
            .expect("a question");
        assert_eq!(ask, Ask::Signals { service: "shop".into(), after: 7 });
        assert_eq!(serde_json::to_string(&Ask::Status {}).expect("json"), r#"{"ask":"status"}"#);
        for bad in [r#"{"ask":"status","x":1}"#, r#"{"ask":"drop"}"#, "[]", "1", "{}"] {
            assert!(serde_json::from_str::<Ask>(bad).is_err(), "{bad}");
        }
    }
}
