//! The heartbeat: reads the queue and begins deployments for tickets that are ready.

use std::collections::BTreeMap;

use ops_core::{
    deploy::{Created, Input},
    id::{DeploymentId, Digest, EnvironmentName, ServiceName, TicketId},
    notes::{NotesFound, asked_settings},
    plan::Kind,
    settings::{Role, Settings},
    ticket::Ticket,
    time::Now,
};

use crate::{
    Engine, EngineError,
    jobs::{QueueRead, QueueUnread},
    knowledge::End,
    notebook::Notebook,
    ports::Journal,
};

/// So many new tickets in one reading are told in one post.
const MANY: usize = 5;
/// Tickets that such a post names.
const NAMED_MAX: usize = 20;

impl<J: Journal> Engine<J> {
    pub(crate) fn queue_read(
        &mut self,
        answer: Result<Box<QueueRead>, QueueUnread>,
        now: &Now,
    ) -> Result<(), EngineError> {
        let queue = match answer {
            Ok(queue) => *queue,
            Err(QueueUnread { fault, settings }) => {
                // A board that does not answer says nothing about its tickets (S14).
                tracing::warn!(%fault, "the queue could not be read");
                if let Some(settings) = settings {
                    self.first_governs(&settings, now)?;
                    self.remember_settings(settings);
                    self.queue_is_away(&fault, now);
                }
                return Ok(());
            }
        };
        self.queue_is_back();
        self.heartbeat_is(queue.settings.heartbeat_seconds * 1_000);
        if self.is_too_old() {
            // What a newer ops has begun cannot be read here: it would be begun a second time (S19).
            self.remember_queue(queue);
            return Ok(());
        }
        let changed = self.changed_tickets(&queue);
        let fresh = self.fresh_tickets(&queue, now);
        self.weigh_newest(&queue, now)?;
        self.remember_queue(queue);
        if let Some(settings) = self.settings().cloned() {
            self.adopt(&settings, now)?;
        }
        self.sum_up(&fresh);
        for (tickets, retries, place) in fresh {
            self.begin(tickets, retries, place, now)?;
        }
        self.follow_promoted(now)?;
        for id in changed {
            // News on a held ticket: its checks run again as soon as its group is free.
            self.feed(id, &Input::Turn, now)?;
        }
        Ok(())
    }

    /// Begins a deployment, for tickets of the queue that was read last where any ask for it.
    pub(crate) fn begin(
        &mut self,
        tickets: Vec<TicketId>,
        retries: u32,
        place: Place,
        now: &Now,
    ) -> Result<(), EngineError> {
        let Some(queue) = self.queue() else { return Ok(()) };
        let (me, channel) = (queue.me.clone(), queue.settings.boards.channel.clone());
        let Place { service, environment, group, kind } = place;
        let id = self.next_deployment()?;
        let created =
            Created { id, kind, tickets, service, environment, group, me, channel, retries };
        self.create(created, now)
    }

    /// Held deployments whose ticket has changed since the checks read it.
    fn changed_tickets(&self, queue: &QueueRead) -> Vec<ops_core::id::DeploymentId> {
        self.deployments()
            .filter(|deployment| {
                deployment.phase_name() == ops_core::deploy::PhaseName::Held
                    && !self.group_taken(deployment)
            })
            .filter(|deployment| {
                let first = deployment.created.tickets.first();
                let read = deployment.ticket.as_deref();
                queue.tickets.iter().find(|ticket| Some(&ticket.id) == first).is_some_and(
                    |ticket| foreign(ticket, queue) != read.map_or(0, |r| foreign(r, queue)),
                )
            })
            .map(ops_core::deploy::Deployment::id)
            .collect()
    }

