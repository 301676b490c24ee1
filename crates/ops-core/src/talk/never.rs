//! Requests that would break a promise: why ops refuses them, and what to do instead.

use serde::Serialize;

use super::token::Token;

/// A promise that a request would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// No check is skipped, for nobody (P3).
    NoBypass,
    /// Only CQ and QA pass a candidate (P1).
    Evidence,
    /// A ticket is closed only with its record, and ops moves it nowhere else (P10).
    Tickets,
    /// Nobody unlocks by hand (P4).
    Locks,
    /// No secret is ever shown (P13).
    Secrets,
    /// What governs ops is `ops.yaml`, not what somebody writes to it (P3).
    Rules,
}

impl Promise {
    /// Its number.
    pub fn number(self) -> &'static str {
        match self {
            Self::NoBypass | Self::Rules => "P3",
            Self::Evidence => "P1",
            Self::Tickets => "P10",
            Self::Locks => "P4",
            Self::Secrets => "P13",
        }
    }

    /// Why it is refused.
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoBypass => {
                "no check, watch or window is skipped for anybody: there is no force, here or \
                 anywhere else"
            }
            Self::Evidence => {
                "only CQ and QA pass a candidate, each with a verdict of its own on the ticket"
            }
            Self::Tickets => {
                "a ticket is closed only by a deployment that passed its whole watch, with its \
                 record on it, and ops moves it nowhere else"
            }
            Self::Locks => {
                "nobody unlocks a lock group by hand: what holds it may still act, and it is free \
                 when that has ended or was read back healthy"
            }
            Self::Secrets => {
                "ops keeps references, and no value of a secret is ever written anywhere"
            }
            Self::Rules => {
                "what ops may do stands in ops.yaml, by commit, and no message changes it"
            }
        }
    }

    /// What to do instead.
    pub fn instead(self) -> &'static str {
        match self {
            Self::NoBypass => {
                "`explain` with the ticket's number says which check holds it, what would free it and who must act. \
                 What is urgent has one fast lane, back: halt, abort, rollback"
            }
            Self::Evidence => "ask CQ or QA for a verdict on the ticket; ops looks again by itself",
            Self::Tickets => {
                "`explain` with the ticket's number says what is missing until it closes; PO moves tickets"
            }
            Self::Locks => {
                "`status` says what holds it and until when; a ticket with `fixes: D-n` mends what \
                 froze"
            }
            Self::Secrets => "whoever keeps the secret can show it",
            Self::Rules => {
                "change ops.yaml by a commit; what loosens a gate needs a ticket that CQ and QA passed"
            }
        }
    }
}

const CHECKS: &[&str] = &[
    "check",
    "checks",
    "gate",
    "gates",
    "test",
    "tests",
    "testing",
    "qa",
    "cq",
    "review",
    "reviews",
    "watch",
    "evidence",
    "window",
    "windows",
    "guard",
    "guards",
    "verdict",
    "verdicts",
    "approval",
    "approvals",
    "rehearsal",
    "soak",
    "rollback",
    "plan",
    "canary",
    "budget",
    "alerts",
    "freeze",
];
const AROUND: &[&str] = &[
    "skip",
    "skipping",
    "bypass",
    "bypassing",
    "ignore",
    "ignoring",
    "override",
    "overriding",
    "disable",
    "circumvent",
    "waive",
    "avoid",
    "shorten",
    "without",
    "omit",
    "drop",
    "suspend",
];
const SHIP: &[&str] =
    &["deploy", "ship", "release", "push", "go", "start", "roll", "promote", "merge"];
const ANYWAY: &[&str] = &["anyway", "anyways", "regardless", "nevertheless", "nonetheless"];
const MARK: &[&str] =
    &["mark", "set", "flag", "count", "treat", "pretend", "declare", "record", "consider"];
