//! The judgement itself, step by step.
//!
//! A ticket may have thousands of comments, so as little as possible is read: from the newest
//! comment backwards, and only what could change the decision.

use std::ops::Range;

use super::{
    Bond, HoldReason, NotesAt, RECORD_MARK, SameTree, Verdict, bond,
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

/// The roles of so many people are remembered while one ticket is judged.
const KNOWN: usize = 16;

/// Where a verdict is missing, so many comments by strangers are searched for one that was meant to
/// be it. It is held either way.
const STRANGERS: usize = 16;

/// A ticket with all that is needed to judge it.
pub(super) struct Case<'a> {
    ticket: &'a Ticket,
    people: &'a People,
    notes: NotesAt,
    candidate: Option<&'a Digest>,
    same_tree: &'a [SameTree],
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
        same_tree: &'a [SameTree],
    ) -> Self {
        // Few people write most of the comments, so most need no look into the settings.
        let mut known: Vec<(&Identity, &[Role])> = Vec::new();
        let mut roles_of = |who| {
            if let Some((_, roles)) = known.iter().find(|(one, _)| *one == who) {
                return *roles;
            }
            let roles = roles(people, who);
            if known.len() < KNOWN {
                known.push((who, roles));
            }
            roles
        };
        let of = |comment: &'a Comment| (comment, roles_of(&comment.author));
        let comments = ticket.comments.iter().map(of).collect();
        Self { ticket, people, notes, candidate, same_tree, comments }
    }

    /// The verdicts and whether one identity had two roles, or why it is held.
    pub(super) fn decide(&self) -> Result<(Verdict, Verdict, bool), HoldReason> {
        if self.ticket.status != "rfp" {
            return Err(HoldReason::NotRfp { status: self.ticket.status.clone() });
        }
        let events = round::timeline(self.ticket).map_err(unfollowed)?;
        let round = round::current(&events).map_err(unfollowed)?;
        self.notes_are_newest()?;
        let (in_round, in_qa) = (round.comments.clone(), round.since_qa.clone());
        let last_cq = self.newest_pass(Role::Cq, in_round.clone(), &round)?;
        let last_qa = self.newest_pass(Role::Qa, in_qa.clone(), &round)?;
        self.no_stranger_fails_it(&round, last_cq.min(last_qa))?;
        let cq = self.tied_cq(in_round.clone(), 1)?;
        let qa = self.tied(Role::Qa, in_qa.clone(), 1, self.plain(Role::Qa))?;
        // Mostly the newest passes will do. All of them are read only if they are not apart.
        self.apart(&cq, &qa, &round).map_or_else(
            || {
                let cq = self.tied_cq(in_round, usize::MAX)?;
                let qa = self.tied(Role::Qa, in_qa, usize::MAX, self.plain(Role::Qa))?;
                self.three_people(&cq, &qa, &round)
            },
            Ok,
        )
    }

    /// The notes must be where the caller says, and no later block may be on the ticket.
    fn notes_are_newest(&self) -> Result<(), HoldReason> {
        match self.blocks().next() {
            Some(place) if place == self.notes.place => Ok(()),
            newest => Err(HoldReason::NotesMoved { said: self.notes.place, newest }),
        }
    }

    /// Where blocks stand, complete or not, newest first.
    fn blocks(&self) -> impl Iterator<Item = Place> {
        let by_dev = |(_, (comment, roles)): &(usize, &(&Comment, &[Role]))| {
            roles.contains(&Role::Dev) && has_block(&comment.text)
        };
        let comments = self.comments.iter().enumerate().rev().filter(by_dev);
        // The description may be long, and is looked at only where no comment is enough.
        let described = [Place::Description].into_iter();
        let described = described.filter(|_| has_block(&self.ticket.description));
        comments.map(|(at, _)| Place::Comment(at)).chain(described)
    }

    /// What a role said, newest first.
    fn statements(
        &self,
        role: Role,
        comments: Range<usize>,
    ) -> impl Iterator<Item = (usize, &'a Comment, Says)> {
        let said = self.comments.get(comments.clone()).unwrap_or_default();
        comments.zip(said).rev().filter_map(move |(index, (comment, roles))| {
            if !roles.contains(&role) {
                return None;
            }
            let says = heard(phrase::read(&comment.text), roles, role)?;
            Some((index, *comment, says))
        })
    }

    /// The last word of a role, which must be a pass.
    fn newest_pass(
        &self,
        role: Role,
        comments: Range<usize>,
        round: &Round<'_>,
    ) -> Result<usize, HoldReason> {
        let Some((index, comment, says)) = self.statements(role, comments).next() else {
            let all = round.comments.clone();
            let mut newest = self.strangers(all).rev().take(STRANGERS);
            let stranger = newest.find(|(_, _, says)| *says == Says::Pass);
            return Err(match stranger {
                Some((comment, who, _)) => HoldReason::UnknownRole { who: who.clone(), comment },
                None => HoldReason::Missing { role },
            });
        };
        let by = || comment.author.clone();
        match says {
            Says::Pass => Ok(index),
            Says::Fail => Err(HoldReason::Failed { role, by: by(), comment: index }),
            _ => Err(HoldReason::Unclear { role, by: by(), comment: index }),
        }
    }

    /// What people without any role said, except ops's own records: index, author and statement.
    fn strangers(
        &self,
        comments: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = (usize, &'a Identity, Says)> {
        let said = self.comments.get(comments.clone()).unwrap_or_default();
        comments
            .zip(said)
            .filter(|(_, (_, roles))| roles.is_empty())
            .filter(|(_, (comment, _))| !comment.text.contains(RECORD_MARK))
            .map(|(index, (comment, _))| (index, &comment.author, phrase::read(&comment.text).says))
    }

    /// A stranger's pass is worth nothing. A stranger's fail is worth a look: it holds until CQ and
    /// QA have both passed the change after it.
    fn no_stranger_fails_it(&self, round: &Round<'_>, looked: usize) -> Result<(), HoldReason> {
        let later = round.comments.start.max(looked + 1)..round.comments.end;
        match self.strangers(later).find(|(_, _, says)| *says == Says::Fail) {
            Some((comment, who, _)) => Err(HoldReason::UnknownRole { who: who.clone(), comment }),
            None => Ok(()),
        }
    }

    /// Of the passes of a role that nothing of the same role took back, the newest of each author
    /// that is tied to the candidate, newest first and at most so many. If none is, the reason is
    /// that of the newest pass.
    fn tied(
        &self,
        role: Role,
        comments: Range<usize>,
        most: usize,
        bond: impl Fn(usize, &Comment) -> Result<Bond, HoldReason>,
    ) -> Result<Vec<Tied<'a>>, HoldReason> {
        let mut tied: Vec<Tied<'a>> = Vec::new();
        let mut reason = None;
        let standing =
            self.statements(role, comments).take_while(|(_, _, says)| *says == Says::Pass);
        for (index, comment, _) in standing {
            if tied.iter().any(|one| one.comment.author == comment.author) {
                continue;
            }
            match bond(index, comment) {
                Ok(bond) => tied.push(Tied { index, comment, bond }),
                Err(why) => reason = reason.or(Some(why)),
            }
            if tied.len() >= most {
                break;
            }
        }
        if tied.is_empty() { Err(reason.unwrap_or(HoldReason::Missing { role })) } else { Ok(tied) }
    }

    /// What ties a pass of a role to the candidate itself.
    fn plain(&self, role: Role) -> impl Fn(usize, &Comment) -> Result<Bond, HoldReason> {
        move |index, comment| bond::of(comment, index, role, self.notes, self.candidate)
    }

    /// The same for CQ, whose passes may also be tied to the source tree: only where the newest
    /// came before the notes and none is tied to the candidate itself.
    fn tied_cq(&self, comments: Range<usize>, most: usize) -> Result<Vec<Tied<'a>>, HoldReason> {
        match self.tied(Role::Cq, comments.clone(), most, self.plain(Role::Cq)) {
            Err(why) if why.may_be_same_tree() && !self.same_tree.is_empty() => {
                let blocks: Vec<_> = self.blocks().collect();
                self.tied(Role::Cq, comments, most, |index, comment| {
                    self.by_tree(&blocks, index, comment).ok_or_else(|| why.clone())
                })
            }
            tied => tied,
        }
    }

    /// The bond of a pass by CQ that came before the notes: what stood on the ticket when it was
    /// given has the same source tree, and its stamp, if it has one, is of that candidate.
    fn by_tree(&self, blocks: &[Place], index: usize, comment: &Comment) -> Option<Bond> {
        if self.notes.place <= Place::Comment(index) {
            return None;
        }
        let newer = blocks.partition_point(|place| *place >= Place::Comment(index));
        let stood = blocks.get(newer)?;
        let same = self.same_tree.iter().find(|one| one.place == *stood)?;
        let stamp = comment.candidate.as_ref();
        stamp.is_none_or(|stamp| *stamp == same.candidate).then_some(Bond::SameTree)
    }

    /// The newest two passes by two people who did not write the change.
    fn apart(
        &self,
        cq: &[Tied<'a>],
        qa: &[Tied<'a>],
        round: &Round<'_>,
    ) -> Option<(Verdict, Verdict, bool)> {
        let reads = |one: &&Tied<'_>| !self.wrote(&one.comment.author, round);
        let tested: Vec<_> = qa.iter().filter(reads).collect();
        cq.iter().filter(reads).find_map(|cq| {
            let qa = tested.iter().find(|qa| qa.comment.author != cq.comment.author)?;
            Some((cq.verdict(), qa.verdict(), false))
        })
    }

    /// DEV, CQ and QA are three identities, or the settings allow that they are not.
    fn three_people(
        &self,
        cq: &[Tied<'a>],
        qa: &[Tied<'a>],
        round: &Round<'_>,
    ) -> Result<(Verdict, Verdict, bool), HoldReason> {
        if let Some(apart) = self.apart(cq, qa, round) {
            return Ok(apart);
        }
        match (cq.first(), qa.first()) {
            (Some(cq), Some(qa)) if self.people.solo => Ok((cq.verdict(), qa.verdict(), true)),
            (Some(cq), Some(qa)) => {
                let (reviewer, tester) = (&cq.comment.author, &qa.comment.author);
                let cq_only = reviewer == tester || self.wrote(reviewer, round);
                let who = if cq_only { reviewer } else { tester };
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
