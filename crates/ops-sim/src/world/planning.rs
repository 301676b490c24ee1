//! The simulated planning board, the team that writes on it, and the truth about its tickets.

use std::collections::BTreeMap;

use ops_core::{
    id::{Digest, Identity, TicketId},
    ticket::{Change, Comment, Ticket},
    world::Fault,
};
use ops_engine::ports::{Act, ActError};

/// ops on the boards.
pub const ME: &str = "ops@example.org";
/// The developer.
pub const DEV: &str = "dev@example.org";
/// The reviewer.
pub const CQ: &str = "cq@example.org";
/// The tester.
pub const QA: &str = "qa@example.org";
/// The product owner, who may also steer ops.
pub const PO: &str = "po@example.org";

/// What is missing in a ticket's evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lacks {
    /// Nothing: it may ship.
    Nothing,
    /// CQ has said nothing.
    Cq,
    /// QA has said nothing.
    Qa,
    /// QA's last word is a fail.
    QaFailed,
    /// DEV wrote other notes after both verdicts.
    Changed,
    /// There are no notes.
    Notes,
}

/// How a ticket comes to `rfp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Road {
    /// QA moves it there.
    Tested,
    /// QA moves it to `completed`, and DEV on when it is merged.
    Merged,
}

/// A ticket to be written.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Its service.
    pub service: String,
    /// The version in words.
    pub version: String,
    /// The path of the artifact.
    pub artifact: String,
    /// The artifact's digest.
    pub digest: Digest,
    /// The commit at which the configuration is read.
    pub config_commit: Option<String>,
    /// The source commit.
    pub commit: Option<String>,
    /// The deployment or the incident that it fixes.
    pub fixes: Option<String>,
    /// Whether PO confirms that.
    pub confirmed: bool,
    /// Tickets whose work it holds.
    pub includes: Vec<TicketId>,
    /// The commit whose `ops.yaml` shall govern; then nothing else counts.
    pub governs: Option<String>,
    /// What is missing.
    pub lacks: Lacks,
    /// 1 to 5.
    pub priority: u8,
}

impl Wish {
    /// A version of a service as the pipeline hands it over: nothing is missing, and nothing is asked
    /// for beside it.
    pub fn of(service: &str, version: &str, digest: Digest) -> Self {
        Self {
            service: service.to_owned(),
            version: version.to_owned(),
            artifact: format!("dist/{service}-{version}"),
            digest,
            config_commit: None,
            commit: None,
            fixes: None,
            confirmed: true,
            includes: Vec::new(),
            governs: None,
            lacks: Lacks::Nothing,
            priority: 3,
        }
    }
}

/// When a digest was approved by CQ and QA on a ticket in `rfp`, in simulated time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What was approved.
    pub digest: Digest,
    /// When it ceased to be, if it did.
    pub ended_at: Option<u64>,
}

/// The board.
#[derive(Debug, Clone, Default)]
pub struct SimPlanning {
    /// Tickets.
    pub tickets: BTreeMap<TicketId, Ticket>,
    /// Tickets that the board denies to have for a while.
    pub hidden: BTreeMap<TicketId, u64>,
    /// Which digest each ticket asks for.
    pub asks: BTreeMap<TicketId, Digest>,
    /// The newest wish of each ticket.
    pub wishes: BTreeMap<TicketId, Wish>,
    /// Whatever was approved ever, in order.
    pub ever: Vec<Wish>,
    /// The truth about each ticket, known to the simulation only.
    pub approvals: BTreeMap<TicketId, Approval>,
    /// Tickets moved to `closed` by ops, in order, with the time.
    pub closed: Vec<(TicketId, u64)>,
    /// Markers of letters whose write came late after an error had been answered.
    pub late: Vec<String>,
    next: u64,
    clock: u64,
}

impl SimPlanning {
    /// Writes a ticket as it looks after the whole pipeline, and returns its number.
    pub fn file(&mut self, wish: &Wish) -> TicketId {
        self.file_as("SIM", Road::Tested, wish)
    }