const PASSED: &[&str] = &[
    "passed",
    "pass",
    "approved",
    "green",
    "done",
    "tested",
    "reviewed",
    "verified",
    "ok",
    "good",
    "successful",
];
const LOCK: &[&str] = &["lock", "locks", "lease", "leases", "lockgroup"];
const OPEN: &[&str] =
    &["unlock", "steal", "break", "release", "clear", "remove", "delete", "free", "take", "drop"];
const MOVE: &[&str] = &["close", "reopen", "delete", "edit", "move", "assign", "reassign"];
const TICKETS: &[&str] = &["it", "ticket", "tickets", "them", "this", "that", "rfp"];
const SECRET: &[&str] =
    &["token", "tokens", "password", "passwords", "secret", "secrets", "credentials"];
const SHOW: &[&str] = &["show", "print", "tell", "give", "send", "reveal", "leak", "post", "paste"];
const RULES: &[&str] =
    &["instructions", "instruction", "rules", "policy", "policies", "prompt", "promises"];

/// The promise that a message wants broken, if it does.
pub(super) fn broken(
    words: &[Token],
    asks: impl Fn(usize) -> bool,
    denied: impl Fn(usize) -> bool,
    named: impl Fn(&str) -> bool,
) -> Option<Promise> {
    let is =
        |at: usize, set: &[&str]| words.get(at).is_some_and(|t| set.contains(&t.word.as_str()));
    // Within the same part of a sentence, a few words on.
    let near = |at: usize, most: usize, set: &[&str]| {
        let clause = words.get(at).map(|token| token.clause);
        (at + 1..=at + most)
            .any(|next| is(next, set) && words.get(next).map(|token| token.clause) == clause)
    };
    let ticket_near = |at: usize| {
        let clause = words.get(at).map(|token| token.clause);
        let mut next = words.iter().skip(at + 1).take(3);
        next.any(|token| Some(token.clause) == clause && named(&token.word))
    };
    for at in (0..words.len()).filter(|at| !denied(*at)) {
        let in_force = at > 0 && is(at - 1, &["in", "into", "task", "brute"]);
        if is(at, &["force", "forced", "forcing"]) && !in_force
            || is(at, AROUND) && near(at, 5, CHECKS)
            || is(at, SHIP) && near(at, 5, ANYWAY)
            || is(at, ANYWAY) && near(at, 4, SHIP)
            || is(at, &["turn", "switch"]) && near(at, 5, CHECKS) && near(at, 5, &["off"])
        {
            return Some(Promise::NoBypass);
        }
        if is(at, AROUND) && near(at, 5, RULES) || is(at, &["forget"]) && near(at, 5, RULES) {
            return Some(Promise::Rules);
        }
        if is(at, &["unlock"]) && !asks(at) || is(at, OPEN) && near(at, 4, LOCK) && !asks(at) {
            return Some(Promise::Locks);
        }
        if is(at, SHOW) && near(at, 5, SECRET) {
            return Some(Promise::Secrets);
        }
        if asks(at) {
            continue;
        }
        if is(at, MARK) && near(at, 6, PASSED) || is(at, &["approve", "pass"]) && first(words, at) {
            return Some(Promise::Evidence);
        }
        if is(at, MOVE) && first(words, at) && (near(at, 3, TICKETS) || ticket_near(at)) {
            return Some(Promise::Tickets);
        }
    }
    None
}

/// Whether a word begins what is asked: only politeness stands before it.
fn first(words: &[Token], at: usize) -> bool {
    const POLITE: &[&str] = &[
        "please", "ops", "hey", "hi", "hello", "can", "could", "would", "will", "you", "just",
        "now", "then", "and", "so", "ok", "okay", "kindly", "to", "must", "should", "need", "i",
        "want",
    ];
    let Some(clause) = words.get(at).map(|token| token.clause) else { return false };
    let before = words.iter().take(at).filter(|token| token.clause == clause);
    before.into_iter().all(|token| POLITE.contains(&token.word.as_str()))
}
