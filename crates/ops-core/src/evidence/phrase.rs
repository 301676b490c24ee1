//! What a comment says: pass, fail, or nothing that could be relied on.
//!
//! Authors are people and language models, so the wording varies. The rule leans one way: a pass
//! must be said plainly at the very beginning or on a line of its own, and every doubt makes it
//! unclear. An unclear comment costs one question; a misread one would cost an outage.

use serde::{Deserialize, Serialize};

use super::words::{
    CONDITIONS, CROSSES, DENIALS, FAIL, FAIL_PAIRS, LABELS, PASS, clauses, unlabelled, words,
};
use crate::{
    markdown::{Piece, pieces},
    settings::Role,
};

/// A comment, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Phrase {
    pub(super) says: Says,
    /// The role in whose name it speaks, if it says so (`CQ: …`, `## QA PASS`), or if only one role
    /// speaks like that (`APPROVED` and `REVIEW FAILED` are CQ's).
    pub(super) named: Named,
}

/// What a comment says of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Says {
    Pass,
    Fail,
    /// Words of a verdict, but not a plain one.
    Unclear,
    /// No words of a verdict.
    Nothing,
    /// `[ADDENDUM]`: a remark to a verdict that stands.
    Addendum,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    Nobody,
    /// By name.
    Role(Role),
    /// By the way of speaking only.
    Usual(Role),
    /// Both roles at once.
    Both,
}

/// A plain pass stands within this many words of the beginning.
const PASS_WITHIN: usize = 3;
/// A plain fail stands within this many words of the beginning; one further on is a doubt. During a
/// deployment only a plain fail revokes: `looks good now, the failure is gone` must not.
const FAIL_WITHIN: usize = 4;

/// Reads a comment.
pub(super) fn read(text: &str) -> Phrase {
    let prose: Vec<&str> = pieces(text)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Prose(line) if spoken(line) => Some(line),
            Piece::Prose(_) | Piece::Fence(_) => None,
        })
        .collect();
    let Some(first) = prose.first() else {
        return Phrase { says: Says::Nothing, named: Named::Nobody };
    };
    let bare = first.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '[');
    if bare.to_ascii_lowercase().starts_with("[addendum]") {
        return Phrase { says: Says::Addendum, named: Named::Nobody };
    }
    let spoken = prose.iter().skip(1).filter_map(|line| explicit(line)).map(statement);
    let says = spoken.fold(statement(first), stricter);
    Phrase { says, named: named(first, says) }
}

/// Whether a line has words at all, or a sign that stands for one.
fn spoken(line: &str) -> bool {
    line.contains(char::is_alphanumeric) || line.contains(CROSSES)
}

/// Two statements of one comment: failing wins, then doubt, then what says anything at all.
fn stricter(a: Says, b: Says) -> Says {
    let rank = |says| match says {
        Says::Fail => 4,
        Says::Unclear => 3,
        Says::Pass => 2,
        Says::Nothing => 1,
        Says::Addendum => 0,
    };
    if rank(a) >= rank(b) { a } else { b }
}

/// What stands behind `Verdict:` or `Status:`, if the line is one of these.
fn explicit(line: &str) -> Option<&str> {
    let (label, rest) = line.split_once(':')?;
    let words = words(label);
    let label = |word: &String| LABELS.contains(&word.as_str());
    let is = words.last().is_some_and(|last| last == "verdict" || last == "status");
    (is && words.iter().all(label)).then_some(rest)
}

/// The statement of one line.
fn statement(line: &str) -> Says {
    let clauses: Vec<Vec<String>> =
        clauses(line).into_iter().map(|clause| words(&clause)).collect();
    let all = || clauses.iter().flatten();
    let any_of = |list: &[&str]| all().any(|word| list.contains(&word.as_str()));
    let head = clauses.iter().find(|clause| !unlabelled(clause).is_empty());
    let labelled = head.is_some_and(|clause| unlabelled(clause).len() < clause.len());
    let head = head.map_or(&[][..], |clause| unlabelled(clause));
    let fails = |clause: &[String]| {
        clause.iter().any(|word| FAIL.contains(&word.as_str()))
            || clause
                .windows(2)
                .any(|two| FAIL_PAIRS.iter().any(|(a, b)| two[0] == *a && two[1] == *b))
    };
    let denied = |clause: &[String]| {
        clause.iter().any(|word| DENIALS.contains(&word.as_str()) || word.ends_with("n't"))
    };
    if fails(head.get(..FAIL_WITHIN).unwrap_or(head)) || line.contains(CROSSES) {
        return if denied(head) { Says::Unclear } else { Says::Fail };
    }
    let fails_later = clauses.iter().any(|clause| fails(clause));
    let passes = any_of(&PASS);
    if !passes {
        return if fails_later { Says::Unclear } else { Says::Nothing };
    }
    let plain = plainly_passes(head, labelled)
        && !denied(head)
        && !fails_later
        && !any_of(&CONDITIONS)
        && !line.contains('?')
        && !line.contains("~~");
    if plain { Says::Pass } else { Says::Unclear }
}

