//! What a model is shown: compact, redacted, without names of people.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::redact;
use crate::{
    checks::{Checklist, Condemned},
    deploy::{Created, Hurt},
    evidence::{Evidence, RECORD_MARK},
    id::{Digest, Identity},
    settings::{People, Role},
    ticket::{Comment, Ticket},
};

/// Characters of a ticket's description that are shown.
const DESCRIPTION_MAX: usize = 6_000;
/// Comments that are shown: the last ones.
const COMMENTS_MAX: usize = 20;
/// Characters of each.
const COMMENT_MAX: usize = 1_500;
/// Characters of a check's evidence.
const SEEN_MAX: usize = 300;
/// Earlier failures that are shown: the last ones.
const FAILURES_MAX: usize = 5;
/// Kinds, routes and templates of failures that are shown.
const HURT_MAX: usize = 10;

/// When a model is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Before the plan is accepted.
    Plan,
    /// When too little was seen in the watch to judge by numbers.
    Watch,
}

impl Point {
    /// In words that fit «asked …».
    pub fn words(self) -> &'static str {
        match self {
            Self::Plan => "before the plan",
            Self::Watch => "in the watch",
        }
    }
}

/// A dossier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dossier {
    /// When it is shown.
    pub point: Point,
    /// The candidate and the verdicts about it: other ones are new facts.
    pub round: Digest,
    /// The same, with what the team has written on the ticket.
    pub key: Digest,
    /// What the model reads: JSON, redacted.
    pub text: String,
}

impl Dossier {
    /// Whether the team has written on the ticket since.
    pub fn is_answered_by(&self, ticket: &Ticket, people: &People, me: &Identity) -> bool {
        key(&self.round, ticket, people, me) != self.key
    }
}

/// What a dossier is made of before the plan.
#[derive(Debug, Clone, Copy)]
pub struct Material<'a> {
    /// The deployment.
    pub created: &'a Created,
    /// The candidate's hash.
    pub candidate: &'a Digest,
    /// What would run.
    pub artifact: &'a Digest,
    /// Its version, in words.
    pub version: &'a str,
    /// Its source commit.
    pub commit: Option<&'a str>,
    /// Its migrations, as its notes declare them.
    pub migrations: usize,
    /// What serves now: version and commit.
    pub serves: Option<(&'a str, Option<&'a str>)>,
    /// The ticket.
    pub ticket: &'a Ticket,
    /// Who is who.
    pub people: &'a People,
    /// What the ticket proves.
    pub evidence: Option<&'a Evidence>,
    /// All checks.
    pub checklist: &'a Checklist,
    /// What was judged bad before, oldest first.
    pub condemned: &'a [Condemned],
}

/// What was seen in a watch so far.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// Why it cannot be judged.
    pub words: &'a str,
    /// Observed seconds.
    pub seconds: u64,
    /// Requests and failures of the new version.
    pub new: (u64, u64),
    /// Those of the old one.
    pub old: (u64, u64),
    /// What asks for a closer look.
    pub concerns: &'a [String],
    /// Which failures there were.
    pub hurt: &'a Hurt,
}

/// The dossier before the plan.
pub fn before_the_plan(material: &Material<'_>) -> Dossier {
    let Material { created, candidate, ticket, people, .. } = *material;
    let round = round(candidate, ticket, material.evidence);
    let key = key(&round, ticket, people, &created.me);
    let checks = material.checklist.checks.iter().filter(|check| check.id != "advisor");
    let checks: Vec<_> = checks
        .map(|check| {
            // It names people, who are nobody's business there (P13).
            let seen = if check.id == "evidence" && check.verdict.lets_pass() {
                "CQ and QA passed this very candidate, after the last change".to_owned()
            } else {
                short(&check.evidence, SEEN_MAX)
            };
            json!({ "check": check.id, "verdict": check.verdict.text(), "seen": seen })
        })
        .collect();
    let failures = material.condemned.iter().filter(|one| one.service == created.service);
    let failures: Vec<_> = failures
        .map(|one| {
            json!({
                "deployment": one.by.to_string(),
                "what": short(&one.words, SEEN_MAX),
            })
        })
        .collect();
    let failures = failures.get(failures.len().saturating_sub(FAILURES_MAX)..).unwrap_or_default();
    let text = json!({
        "service": created.service.as_str(),
        "environment": created.environment.as_str(),
        "candidate": {
            "version": short(material.version, 100),
            "artifact": material.artifact,
            "commit": material.commit,
            "migrations": material.migrations,
        },
        "serves_now": material.serves.map(|(version, commit)| json!({
            "version": short(version, 100),
            "commit": commit,
        })),
        "ticket": told(ticket),
        "comments": comments(ticket, people, &created.me),
        "checks": checks,
        "failed_before": failures,
        "tries_without_a_verdict": created.retries,
    });
    Dossier { point: Point::Plan, round, key, text: pretty(&text) }
}

