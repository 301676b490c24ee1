//! Which wishes of a newer `ops.yaml` hold deployments less than those of an older one (S4).
//!
//! Whatever is not known to be at least as strict counts as looser: a change that is only another
//! one needs the same ticket as one that takes a gate away.

mod watch;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::{
    Advisor, HostLimits, Money, People, Role, Service, Settings, Strategy, TrafficStep, WindowKind,
};

/// A wish that holds deployments less than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loosening {
    /// Where it stands, such as `services.shop.watch.for`.
    pub path: String,
    /// What it does.
    pub words: String,
}

impl std::fmt::Display for Loosening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.words)
    }
}

/// What the newer settings loosen; empty if they only tighten or change what is no gate.
pub fn loosened(old: &Settings, new: &Settings) -> Vec<Loosening> {
    let mut found = Found { at: String::new(), all: Vec::new() };
    people(&old.people, &new.people, &mut found);
    team(old, new, &mut found);
    for (name, old) in &old.environments {
        found.at = format!("environments.{name}.host");
        // An environment that is gone could come back without its limits, just like a service.
        let gone = HostLimits::default();
        let new = new.environments.get(name).map_or(&gone, |new| &new.host);
        host(&old.host, new, &mut found);
    }
    for (name, new) in &new.services {
        if let (Some(_), None) = (&new.adopt, old.services.get(name)) {
            found.at = format!("services.{name}");
            found.add("adopt", ADOPTED);
        }
    }
    for (name, old) in &old.services {
        if let Some(new) = new.services.get(name) {
            found.all.extend(loosened_service(old, new));
        } else {
            // Once it is gone, it could come back without any of its gates.
            let (path, words) = (format!("services.{name}"), "gone, with all its gates".into());
            found.all.push(Loosening { path, words });
        }
    }
    found.all
}

/// What the newer settings of a service loosen.
pub fn loosened_service(old: &Service, new: &Service) -> Vec<Loosening> {
    let mut found = Found { at: format!("services.{}", old.name), all: Vec::new() };
    path(old, new, &mut found);
    rollout(old, new, &mut found);
    watch::watch(old, new, &mut found);
    watch::signals(old, new, &mut found);
    around(old, new, &mut found);
    rotation(old, new, &mut found);
    if new.adopt.is_some() && new.adopt != old.adopt {
        found.add("adopt", ADOPTED);
    }
    found.all
}

/// Whether a wish can never be made later, whatever a ticket says: solo mode is set by the first
/// commit only.
pub fn never(old: &Settings, new: &Settings) -> bool {
    new.people.solo && !old.people.solo
}

/// A first version becomes possible that CQ and QA have never seen (S2).
const ADOPTED: &str = "what already runs is taken over without a ticket";

struct Found {
    at: String,
    all: Vec<Loosening>,
}

impl Found {
    fn add(&mut self, key: &str, words: impl Into<String>) {
        let path = if self.at.is_empty() { key.to_owned() } else { format!("{}.{key}", self.at) };
        self.all.push(Loosening { path, words: words.into() });
    }

    /// Where less is looser.
    fn less<T: PartialOrd + Debug + Copy>(&mut self, key: &str, old: T, new: T) {
        if new < old {
            self.add(key, format!("{new:?}, was {old:?}"));
        }
    }

    /// Where more is looser.
    fn more<T: PartialOrd + Debug + Copy>(&mut self, key: &str, old: T, new: T) {
        if new > old {
            self.add(key, format!("{new:?}, was {old:?}"));
        }
    }

    /// A limit: looser if higher or gone.
    fn limit<T: PartialOrd + Debug>(&mut self, key: &str, old: Option<T>, new: Option<T>) {
        match (old, new) {
            (Some(old), Some(new)) if new <= old => {}
            (Some(old), Some(new)) => self.add(key, format!("{new:?}, was {old:?}")),
            (Some(old), None) => self.add(key, format!("gone, was {old:?}")),
            (None, _) => {}
        }
    }