/// Whether a clause says the pass at its beginning, and of the change: neither a share (`8 of 10
/// passed`) nor, without a label such as `QA`, the act of passing something on.
fn plainly_passes(head: &[String], labelled: bool) -> bool {
    let at = head.iter().take(PASS_WITHIN).position(|word| PASS.contains(&word.as_str()));
    let Some(at) = at else { return false };
    let share = head.iter().take(at).any(|word| word.contains(|c: char| c.is_ascii_digit()));
    let object = ["the", "a", "an", "it", "this", "through", "along", "on", "me", "to"];
    let passing = head.get(at).is_some_and(|word| word == "pass" || word == "passes")
        && head.get(at + 1).is_some_and(|next| object.contains(&next.as_str()));
    !share && (labelled || !passing)
}

/// In whose name a comment speaks.
fn named(first: &str, says: Says) -> Named {
    let words = words(first);
    let labels = || words.iter().take_while(|word| LABELS.contains(&word.as_str()));
    let (cq, qa) = (labels().any(|word| word == "cq"), labels().any(|word| word == "qa"));
    match (cq, qa) {
        (true, true) => Named::Both,
        (true, false) => Named::Role(Role::Cq),
        (false, true) => Named::Role(Role::Qa),
        (false, false) => {
            let first = words.first().map(String::as_str);
            let second = words.get(1).map(String::as_str);
            let approved = says == Says::Pass && first == Some("approved");
            let failed = says == Says::Fail && first == Some("review") && second == Some("failed");
            if approved || failed { Named::Usual(Role::Cq) } else { Named::Nobody }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Says {
        read(text).says
    }

    #[test]
    fn plain_verdicts_are_understood() {
        for text in [
            "APPROVED",
            "APPROVED. Security review: ok. Quality review: no issues. Ship it",
            "**APPROVED** ✅ – great work",
            "CQ: approved",
            "CQ Review: APPROVED for QA",
            "## QA PASS\n\n- [x] login\n- [x] logout, 2 failed attempts lock the account",
            "✅ QA PASSED",
            "🎉\n\n## QA PASS (MNS-12)",
            "QA: MNS-12: passed, no regressions",
            "## QA Report\n\n- [x] all fine\n\n**Verdict: PASS - Moving to completed**",
            "## Verdict: PASS",
            "Status: APPROVED",
            "All tests passed",
            "> REVIEW FAILED\n\nLGTM",
            "```\ntest failed\n```\nPASS",
        ] {
            assert_eq!(says(text), Says::Pass, "{text}");
        }
        for text in [
            "REVIEW FAILED\n\n## Issue 1: no check (CRITICAL)",
            "## QA FAIL\n- [x] login",
            "❌ QA",
            "QA FAILED: 3 of 5 passed",
            "APPROVED\n\nStatus: CHANGES-REQUESTED",
            "## Verdict: CHANGES NEEDED",
            "Status: REJECTED",
            "## QA PASS\n\n**Verdict: FAIL - Moving back**",
            "I revoke my approval",
            "QA: pass failed",
        ] {
            assert_eq!(says(text), Says::Fail, "{text}");
        }
    }

    #[test]
    fn p8_every_doubt_makes_a_pass_unclear() {
        for text in [
            "not approved",
            "Not approved yet",
            "APPROVED, not really",
            "Approved?",
            "Approved pending CI",
            "APPROVED once the typo is fixed",
            "APPROVED, but rename the field",
            "APPROVED - please rename the field first",
            "Approved if the tests pass",
            "8/10 passed",
            "80 % passed",
            "un-approved",
            "Seen in production: the failure is gone",
            "Looks good in production, the failure is gone",
            "No failure seen, though two other old failures hide",
            "isn't approved",
            "~~APPROVED~~",
            "I tried to pass the token",
            "pass the token to the server",
            "Looks fine. I have yet to test. Approved",
            "APPROVED. Found one failure in the logs",
            "The tests did not fail",
            "Verdict: pending pass",
        ] {
            assert_eq!(says(text), Says::Unclear, "{text}");
        }
        for text in [
            "",
            "✅",
            "Nice work!",
            "Looking into it",
            "> ## QA PASS",
            "```\nAPPROVED\n```",
            "<!-- APPROVED -->",
            "    APPROVED",
            "Password reset and bypass checked",
            "Wait, I found an injection in the login",
        ] {
            assert_eq!(says(text), Says::Nothing, "{text}");
        }
        for text in ["[ADDENDUM] the link failed", "**[Addendum]** APPROVED"] {
            assert_eq!(says(text), Says::Addendum, "{text}");
        }
    }

    #[test]
    fn a_comment_may_name_its_role() {
        let named = |text: &str| read(text).named;
        assert_eq!(named("## QA PASS"), Named::Role(Role::Qa));
        assert_eq!(named("CQ: approved"), Named::Role(Role::Cq));
        assert_eq!(named("Final QA verdict: PASS"), Named::Role(Role::Qa));
        assert_eq!(named("CQ/QA: PASS"), Named::Both);
        assert_eq!(named("APPROVED for QA"), Named::Usual(Role::Cq));
        assert_eq!(named("REVIEW FAILED"), Named::Usual(Role::Cq));
        assert_eq!(named("PASS"), Named::Nobody);
    }
}
