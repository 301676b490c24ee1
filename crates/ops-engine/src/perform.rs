//! Does one job through the ports. The same code serves the daemon and the simulation.

mod facts;
mod letters;
mod look;
mod sense;

use std::sync::Arc;

use ops_core::{
    deploy::{Act, Outcome},
    id::{EnvironmentName, OpId, ServiceName, Stamp},
    route::Route,
    signal::SignalSecond,
    world::Fault,
};

use crate::{
    jobs::{Done, Draft, QueueRead, QueueUnread, Work},
    ports::{self, ActError, Ports},
};

/// Does a job. Blocks until it is done; every port call is short.
pub fn perform(ports: &Ports, work: &Work) -> Done {
    match work {
        Work::Gather { created, known } => {
            Done::Gathered(Box::new(facts::gather(ports, created, known)))
        }
        Work::Act { stamp, act: what } => Done::Ended(outcome(act(ports, *stamp, what))),
        Work::Look { plan, order } => Done::Looked(Box::new(look::look(ports, plan, order))),
        Work::Sense { plan, sense, now } => {
            Done::Sensed(Box::new(sense::sense(ports, plan, sense, now)))
        }
        Work::ReadTicket { id, waits } => {
            let planning = &ports.planning;
            let read = if *waits { planning.glance(id) } else { planning.ticket(id) };
            Done::Ticket(read.map(|ticket| ticket.map(Box::new)))
        }
        Work::Deliver { letter, marker } => {
            Done::Ended(outcome(letters::deliver(ports, letter, marker)))
        }
        Work::DeliverPosts { posts } => Done::Ended(outcome(letters::deliver_posts(ports, posts))),
        Work::Find { letter, marker } => Done::Found(letters::find(ports, letter, marker)),
        Work::Highest => Done::Highest(highest(ports)),
        Work::Queue { governs } => Done::Queue(queue(ports, governs.as_deref()).map(Box::new)),
        Work::Count { services } => Done::Counted(count(ports, services)),
        Work::Secrets { references } => Done::Secrets(facts::versions(ports, references)),
        Work::Tell { who, notice } => Done::Ended(outcome(ports.herald.tell(who, notice))),
        Work::Judge { to, prompt, dossier } => {
            let exchange = ports.advisor.ask(to, prompt);
            Done::Judged(Arc::clone(dossier), Box::new(exchange))
        }
        Work::Mentions { after } => Done::Mentions(ports.meeting.mentions(after.as_deref())),
        Work::Answer { message, text, marker, draft } => {
            say(ports, &message.channel, text, marker, draft.as_ref())
        }
        Work::Announce { channel, text, marker, draft } => {
            say(ports, channel, text, marker, draft.as_ref())
        }
        Work::Prune { keep } => {
            Done::Pruned(ports.artifacts.prune(keep).map_err(|why| match why {
                ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault) => {
                    fault
                }
            }))
        }
    }
}

/// Says something, once; with a model's words beside it where one is asked for them.
fn say(ports: &Ports, channel: &str, text: &str, marker: &str, draft: Option<&Draft>) -> Done {
    let mut consulted = None;
    let answer = letters::say(ports, channel, marker, || {
        let Some(Draft { to, prompt }) = draft else { return text.to_owned() };
        let exchange = ports.advisor.ask(to, prompt);
        let words = exchange.draft();
        consulted = Some((prompt.user.clone(), Box::new(exchange)));
        match words {
            Some(words) => text.replacen(marker, &format!("{words}\n\n{marker}"), 1),
            None => text.to_owned(),
        }
    });
    match consulted {
        Some((asked, exchange)) => Done::Drafted { asked, exchange, answer },
        None => Done::Answered(answer),
    }
}

fn act(ports: &Ports, stamp: Stamp, act: &Act) -> ports::Act {
    match act {
        Act::Import { reference, digest, project: None } => {
            ports.artifacts.import(reference, digest)
        }
        Act::Import { reference, digest, project: Some(project) } => {
            ports.artifacts.import_project(reference, digest, project)
        }
        Act::Start { spec } => ports.target.start(stamp, spec),
        Act::SetRoute { route } => ports.door.set_route(stamp, &ordered(stamp, route)),
        Act::RemoveRoute { service } => ports.door.remove_route(stamp, service),
        Act::Stop { service, release } => ports.target.stop(stamp, service, release),
        Act::Remove { service, release } => ports.target.remove(stamp, service, release),
    }
}

/// The route with the stamp under which the door may undo it: the number after the act's own, which
/// no other act has.
fn ordered(stamp: Stamp, route: &Route) -> Route {
    let mut route = route.clone();
    if let Some(guard) = &mut route.guard {
        guard.stamp = Stamp { op: OpId(stamp.op.0 + 1), ..stamp };
    }
    route
}

fn outcome(result: ports::Act) -> Outcome {
    match result {
        Ok(()) => Outcome::Applied,
        Err(ActError::NotApplied(fault)) => Outcome::NotApplied { fault },
        Err(ActError::Unknown(fault)) => Outcome::Unknown { fault },
        Err(ActError::Stale(fault)) => Outcome::Stale { fault },
    }
}

/// The highest generation that anything in the world has seen: a new lease goes above it.
fn highest(ports: &Ports) -> Result<ops_core::id::Generation, Fault> {
    let target = ports.target.highest_generation()?;
    let door = ports.door.highest_generation()?;
    Ok(target.max(door))
}

fn queue(ports: &Ports, governs: Option<&str>) -> Result<QueueRead, QueueUnread> {
    let newest = ports.wishes.newest();
    let settings = match (governs, &newest) {
        // The first one governs as soon as it was read: by this very reading, which is recorded.
        (governs, Ok(newest))
            if governs.is_none() || newest.revision.commit.as_deref() == governs =>
        {
            Arc::clone(newest)
        }
        (None, Err(fault)) => {
            return Err(QueueUnread { fault: fault.clone(), settings: None });
        }
        (governs, _) => facts::governing(ports, governs)
            .map_err(|fault| QueueUnread { fault, settings: None })?,
    };
    ports.wishes.govern(&settings);
    let board = || Ok((ports.planning.me()?, ports.planning.ready()?));
    match board() {
        Ok((me, tickets)) => Ok(QueueRead { me, tickets, settings, newest }),
        Err(fault) => Err(QueueUnread { fault, settings: Some(settings) }),
    }
}

type Counted = (EnvironmentName, ServiceName, Result<Vec<SignalSecond>, Fault>);

fn count(ports: &Ports, services: &[(EnvironmentName, ServiceName, u64)]) -> Vec<Counted> {
    services
        .iter()
        .map(|(environment, service, after)| {
            (environment.clone(), service.clone(), ports.door.signals(service, *after))
        })
        .collect()
}
