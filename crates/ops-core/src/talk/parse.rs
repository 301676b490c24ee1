//! From text to a request. Ordinary English, whatever stands around it; what a message quotes was
//! not said by its author. A request that changes something is found only where its own word stands,
//! so that no text asks for more than it says.

use super::{
    About, Deed, Question, Request, Subject, never,
    token::{Token, prose, tokens},
};
use crate::id::{DeploymentId, IncidentId, TicketId};
use crate::id::{EnvironmentName, ServiceName};

/// What can be named: the services and environments of `ops.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Services.
    pub services: Vec<ServiceName>,
    /// Environments.
    pub environments: Vec<EnvironmentName>,
}

const METRICS: &[&str] = &["metrics", "dora", "mttr", "statistics"];
const CAPACITY: &[&str] = &[
    "capacity",
    "room",
    "space",
    "disk",
    "memory",
    "ram",
    "ports",
    "replicas",
    "load",
    "traffic",
    "rps",
    "throughput",
];
const HEALTH: &[&str] = &[
    "health",
    "healthy",
    "unhealthy",
    "sick",
    "alive",
    "alert",
    "alerts",
    "fine",
    "dependencies",
    "outage",
    "broken",
    "down",
];
const HISTORY: &[&str] = &["history", "recent", "recently", "past", "previous", "last", "latest"];
const SERVING: &[&str] =
    &["deployed", "version", "versions", "running", "runs", "serving", "serves", "live"];
const WHY: &[&str] = &[
    "why", "explain", "free", "frees", "unblock", "blocked", "blocking", "held", "hold", "holding",
    "waiting", "waits", "stuck",
];
const STATUS: &[&str] =
    &["status", "state", "doing", "queue", "progress", "happening", "busy", "standup", "news"];
const HELP: &[&str] = &["help", "commands", "usage"];

/// Reads a request.
pub fn parse(text: &str, names: &Names) -> Request {
    let text = prose(text);
    let reading = Reading { words: tokens(&text), text: &text, names };
    reading.request()
}

struct Reading<'a> {
    words: Vec<Token>,
    text: &'a str,
    names: &'a Names,
}

/// A ticket's number: letters and digits, a dash, digits.
fn ticket(word: &str) -> Option<TicketId> {
    let (project, number) = word.rsplit_once('-')?;
    let letters = project.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = project.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let digits = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    let wanted = letters && plain && digits && word.len() <= 40;
    (wanted && deployment(word).is_none() && IncidentId::read(word).is_none())
        .then(|| TicketId::new(word.to_uppercase()))
}

/// Only with its letter: a bare number means nothing.
fn deployment(word: &str) -> Option<DeploymentId> {
    word.strip_prefix("d-")?.parse().ok().map(DeploymentId)
}

fn subject(word: &str) -> Option<Subject> {
    deployment(word)
        .map(Subject::Deployment)
        .or_else(|| IncidentId::read(word).map(Subject::Incident))
        .or_else(|| ticket(word).map(Subject::Ticket))
}

