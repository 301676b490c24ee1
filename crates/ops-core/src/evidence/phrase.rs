//! What a comment says: pass, fail, or nothing that could be relied on.
//!
//! Authors are people and language models, so the wording varies. The written rule stands in the
//! module above; it leans one way: a pass must be said plainly at the very beginning or behind
//! `Verdict:` on a line of its own, and every doubt makes it unclear. An unclear comment costs one
//! question; a misread one would cost an outage.

use serde::{Deserialize, Serialize};

use super::{
    letters::hides,
    lexicon::{CROSSES, DOUBTS, Kinds},
    visible::{self, MAX_COMMENT_BYTES},
    words::{Word, clauses, failing_pair, unlabelled, words},
};
use crate::settings::Role;

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
const PASS_WITHIN: usize = 6;
/// A plain fail stands within this many words of the beginning; one further on is a doubt. During a
/// deployment only a plain fail revokes: `looks good now, the failure is gone` must not.
const FAIL_WITHIN: usize = 4;
/// A denial up to this many words behind a fail is about that fail.
const DENIAL_BEHIND: usize = 2;
/// A line below the first is looked at for a second verdict only if it has at most so many bytes …
const ASIDE_BYTES: usize = 120;
/// … and is one only with at most so many words.
const ASIDE_WORDS: usize = 4;
/// A label in front of a verdict has at most so many bytes.
const LABEL_BYTES: usize = 80;

/// Reads a comment.
pub(super) fn read(text: &str) -> Phrase {
    let phrase = |says| Phrase { says, named: Named::Nobody };
    if text.len() > MAX_COMMENT_BYTES {
        return phrase(Says::Unclear);
    }
    let mut lines = visible::lines(text).filter(|line| spoken(line));
    let Some(first) = lines.next() else { return phrase(Says::Nothing) };
    let first = first.as_ref();
    let below = lines.map(|line| below(&line)).fold(Says::Nothing, stricter);
    let bare = first.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '[');
    if let Some(remark) = addendum(bare) {
        let fails = aside(remark) == Says::Fail || below == Says::Fail;
        return phrase(if fails { Says::Fail } else { Says::Addendum });
    }
    let words = words(first);
    let mut says = stricter(statement(first, &words), below);
    if says == Says::Pass && visible::under_a_quote(text, first) {
        says = Says::Unclear;
    }
    Phrase { says, named: named(&words, says) }
}

