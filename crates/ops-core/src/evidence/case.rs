//! The judgement itself, step by step.
//!
//! A ticket may have thousands of comments, so as little as possible is read: from the newest
//! comment backwards, and only what could change the decision.

use std::ops::Range;

use super::{
    Bond, HoldReason, NotesAt, RECORD_MARK, Verdict, bond,
    heard::{heard, roles},
    phrase::{self, Says},
    round::{self, Broken, Round},
};
use crate::{
    id::{Digest, Identity},
    notes::{Place, has_block},
    settings::{People, Role},
    ticket::{Comment, Ticket},
};

/// A ticket with all that is needed to judge it.
pub(super) struct Case<'a> {
    ticket: &'a Ticket,
    people: &'a People,
    notes: NotesAt,
    candidate: Option<&'a Digest>,
    /// The comments with the roles of their authors.
    comments: Vec<(&'a Comment, &'a [Role])>,
}

/// A pass that is tied to the candidate.
#[derive(Clone, Copy)]
struct Tied<'a> {
    index: usize,
    comment: &'a Comment,
    bond: Bond,
}

impl Tied<'_> {
    fn verdict(self) -> Verdict {
        let Self { index, comment, bond } = self;
        Verdict { author: comment.author.clone(), comment: index, at: comment.at.clone(), bond }
    }
}

impl<'a> Case<'a> {
    pub(super) fn new(
        ticket: &'a Ticket,
        people: &'a People,
        notes: NotesAt,
        candidate: Option<&'a Digest>,
    ) -> Self {
        let of = |comment: &'a Comment| (comment, roles(people, &comment.author));
        let comments = ticket.comments.iter().map(of).collect();
        Self { ticket, people, notes, candidate, comments }
    }

    /// The verdicts and whether one identity had two roles, or why it is held.
    pub(super) fn decide(&self) -> Result<(Verdict, Verdict, bool), HoldReason> {
        if self.ticket.status != "rfp" {
            return Err(HoldReason::NotRfp { status: self.ticket.status.clone() });
        }
        let events = round::timeline(self.ticket).map_err(unfollowed)?;
        let round = round::current(&events).map_err(unfollowed)?;
        self.notes_are_newest()?;
        let cq = self.passes(Role::Cq, round.comments.clone(), &round)?;
        let qa = self.passes(Role::Qa, round.since_qa.clone(), &round)?;
        self.no_stranger_fails_it(&round, &cq, &qa)?;
        let cq = self.tied(Role::Cq, &cq)?;
        let qa = self.tied(Role::Qa, &qa)?;
        self.three_people(&cq, &qa, &round)
    }

    /// The notes must be where the caller says, and no later block may be on the ticket.
    fn notes_are_newest(&self) -> Result<(), HoldReason> {
        let newest = self.blocks_by_dev().next_back().map(|(at, _)| Place::Comment(at));
        let newest =
            newest.or_else(|| has_block(&self.ticket.description).then_some(Place::Description));
        match newest {
            Some(place) if place == self.notes.place => Ok(()),
            newest => Err(HoldReason::NotesMoved { said: self.notes.place, newest }),
        }
    }

    fn blocks_by_dev(&self) -> impl DoubleEndedIterator<Item = (usize, &'a Comment)> {
        let comments = self.comments.iter().enumerate();
        comments
            .filter(|(_, (comment, roles))| roles.contains(&Role::Dev) && has_block(&comment.text))
            .map(|(index, (comment, _))| (index, *comment))
    }

    /// The passes of a role that nothing of the same role took back, newest first.
    fn passes(
        &self,
        role: Role,
        comments: Range<usize>,
        round: &Round<'_>,
    ) -> Result<Vec<usize>, HoldReason> {
        let mut standing = Vec::new();
        for index in comments.rev() {
            let Some((comment, roles)) = self.comments.get(index) else { continue };
            if !roles.contains(&role) {
                continue;
            }
            let by = || comment.author.clone();
            match heard(phrase::read(&comment.text), roles, role) {
                None => {}
                Some(Says::Pass) => standing.push(index),
                Some(_) if !standing.is_empty() => break,
                Some(Says::Fail) => {
                    return Err(HoldReason::Failed { role, by: by(), comment: index });
                }
                Some(_) => return Err(HoldReason::Unclear { role, by: by(), comment: index }),
            }
        }
        if !standing.is_empty() {
            return Ok(standing);
        }
        Err(match self.strangers(round).find(|(_, says)| *says == Says::Pass) {
            Some(((index, who), _)) => HoldReason::UnknownRole { who: who.clone(), comment: index },
            None => HoldReason::Missing { role },
        })
    }

