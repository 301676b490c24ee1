//! What ops knows beside its deployments: what serves, what was judged bad, whom it has answered.
//! Made only from journaled events, like everything else.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::{
    checks::{Condemned, Fingerprint, Tally},
    id::{DeploymentId, Digest, EnvironmentName, Identity, IncidentId, ServiceName, TicketId},
    judgement::Exchange,
    plan::KnownRelease,
    settings::Loosening,
    talk::{Incident, Reported},
    time::{BootId, Now, Timer},
};
use serde::{Deserialize, Serialize};

/// Something that happened to ops as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EngineEvent {
    /// A release passed its watch and serves.
    Serves {
        /// Where.
        environment: EnvironmentName,
        /// What.
        release: Box<KnownRelease>,
        /// The deployment that brought it there; for rollbacks not the release's own.
        by: DeploymentId,
    },
    /// A first deployment went back: nothing serves.
    Absent {
        /// Where.
        environment: EnvironmentName,
        /// Of what.
        service: ServiceName,
        /// The deployment that took it away.
        by: DeploymentId,
    },
    /// A release that did not pass its watch serves on, because nothing else was healthy when its
    /// lock group thawed. It is no way back for anything.
    Stays {
        /// Where.
        environment: EnvironmentName,
        /// What.
        release: Box<KnownRelease>,
        /// The deployment that froze.
        by: DeploymentId,
    },
    /// A candidate was judged bad.
    Condemned(Condemned),
    /// A deployment of a ticket came to rest.
    Tried {
        /// The ticket.
        ticket: TicketId,
        /// What came of it.
        tried: Tried,
    },
    /// A listed person wants a ticket tried again.
    Again {
        /// The ticket.
        ticket: TicketId,
        /// Who.
        by: Identity,
    },
    /// A mention was answered.
    Answered {
        /// The message.
        message: String,
    },
    /// What a service leaned on when QA's verdict for a ticket was first seen.
    Fingerprinted {
        /// The ticket.
        ticket: TicketId,
        /// What was there.
        fingerprint: Fingerprint,
    },
    /// What the door counted of a service since the last count.
    Counted {
        /// Where.
        environment: EnvironmentName,
        /// Of which service, by the name under which it is routed.
        service: ServiceName,
        /// The last second of the door's clock that is in it.
        last: u64,
        /// The boot in which that clock ran.
        boot: BootId,
        /// The hour, counted since 1970, into which it falls.
        hour: i64,
        /// The counts.
        tally: Tally,
    },
    /// What serves on an earlier stage is taken back, because of what became of its candidate later
    /// (S12), or is taken back once more.
    Recalled {
        /// The deployment that is taken back.
        of: DeploymentId,
    },
    /// A rollback ended without a verdict: it is tried again after its pause (S5).
    Unreturned {
        /// The deployment that was to be taken back.
        of: DeploymentId,
        /// That rollback.
        by: DeploymentId,
        /// Pause before the next try.
        pause: Timer,
    },
    /// A guard was lifted: what it condemned may be deployed again.
    Lifted {
        /// The deployment that had condemned it.
        guard: DeploymentId,
        /// Who.
        by: Identity,
        /// Why, in their words.
        reason: String,
    },
    /// An `ops.yaml` governs from now on.
    Governs {
        /// Its commit.
        commit: String,
        /// The deployment that made it so, where a ticket had to ask.
        by: Option<DeploymentId>,
        /// The ticket that asked for it, where one had to.
        ticket: Option<TicketId>,
        /// What it loosens.
        loosens: Vec<Loosening>,
    },
    /// The newest `ops.yaml` loosens gates and waits for a ticket.
    Waits {
        /// Its commit.
        commit: String,
        /// What it would loosen.
        loosens: Vec<Loosening>,
    },
    /// A rotation ended badly: these versions are not tried again by themselves (S16).
    Unrotated {
        /// Where.
        environment: EnvironmentName,
        /// Of what.
        service: ServiceName,
        /// The versions that it would have brought, by variable.
        versions: BTreeMap<String, String>,
        /// The rotation.
        by: DeploymentId,
    },
    /// What is to be adopted was proven to run and healthy (S2).
    SeenOutside {
        /// Where.
        environment: EnvironmentName,
        /// Of what.
        service: ServiceName,
        /// What it runs.
        artifact: Digest,
        /// When, in wall time.
        at: jiff::Timestamp,
    },
    /// An adoption ended badly: this artifact is not tried again by itself (S2).
    Unadopted {
        /// Where.
        environment: EnvironmentName,
        /// Of what.
        service: ServiceName,
        /// What it would have adopted.
        artifact: Digest,
        /// The adoption.
        by: DeploymentId,
    },
    /// A listed person wants an adoption tried again that ended badly.
    AdoptAgain {
        /// The adoption.
        of: DeploymentId,
        /// Who.
        by: Identity,
    },
    /// A listed person wants a rotation tried again that ended badly.
    RotateAgain {
        /// The rotation.
        of: DeploymentId,
        /// Who.
        by: Identity,
    },
    /// The team was told something that concerns no single deployment.
    Announced {
        /// Its name.
        name: String,
    },
    /// Somebody outside of the boards was told of a deployment.
    Told {
        /// The deployment.
        deployment: DeploymentId,
        /// Whom, by name.
        name: String,
    },
    /// A model was asked.
    Consulted(Box<Consulted>),
    /// Somebody reported an incident.
    Reported(Box<Incident>),
    /// A listed person ended an incident.
    Resolved {
        /// Which.
        incident: IncidentId,
        /// Who.
        by: Identity,
        /// When, in wall time.
        at: jiff::Timestamp,
    },
    /// Nothing begins until resumed.
    HaltedAll {
        /// Who.
        by: Identity,
    },
    /// Deployments may begin again.
    ResumedAll {
        /// Who.
        by: Identity,
    },
}