    /// Where each of the old ones must still be there as it was.
    fn gone<T: PartialEq>(&mut self, key: &str, old: &[T], new: &[T], name: impl Fn(&T) -> String) {
        for one in old.iter().filter(|one| !new.contains(one)) {
            self.add(key, format!("`{}` is gone or another", name(one)));
        }
    }

    /// Where none may be added.
    fn added<T: PartialEq>(
        &mut self,
        key: &str,
        old: &[T],
        new: &[T],
        name: impl Fn(&T) -> String,
    ) {
        self.gone_or_new(key, new, old, name);
    }

    fn gone_or_new<T: PartialEq>(
        &mut self,
        key: &str,
        some: &[T],
        known: &[T],
        name: impl Fn(&T) -> String,
    ) {
        for one in some.iter().filter(|one| !known.contains(one)) {
            self.add(key, format!("`{}` is new", name(one)));
        }
    }
}

fn people(old: &People, new: &People, found: &mut Found) {
    for (who, roles) in &new.roles {
        let had = old.roles.get(who).map_or(&[][..], Vec::as_slice);
        for role in roles.iter().filter(|role| !had.contains(role)) {
            found.add(&format!("people.{who}"), format!("gets the role {role:?}").to_lowercase());
        }
    }
    for (who, roles) in &old.roles {
        // Who is DEV no more could change what CQ and QA saw without that being a change.
        if roles.contains(&Role::Dev) && !new.is(who, Role::Dev) {
            found.add(&format!("people.{who}"), "loses the role dev");
        }
    }
    found.added("operators", &old.operators, &new.operators, ToString::to_string);
    if new.solo && !old.solo {
        found.add("solo", "true, was false");
    }
}

/// Whoever asks another model, or waits less for it, may hear less.
fn advisor(old: Option<&Advisor>, new: Option<&Advisor>, found: &mut Found) {
    let Some(old) = old else { return };
    let Some(new) = new else {
        found.add("advisor", format!("gone, was {}", old.model));
        return;
    };
    for (key, old, new) in [("url", &old.url, &new.url), ("model", &old.model, &new.model)] {
        if old != new {
            found.add(&format!("advisor.{key}"), format!("{new}, was {old}"));
        }
    }
    if old.required && !new.required {
        found.add("advisor.required", "false, was true");
    }
    let numbers = [
        ("timeout", old.timeout_seconds, new.timeout_seconds),
        ("answer_tokens", old.answer_tokens, new.answer_tokens),
        ("tokens_per_day", old.tokens_per_day, new.tokens_per_day),
    ];
    for (key, old, new) in numbers {
        found.less(&format!("advisor.{key}"), old, new);
    }
    let day = |money: Option<Money>| money.map_or(u64::MAX, |money| money.per_day);
    found.less("advisor.money.per_day", day(old.money), day(new.money));
}

fn team(old: &Settings, new: &Settings, found: &mut Found) {
    let of = |settings: &Settings, kind| -> Vec<_> {
        settings.gate.windows.iter().filter(|window| window.kind == kind).cloned().collect()
    };
    let name = |window: &super::Window| window.name.clone();
    let (was, is) = (of(old, WindowKind::Deny), of(new, WindowKind::Deny));
    found.gone("windows", &was, &is, name);
    let (was, is) = (of(old, WindowKind::Allow), of(new, WindowKind::Allow));
    if !was.is_empty() {
        found.added("windows", &was, &is, name);
        if is.is_empty() {
            found.add("windows", "none is left that must be open");
        }
    }
    found.gone("alerts", &old.gate.alerts, &new.gate.alerts, |one| one.name.clone());
    found.gone("notify", &old.notify, &new.notify, |one| one.name.clone());
    found.less("retention.releases", old.retention.releases, new.retention.releases);
    advisor(old.advisor.as_ref(), new.advisor.as_ref(), found);
    let place = if new.boards.devteam.is_some() { "devteam" } else { "embedded" };
    // What users meet at a door that is named no more is watched by nobody, though it may go on.
    let doors = |settings: &Settings| {
        settings.edge.doors.as_ref().map_or_else(Vec::new, |doors| doors.hosts.clone())
    };
    found.gone("edge.hosts", &doors(old), &doors(new), Clone::clone);
    if old.boards.me != new.boards.me {
        let path = format!("boards.{place}.me");
        found.add(&path, format!("{}, was {}", new.boards.me, old.boards.me));
    }
    // Whoever names the boards decides where verdicts come from.
    let sources = |settings: &Settings| {
        settings.boards.devteam.clone().map(|guest| (guest.planning, guest.meeting))
    };
    if sources(old) != sources(new) {
        found.add(&format!("boards.{place}"), "verdicts come from another board");
    }
    if new.boards.permissive && !old.boards.permissive {
        found.add("boards.embedded.permissive", "true, was false");
    }
}