    /// What people without any role said in this round, except ops's own records: index, author
    /// and statement.
    fn strangers(&self, round: &Round<'_>) -> impl Iterator<Item = ((usize, &Identity), Says)> {
        let said = self.comments.get(round.comments.clone()).unwrap_or_default();
        let indexed = round.comments.clone().zip(said);
        indexed
            .filter(|(_, (_, roles))| roles.is_empty())
            .filter(|(_, (comment, _))| !comment.text.contains(RECORD_MARK))
            .map(|(index, (comment, _))| {
                ((index, &comment.author), phrase::read(&comment.text).says)
            })
    }

    /// A stranger's pass is worth nothing. A stranger's fail is worth a look: it holds until CQ and
    /// QA have both passed the change after it.
    fn no_stranger_fails_it(
        &self,
        round: &Round<'_>,
        cq: &[usize],
        qa: &[usize],
    ) -> Result<(), HoldReason> {
        let looked = cq.first().min(qa.first()).copied().unwrap_or_default();
        let mut failing = self
            .strangers(round)
            .filter(|((index, _), _)| *index > looked)
            .filter(|(_, says)| *says == Says::Fail);
        match failing.next() {
            Some(((index, who), _)) => {
                Err(HoldReason::UnknownRole { who: who.clone(), comment: index })
            }
            None => Ok(()),
        }
    }

    /// Of the standing passes, newest first, the newest of each author that is tied to the
    /// candidate. If none is, the reason is that of the newest pass.
    fn tied(&self, role: Role, passes: &[usize]) -> Result<Vec<Tied<'a>>, HoldReason> {
        let mut tied: Vec<Tied<'a>> = Vec::new();
        let mut reason = None;
        for index in passes.iter().copied() {
            let Some((comment, _)) = self.comments.get(index).copied() else { continue };
            if tied.iter().any(|one| one.comment.author == comment.author) {
                continue;
            }
            match bond::of(comment, index, role, self.notes, self.candidate) {
                Ok(bond) => tied.push(Tied { index, comment, bond }),
                Err(why) => reason = reason.or(Some(why)),
            }
        }
        if tied.is_empty() { Err(reason.unwrap_or(HoldReason::Missing { role })) } else { Ok(tied) }
    }

    /// DEV, CQ and QA are three identities, or the settings allow that they are not.
    fn three_people(
        &self,
        cq: &[Tied<'a>],
        qa: &[Tied<'a>],
        round: &Round<'_>,
    ) -> Result<(Verdict, Verdict, bool), HoldReason> {
        let wrote = |one: &&Tied<'_>| self.wrote(&one.comment.author, round);
        let author = |one: &Tied<'a>| &one.comment.author;
        let tested: Vec<_> = qa.iter().filter(|one| !wrote(one)).collect();
        for cq in cq.iter().filter(|one| !wrote(one)) {
            if let Some(qa) = tested.iter().find(|qa| author(qa) != author(cq)) {
                return Ok((cq.verdict(), qa.verdict(), false));
            }
        }
        match (cq.first(), qa.first()) {
            (Some(cq), Some(qa)) if self.people.solo => Ok((cq.verdict(), qa.verdict(), true)),
            (Some(cq), Some(qa)) => {
                let cq_only = author(cq) == author(qa) || wrote(&cq);
                let who = if cq_only { author(cq) } else { author(qa) };
                Err(HoldReason::OneIdentity { who: who.clone() })
            }
            _ => Err(HoldReason::Missing { role: Role::Qa }),
        }
    }

    /// Whether somebody was the change's developer: by a move, or by notes.
    fn wrote(&self, who: &Identity, round: &Round<'_>) -> bool {
        round.developers.contains(&who)
            || self.people.is(who, Role::Dev)
                && self
                    .comments
                    .iter()
                    .any(|(comment, _)| comment.author == *who && has_block(&comment.text))
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
