//! Says on the embedded board which candidate a verdict is about.
//!
//! The hash is made by the very code that will check it, from what lies there at the moment of the
//! verdict: a rebuild, a new commit of `ops.yaml` or new notes in between give another hash.

use std::{collections::BTreeMap, sync::Arc};

use ops_boards::BoardStore;
use ops_core::{
    checks::{Facts, judge},
    deploy::Created,
    id::{DeploymentId, EnvironmentName, Identity, ServiceName, TicketId},
    plan::Kind,
    time::{BootId, Now},
};
use ops_engine::{Done, Known, Work, perform, ports::Ports};

/// What is known where nothing but the ticket itself is asked about.
pub(crate) fn nothing_known(governs: Option<String>, now: Now) -> Known {
    Known {
        at: now.wall,
        now,
        governs,
        serving: Vec::new(),
        shipped: BTreeMap::new(),
        undo: None,
        promoted: None,
        seen: None,
        conflicts: Vec::new(),
        condemned: Vec::new(),
        answered: false,
        then: None,
        tallies: BTreeMap::new(),
        standing: Vec::new(),
        only_candidate: false,
        soaked: None,
        notebook: Arc::default(),
    }
}

/// Gathers the facts about a ticket as a deployment would; only reads.
pub(crate) fn facts_of(
    ports: &Ports,
    ticket: &TicketId,
    environment: EnvironmentName,
    known: Known,
) -> (Created, Option<Box<Facts>>) {
    let created = Created {
        id: DeploymentId(0),
        kind: Kind::Release,
        tickets: vec![ticket.clone()],
        service: ServiceName::new("unknown"),
        environment,
        group: String::new(),
        me: Identity::new(String::new()),
        channel: String::new(),
        retries: 0,
    };
    let work = Work::Gather { created: Box::new(created.clone()), known: Box::new(known) };
    let facts = match perform(ports, &work) {
        Done::Gathered(facts) => Some(facts),
        _ => None,
    };
    (created, facts)
}

/// Tells the board the candidate of a ticket, right before somebody judges it. Where none can be
/// told, none stands there: a wrong one would be worse.
pub(super) fn stamp(store: &BoardStore, ports: &Ports, governs: Option<String>, ticket: &str) {
    // Nothing that is asked for a candidate alone depends on a clock.
    let now = Now { boot: BootId::default(), ms: 0, wall: jiff::Timestamp::now() };
    let known = Known { only_candidate: true, ..nothing_known(governs, now) };
    let environment = EnvironmentName::new("production");
    let (created, facts) = facts_of(ports, &TicketId::new(ticket), environment, known);
    let candidate = facts.and_then(|facts| judge(&created, &facts).candidate);
    if let Err(error) = store.set_candidate(ticket, candidate.as_ref()) {
        tracing::debug!(%error, ticket, "no candidate could be noted on the board");
    }
}