    /// The same on a board that numbers otherwise, by another road.
    pub fn file_as(&mut self, prefix: &str, road: Road, wish: &Wish) -> TicketId {
        self.next += 1;
        let id = TicketId::new(format!("{prefix}-{}", self.next));
        let notes = notes(wish);
        let described = wish.lacks != Lacks::Notes;
        let ticket = Ticket {
            id: id.clone(),
            title: format!("{} {}", wish.service, wish.version),
            description: if described { notes.clone() } else { "No notes.".into() },
            status: "backlog".into(),
            priority: wish.priority,
            kind: "story".into(),
            comments: Vec::new(),
            history: Vec::new(),
        };
        self.tickets.insert(id.clone(), ticket);
        self.asks(&id, wish);
        self.entry(&id, "created", PO, "Created".into());
        for (to, who) in [("todo", PO), ("in-progress", DEV), ("in-review", DEV)] {
            self.shift(&id, to, who);
        }
        if wish.lacks != Lacks::Cq {
            self.say(&id, CQ, "APPROVED");
        }
        self.shift(&id, "in-qa", CQ);
        match wish.lacks {
            Lacks::Qa => {}
            Lacks::QaFailed => self.say(&id, QA, "QA FAIL: it does not work"),
            _ => self.say(&id, QA, "QA PASS"),
        }
        match road {
            Road::Tested => self.shift(&id, "rfp", QA),
            Road::Merged => {
                self.shift(&id, "completed", QA);
                self.shift(&id, "rfp", DEV);
                self.say(&id, DEV, "The PR was merged.");
            }
        }
        if wish.lacks == Lacks::Changed {
            self.say(&id, DEV, &format!("Small change:\n\n{notes}"));
        }
        if wish.lacks == Lacks::Nothing {
            self.approve(&id, wish);
        }
        if let Some(fixed) = wish.fixes.as_ref().filter(|_| wish.confirmed) {
            self.say(&id, PO, &format!("Confirmed: fixes {fixed}"));
        }
        id
    }

    fn asks(&mut self, id: &TicketId, wish: &Wish) {
        self.wishes.insert(id.clone(), wish.clone());
        if wish.governs.is_none() {
            self.asks.insert(id.clone(), wish.digest.clone());
        }
    }

    fn approve(&mut self, id: &TicketId, wish: &Wish) {
        let approval = Approval { digest: wish.digest.clone(), ended_at: None };
        self.approvals.insert(id.clone(), approval);
        self.ever.push(wish.clone());
    }

    fn ends(&mut self, id: &TicketId, t: u64) {
        if let Some(approval) = self.approvals.get_mut(id) {
            approval.ended_at.get_or_insert(t);
        }
    }

    /// Whether a digest is approved now, or was at most `within` milliseconds ago.
    pub fn approved(&self, digest: &Digest, t: u64, within: u64) -> bool {
        self.approvals
            .values()
            .filter(|one| one.digest == *digest)
            .any(|one| one.ended_at.is_none_or(|at| at + within >= t))
    }

    fn stamp(&mut self) -> String {
        self.clock += 1;
        format!("2026-09-21T00:00:00.{:06}Z", self.clock)
    }

    fn entry(&mut self, id: &TicketId, action: &str, who: &str, details: String) {
        let at = self.stamp();
        if let Some(ticket) = self.tickets.get_mut(id) {
            let user = Identity::from(who);
            ticket.history.push(Change { action: action.into(), user, details, at });
        }
    }

    /// Moves a ticket.
    pub fn shift(&mut self, id: &TicketId, to: &str, who: &str) {
        let Some(ticket) = self.tickets.get_mut(id) else { return };
        let from = std::mem::replace(&mut ticket.status, to.to_owned());
        self.entry(id, "status_change", who, format!("Status: {from} → {to}"));
    }