    fn fresh_tickets(&self, queue: &QueueRead, now: &Now) -> Vec<(Vec<TicketId>, u32, Place)> {
        let mut ready: Vec<&Ticket> =
            queue.tickets.iter().filter(|ticket| !self.under_way(&ticket.id)).collect();
        // Critical first; among equals the one that has been ready for longest.
        ready.sort_by(|a, b| {
            b.priority.cmp(&a.priority).then_with(|| ready_since(a).cmp(ready_since(b)))
        });
        let mut groups: BTreeMap<Digest, usize> = BTreeMap::new();
        let mut fresh: Vec<(Vec<TicketId>, u32, Place)> = Vec::new();
        for ticket in ready {
            let tries = self.knowledge().may_try(&ticket.id, foreign(ticket, queue), now);
            let Some(retries) = tries else { continue };
            let last = self.knowledge().tried.get(&ticket.id);
            let next = last.and_then(|last| last.next.as_ref());
            let (place, notes) = place(ticket, next, &queue.settings, &self.notebook);
            if let Some(at) = notes.as_ref().and_then(|notes| groups.get(notes)) {
                if let Some((tickets, ..)) = fresh.get_mut(*at) {
                    tickets.push(ticket.id.clone());
                }
                continue;
            }
            if let Some(notes) = notes {
                groups.insert(notes, fresh.len());
            }
            fresh.push((vec![ticket.id.clone()], retries, place));
        }
        fresh
    }

    /// A ticket that left the queue between two stages is looked at all the same: what it brought to
    /// the earlier ones must not stay there unnoticed (S12).
    fn follow_promoted(&mut self, now: &Now) -> Result<(), EngineError> {
        let Some(queue) = self.queue() else { return Ok(()) };
        let settings = std::sync::Arc::clone(&queue.settings);
        let waits = |id: &TicketId| queue.tickets.iter().any(|ticket| ticket.id == *id);
        let again = self.brought_again();
        let left: Vec<_> = self
            .knowledge()
            .tried
            .iter()
            .filter(|(id, _)| !waits(id) && !self.asks(id))
            .filter_map(|(id, tried)| {
                let next = tried.next.as_ref().map(|(next, _)| next.clone());
                match tried.end {
                    End::Promoted => Some((tried.by, next?)),
                    _ => again.get(id).cloned(),
                }
            })
            .collect();
        for (by, environment) in left {
            let Some(shipped) = self.recall(by)? else { continue };
            let named = shipped.plan.as_ref().map(|plan| &plan.new.candidate.service);
            let service = named.and_then(|name| settings.services.get(name));
            let Created { tickets, kind, service: its, group, .. } = shipped.created;
            let place = match service {
                Some(service) => place_of(service, Some(&environment), &settings),
                None => Place { service: its, environment, group, kind },
            };
            self.begin(tickets, 0, place, now)?;
        }
        Ok(())
    }

    /// What rollbacks brought again to a stage that is not the last one: by the ticket that brought it
    /// first, its deployment and the stage. It went on to no other one since.
    fn brought_again(&self) -> BTreeMap<TicketId, (DeploymentId, EnvironmentName)> {
        let knowledge = self.knowledge();
        let mut again = BTreeMap::new();
        for ((environment, _), (release, by)) in &knowledge.serves {
            let first = self.came_by(environment, release);
            if first == *by || knowledge.recalled.contains(by) {
                continue;
            }
            let Some(brought) = self.recall(first).ok().flatten() else { continue };
            let earlier = brought.plan.as_ref().is_some_and(|plan| plan.soak.is_some());
            if let Some(ticket) = brought.created.tickets.first().filter(|_| earlier) {
                again.entry(ticket.clone()).or_insert((brought.id(), environment.clone()));
            }
        }
        again
    }

    /// Many tickets at once are told in one post, in the order in which they come up.
    fn sum_up(&mut self, fresh: &[(Vec<TicketId>, u32, Place)]) {
        if fresh.len() < MANY {
            return;
        }
        let told = |(tickets, _, place): &(Vec<TicketId>, u32, Place)| {
            let tickets: Vec<_> = tickets.iter().map(ToString::to_string).collect();
            format!("{} ({})", tickets.join(" and "), place.service)
        };
        let named: Vec<_> = fresh.iter().take(NAMED_MAX).map(told).collect();
        let more = match fresh.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let first = fresh.first().and_then(|(tickets, ..)| tickets.first());
        let name = format!("queue-{}-{}", first.map_or("none", |one| one.as_str()), fresh.len());
        let text = format!(
            "OPS: {} tickets are ready for production. In this order, one at a time per lock \
             group: {}{more}.",
            fresh.len(),
            named.join(", ")
        );
        self.digest(name, text);
    }