/// One exchange with a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consulted {
    /// About which deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<DeploymentId>,
    /// When or for what, in words.
    pub about: String,
    /// Which model.
    pub model: String,
    /// What it was told, redacted; `None`: the dossier that the deployment's own events bear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What came back, redacted.
    pub exchange: Exchange,
    /// What it cost, in millionths of the currency of `ops.yaml`.
    pub cost: u64,
    /// The day (UTC), counted since 1970.
    pub day: i64,
}

/// What was spent on models in one day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// The day, counted since 1970.
    day: i64,
    /// Tokens, asked and answered.
    pub tokens: u64,
    /// Millionths of the currency.
    pub money: u64,
}

impl Spent {
    /// What was spent on that day.
    pub fn of(self, day: i64) -> Self {
        if self.day == day { self } else { Self { day, ..Self::default() } }
    }

    fn add(self, one: &Consulted) -> Self {
        let so_far = self.of(one.day);
        let tokens = one.exchange.asked_tokens.saturating_add(one.exchange.answered_tokens);
        Self {
            day: one.day,
            tokens: so_far.tokens.saturating_add(tokens),
            money: so_far.money.saturating_add(one.cost),
        }
    }
}

/// The last try of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The deployment.
    pub by: DeploymentId,
    /// How it ended.
    pub end: End,
    /// History entries by others that were known then: more of them later means news.
    pub foreign: usize,
    /// Tries so far that ended without a verdict (S5).
    pub retries: u32,
    /// Pause before the next try.
    pub pause: Timer,
    /// The next stage, and the notes for which that holds (S12).
    pub next: Option<(EnvironmentName, Digest)>,
    /// The candidate that has soaked before that stage.
    pub soaked: Option<Digest>,
}

impl Tried {
    /// The next stage, and the candidate that has soaked before it.
    pub fn comes_next(&self) -> Option<(EnvironmentName, Digest)> {
        let (next, _) = self.next.as_ref()?;
        Some((next.clone(), self.soaked.clone()?))
    }
}

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Shipped.
    Shipped,
    /// Shipped to a stage that is not the last one, and soaked there.
    Promoted,
    /// Judged bad.
    Condemned,
    /// Ended without a verdict.
    Unjudged,
    /// A person stopped it.
    Stopped,
    /// The ticket was pulled back.
    Withdrawn,
}

/// Requests of a service by the hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TallyBook {
    /// The boot and the second up to which it was counted.
    pub last: Option<(BootId, u64)>,
    /// Hours since 1970 and their counts.
    pub hours: BTreeMap<i64, Tally>,
}

/// Hours that are remembered: a budget spans at most 90 days.
const HOURS_MAX: usize = 90 * 24;

impl TallyBook {
    /// The counts since an hour.
    pub fn since(&self, hour: i64) -> Tally {
        self.hours.range(hour..).fold(Tally::default(), |sum, (_, one)| Tally {
            requests: sum.requests + one.requests,
            failed: sum.failed + one.failed,
            seconds: sum.seconds + one.seconds,
        })
    }

    fn add(&mut self, hour: i64, more: Tally) {
        let one = self.hours.entry(hour).or_default();
        one.requests += more.requests;
        one.failed += more.failed;
        one.seconds += more.seconds;
        while self.hours.len() > HOURS_MAX {
            self.hours.pop_first();
        }
    }
}

