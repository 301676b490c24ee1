//! What happens to one ticket after the other of a service, decided by dice, and what must come of it.

use ops_core::{
    deploy::{Deployment, PhaseName},
    id::TicketId,
};
use ops_sim::{
    scheduler::happening::Happening,
    world::{
        conduct::Kind,
        lock,
        planning::{Lacks, ME, Road, Wish},
    },
};
use serde_json::Value;

use crate::house::{House, service};

/// How long the team leaves a ticket of which nothing more is to be expected where it is.
const LEFT_MS: u64 = 90_000;
/// How long what somebody wrote over a ticket stands there.
const OVERWRITTEN_MS: u64 = 240_000;

/// What happens to a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// Nothing.
    Ships,
    /// It is not proven, and stays as it is.
    Unproven(Lacks),
    /// It is not proven, and goes through the whole pipeline again.
    Mended(Lacks),
    /// Its version hurts users.
    Hurts(Kind),
    /// PO takes it out of `rfp` in this phase.
    PulledBack(PhaseName),
    /// The same, and it comes back with another build.
    Returned(PhaseName),
    /// QA takes the verdict back in this phase.
    Revoked(PhaseName),
    /// Somebody writes over an array of it in this phase, and later it stands there again as it was.
    Overwritten(&'static str, PhaseName),
    /// DEV remarks something again and again.
    Talked,
}

/// How far it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// What its course has in store has not happened yet.
    Open,
    /// It has, at this time.
    Happened(u64),
}

/// One service and the ticket that is under way for it.
pub(crate) struct Lane {
    name: String,
    now: Option<(TicketId, Wish, Course, Stand)>,
    rests_until: u64,
}

impl Lane {
    pub(crate) fn new(n: usize) -> Self {
        Self { name: service(n), now: None, rests_until: 0 }
    }

    /// Whether no ticket of it is under way.
    pub(crate) fn free(&self, t: u64) -> bool {
        self.now.is_none() && t >= self.rests_until
    }

    /// The next ticket.
    pub(crate) fn file(&mut self, house: &mut House) {
        let course = course(house);
        let kind = if let Course::Hurts(kind) = course { kind } else { Kind::Good };
        let lacks = match course {
            Course::Unproven(lacks) | Course::Mended(lacks) => lacks,
            _ => Lacks::Nothing,
        };
        let road = if house.dice.chance(500) { Road::Tested } else { Road::Merged };
        let wish = house.wish(&self.name, kind, lacks);
        let id = house.file(road, &wish);
        let mut stand = Stand::Open;
        if let Course::Overwritten(array, PhaseName::Queued) = course {
            write_over(house, &id, array);
            stand = Stand::Happened(house.sim.t());
        }
        self.now = Some((id, wish, course, stand));
    }

    /// Looks at its ticket, and does what is to be done to it.
    pub(crate) fn look(&mut self, house: &mut House) {
        let Some((id, wish, course, stand)) = self.now.clone() else { return };
        let t = house.sim.t();
        let closed = lock(&house.sim.world).planning.tickets[&id].status == "closed";
        let (over, stand) = match stand {
            Stand::Open => {
                let happened = happens(house, &id, &wish, course);
                let stand = if happened { Stand::Happened(t) } else { Stand::Open };
                (closed && matches!(course, Course::Ships | Course::Talked), stand)
            }
            Stand::Happened(at) => (self.over(house, &id, course, (at, closed)), stand),
        };
        self.now = (!over).then_some((id, wish, course, stand));
        if over {
            self.rests_until = t + house.dice.between(1_000, 60_000);
        }
    }

    /// Whether nothing more is to be expected of a ticket to which at this time happened what its
    /// course has in store.
    fn over(
        &self,
        house: &mut House,
        id: &TicketId,
        course: Course,
        (at, closed): (u64, bool),
    ) -> bool {
        let t = house.sim.t();
        let phase = phase(house, id);
        match course {
            Course::Ships | Course::Talked | Course::Mended(_) => closed,
            Course::Unproven(_) | Course::Hurts(_) => {
                let over = t > at + LEFT_MS;
                // Most of them PO takes out of the queue in the end.
                if over && house.dice.chance(800) {
                    house.happens(id, &Happening::PullBack(id.clone()));
                }
                over
            }
            Course::PulledBack(_) | Course::Revoked(_) => {
                phase.is_none_or(|phase| phase == PhaseName::Held) && t > at + LEFT_MS
            }
            Course::Returned(_) => {
                let back = lock(&house.sim.world).planning.tickets[id].status == "in-progress";
                if back && phase.is_none() && t > at + LEFT_MS {
                    let again = house.wish(&self.name, Kind::Good, Lacks::Nothing);
                    house.happens(id, &Happening::Round(id.clone(), again));
                }
                closed
            }
            Course::Overwritten(..) => {
                let shown = house.front.overwrites(|all| all.of(id.as_str()));
                assert!(!(shown && closed), "{id} was closed although its story was written over");
                if shown && t > at + OVERWRITTEN_MS {
                    house.front.overwrites(|all| all.restore(id.as_str()));
                }
                closed
            }
        }
    }

