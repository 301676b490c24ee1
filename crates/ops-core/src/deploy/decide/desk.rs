//! Checks, the ticket, letters: everything that is paper.

use super::Draft;
use crate::{
    checks::{self, Facts, Judged},
    deploy::{
        Cause, Event, HoldCause,
        act::Outcome,
        letter::{About, Delivery, Letter, News, To},
        phase::Phase,
    },
    evidence::{Pulled, pulled_back},
    id::DeploymentId,
    mutation::{Mutation, on},
    plan::{Goal, Kind, Soak},
    ticket::Ticket,
    world::Fault,
};

/// Tries to close a ticket that shipped along, until it is left as it is.
const TWIN_TRIES: u32 = 3;

/// What one reading of the ticket says.
enum Reading {
    /// Nothing: the board failed.
    Nothing,
    /// It still wants to ship.
    Stays,
    /// It looks pulled back.
    Pulled(String),
}

impl Draft<'_> {
    pub(super) fn facts(&mut self, facts: &Facts) {
        let rechecking = matches!(self.state.phase, Phase::Planned { failed: None, .. })
            && self.state.step().is_some_and(|step| step.goal == Goal::Rechecked);
        if !rechecking && !matches!(self.state.phase, Phase::Checking { .. }) {
            return;
        }
        if self.state.advice.sought.is_some() && !rechecking {
            // They are gathered anew once the judgement is there.
            return;
        }
        let advice = &self.state.advice;
        let judged = checks::judge_advised(&self.state.created, facts, advice, self.state.checked);
        if rechecking {
            self.rechecked(&judged);
        } else {
            self.checked(judged);
        }
    }

    fn checked(&mut self, judged: Judged) {
        self.remember_checks(&judged);
        if matches!(self.state.created.kind, Kind::Settings { .. }) && judged.checklist.passed() {
            self.go_on(Event::WatchPassed);
            return;
        }
        if let Some(words) = judged.moot {
            self.withdraw(words);
            return;
        }
        if self.seek_before_the_plan(&judged) {
            return;
        }
        let resumed = on(Mutation::ResumeApproves)
            && self.state.milestones.iter().any(|one| one.words.starts_with("resumed by"));
        match judged.plan {
            Some(plan) if judged.checklist.passed() || resumed => {
                let plan = std::sync::Arc::new(*plan);
                let hash = plan.hash();
                self.go_on(Event::Planned { plan, hash });
                self.tell_plan();
            }
            _ => {
                let ids = judged.checklist.causes();
                self.hold(&HoldCause::Checks { ids });
            }
        }
    }

    /// All checks pass; if it was held before, its ticket is told that this is over.
    fn go_on(&mut self, event: Event) {
        let held_on = self.state.held_on.clone();
        self.push(event);
        if let Some(cause) = held_on {
            self.tell_solved(&cause);
        }
    }

    /// The last moment before the first act: everything that can have changed passes again, and
    /// the plan would be the same.
    fn rechecked(&mut self, judged: &Judged) {
        self.remember_checks(judged);
        let same = match (&judged.plan, self.plan()) {
            (Some(new), Some(old)) => {
                new.new.candidate == old.new.candidate
                    && new.new.secret_versions == old.new.secret_versions
                    && new.old_secrets == old.old_secrets
                    && new.old == old.old
                    && new.service == old.service
            }
            _ => false,
        };
        let resumed = on(Mutation::ResumeApproves)
            && self.state.milestones.iter().any(|one| one.words.starts_with("resumed by"));
        if !judged.checklist.passed() && !resumed {
            let ids: Vec<_> = judged.checklist.failing().map(|check| check.id.clone()).collect();
            let words = format!("no longer passing: {}", ids.join(", "));
            self.prepare_failed(Cause::Errored { step: "rechecked".into(), words });
        } else if !same {
            let words =
                "what would be deployed, or what serves now, is not what was planned".into();
            self.prepare_failed(Cause::Errored { step: "rechecked".into(), words });
        } else if self.state.halted.is_none() {
            self.push(Event::StepDone);
            self.finish_runs();
        }
    }

    fn remember_checks(&mut self, judged: &Judged) {
        self.push(Event::Checked {
            checklist: std::sync::Arc::clone(&judged.checklist),
            ticket: judged.ticket.clone(),
            people: judged.people.clone(),
            candidate: judged.candidate.clone(),
        });
    }

    /// Holds the ticket; the team is told once per distinct cause.
    pub(super) fn hold(&mut self, cause: &HoldCause) {
        let fresh = !self.state.told.contains(&cause.key());
        let recheck_ms = self.looks_again_in(cause);
        self.push(Event::Held { cause: cause.clone(), recheck_ms });
        if fresh {
            self.tell_held(cause);
        }
    }

    /// Milliseconds until it looks again by itself: what is known to pass at an instant, such as a
    /// shut window, is looked at just then.
    fn looks_again_in(&self, cause: &HoldCause) -> u64 {
        let usual = crate::deploy::recheck_ms(cause, self.state.checked);
        let (HoldCause::Checks { .. }, Some(checklist)) = (cause, &self.state.checklist) else {
            return usual;
        };
        let wait = |until: jiff::Timestamp| {
            let ms = until.duration_since(self.now.wall).as_millis();
            u64::try_from(ms).unwrap_or(0) + crate::deploy::JUST_AFTER_MS
        };
        checklist.failing().filter_map(|check| check.until.map(wait)).fold(usual, u64::min)
    }

    pub(super) fn withdraw(&mut self, words: String) {
        self.push(Event::Withdrawn { words });
        self.tell_ended();
    }

    /// A ticket counts as pulled back when two readings in a row say so (S13). A board that fails
    /// says nothing.
    pub(super) fn ticket_read(&mut self, answer: &Result<Option<Box<Ticket>>, Fault>) {
        if !self.state.created.kind.by_ticket() || self.state.at_rest() {
            return;
        }
        let Ok(now) = answer else { return };
        match (self.reading(now.as_deref()), self.state.pull_seen.is_some()) {
            (Reading::Nothing, _) => {}
            (Reading::Stays, seen) => {
                if seen {
                    self.push(Event::PullGone);
                }
                if self.state.is_unseen() {
                    self.push(Event::TicketStays);
                }
                self.confirm_close();
                if let Some(ticket) = now {
                    self.heard_on_the_ticket(ticket);
                }
            }
            (Reading::Pulled(words), false) => self.push(Event::PullSeen { words }),
            (Reading::Pulled(words), true) => self.pulled(words),
        }
    }

    fn reading(&self, now: Option<&Ticket>) -> Reading {
        let (Some(before), Some(people)) =
            (self.state.ticket.as_deref(), self.state.people.as_deref())
        else {
            return match now {
                None => Reading::Nothing,
                Some(ticket) if ticket.status == "rfp" => Reading::Stays,
                Some(ticket) => Reading::Pulled(format!("its status is {}", ticket.status)),
            };
        };
        match pulled_back(before, now, people) {
            // It had left the queue before the checks read it for the first time.
            Pulled::No if before.status != "rfp" => {
                Reading::Pulled(format!("its status is {}", before.status))
            }
            Pulled::No => Reading::Stays,
            Pulled::BoardError { .. } => Reading::Nothing,
            // Our own move, which came late: nobody pulled anything back.
            Pulled::StatusChanged { to, by: Some(by) }
                if to == "closed" && by == self.state.created.me =>
            {
                match now.map(|ticket| ticket.status.as_str()) {
                    Some("closed") => Reading::Stays,
                    Some(status) => Reading::Pulled(format!("it was closed and is {status} again")),
                    None => Reading::Nothing,
                }
            }
            pulled => Reading::Pulled(pulled.words()),
        }
    }

    fn pulled(&mut self, words: String) {
        match &self.state.phase {
            Phase::Queued { .. }
            | Phase::Checking { .. }
            | Phase::Held { .. }
            | Phase::Soaking { .. } => {
                self.withdraw(words);
            }
            Phase::Planned { failed: None, .. } if !self.state.busy() => {
                self.prepare_failed(Cause::PulledBack { words });
            }
            Phase::Deploying { .. } | Phase::Verifying { .. } | Phase::Watching { .. }
                if !self.state.busy() =>
            {
                self.back(Cause::PulledBack { words });
            }
            // On a stage that is not the last one nothing is closed, and what was shipped goes back.
            Phase::Documenting { run: None } if self.soak().is_some() => self.withdraw(words),
            Phase::Documenting { run: None } if !self.closing() => {
                self.push(Event::KeptNotClosed { words: words.clone() });
                self.tell_kept(&words);
            }
            _ => {}
        }
    }

    /// Whether the move to `closed` is being made or was perhaps made. A move that was certainly
    /// refused was not: the board may have refused it because the ticket was pulled back.
    fn closing(&self) -> bool {
        self.state.outbox.iter().any(|letter| {
            letter.about == About::Close && !matches!(letter.delivery, Delivery::Owed { .. })
        })
    }

    fn confirm_close(&mut self) {
        if self.state.wants_close_confirmed() {
            self.push(Event::Confirmed);
        }
    }

    /// How long it stays on its stage; `None` on the last one, and for what goes back.
    fn soak(&self) -> Option<Soak> {
        let release = self.state.created.kind == Kind::Release;
        self.plan().and_then(|plan| plan.soak.clone()).filter(|_| release)
    }

    /// Another deployment takes the place of this one.
    pub(super) fn superseded(&mut self, by: DeploymentId) {
        match &self.state.phase {
            // A fix is on its way, after all its other checks have passed (S11).
            Phase::Frozen { .. } => {
                self.push(Event::Thawed);
                self.tell_ended();
            }
            // What it was to take back is not there any more.
            Phase::Queued { .. } | Phase::Held { .. }
                if matches!(self.state.created.kind, Kind::Rollback { .. }) =>
            {
                let environment = &self.state.created.environment;
                self.withdraw(format!("{by} serves on {environment} meanwhile"));
            }
            Phase::Soaking { .. } => {
                let environment = &self.state.created.environment;
                self.withdraw(format!("{by} took its place on {environment} while it soaked"));
            }
            _ => {}
        }
    }

    /// Comment first, then `closed`, then the meeting board.
    pub(super) fn document(&mut self) {
        if !matches!(self.state.phase, Phase::Documenting { run: None }) {
            return;
        }
        if on(Mutation::CloseBeforeComment) {
            self.ask_to_close();
        }
        if !self.state.outbox.iter().any(|letter| letter.about == About::Record) {
            self.tell_record();
        }
        let ticketless = self.state.created.tickets.is_empty();
        let written = |about| {
            let mut letters =
                self.state.outbox.iter().filter(|letter| letter.about == about).peekable();
            letters.peek().is_some() && letters.all(Letter::settled)
        };
        if !ticketless && !written(About::Record) {
            return;
        }
        if let Some(soak) = self.soak() {
            self.push(Event::SoakBegan { seconds: soak.seconds });
            self.tell_soak();
            return;
        }
        if !self.state.created.kind.by_ticket() || written(About::Close) {
            self.push(Event::Closed);
            self.tell_ended();
            return;
        }
        if self.state.close_confirmed {
            self.ask_to_close();
        }
    }

    fn ask_to_close(&mut self) {
        if self.state.outbox.iter().any(|letter| letter.about == About::Close) {
            return;
        }
        for ticket in self.state.created.tickets.clone() {
            let to = To::Close { ticket };
            let (about, body, news) = (About::Close, String::new(), News::Alone);
            self.push(Event::LetterQueued { to, about, body, news });
        }
    }

    pub(super) fn letter_ended(&mut self, n: u32, outcome: &Outcome) {
        let intended =
            self.state.outbox.iter().any(|letter| {
                letter.n == n && matches!(letter.delivery, Delivery::Intended { .. })
            });
        if !intended {
            return;
        }
        match outcome {
            Outcome::Applied => self.push(Event::LetterSent { n, sure: true }),
            Outcome::Unknown { fault } if on(Mutation::SendBlindly) => {
                self.push(Event::LetterRefused { n, words: fault.to_string() });
            }
            Outcome::Unknown { .. } => self.push(Event::LetterSent { n, sure: false }),
            Outcome::NotApplied { fault } | Outcome::Stale { fault } => {
                self.push(Event::LetterRefused { n, words: fault.to_string() });
                self.drop_twin(n);
            }
        }
    }

    /// A ticket that shipped along and cannot be closed any more does not hold up the others: it
    /// keeps its record and its status. The asking ticket is read before it is closed anyway.
    fn drop_twin(&mut self, n: u32) {
        let asking = self.state.created.tickets.first();
        let twin =
            self.state.outbox.iter().find_map(|letter| match (&letter.to, &letter.delivery) {
                (To::Close { ticket }, Delivery::Owed { tries, .. })
                    if letter.n == n && Some(ticket) != asking && *tries >= TWIN_TRIES =>
                {
                    Some(ticket.clone())
                }
                _ => None,
            });
        if let Some(ticket) = twin {
            let words = format!("{ticket} could not be closed and keeps its status");
            self.push(Event::LetterDropped { n, words });
        }
    }

    pub(super) fn letter_looked(&mut self, n: u32, found: Result<&bool, &Fault>) {
        let sent = self
            .state
            .outbox
            .iter()
            .any(|letter| letter.n == n && matches!(letter.delivery, Delivery::Sent { .. }));
        match (sent, found) {
            (true, Ok(true)) => self.push(Event::LetterWritten { n }),
            (true, Ok(false)) => self.push(Event::LetterMissed { n }),
            (true, Err(_)) | (false, _) => {}
        }
    }
}