/// What stands behind `[ADDENDUM]`.
fn addendum(line: &str) -> Option<&str> {
    const MARK: &str = "[addendum]";
    let is = line.get(..MARK.len()).is_some_and(|start| start.eq_ignore_ascii_case(MARK));
    line.get(MARK.len()..).filter(|_| is)
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

/// What a line below the first one adds.
fn below(line: &str) -> Says {
    match explicit(line) {
        Some(rest) => statement(rest, &words(rest)),
        None => aside(line),
    }
}

/// What stands behind `Verdict:` or `Status:`, if the line is one of these.
fn explicit(line: &str) -> Option<&str> {
    let colon = line.bytes().take(LABEL_BYTES).position(|byte| byte == b':');
    let at = if line.is_ascii() { colon? } else { line.find([':', '：'])? };
    let label = line.get(..at.min(LABEL_BYTES))?.trim_end_matches(|c: char| !c.is_alphanumeric());
    let letter = label.as_bytes().last()?.to_ascii_lowercase();
    if at > LABEL_BYTES || ![b't', b's'].contains(&letter) {
        return None;
    }
    let words = words(label);
    let is = words.last().is_some_and(|last| last.is("verdict") || last.is("status"));
    let labels = words.iter().all(|word| word.kinds.any(Kinds::LABEL));
    (is && labels).then(|| line.get(at..).unwrap_or_default())
}

/// A second verdict on a line of its own, or one that takes the first back. It can only make the
/// comment stricter: a pass down here was not said at the beginning.
fn aside(line: &str) -> Says {
    let item = line.starts_with(['-', '*', '+', '|']) && !line.starts_with("**")
        || line.starts_with(|c: char| c.is_ascii_digit());
    if item || line.len() > ASIDE_BYTES {
        return Says::Nothing;
    }
    let words = words(line);
    let verdict = Kinds::PASS | Kinds::FAIL;
    let pairs = words.windows(2).any(failing_pair);
    let said = |word: &Word<'_>| word.kinds.any(verdict | Kinds::LABEL | Kinds::DENIAL) || pairs;
    let ends = pairs
        || words.last().is_some_and(|last| last.kinds.any(verdict) && !last.kinds.any(Kinds::FLAW));
    if ends && words.len() <= ASIDE_WORDS && words.iter().all(said) {
        return match statement(line, &words) {
            Says::Pass => Says::Nothing,
            says => says,
        };
    }
    let retracts = words.first().is_some_and(|first| first.kinds.any(Kinds::RETRACTS));
    let denies = |clause: &[Word<'_>]| {
        denied(clause) && clause.iter().any(|word| word.kinds.any(Kinds::PASS))
    };
    if retracts || clauses(&words).any(denies) { Says::Unclear } else { Says::Nothing }
}

/// The statement of one line.
fn statement(line: &str, words: &[Word<'_>]) -> Says {
    let head = clauses(words).find(|clause| !unlabelled(clause).is_empty());
    let labelled = head.is_some_and(|clause| unlabelled(clause).len() < clause.len());
    let head = head.map_or(&[][..], |clause| unlabelled(clause));
    if fails(head.get(..FAIL_WITHIN).unwrap_or(head)) && !mended(head) || line.contains(CROSSES) {
        return if no_failure(head) { Says::Unclear } else { Says::Fail };
    }
    let fails_later = clauses(words).any(fails);
    if !words.iter().any(|word| word.kinds.any(Kinds::PASS)) {
        return if fails_later { Says::Unclear } else { Says::Nothing };
    }
    let plain = plainly_passes(head, labelled) && !fails_later && !doubtful(line, words);
    if plain { Says::Pass } else { Says::Unclear }
}

fn fails(clause: &[Word<'_>]) -> bool {
    clause.iter().any(|word| word.kinds.any(Kinds::FAIL)) || clause.windows(2).any(failing_pair)
}

fn denied(clause: &[Word<'_>]) -> bool {
    clause.iter().any(|word| word.kinds.any(Kinds::DENIAL))
}

/// Whether a denial stands before a failure or close behind it: `did not fail`, `failure not seen`.
/// One further on tells what fails: `QA FAIL, it does not work`.
fn no_failure(clause: &[Word<'_>]) -> bool {
    let fail = clause.iter().position(|word| word.kinds.any(Kinds::FAIL)).unwrap_or_default();
    denied(clause.get(..fail + DENIAL_BEHIND + 1).unwrap_or(clause))
}

/// Whether the only failures in a clause are flaws that are gone.
fn mended(clause: &[Word<'_>]) -> bool {
    let fails = |word: &Word<'_>| word.kinds.any(Kinds::FAIL) && !word.kinds.any(Kinds::FLAW);
    clause.iter().any(|word| word.kinds.any(Kinds::MENDED)) && !clause.iter().any(fails)
}

/// Whether a clause says the pass at its beginning, and of the change: neither a share (`8 of 10
/// passed`), nor of somebody else (`Dan approved it`), nor the act of passing something on.
fn plainly_passes(head: &[Word<'_>], labelled: bool) -> bool {
    let mut start = head.iter().take(PASS_WITHIN);
    let Some(at) = start.position(|word| word.kinds.any(Kinds::PASS)) else { return false };
    let (Some(pass), Some(lead)) = (head.get(at), head.get(..at)) else { return false };
    let leads = lead.iter().all(|word| word.kinds.any(Kinds::LEAD | Kinds::LABEL));
    let asks = ["is", "are", "has", "have", "ist", "est", "está"];
    let asked = at > 1 && lead.first().is_some_and(|first| asks.iter().any(|ask| first.is(ask)));
    let bidden = at == 0 && pass.is("approve");
    let moot = head.iter().any(|word| word.kinds.any(Kinds::DENIAL | Kinds::ELSEWHERE));
    leads && !asked && !bidden && !moot && !pass.quoted && (labelled || !passes_on(head, at))
}

/// `pass the token to me` and `passed to QA` are no verdicts.
fn passes_on(head: &[Word<'_>], at: usize) -> bool {
    let (Some(pass), Some(next)) = (head.get(at), head.get(at + 1)) else { return false };
    let things = ["the", "a", "an", "it", "this"];
    let now = pass.is("pass") || pass.is("passes");
    next.kinds.any(Kinds::OBJECT) && (now || pass.is("passed"))
        || now && things.iter().any(|thing| next.is(thing))
}

/// Whether anything in a line casts doubt on a pass in it.
fn doubtful(line: &str, words: &[Word<'_>]) -> bool {
    let condition = words.iter().any(|word| word.kinds.any(Kinds::CONDITION));
    let flaw = |clause: &[Word<'_>]| {
        let has = |kind| clause.iter().any(|word| word.kinds.any(kind));
        has(Kinds::FLAW) && !has(Kinds::MENDED)
    };
    let nots = ["not", "nope", "never", "nah", "nicht"];
    let taken_back = |clause: &[Word<'_>]| {
        clause.len() <= 3 && clause.first().is_some_and(|word| nots.iter().any(|n| word.is(n)))
    };
    let marks = ["~~", "![", "[ ]", "</", "<s>", "<del", "<strike"];
    condition
        || clauses(words).any(|clause| flaw(clause) || taken_back(clause))
        || line.contains(['?', '？', '¿', '؟', '\u{37e}'])
        || line.contains(DOUBTS)
        || marks.iter().any(|mark| line.contains(mark))
        || line.trim_end().ends_with("/s")
        || line.split_whitespace().any(partly)
        || words.windows(3).any(some_of)
        || hides(line)
}

/// `8/10` or `80%`.
fn partly(token: &str) -> bool {
    let token = token.trim_matches(|c: char| !c.is_alphanumeric() && c != '%');
    if let Some(share) = token.strip_suffix('%') {
        return share != "100";
    }
    let number = |text: &str| text.parse::<u32>().ok();
    let share = token.split_once('/').and_then(|(a, b)| Some((number(a)?, number(b)?)));
    share.is_some_and(|(a, b)| a < b)
}

/// `8 of 10`.
fn some_of(three: &[Word<'_>]) -> bool {
    let [a, of, b] = three else { return false };
    let number = |word: &Word<'_>| word.text.parse::<u32>().ok();
    of.is("of") && number(a).zip(number(b)).is_some_and(|(a, b)| a < b)
}

/// In whose name a comment speaks.
fn named(words: &[Word<'_>], says: Says) -> Named {
    let labels = || words.iter().take_while(|word| word.kinds.any(Kinds::LABEL));
    let (cq, qa) = (labels().any(|word| word.is("cq")), labels().any(|word| word.is("qa")));
    let starts = |at: usize, text| words.get(at).is_some_and(|word: &Word<'_>| word.is(text));
    match (cq, qa) {
        (true, true) => Named::Both,
        (true, false) => Named::Role(Role::Cq),
        (false, true) => Named::Role(Role::Qa),
        (false, false) => {
            let approved = says == Says::Pass && starts(0, "approved");
            let failed = says == Says::Fail && starts(0, "review") && starts(1, "failed");
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