fn host(old: &HostLimits, new: &HostLimits, found: &mut Found) {
    found.limit("load", old.load_per_core, new.load_per_core);
    found.limit("clock", old.clock_ms, new.clock_ms);
    found.gone("certificates", &old.certificates, &new.certificates, Clone::clone);
    if !old.certificates.is_empty() {
        found.less("certificate_days", old.certificate_days, new.certificate_days);
    }
}

fn path(old: &Service, new: &Service, found: &mut Found) {
    let names = |service: &Service| service.environments().cloned().collect::<Vec<_>>();
    // New stages in front make the way longer; everything else changes it.
    if !names(new).ends_with(&names(old)) {
        found.add("stages", "the way to production is another");
    }
    for stage in &old.stages {
        let soak = |stage: &super::Stage| stage.soak_seconds;
        let new = new.stages.iter().find(|one| one.environment == stage.environment);
        if let Some(new) = new {
            found.less(&format!("stages.{}.soak", stage.environment), soak(stage), soak(new));
        }
    }
    if old.lock_group != new.lock_group {
        found.add("lock_group", "another one");
    }
    if new.migrations != old.migrations && new.migrations != super::Migrations::Held {
        found.add("migrations", "run at start, were held");
    }
}

fn rollout(old: &Service, new: &Service, found: &mut Found) {
    found.less("min_serving", old.min_serving, new.min_serving);
    found.less("drain", old.drain_ms, new.drain_ms);
    found.less("needs.memory", old.needs.memory_mb, new.needs.memory_mb);
    found.less("needs.disk", old.needs.disk_mb, new.needs.disk_mb);
    found.less("health.in_a_row", old.health.in_a_row, new.health.in_a_row);
    // What answers late was not healthy before.
    found.more("health.timeout", old.health.timeout_ms, new.health.timeout_ms);
    if old.runs_twice && !new.runs_twice {
        found
            .add("runs_twice", "false, was true: requests may wait, and the way back is not tried");
    }
    if old.health.path.is_some() && old.health.path != new.health.path {
        found.add("health.path", "gone or another");
    }
    let images = |one: &Service| one.container.as_ref().is_some_and(|one| one.image_health);
    if images(old) && !images(new) {
        found.add("container.image_health", "what the image says of its health counts no more");
    }
    let limit = |one: &Service| one.container.as_ref().and_then(|one| one.memory_bytes);
    if limit(old).is_some() && limit(new).is_none() {
        // Without it nobody can tell whether both versions have room.
        found.add("container.memory", "gone");
    }
    if old.route.is_some() && new.route.is_none() {
        // Without requests through the door nobody sees whether users are hurt.
        found.add("route", "gone");
    }
    found.gone("smoke", &old.smoke, &new.smoke, |one| one.path.clone());
    match (&old.strategy, &new.strategy) {
        (Strategy::Canary { steps: old }, Strategy::Canary { steps: new }) => {
            for step in old.iter().filter(|step| !new.iter().any(|new| covers(new, step))) {
                found
                    .add("strategy", format!("no step is as careful as that of {} %", step.weight));
            }
        }
        (old, new) if strictness(new) < strictness(old) => {
            found.add("strategy", "traffic moves less carefully");
        }
        _ => {}
    }
    if new.strategy == Strategy::Recreate {
        found.more("strategy.recreate.gap_limit", old.gap_limit_ms, new.gap_limit_ms);
    }
}