/// The dossier in the watch: what was judged before, and what was seen since.
pub fn in_the_watch(
    before: &Dossier,
    ticket: &Ticket,
    people: &People,
    me: &Identity,
    seen: &Watched<'_>,
) -> Dossier {
    let known = serde_json::from_str(&before.text).unwrap_or(Value::Null);
    let count = |all: &std::collections::BTreeMap<String, u64>| {
        let mut most: Vec<_> = all.iter().collect();
        most.sort_by(|(a, left), (b, right)| right.cmp(left).then(a.cmp(b)));
        let most = most.into_iter().take(HURT_MAX);
        most.map(|(what, n)| json!({ "what": short(what, SEEN_MAX), "count": n }))
            .collect::<Vec<_>>()
    };
    let concerns: Vec<_> = seen.concerns.iter().map(|one| short(one, SEEN_MAX)).collect();
    let mut text = known;
    if let Some(all) = text.as_object_mut() {
        all.insert("comments".into(), comments(ticket, people, me));
        all.insert(
            "watch".into(),
            json!({
                "why_inconclusive": short(seen.words, SEEN_MAX),
                "observed_seconds": seen.seconds,
                "new_version": { "requests": seen.new.0, "failed": seen.new.1 },
                "old_version": { "requests": seen.old.0, "failed": seen.old.1 },
                "concerns": concerns,
                "failures": {
                    "kinds": count(&seen.hurt.kinds),
                    "routes": count(&seen.hurt.routes),
                    "log_templates": count(&seen.hurt.templates),
                },
            }),
        );
    }
    let round = before.round.clone();
    let key = key(&round, ticket, people, me);
    Dossier { point: Point::Watch, round, key, text: pretty(&text) }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn round(candidate: &Digest, ticket: &Ticket, evidence: Option<&Evidence>) -> Digest {
    let mut all = candidate.to_string();
    if let Some(Evidence::Passed { cq, qa, .. }) = evidence {
        for verdict in [cq, qa] {
            let id = ticket.comments.get(verdict.comment).map_or("", |comment| comment.id.as_str());
            all.push('\n');
            all.push_str(id);
        }
    }
    Digest::of(all.as_bytes())
}

/// Changes with what the team writes on the ticket, and with nothing else.
fn key(round: &Digest, ticket: &Ticket, people: &People, me: &Identity) -> Digest {
    let mut all = round.to_string();
    for comment in ticket.comments.iter().filter(|one| role(one, people, me).is_some()) {
        all.push('\n');
        all.push_str(&comment.id);
        all.push_str(Digest::of(comment.text.as_bytes()).short());
    }
    Digest::of(all.as_bytes())
}

/// The part that a comment's author has in the team; `None` for strangers and for ops itself.
fn role(comment: &Comment, people: &People, me: &Identity) -> Option<&'static str> {
    if comment.author == *me || comment.text.contains(RECORD_MARK) {
        return None;
    }
    let roles = [
        (Role::Cq, "CQ"),
        (Role::Qa, "QA"),
        (Role::Dev, "DEV"),
        (Role::Po, "PO"),
        (Role::Human, "person"),
        (Role::Ops, "person"),
    ];
    let known = roles.iter().find(|(role, _)| people.is(&comment.author, *role));
    known.map(|(_, name)| *name).or_else(|| people.may_steer(&comment.author).then_some("person"))
}

fn told(ticket: &Ticket) -> Value {
    json!({
        "title": short(&ticket.title, SEEN_MAX),
        "description": short(&ticket.description, DESCRIPTION_MAX),
        "priority": ticket.priority,
        "kind": short(&ticket.kind, 40),
    })
}

fn comments(ticket: &Ticket, people: &People, me: &Identity) -> Value {
    let all = ticket.comments.iter().filter(|one| one.author != *me);
    let all: Vec<_> = all.filter(|one| !one.text.contains(RECORD_MARK)).collect();
    let left_out = all.len().saturating_sub(COMMENTS_MAX);
    let shown = all.get(left_out..).unwrap_or_default().iter().map(|comment| {
        let by = role(comment, people, me).unwrap_or("unknown author");
        json!({ "by": by, "text": short(&comment.text, COMMENT_MAX) })
    });
    json!({ "older_ones_left_out": left_out, "last": shown.collect::<Vec<_>>() })
}

/// Redacted, and no longer than so many characters.
fn short(text: &str, most: usize) -> String {
    let text = redact(text);
    if text.chars().count() <= most {
        return text;
    }
    let mut cut: String = text.chars().take(most).collect();
    cut.push_str(" … (cut)");
    cut
}