    /// What is under way, for a person who looks for a mistake.
    pub(crate) fn words(&self) -> String {
        format!(
            "{}: {:?}",
            self.name,
            self.now.as_ref().map(|(id, _, course, stand)| (id, course, stand))
        )
    }
}

/// Lets happen what a course has in store, once it is time. True if it did.
fn happens(house: &mut House, id: &TicketId, wish: &Wish, course: Course) -> bool {
    let phase = phase(house, id);
    match course {
        Course::Ships => false,
        Course::Talked => {
            if house.dice.chance(20) {
                house.happens(id, &Happening::Remark(id.clone()));
            }
            false
        }
        Course::Unproven(_) | Course::Hurts(_) => {
            let told = ["## Deployment Held", "## Deployment Failed"];
            told.iter().any(|heading| has(house, id, heading))
        }
        Course::Mended(_) => {
            let held = has(house, id, "## Deployment Held");
            if held {
                let wish = Wish { lacks: Lacks::Nothing, ..wish.clone() };
                house.happens(id, &Happening::Round(id.clone(), wish));
            }
            held
        }
        Course::PulledBack(at) | Course::Returned(at) | Course::Revoked(at) => {
            // A phase may be over before anybody looks.
            let now = phase == Some(at) || phase == Some(PhaseName::Watching);
            if now {
                let happening = match course {
                    Course::Revoked(_) => Happening::Revoke(id.clone()),
                    _ => Happening::PullBack(id.clone()),
                };
                house.happens(id, &happening);
            }
            now
        }
        Course::Overwritten(array, at) => {
            let now = phase == Some(at);
            if now {
                write_over(house, id, array);
            }
            now
        }
    }
}

fn course(house: &mut House) -> Course {
    use PhaseName::{Deploying, Queued, Verifying, Watching};
    let lacks = [Lacks::Cq, Lacks::Qa, Lacks::QaFailed, Lacks::Changed, Lacks::Notes];
    let lacks = lacks[house.dice.below(lacks.len() as u64) as usize];
    let phases = [Deploying, Verifying, Watching, Watching];
    let phase = phases[house.dice.below(4) as usize];
    let array = if house.dice.chance(500) { "comments" } else { "history" };
    let hurts = [Kind::Errors, Kind::Sick, Kind::Crashes, Kind::Broken];
    let hurts = hurts[house.dice.below(4) as usize];
    let when = if house.dice.chance(500) { Queued } else { Watching };
    house.dice.weighted(&[
        (Course::Ships, 60),
        (Course::Talked, 8),
        (Course::Unproven(lacks), 6),
        (Course::Mended(lacks), 5),
        (Course::Hurts(hurts), 7),
        (Course::PulledBack(phase), 4),
        (Course::Returned(phase), 4),
        (Course::Revoked(phase), 4),
        (Course::Overwritten(array, when), 6),
    ])
}

pub(crate) fn phase(house: &House, id: &TicketId) -> Option<PhaseName> {
    let mut all = house.sim.engine.as_ref()?.deployments();
    let its = all.find(|one| one.created.tickets.first() == Some(id));
    its.map(Deployment::phase_name)
}

fn has(house: &House, id: &TicketId, heading: &str) -> bool {
    let world = lock(&house.sim.world);
    let mut comments = world.planning.tickets[id].comments.iter();
    comments.any(|one| one.author.as_str() == ME && one.text.starts_with(heading))
}

/// Somebody who has an old copy of the ticket writes an array of it back, or another text into it.
pub(crate) fn write_over(house: &mut House, id: &TicketId, array: &'static str) {
    let ticket = house.ticket(id);
    let (known, new) = if array == "comments" {
        let mut all: Vec<Value> =
            ticket.comments.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
        let theirs = all.iter_mut().rfind(|one| one["author"] != ME).unwrap();
        theirs["text"] = "## QA PASS, and everything else too".into();
        theirs["body"] = theirs["text"].clone();
        (ticket.comments.len(), all)
    } else {
        let mut all: Vec<Value> =
            ticket.history.iter().map(|one| serde_json::to_value(one).unwrap()).collect();
        let at = all.iter().rposition(|one| one["user"] != ME).unwrap();
        all.remove(at);
        (ticket.history.len(), all)
    };
    house.front.overwrites(|all| all.put(id.as_str(), array, new, known));
}