    /// Whether a deployment is under way because of a ticket itself. One that only closes with another
    /// says nothing about what its own candidate left on a stage.
    fn asks(&self, ticket: &TicketId) -> bool {
        self.deployments().any(|deployment| {
            deployment.created.kind.by_ticket()
                && deployment.created.tickets.first() == Some(ticket)
        })
    }

    fn under_way(&self, ticket: &TicketId) -> bool {
        self.deployments().any(|deployment| {
            deployment.created.kind.by_ticket() && deployment.created.tickets.contains(ticket)
        })
    }
}

/// Where a ticket's deployment belongs, as far as its notes tell; the checks decide.
pub(crate) struct Place {
    pub(crate) service: ServiceName,
    pub(crate) environment: EnvironmentName,
    pub(crate) group: String,
    pub(crate) kind: Kind,
}

fn place(
    ticket: &Ticket,
    next: Option<&(EnvironmentName, Digest)>,
    settings: &Settings,
    notebook: &Notebook,
) -> (Place, Option<Digest>) {
    if let Some((commit, _)) = asked_settings(ticket, |who| settings.people.is(who, Role::Dev)) {
        return (settings_place(settings, commit), None);
    }
    let found = notebook.find(ticket, |who| settings.people.is(who, Role::Dev));
    let notes = match found {
        NotesFound::Found(found) => Some(found),
        NotesFound::Missing | NotesFound::Invalid { .. } => None,
    };
    // Where the same candidate has soaked already it goes on to the next stage.
    let same = |(_, at): &&(EnvironmentName, Digest)| {
        notes.as_ref().is_some_and(|found| found.hash == *at)
    };
    let stage = next.filter(same).map(|(environment, _)| environment);
    let service = notes.as_ref().and_then(|found| settings.services.get(&found.notes.service));
    let place = service
        .map_or_else(|| unknown_place(settings), |service| place_of(service, stage, settings));
    (place, notes.map(|found| found.hash))
}

/// Where a service's deployments belong: in the environment that is named, if it is one of its
/// stages, else in the first one.
pub(crate) fn place_of(
    service: &ops_core::settings::Service,
    environment: Option<&EnvironmentName>,
    settings: &Settings,
) -> Place {
    let named = environment.filter(|named| service.environments().any(|one| one == *named));
    let environment = named.or_else(|| service.environments().next()).cloned();
    let here = environment.and_then(|name| Some((service.in_stage(&name)?, name)));
    match here {
        None => unknown_place(settings),
        Some((here, environment)) => {
            let group = here.lock_group_in(&environment);
            Place { group, service: here.name, environment, kind: Kind::Release }
        }
    }
}

fn unknown_place(settings: &Settings) -> Place {
    let first = settings.environments.keys().next().cloned();
    let environment = first.unwrap_or_else(|| EnvironmentName::new("production"));
    let group = format!("{environment}/{environment}");
    Place { service: ServiceName::new("unknown"), environment, group, kind: Kind::Release }
}

/// A ticket that asks for another `ops.yaml` has a lock group of its own.
fn settings_place(settings: &Settings, commit: String) -> Place {
    Place {
        service: ServiceName::new("ops.yaml"),
        group: "settings/ops.yaml".to_owned(),
        kind: Kind::Settings { commit },
        ..unknown_place(settings)
    }
}

/// History entries that are not ops's own.
fn foreign(ticket: &Ticket, queue: &QueueRead) -> usize {
    ticket.history.iter().filter(|change| change.user != queue.me).count()
}

/// When a ticket last came to `rfp`, as the board says.
pub(crate) fn ready_since(ticket: &Ticket) -> &str {
    ticket
        .history
        .iter()
        .rev()
        .find(|change| change.action == "status_change" && change.details.ends_with("→ rfp"))
        .map_or("", |change| change.at.as_str())
}