/// The sum of all engine events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Knowledge {
    /// What serves where, and which deployment brought it there.
    pub serves: BTreeMap<(EnvironmentName, ServiceName), (KnownRelease, DeploymentId)>,
    /// All releases that passed a watch, oldest first, with where they did.
    pub releases: Vec<(EnvironmentName, KnownRelease)>,
    /// Candidates judged bad.
    pub condemned: Vec<Condemned>,
    /// The last try of each ticket.
    pub tried: BTreeMap<TicketId, Tried>,
    /// Tickets that a listed person wants tried again.
    pub again: BTreeSet<TicketId>,
    /// The last mention that was answered, and all answered ones near it.
    pub answered: BTreeSet<String>,
    /// Who halted everything.
    pub halted: Option<Identity>,
    /// Deployments whose outcome is already known here.
    pub settled: BTreeSet<DeploymentId>,
    /// What services leaned on when QA's verdict was first seen, by ticket.
    pub fingerprints: BTreeMap<TicketId, Fingerprint>,
    /// Requests by the hour.
    pub tallies: BTreeMap<(EnvironmentName, ServiceName), TallyBook>,
    /// Deployments that are taken back, or were, because of what became of their candidate later.
    pub recalled: BTreeSet<DeploymentId>,
    /// Deployments whose rollback ended without a verdict: that rollback, and the pause before the
    /// next one.
    pub unreturned: BTreeMap<DeploymentId, (DeploymentId, Timer)>,
    /// Guards that were lifted: by whom, why.
    pub lifted: BTreeMap<DeploymentId, (Identity, String)>,
    /// The commit whose `ops.yaml` governs.
    pub governs: Option<String>,
    /// Deployments that made an `ops.yaml` govern.
    pub governs_by: BTreeSet<DeploymentId>,
    /// The newest commit that waits for a ticket, and what it would loosen.
    pub waits: Option<(String, Vec<Loosening>)>,
    /// Versions of secrets whose rotation ended badly, and that rotation.
    pub unrotated:
        BTreeMap<(EnvironmentName, ServiceName), (BTreeMap<String, String>, DeploymentId)>,
    /// What is to be adopted and was proven to run, and when that was.
    pub seen_outside: BTreeMap<(EnvironmentName, ServiceName), (Digest, jiff::Timestamp)>,
    /// What could not be adopted, and by which adoption.
    pub unadopted: BTreeMap<(EnvironmentName, ServiceName), (Digest, DeploymentId)>,
    /// What the team was told.
    pub announced: BTreeSet<String>,
    /// Incidents, the oldest first.
    pub incidents: Vec<Reported>,
    /// How often somebody was told of a deployment.
    pub told: BTreeMap<(DeploymentId, String), u32>,
    /// What was spent on models on the last day on which one was asked.
    pub consulted: Spent,
}

/// What runs of a service somewhere.
fn place(environment: &EnvironmentName, service: &ServiceName) -> (EnvironmentName, ServiceName) {
    (environment.clone(), service.clone())
}