/// A deployment without a ticket becomes possible, which nobody of CQ and QA sees (S16). Another
/// reference of a secret that rotates is none: a rotation brings only another value of the one that
/// was approved. A pin that goes makes a way back use what nobody has proven for it (S17).
fn rotation(old: &Service, new: &Service, found: &mut Found) {
    for (name, is) in &new.secrets {
        let was = old.secrets.get(name);
        if is.rotate && !was.is_some_and(|was| was.rotate) {
            let words = "true: another value is deployed without a ticket";
            found.add(&format!("secrets.{name}.rotate"), words);
        }
        if was.is_some_and(|was| was.pinned) && !is.pinned {
            found.add(&format!("secrets.{name}.pinned"), "false, was true");
        }
    }
}

fn covers(new: &TrafficStep, old: &TrafficStep) -> bool {
    new.weight <= old.weight
        && new.dwell_seconds >= old.dwell_seconds
        && new.min_requests >= old.min_requests
        // The one before the last of these stays below; only the same weight is the same step.
        && new.weight == old.weight
}

fn strictness(strategy: &Strategy) -> u8 {
    match strategy {
        Strategy::Canary { .. } => 2,
        Strategy::BlueGreen => 1,
        Strategy::Recreate => 0,
    }
}

fn around(old: &Service, new: &Service, found: &mut Found) {
    found.gone("depends_on", &old.depends_on, &new.depends_on, |one| one.service.to_string());
    found.gone("infrastructure", &old.infrastructure, &new.infrastructure, |one| one.name.clone());
    match (&old.budget, &new.budget) {
        (Some(_), None) => found.add("budget", "gone"),
        (Some(old), Some(new)) => {
            found.more("budget.errors", old.error_share, new.error_share);
            if old.days != new.days {
                found.add("budget.days", format!("{}, was {}", new.days, old.days));
            }
            found.added("budget.except", &old.except, &new.except, Clone::clone);
        }
        (None, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fixture,
        settings::{DevTeam, DoorKind, Doors},
        world::Container,
    };

    const DB_URL: &str = "env:DB_URL";

    fn paths(change: impl Fn(&mut Settings)) -> Vec<String> {
        let old = fixture::settings(Strategy::Canary {
            steps: vec![TrafficStep { weight: 5, dwell_seconds: 60, min_requests: 50 }],
        });
        let mut new = old.clone();
        change(&mut new);
        loosened(&old, &new).into_iter().map(|one| one.path).collect()
    }

    fn shop(settings: &mut Settings) -> &mut Service {
        settings.services.get_mut(&crate::id::ServiceName::new("shop")).unwrap()
    }

    #[test]
    fn s4_the_same_and_the_stricter_loosen_nothing() {
        assert!(paths(|_| {}).is_empty());
        assert!(paths(|new| shop(new).watch.seconds *= 2).is_empty());
        assert!(paths(|new| shop(new).slo.p99_ms = Some(100)).is_empty());
        assert!(paths(|new| shop(new).health.in_a_row += 1).is_empty());
        assert!(paths(|new| new.project = "other".into()).is_empty());
        assert!(paths(|new| shop(new).command.push("--fast".into())).is_empty());
        let gone = |new: &mut Settings| {
            new.people.roles.remove(&crate::id::Identity::new("quinn@example.org"));
        };
        assert!(paths(gone).is_empty(), "one QA fewer");
    }

    #[test]
    fn p3_s4_a_container_loses_neither_its_health_check_nor_its_limit_unnoticed() {
        let with = |image_health, memory_bytes| {
            let mut settings = fixture::settings(Strategy::BlueGreen);
            let container = Container { memory_bytes, image_health, ..Container::default() };
            shop(&mut settings).container = Some(Box::new(container));
            settings
        };
        let named = loosened(&with(true, Some(1)), &with(false, None));
        let named: Vec<_> = named.into_iter().map(|one| one.path).collect();
        let both = ["services.shop.container.image_health", "services.shop.container.memory"];
        assert_eq!(named, both);
        assert_eq!(loosened(&with(false, None), &with(true, Some(1))), []);
    }

    #[test]
    fn p3_s4_a_door_that_is_named_no_more_is_watched_no_more() {
        let with = |hosts: &[&str]| {
            let mut settings = fixture::settings(Strategy::BlueGreen);
            let hosts = hosts.iter().map(ToString::to_string).collect();
            settings.edge.doors = Some(Doors { hosts, kind: DoorKind::Container });
            settings
        };
        let named = |old: &Settings, new: &Settings| -> Vec<String> {
            loosened(old, new).into_iter().map(|one| one.path).collect()
        };
        assert_eq!(named(&with(&["a", "b"]), &with(&["b"])), ["edge.hosts"]);
        let none = fixture::settings(Strategy::BlueGreen);
        assert_eq!(named(&with(&["a", "b"]), &none), ["edge.hosts", "edge.hosts"]);
        assert!(named(&with(&["b"]), &with(&["a", "b"])).is_empty(), "one more is watched");
    }

    #[test]
    fn p3_s4_what_loosens_a_gate_is_named() {
        let one = |expected: &str, change: &dyn Fn(&mut Settings)| {
            assert_eq!(paths(|new| change(new)), [expected.to_owned()]);
        };
        one("services.shop.watch.for", &|new| shop(new).watch.seconds = 30);
        one("services.shop.watch.alpha", &|new| shop(new).watch.alpha /= 10.0);
        one("services.shop.watch.min_requests", &|new| shop(new).watch.min_requests = 0);
        one("services.shop.watch.extensions", &|new| shop(new).watch.extensions += 1);
        one("services.shop.health.timeout", &|new| shop(new).health.timeout_ms += 1);
        one("services.shop.runs_twice", &|new| shop(new).runs_twice = false);
        one("services.shop.smoke", &|new| shop(new).smoke.clear());
        one("services.shop.health.path", &|new| shop(new).health.path = None);
        one("services.shop.strategy", &|new| shop(new).strategy = Strategy::BlueGreen);
        one("services.shop.health.path", &|new| {
            shop(new).health.path = Some("/always-well".into());
        });
        one("services.shop.route", &|new| shop(new).route = None);
        one("services.shop", &|new| new.services.clear());
        one("services.shop.min_serving", &|new| shop(new).min_serving = 0);
        one("services.shop.lock_group", &|new| shop(new).lock_group = Some("own".into()));
        one("services.shop.migrations", &|new| {
            shop(new).migrations = crate::settings::Migrations::AtStart;
        });
        one("services.shop.secrets.DB_URL.rotate", &|new| {
            let secret = crate::settings::Secret { rotate: true, ..DB_URL.into() };
            shop(new).secrets.insert("DB_URL".into(), secret);
        });
        one("services.shop.adopt", &|new| shop(new).adopt = Some(fixture::adopt()));
        one("services.till.adopt", &|new| {
            let mut till = shop(new).clone();
            till.name = "till".into();
            till.adopt = Some(fixture::adopt());
            new.services.insert("till".into(), till);
        });
        one("operators", &|new| new.people.operators.push("dan@example.org".into()));
        one("solo", &|new| new.people.solo = true);
        one("people.eve@example.org", &|new| {
            new.people.roles.insert("eve@example.org".into(), vec![Role::Qa]);
        });
        one("people.dan@example.org", &|new| {
            new.people.roles.remove(&crate::id::Identity::new("dan@example.org"));
        });
        one("retention.releases", &|new| new.retention.releases = 1);
        one("boards.devteam", &|new| new.boards.devteam = Some(DevTeam::default()));
        one("boards.embedded.permissive", &|new| new.boards.permissive = true);
        one("services.shop.stages", &|new| shop(new).stages.clear());
        one("services.shop.strategy", &|new| {
            let step = TrafficStep { weight: 50, dwell_seconds: 1, min_requests: 0 };
            shop(new).strategy = Strategy::Canary { steps: vec![step] };
        });
    }
}