    /// Writes a comment.
    pub fn say(&mut self, id: &TicketId, who: &str, text: &str) {
        let at = self.stamp();
        let Some(ticket) = self.tickets.get_mut(id) else { return };
        let n = ticket.comments.len() + 1;
        ticket.comments.push(Comment {
            id: format!("{id}-{n}"),
            author: who.into(),
            text: text.to_owned(),
            at,
            candidate: None,
        });
        let repeated: String = text.chars().take(100).collect();
        let more = if repeated.len() < text.len() { "..." } else { "" };
        self.entry(id, "comment_added", who, format!("Comment: {repeated}{more}"));
    }

    /// Somebody takes a ticket out of `rfp`.
    pub fn pull_back(&mut self, id: &TicketId, t: u64) {
        self.shift(id, "in-progress", PO);
        self.ends(id, t);
    }

    /// QA takes the verdict back.
    pub fn revoke(&mut self, id: &TicketId, t: u64) {
        self.say(id, QA, "QA FAIL: I was wrong, it breaks the basket");
        self.ends(id, t);
    }

    /// A whole new round for a ticket that was pulled back or lacked something.
    pub fn again(&mut self, id: &TicketId, wish: &Wish) {
        self.shift(id, "in-progress", DEV);
        self.say(id, DEV, &format!("Mended:\n\n{}", notes(wish)));
        self.shift(id, "in-review", DEV);
        self.say(id, CQ, "APPROVED");
        self.shift(id, "in-qa", CQ);
        self.say(id, QA, "QA PASS");
        self.shift(id, "rfp", QA);
        self.asks(id, wish);
        self.approve(id, wish);
    }

    /// DEV posts the notes of another build while the ticket stays where it is: what was approved
    /// is no longer what is asked for.
    pub fn rebuilt(&mut self, id: &TicketId, wish: &Wish, t: u64) {
        self.say(id, DEV, &format!("Merged:\n\n{}", notes(wish)));
        self.asks(id, wish);
        self.ends(id, t);
    }

    /// A verdict with which a ticket has all that it needs.
    pub fn passed_by(&mut self, id: &TicketId, who: &str, wish: &Wish) {
        self.say(id, who, if who == CQ { "APPROVED" } else { "QA PASS" });
        self.approve(id, wish);
    }

    /// A ticket, unless the board denies it.
    pub fn ticket(&self, id: &TicketId, t: u64) -> Option<Ticket> {
        let hidden = self.hidden.get(id).is_some_and(|until| t < *until);
        self.tickets.get(id).filter(|_| !hidden).cloned()
    }

    /// ops closes a ticket.
    pub fn close(&mut self, id: &TicketId, t: u64) -> Act {
        match self.tickets.get(id).map(|ticket| ticket.status.as_str()) {
            Some("closed") => Ok(()),
            Some(_) => {
                self.shift(id, "closed", ME);
                self.closed.push((id.clone(), t));
                Ok(())
            }
            None => Err(ActError::NotApplied(Fault::new("no such ticket", "the board", "look"))),
        }
    }
}

fn notes(wish: &Wish) -> String {
    if let Some(commit) = &wish.governs {
        return format!("```ops\nsettings: {commit}\n```\n");
    }
    let line = |name: &str, value: Option<String>| {
        value.map_or_else(String::new, |value| format!("{name}: {value}\n"))
    };
    let includes: Vec<_> = wish.includes.iter().map(ToString::to_string).collect();
    let includes = (!includes.is_empty()).then(|| format!("[{}]", includes.join(", ")));
    let more = [
        line("config_commit", wish.config_commit.clone().map(|commit| format!("'{commit}'"))),
        line("commit", wish.commit.clone().map(|commit| format!("'{commit}'"))),
        line("fixes", wish.fixes.clone()),
        line("includes", includes),
    ]
    .concat();
    format!(
        "```ops\nservice: {}\nartifact: {}\ndigest: {}\nversion: {}\n{more}migrations: none\n\
         rollback: previous\n```\n",
        wish.service, wish.artifact, wish.digest, wish.version
    )
}
