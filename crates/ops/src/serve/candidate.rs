//! Says on the embedded board which candidate a verdict is about.
//!
//! The hash is made by the very code that will check it, from what lies there at the moment of the
//! verdict: a rebuild, a new commit of `ops.yaml` or new notes in between give another hash.

use ops_boards::BoardStore;
use ops_core::{
    checks::{Facts, judge},
    deploy::Created,
    id::{DeploymentId, EnvironmentName, Identity, ServiceName, TicketId},
    plan::{Kind, KnownRelease},
};
use ops_engine::{Done, Work, perform, ports::Ports};

/// Gathers the facts about a ticket as a deployment would; only reads.
pub(crate) fn facts_of(
    ports: &Ports,
    ticket: &TicketId,
    serving: Vec<(EnvironmentName, KnownRelease)>,
) -> (Created, Option<Box<Facts>>) {
    let created = Created {
        id: DeploymentId(0),
        kind: Kind::Release,
        tickets: vec![ticket.clone()],
        service: ServiceName::new("unknown"),
        environment: EnvironmentName::new("production"),
        group: String::new(),
        me: Identity::new(String::new()),
        channel: String::new(),
        retries: 0,
    };
    let work = Work::Gather {
        created: Box::new(created.clone()),
        serving,
        undo: None,
        conflicts: Vec::new(),
        condemned: Vec::new(),
        answered: false,
    };
    let facts = match perform(ports, &work) {
        Done::Gathered(facts) => Some(facts),
        _ => None,
    };
    (created, facts)
}

/// Tells the board the candidate of a ticket, right before somebody judges it. Where none can be
/// told, none stands there: a wrong one would be worse.
pub(super) fn stamp(store: &BoardStore, ports: &Ports, ticket: &str) {
    let (created, facts) = facts_of(ports, &TicketId::new(ticket), Vec::new());
    let candidate = facts.and_then(|facts| judge(&created, &facts).candidate);
    if let Err(error) = store.set_candidate(ticket, candidate.as_ref()) {
        tracing::debug!(%error, ticket, "no candidate could be noted on the board");
    }
}
