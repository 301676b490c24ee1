//! The judgement itself, step by step.

use super::{
    HoldReason, NotesAt, RECORD_MARK, Verdict, bond,
    heard::{heard, roles},
    phrase::{self, Says},
    round::{self, Broken, Round},
};
use crate::{
    id::{Digest, Identity},
    notes::{Place, has_block},
    settings::{People, Role},
    ticket::Ticket,
};

/// A ticket with all that is needed to judge it.
pub(super) struct Case<'a> {
    pub(super) ticket: &'a Ticket,
    pub(super) people: &'a People,
    pub(super) notes: NotesAt,
    pub(super) candidate: Option<&'a Digest>,
}

impl Case<'_> {
    /// The verdicts and whether one identity had two roles, or why it is held.
    pub(super) fn decide(&self) -> Result<(Verdict, Verdict, bool), HoldReason> {
        if self.ticket.status != "rfp" {
            return Err(HoldReason::NotRfp { status: self.ticket.status.clone() });
        }
        let round = round::timeline(self.ticket).and_then(|events| round::current(&events));
        let round = round.map_err(unfollowed)?;
        self.notes_are_newest()?;
        let cq = self.passes(Role::Cq, &round.comments, &round)?;
        let qa = self.passes(Role::Qa, &round.since_qa, &round)?;
        self.no_stranger_fails_it(&round)?;
        let cq = self.bound(Role::Cq, &cq)?;
        let qa = self.bound(Role::Qa, &qa)?;
        self.three_people(&cq, &qa, &round)
    }

    /// The notes must be where the caller says, and no later block may be on the ticket.
    fn notes_are_newest(&self) -> Result<(), HoldReason> {
        let newest = self.blocks_by_dev().last().map(Place::Comment);
        let newest =
            newest.or_else(|| has_block(&self.ticket.description).then_some(Place::Description));
        match newest {
            Some(place) if place == self.notes.place => Ok(()),
            newest => Err(HoldReason::NotesMoved { said: self.notes.place, newest }),
        }
    }

    fn blocks_by_dev(&self) -> impl Iterator<Item = usize> {
        let comments = self.ticket.comments.iter().enumerate();
        comments
            .filter(|(_, comment)| self.people.is(&comment.author, Role::Dev))
            .filter(|(_, comment)| has_block(&comment.text))
            .map(|(index, _)| index)
    }

    /// The passes of a role that nothing of the same role took back, oldest first.
    fn passes(
        &self,
        role: Role,
        comments: &[usize],
        round: &Round,
    ) -> Result<Vec<usize>, HoldReason> {
        let mut standing = Vec::new();
        let mut last = None;
        for (comment, says) in self.statements(role, comments) {
            if says == Says::Pass {
                standing.push(comment);
            } else {
                standing.clear();
            }
            last = Some((comment, says));
        }
        let by = |comment: usize| {
            self.ticket.comments.get(comment).map_or_else(|| "".into(), |c| c.author.clone())
        };
        match last {
            Some((_, Says::Pass)) => Ok(standing),
            Some((comment, Says::Fail)) => {
                Err(HoldReason::Failed { role, by: by(comment), comment })
            }
            Some((comment, _)) => Err(HoldReason::Unclear { role, by: by(comment), comment }),
            None => Err(match self.strangers(round).find(|(_, says)| *says == Says::Pass) {
                Some((comment, _)) => HoldReason::UnknownRole { who: by(comment), comment },
                None => HoldReason::Missing { role },
            }),
        }
    }

    fn statements(&self, role: Role, comments: &[usize]) -> impl Iterator<Item = (usize, Says)> {
        comments.iter().filter_map(move |index| {
            let comment = self.ticket.comments.get(*index)?;
            let roles = roles(self.people, &comment.author);
            Some((*index, heard(phrase::read(&comment.text), roles, role)?))
        })
    }

    /// What people without any role said in this round, except ops's own records.
    fn strangers(&self, round: &Round) -> impl Iterator<Item = (usize, Says)> {
        round.comments.iter().filter_map(|index| {
            let comment = self.ticket.comments.get(*index)?;
            let stranger = roles(self.people, &comment.author).is_empty();
            let heard = stranger && !comment.text.contains(RECORD_MARK);
            heard.then(|| (*index, phrase::read(&comment.text).says))
        })
    }

    /// A stranger's pass is worth nothing; a stranger's fail is worth a look.
    fn no_stranger_fails_it(&self, round: &Round) -> Result<(), HoldReason> {
        let failing = self.strangers(round).find(|(_, says)| *says == Says::Fail);
        match failing.and_then(|(at, _)| Some((at, self.ticket.comments.get(at)?))) {
            Some((comment, by)) => Err(HoldReason::UnknownRole { who: by.author.clone(), comment }),
            None => Ok(()),
        }
    }

    /// Of the standing passes, those that are tied to the candidate. If none is, the reason is that
    /// of the last one.
    fn bound(&self, role: Role, passes: &[usize]) -> Result<Vec<Verdict>, HoldReason> {
        let mut verdicts = Vec::new();
        let mut reason = HoldReason::Missing { role };
        for index in passes {
            let Some(comment) = self.ticket.comments.get(*index) else {
                continue;
            };
            match bond::of(comment, *index, role, self.notes, self.candidate) {
                Ok(bond) => verdicts.push(Verdict {
                    author: comment.author.clone(),
                    comment: *index,
                    at: comment.at.clone(),
                    bond,
                }),
                Err(why) => reason = why,
            }
        }
        if verdicts.is_empty() { Err(reason) } else { Ok(verdicts) }
    }

    /// DEV, CQ and QA are three identities, or the settings allow that they are not.
    fn three_people(
        &self,
        cq: &[Verdict],
        qa: &[Verdict],
        round: &Round,
    ) -> Result<(Verdict, Verdict, bool), HoldReason> {
        let wrote = |who: &Identity| {
            let mut blocks = self.blocks_by_dev().filter_map(|k| self.ticket.comments.get(k));
            round.developers.contains(who) || blocks.any(|comment| comment.author == *who)
        };
        let apart = |cq: &Verdict, qa: &Verdict| {
            cq.author != qa.author && !wrote(&cq.author) && !wrote(&qa.author)
        };
        let pairs = || cq.iter().rev().flat_map(|cq| qa.iter().rev().map(move |qa| (cq, qa)));
        if let Some((cq, qa)) = pairs().find(|(cq, qa)| apart(cq, qa)) {
            return Ok((cq.clone(), qa.clone(), false));
        }
        match pairs().next() {
            Some((cq, qa)) if self.people.solo => Ok((cq.clone(), qa.clone(), true)),
            Some((cq, qa)) => {
                let cq_only = cq.author == qa.author || wrote(&cq.author);
                let who = if cq_only { &cq.author } else { &qa.author };
                Err(HoldReason::OneIdentity { who: who.clone() })
            }
            None => Err(HoldReason::Missing { role: Role::Qa }),
        }
    }
}

fn unfollowed(broken: Broken) -> HoldReason {
    match broken {
        Broken::History(why) => HoldReason::History { why },
        Broken::NoRound => HoldReason::NoRound,
        Broken::StrangeMove { to } => HoldReason::StrangeMove { to },
        Broken::BadEntry { from, to } => HoldReason::BadEntry { from, to },
    }
}