impl Knowledge {
    /// Applies an event.
    pub fn apply(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::Serves { environment, release, by } => {
                self.releases.push((environment.clone(), (**release).clone()));
                self.now_serves(environment, release, *by);
            }
            EngineEvent::Stays { environment, release, by } => {
                self.now_serves(environment, release, *by);
            }
            EngineEvent::Absent { environment, service, by } => {
                self.serves.remove(&place(environment, service));
                self.settled.insert(*by);
            }
            EngineEvent::Condemned(one) => self.condemned.push(one.clone()),
            EngineEvent::Tried { ticket, tried } => {
                self.again.remove(ticket);
                self.tried.insert(ticket.clone(), tried.clone());
            }
            EngineEvent::Again { ticket, .. } => {
                self.again.insert(ticket.clone());
            }
            EngineEvent::Answered { message } => {
                self.answered.insert(message.clone());
            }
            EngineEvent::Fingerprinted { ticket, fingerprint } => {
                self.fingerprints.insert(ticket.clone(), fingerprint.clone());
            }
            EngineEvent::Counted { environment, service, last, boot, hour, tally } => {
                let book = self.tallies.entry(place(environment, service)).or_default();
                book.last = Some((boot.clone(), *last));
                book.add(*hour, *tally);
            }
            EngineEvent::Recalled { of } => {
                self.recalled.insert(*of);
                self.unreturned.remove(of);
            }
            EngineEvent::Unreturned { of, by, pause } => {
                self.unreturned.insert(*of, (*by, pause.clone()));
                self.settled.insert(*by);
            }
            EngineEvent::Lifted { guard, by, reason } => {
                self.lifted.insert(*guard, (by.clone(), reason.clone()));
            }
            EngineEvent::Governs { commit, by, .. } => {
                self.governs_by.extend(*by);
                self.governs = Some(commit.clone());
                self.waits = None;
            }
            EngineEvent::Waits { commit, loosens } => {
                self.waits = Some((commit.clone(), loosens.clone()));
            }
            EngineEvent::Announced { name } => {
                self.announced.insert(name.clone());
            }
            EngineEvent::Told { deployment, name } => {
                *self.told.entry((*deployment, name.clone())).or_default() += 1;
            }
            EngineEvent::Reported(incident) => {
                let incident = (**incident).clone();
                self.incidents.push(Reported { incident, resolved: None });
            }
            EngineEvent::Resolved { incident, by, at } => {
                let found = self.incidents.iter_mut().find(|one| one.incident.id == *incident);
                if let Some(found) = found {
                    found.resolved.get_or_insert((by.clone(), *at));
                }
            }
            EngineEvent::HaltedAll { by } => self.halted = Some(by.clone()),
            EngineEvent::ResumedAll { .. } => self.halted = None,
            by_itself => self.apply_by_itself(by_itself),
        }
    }

    /// What comes of rotations, adoptions and questions to a model, which no ticket asks for.
    fn apply_by_itself(&mut self, event: &EngineEvent) {
        match event {
            EngineEvent::Unrotated { environment, service, versions, by } => {
                self.unrotated.insert(place(environment, service), (versions.clone(), *by));
                self.settled.insert(*by);
            }
            EngineEvent::Consulted(one) => self.consulted = self.consulted.add(one),
            EngineEvent::RotateAgain { of, .. } => self.unrotated.retain(|_, (_, by)| by != of),
            EngineEvent::SeenOutside { environment, service, artifact, at } => {
                self.seen_outside.insert(place(environment, service), (artifact.clone(), *at));
            }
            EngineEvent::Unadopted { environment, service, artifact, by } => {
                self.unadopted.insert(place(environment, service), (artifact.clone(), *by));
                self.settled.insert(*by);
            }
            EngineEvent::AdoptAgain { of, .. } => self.unadopted.retain(|_, (_, by)| by != of),
            _ => {}
        }
    }

    fn now_serves(
        &mut self,
        environment: &EnvironmentName,
        release: &KnownRelease,
        by: DeploymentId,
    ) {
        let key = place(environment, &release.spec.service);
        self.serves.insert(key, (release.clone(), by));
        self.settled.insert(by);
    }

    /// Artifacts that must stay: what serves, and per service the last releases.
    pub fn kept_artifacts(&self, releases: usize) -> Vec<Digest> {
        let mut kept: BTreeSet<Digest> = BTreeSet::new();
        let mut counts: BTreeMap<(&EnvironmentName, &ServiceName), usize> = BTreeMap::new();
        for (environment, release) in self.releases.iter().rev() {
            let count = counts.entry((environment, &release.spec.service)).or_default();
            // What serves and its way back stay whatever the number says.
            // A rotation only starts the same artifact anew.
            let first = *count == 0 || !kept.contains(&release.spec.artifact);
            if *count < releases.max(2) {
                kept.insert(release.spec.artifact.clone());
            }
            *count += usize::from(first);
        }
        kept.extend(self.serves.values().map(|(release, _)| release.spec.artifact.clone()));
        kept.into_iter().collect()
    }

    /// Candidates judged bad whose guards stand.
    pub fn guards(&self) -> impl Iterator<Item = &Condemned> {
        self.condemned.iter().filter(|one| !self.lifted.contains_key(&one.by))
    }

    /// Everything that serves, with its environment.
    pub fn serving_all(&self) -> Vec<(EnvironmentName, KnownRelease)> {
        let one =
            |((environment, _), (release, _)): (&(EnvironmentName, _), &(KnownRelease, _))| {
                (environment.clone(), release.clone())
            };
        self.serves.iter().map(one).collect()
    }

    /// Whether a ticket may be tried now, and after how many tries without a verdict.
    ///
    /// What was judged bad or stopped by a person waits for news on the ticket; what ended
    /// without a verdict is tried again after its pause (S5).
    pub fn may_try(&self, ticket: &TicketId, foreign: usize, now: &Now) -> Option<u32> {
        let Some(tried) = self.tried.get(ticket) else {
            return Some(0);
        };
        let news = foreign > tried.foreign || self.again.contains(ticket);
        match tried.end {
            _ if news => Some(0),
            End::Unjudged => tried.pause.over(now).then_some(tried.retries + 1),
            End::Withdrawn | End::Promoted => Some(0),
            End::Shipped | End::Condemned | End::Stopped => None,
        }
    }
}