impl Reading<'_> {
    fn request(&self) -> Request {
        if let Some(reported) = self.report() {
            return Request::Do(reported);
        }
        if let Some(freed) = self.lift().or_else(|| self.answer()) {
            return Request::Do(freed);
        }
        // The fast lane comes first, whatever else is said.
        if let Some(at) = self.halt() {
            return Request::Do(Deed::Halt(self.subject_after(at), self.about()));
        }
        let named = |word: &str| ticket(word).is_some();
        let broken = never::broken(&self.words, |at| self.asks(at), |at| self.denied(at), named);
        if let Some(promise) = broken {
            return Request::Never(promise);
        }
        if let Some(deed) = self.deed() {
            return Request::Do(deed);
        }
        self.question().map_or(Request::Unclear, Request::Tell)
    }

    fn word(&self, at: usize) -> &str {
        self.words.get(at).map_or("", |token| token.word.as_str())
    }

    fn has(&self, set: &[&str]) -> bool {
        self.words.iter().any(|token| set.contains(&token.word.as_str()))
    }

    /// Whether the part of a sentence in which a word stands asks something: by its first word beside
    /// politeness.
    fn asks(&self, at: usize) -> bool {
        const POLITE: &[&str] = &[
            "hey", "hi", "hello", "ops", "please", "so", "and", "ok", "okay", "but", "then", "also",
        ];
        const QUESTION: &[&str] = &[
            "why", "what", "whats", "which", "how", "hows", "who", "when", "where", "is", "are",
            "was", "were", "does", "did", "has", "should", "shall", "may", "any",
        ];
        let Some(clause) = self.words.get(at).map(|token| token.clause) else { return false };
        let mut said = self
            .words
            .iter()
            .take(at + 1)
            .filter(|token| token.clause == clause)
            .map(|token| token.word.as_str())
            .skip_while(|word| POLITE.contains(word));
        let (first, second) = (said.next().unwrap_or(""), said.next().unwrap_or(""));
        let own = self.word(at) == first;
        let whether = matches!(first, "do" | "can" | "could" | "would" | "will" | "have")
            && matches!(second, "i" | "we" | "they" | "it")
            || matches!(first, "do" | "have") && second == "you";
        !own && QUESTION.contains(&first) || whether
    }

    /// Whether a word is said not to happen: «don't halt», «no need to halt».
    fn denied(&self, at: usize) -> bool {
        const NOT: &[&str] = &[
            "not", "dont", "never", "cannot", "cant", "wont", "didnt", "doesnt", "shouldnt",
            "mustnt", "nobody", "neither",
        ];
        const FILLING: &[&str] = &["to", "ever", "you", "please", "just"];
        let clause = self.words.get(at).map(|token| token.clause);
        let back = |n: usize| {
            let token = at.checked_sub(n).and_then(|at| self.words.get(at));
            token.filter(|token| Some(token.clause) == clause).map_or("", |token| &token.word)
        };
        NOT.contains(&back(1))
            || NOT.contains(&back(2)) && FILLING.contains(&back(1))
            || back(1) == "to" && back(2) == "need" && matches!(back(3), "no" | "not" | "dont")
    }

    /// A word of the set that orders something, and is neither asked about nor denied.
    fn order(&self, set: &[&str]) -> Option<usize> {
        (0..self.words.len())
            .find(|at| set.contains(&self.word(*at)) && !self.asks(*at) && !self.denied(*at))
    }

    fn halt(&self) -> Option<usize> {
        const ALL: &[&str] = &[
            "everything",
            "all",
            "deploying",
            "deployments",
            "deployment",
            "it",
            "now",
            "that",
            "this",
            "immediately",
            "rollout",
        ];
        self.order(&["halt"]).or_else(|| {
            // «Stop asking» is no halt.
            self.order(&["stop", "pause"]).filter(|at| {
                let clause = self.words.get(*at).map(|token| token.clause);
                let here = self.words.iter().skip(at + 1);
                let here = here.take_while(|token| Some(token.clause) == clause);
                let mut said =
                    here.skip_while(|token| matches!(token.word.as_str(), "the" | "any"));
                said.next().is_none_or(|next| {
                    ALL.contains(&next.word.as_str())
                        || subject(&next.word).is_some()
                        || self.service(&next.word).is_some()
                })
            })
        })
    }

    fn deed(&self) -> Option<Deed> {
        if let Some(at) = self.order(&["acknowledge", "ack"])
            && let Some(Subject::Deployment(id)) = self.subject_after(at)
        {
            return Some(Deed::Acknowledge(id));
        }
        if let Some(at) = self.order(&["abort"]) {
            return Some(Deed::Abort(self.subject_after(at)));
        }
        if let Some(at) = self.order(&["rollback", "revert", "undo"]) {
            return Some(Deed::Rollback(self.subject_after(at), self.about()));
        }
        if let Some(at) = self.order(&["roll", "take", "bring"]) {
            let back = (at + 1..=at + 5).any(|next| self.word(next) == "back");
            if back {
                return Some(Deed::Rollback(self.subject_after(at), self.about()));
            }
        }
        if let Some(at) = self.order(&["resume", "unhalt", "retry", "continue"]) {
            return Some(Deed::Resume(self.subject_after(at)));
        }
        if let Some(at) = self.order(&["try"])
            && (at + 1..=at + 4).any(|next| self.word(next) == "again")
        {
            return Some(Deed::Resume(self.subject_after(at)));
        }
        if let Some(resolved) = self.resolve() {
            return Some(resolved);
        }
        let looks = self.order(&["look", "check", "recheck", "re-check", "reread", "refresh"])?;
        let subject = self.subject_after(looks);
        let plain = self.word(looks) == "check" && subject.is_none();
        (!plain || self.has(&["now", "queue", "again"])).then_some(Deed::Look(subject))
    }

    fn resolve(&self) -> Option<Deed> {
        let at = (0..self.words.len()).find(|at| {
            let said = matches!(self.word(*at), "resolved" | "resolve" | "over" | "solved");
            said && !self.denied(*at)
        })?;
        let id = self.words.iter().find_map(|token| IncidentId::read(&token.word))?;
        // «I-1 is resolved» tells, «is I-1 resolved» asks.
        let tells = self.words.iter().position(|token| IncidentId::read(&token.word).is_some());
        let asks = self.asks(at) && tells.is_some_and(|told| self.asks(told));
        (!asks && !self.text.trim_end().ends_with('?')).then_some(Deed::Resolve(id))
    }

    fn lift(&self) -> Option<Deed> {
        let at = self.order(&["lift"])?;
        let Some(Subject::Deployment(guard)) = self.subject_after(at) else { return None };
        let reason = self.behind_colon(at).unwrap_or_default();
        Some(Deed::Lift(guard, reason))
    }

    /// `answer MNS-7: why`, with the colon: people say the word in other ways.
    fn answer(&self) -> Option<Deed> {
        let at = self.order(&["answer"])?;
        let Some(Subject::Ticket(ticket)) = self.subject_after(at) else { return None };
        Some(Deed::Answer(ticket, self.behind_colon(at)?))
    }

    /// What stands behind the first colon after a word.
    fn behind_colon(&self, at: usize) -> Option<String> {
        let rest = self.text.get(self.words.get(at)?.end..)?;
        rest.split_once(':').map(|(_, why)| why.trim().to_owned())
    }

    fn report(&self) -> Option<Deed> {
        let at = self.order(&["incident"])?;
        let rest = self.text.get(self.words.get(at)?.end..)?;
        let head_ends = rest.find(':').map(|colon| self.text.len() - rest.len() + colon);
        let in_head = |token: &&Token| head_ends.is_none_or(|ends| token.end <= ends);
        let head: Vec<&Token> = self.words.iter().skip(at + 1).filter(in_head).collect();
        let mut about = About::default();
        let mut of = None;
        let mut last = self.words.get(at)?.end;
        for token in head {
            let taken = if let Some(id) = deployment(&token.word) {
                of.get_or_insert(id);
                true
            } else if let Some(service) = self.service(&token.word) {
                about.service.get_or_insert(service);
                true
            } else if let Some(environment) = self.environment(&token.word) {
                about.environment.get_or_insert(environment);
                true
            } else {
                false
            };
            if taken {
                last = token.end;
            }
        }
        let words = match head_ends {
            Some(colon) => self.text.get(colon + 1..)?,
            None => self.text.get(last..)?,
        };
        let trimmed = |c: char| c.is_whitespace() || c.is_ascii_punctuation() && c != '(';
        let words = words.trim_start_matches(trimmed).trim().to_owned();
        let named = of.is_some() || about.service.is_some() || head_ends.is_some();
        named.then_some(Deed::Report { deployment: of, about, words })
    }

    fn service(&self, word: &str) -> Option<ServiceName> {
        self.names.services.iter().find(|name| name.as_str().eq_ignore_ascii_case(word)).cloned()
    }

    fn environment(&self, word: &str) -> Option<EnvironmentName> {
        let all = &self.names.environments;
        let named = all.iter().find(|name| name.as_str().eq_ignore_ascii_case(word));
        let short = |long: &str| all.iter().find(|name| name.as_str() == long);
        named.or_else(|| if word == "prod" { short("production") } else { None }).cloned()
    }

    fn about(&self) -> About {
        let mut words = self.words.iter().map(|token| token.word.as_str());
        let service = words.clone().find_map(|word| self.service(word));
        About { service, environment: words.find_map(|word| self.environment(word)) }
    }

    fn subject_after(&self, at: usize) -> Option<Subject> {
        self.words.iter().skip(at + 1).find_map(|token| subject(&token.word))
    }

    fn question(&self) -> Option<Question> {
        if self.has(&["incidents"]) {
            return Some(Question::Incidents);
        }
        if let Some(subject) = self.words.iter().find_map(|token| subject(&token.word)) {
            return Some(Question::Explain(subject));
        }
        let about = self.about();
        let pair = |one: &str, other: &str| self.has(&[one]) && self.has(&[other]);
        if self.has(METRICS)
            || pair("lead", "time")
            || pair("failure", "rate")
            || pair("deployment", "frequency")
            || pair("time", "restore")
        {
            return Some(Question::Metrics);
        }
        if self.has(HELP) || pair("what", "can") && self.has(&["you"]) {
            return Some(Question::Help);
        }
        if self.has(CAPACITY) || pair("requests", "second") {
            return Some(Question::Capacity(about));
        }
        if self.has(&["incident"]) {
            return Some(Question::Incidents);
        }
        if self.has(WHY) {
            return Some(Question::Status(about));
        }
        if self.has(HEALTH) && !self.has(STATUS) {
            return Some(Question::Health(about));
        }
        if self.has(HISTORY) {
            return Some(Question::History(about));
        }
        if self.has(SERVING) {
            return Some(Question::Serving(about));
        }
        let named = about.service.is_some() || about.environment.is_some();
        (self.has(STATUS) || pair("under", "way") || named).then_some(Question::Status(about))
    }
}
