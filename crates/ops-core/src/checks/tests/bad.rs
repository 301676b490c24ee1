//! A seeded bad run for each check: one change of good facts that makes exactly that check hold.

use std::fmt::Write as _;

use super::scene::{self, Scene, fault};
use crate::{
    checks::{
        Age, Alert,
        Verdict::{self, Error, Fail, Inconclusive},
        judge,
    },
    fixture::{comment, moved},
    id::{DeploymentId, Digest, Identity},
    reading::Sample,
    settings::{Opening, Role, WindowKind},
    world::{Changed, EngineView, ImageView, ReplicaState},
};

/// What makes facts other ones.
type Change = fn(&mut Scene);

/// A bad run.
pub(super) struct Bad {
    /// The check that must hold it.
    pub(super) id: &'static str,
    /// What is wrong.
    pub(super) what: &'static str,
    /// What the check must say.
    pub(super) verdict: Verdict,
    /// Makes good facts bad.
    pub(super) change: Change,
}

pub(super) const fn bad(
    id: &'static str,
    what: &'static str,
    verdict: Verdict,
    change: Change,
) -> Bad {
    Bad { id, what, verdict, change }
}

/// Shows that each of these runs is held by its check, for good, in the words that it says.
pub(super) fn held(good: fn() -> Scene, runs: &[Bad]) -> String {
    let mut out = String::new();
    for bad in runs {
        let mut scene = good();
        (bad.change)(&mut scene);
        let judged = judge(&scene.created, &scene.facts);
        let check = judged.checklist.get(bad.id).unwrap();
        assert_eq!(check.verdict, bad.verdict, "{}: {check:?}", bad.what);
        assert_eq!(judged.moot, None, "{}", bad.what);
        let (id, verdict, seen) = (bad.id, check.verdict.text(), &check.evidence);
        let _ = writeln!(out, "# {}\n{id}: {verdict}: {seen}\nFirst: {}\n", bad.what, check.remedy);
    }
    out
}

fn alert(scene: &mut Scene, service: Option<&str>) {
    let service = service.map(str::to_owned);
    let alert = Alert { name: "TooSlow".into(), service, since: "14:02".into() };
    scene.facts.alerts = vec![("alertmanager".into(), Ok(vec![alert]))];
}

fn host(scene: &mut Scene, change: impl FnOnce(&mut crate::checks::HostFact)) {
    if let Ok(host) = &mut scene.facts.host {
        change(host);
    }
}

fn dependency(scene: &mut Scene, change: impl FnOnce(&mut crate::checks::DependencyFact)) {
    if let Some(one) = scene.facts.dependencies.first_mut() {
        change(one);
    }
}

fn replica(scene: &mut Scene, answer: Option<Result<Option<String>, crate::world::Fault>>) {
    let Some(id) = scene.facts.health.keys().next().cloned() else { return };
    match answer {
        Some(answer) => scene.facts.health.insert(id, answer),
        None => scene.facts.health.remove(&id),
    };
}

fn engine(scene: &mut Scene, change: impl FnOnce(&mut EngineView)) {
    if let Some(one) = scene.facts.engines.as_mut().ok().and_then(|all| all.first_mut()) {
        change(one);
    }
}

fn image(scene: &mut Scene, change: impl FnOnce(&mut Option<ImageView>)) {
    if let Some(Ok(artifact)) = &mut scene.facts.artifact {
        change(&mut artifact.image);
    }
}

/// Somebody changed a replica of what serves.
fn changed(scene: &mut Scene, how: &[&str]) {
    let Some(release) = scene.facts.old.as_ref().map(|old| old.spec.release.clone()) else {
        return;
    };
    let how = how.iter().copied().map(str::to_owned).collect();
    let one = Changed { replica: format!("ops-shop-{release}-0"), release: Some(release), how };
    engine(scene, |engine| engine.changed = vec![one]);
}

fn window(scene: &mut Scene, change: impl FnOnce(&mut crate::settings::Window)) {
    scene.settings(|settings| {
        if let Some(window) = settings.gate.windows.first_mut() {
            change(window);
        }
    });
}

#[rustfmt::skip]
pub(super) const BAD: &[Bad] = &[
    bad("settings", "ops.yaml cannot be read", Error, |s| s.facts.settings = Err(fault())),
    bad("settings", "s3_ the commit that the notes name cannot be read", Error,
        |s| s.facts.proposed = Some(Err(fault()))),
    bad("settings", "s4_ the commit that the notes name loosens a gate", Fail,
        |s| s.propose(|shop| shop.watch.seconds = 30)),
    bad("evidence", "the board does not answer", Error, |s| s.facts.ticket = Err(fault())),
    bad("evidence", "there is no such ticket", Fail, |s| s.facts.ticket = Ok(None)),
    bad("evidence", "it went back to QA", Fail,
        |s| s.ticket(|ticket| moved(ticket, "quinn@example.org", "rfp", "in-qa"))),
    bad("evidence", "QA takes it back", Fail,
        |s| s.ticket(|ticket| comment(ticket, "quinn@example.org", "## QA FAIL"))),
    bad("evidence", "QA's last word is no plain verdict", Fail,
        |s| s.ticket(|ticket| comment(ticket, "quinn@example.org", "QA PASS if the tests are green"))),
    bad("evidence", "a stranger fails it", Fail,
        |s| s.ticket(|ticket| comment(ticket, "eve@example.org", "## QA FAIL"))),
    bad("evidence", "one identity gives both verdicts", Fail, |s| {
        let both = vec![Role::Cq, Role::Qa];
        s.settings(|settings| { settings.people.roles.insert("cleo@example.org".into(), both); });
        s.ticket(|ticket| {
            let quinns = |who: &mut Identity| if who.as_str() == "quinn@example.org" {
                *who = "cleo@example.org".into();
            };
            ticket.comments.iter_mut().for_each(|comment| quinns(&mut comment.author));
            ticket.history.iter_mut().for_each(|change| quinns(&mut change.user));
        });
    }),
    bad("evidence", "the board stamped QA's verdict with another candidate", Fail,
        |s| s.ticket(|ticket| ticket.comments[2].candidate = Some(Digest::of(b"other")))),
    bad("notes", "there are none", Fail,
        |s| s.ticket(|ticket| {
            let all = ticket.comments[0].text.clone();
            scene::rewrite(ticket, &all, "It is ready.");
        })),
    bad("notes", "they do not say how migrations stand", Fail, |s| s.notes("migrations: none\n", "")),
    bad("notes", "they name a service that ops.yaml does not know", Fail,
        |s| s.notes("service: shop", "service: bank")),
    bad("artifact", "it is not there", Fail, |s| s.facts.artifact = Some(Err(fault()))),
    bad("artifact", "it is another one", Fail, |s| if let Some(Ok(found)) = &mut s.facts.artifact {
        found.digest = Digest::of(b"other");
    }),
    bad("image", "p1_ it is named by latest", Fail,
        |s| s.notes("shop:v2", "shop:latest")),
    bad("image", "p1_ it is named without a tag", Fail, |s| s.notes("shop:v2", "shop")),
    bad("image", "the artifact is none", Fail, |s| image(s, |image| *image = None)),
    bad("image", "neither it nor ops.yaml has a health check", Fail,
        |s| image(s, |image| if let Some(image) = image { image.health_check = false; })),
    bad("image", "it is for other machines", Fail,
        |s| image(s, |image| if let Some(image) = image { image.architecture = "arm64".into(); })),
    bad("overtaken", "s8_ a newer candidate passed", Fail,
        |s| s.rival(scene::rival("v3", Age::Newer))),
    bad("overtaken", "s8_ what serves holds all of it", Fail, |s| s.facts.surpassed = true),
    bad("overtaken", "the other tickets cannot be read", Error, |s| s.facts.rivals = Err(fault())),
    bad("service-health", "a replica is sick", Fail,
        |s| replica(s, Some(Ok(Some("answered 503".into()))))),
    bad("service-health", "a replica is gone", Fail,
        |s| if let Some(one) = s.facts.target.as_mut().ok().and_then(|view| view.replicas.last_mut()) {
            one.state = ReplicaState::Stopped;
        }),
    bad("service-health", "p8_ a replica cannot be asked", Error, |s| replica(s, Some(Err(fault())))),
    bad("service-health", "p8_ a replica was not asked", Error, |s| replica(s, None)),
    bad("drift", "somebody changed a container", Fail,
        |s| changed(s, &["memory is 512 MB, and ops made it with 256 MB", "variable COLOUR is new"])),
    bad("drift", "somebody removed a container", Fail, |s| changed(s, &["it is gone"])),
    bad("engine", "p8_ it does not answer", Error, |s| s.facts.engines = Err(fault())),
    bad("engine", "p8_ nobody asked it", Error, |s| s.facts.engines = Ok(Vec::new())),
    bad("dependencies", "it is sick", Fail,
        |s| dependency(s, |one| one.health = Ok(Some("answered 503".into())))),
    bad("dependencies", "p8_ it cannot be asked", Error,
        |s| dependency(s, |one| one.health = Err(fault()))),
    bad("dependencies", "p8_ it was not asked", Error,
        |s| s.facts.dependencies.retain(|one| one.service.as_str() != "cart")),
    bad("dependencies", "its version is too old", Fail,
        |s| dependency(s, |one| one.version = Some("v2.0.9".into()))),
    bad("dependencies", "nobody knows its version", Fail, |s| dependency(s, |one| one.version = None)),
    bad("dependencies", "its version is no number", Fail,
        |s| dependency(s, |one| one.version = Some("spring".into()))),
    bad("dependencies", "the wish cannot be read", Error,
        |s| s.shop(|shop| shop.depends_on[0].version = Some("new enough".into()))),
    bad("dependencies", "only the notes name it", Fail,
        |s| s.notes("depends_on: [cart]", "depends_on: [cart, mail]")),
    bad("room", "the machine cannot be asked", Error, |s| s.facts.host = Err(fault())),
    bad("room", "the disk is full", Fail, |s| host(s, |host| host.disk_free = 1 << 20)),
    bad("room", "there are no inodes", Fail, |s| host(s, |host| host.inodes_free = 7)),
    bad("room", "there is no memory", Fail, |s| host(s, |host| host.memory_free = 1 << 20)),
    bad("room", "there are no ports", Fail, |s| host(s, |host| host.ports_free = 2)),
    bad("room", "somebody else has the fixed port", Fail, |s| {
        s.shop(|shop| shop.fixed_port = Some(9_000));
        host(s, |host| host.fixed_port_free = Some(false));
    }),
    bad("room", "p8_ nobody looked at the fixed port", Error,
        |s| s.shop(|shop| shop.fixed_port = Some(9_000))),
    bad("room", "it asks for more than any machine has", Fail,
        |s| s.shop(|shop| shop.needs.memory_mb = u64::MAX)),
    bad("room", "p2_ the engine's disk is full", Fail,
        |s| engine(s, |engine| engine.disk_free = Some(200 << 20))),
    bad("room", "p2_ limits promise more memory than the engine's machine has", Fail,
        |s| engine(s, |engine| engine.memory_promised = (8 << 30) - (511 << 20))),
    bad("room", "p2_ the engine's machine has no memory left", Fail,
        |s| engine(s, |engine| engine.memory_free = Some(300 << 20))),
    bad("host", "its load is high", Fail, |s| s.facts.limits.load_per_core = Some(Ok(9.5))),
    bad("host", "p8_ its load cannot be read", Error,
        |s| s.facts.limits.load_per_core = Some(Err(fault()))),
    bad("host", "p8_ its load was not read", Error, |s| s.facts.limits.load_per_core = None),
    bad("host", "its clock is wrong", Fail, |s| s.facts.limits.clock_ms = Some(Ok(2_000))),
    bad("host", "p8_ nobody keeps its clock right", Error,
        |s| s.facts.limits.clock_ms = Some(Err(fault()))),
    bad("host", "a certificate ends in two days", Fail,
        |s| s.facts.limits.certificates = vec![("tls/shop.pem".into(), Ok(2 * 24 * 3_600 + 5))]),
    bad("host", "a certificate ended", Fail,
        |s| s.facts.limits.certificates = vec![("tls/shop.pem".into(), Ok(-5))]),
    bad("host", "p8_ a certificate was not read", Error, |s| s.facts.limits.certificates.clear()),
    bad("host", "p8_ load too high and clock unknown", Error, |s| {
        s.facts.limits.load_per_core = Some(Ok(9.5));
        s.facts.limits.clock_ms = Some(Err(fault()));
    }),
    bad("host", "ops.yaml has no such environment", Error,
        |s| s.settings(|settings| settings.environments.clear())),
    bad("variables", "a variable is not declared", Fail,
        |s| s.notes("variables: [LOG]", "variables: [LOG, COLOUR]")),
    bad("variables", "a secret is not declared", Fail,
        |s| s.notes("secrets: [DB_URL]", "secrets: [DB_URL, API_KEY]")),
    bad("variables", "a secret has no value", Fail,
        |s| s.facts.secrets = scene::found("env:DB_URL", Ok(None))),
    bad("variables", "p8_ a secret cannot be read", Error,
        |s| s.facts.secrets = scene::found("env:DB_URL", Err(fault()))),
    bad("variables", "p8_ a secret was not looked at", Error, |s| s.facts.secrets.clear()),
    bad("migrations", "the notes declare one", Fail,
        |s| s.notes("migrations: none", "migrations: [0007-add-column]")),
    bad("rollback-plan", "the previous artifact is gone", Fail,
        |s| s.facts.old_stored = Some(Ok(false))),
    bad("rollback-plan", "p8_ the store cannot be read", Error,
        |s| s.facts.old_stored = Some(Err(fault()))),
    bad("rollback-plan", "p8_ nobody looked into the store", Error, |s| s.facts.old_stored = None),
    bad("rollback-plan", "p8_ the door does not answer", Error, |s| s.facts.door = Err(fault())),
    bad("rollback-plan", "p8_ the target does not answer at a first deployment", Error, |s| {
        s.facts.old = None;
        s.facts.target = Err(fault());
    }),
    bad("rollback-plan", "s17_ a secret that only the previous version needs is gone", Fail, |s| {
        if let Some(old) = &mut s.facts.old {
            old.spec.secrets.push(("KEY".into(), "env:KEY".into()));
        }
        s.facts.secrets.extend(scene::found("env:KEY", Ok(None)));
    }),
    bad("rollback-plan", "s17_ a pinned secret of what serves is another one", Fail, |s| {
        s.shop(|shop| { shop.secrets.insert("DB_URL".into(), scene::pinned()); });
        s.facts.secrets = scene::found("env:DB_URL", Ok(Some("version 2")));
    }),
    bad("rollback-plan", "s1_ something runs that ops did not bring", Fail, |s| s.facts.old = None),
    bad("fingerprint", "a dependency is another one", Fail, |s| {
        let mut is = scene::trace("cart v2.4.0");
        is.by = Some("D-8 (MNS-11)".into());
        s.facts.now.insert("service cart".into(), is);
    }),
    bad("fingerprint", "infrastructure is another one", Fail,
        |s| { s.facts.now.insert("nginx".into(), scene::trace("other")); }),
    bad("fingerprint", "something was not declared then", Fail,
        |s| if let Some(then) = &mut s.facts.then { then.items.remove("nginx"); }),
    bad("fingerprint", "something is not declared any more", Fail,
        |s| if let Some(then) = &mut s.facts.then {
            then.items.insert("haproxy".into(), scene::trace("haproxy.cfg"));
        }),
    bad("fingerprint", "p8_ something could not be read then", Fail,
        |s| if let Some(trace) = s.facts.then.as_mut().and_then(|then| then.items.get_mut("nginx")) {
            trace.state = None;
        }),
    bad("fingerprint", "p8_ something cannot be read now", Error,
        |s| if let Some(trace) = s.facts.now.get_mut("nginx") { trace.state = None; }),
    bad("fingerprint", "p8_ something was not read now", Error,
        |s| { s.facts.now.remove("nginx"); }),
    bad("fingerprint", "p8_ QA's verdict was not seen", Inconclusive, |s| s.facts.then = None),
    bad("window", "it is night", Fail, |s| s.facts.at = "2026-09-21T20:00:00Z".parse().unwrap()),
    bad("window", "it is frozen", Fail, |s| s.facts.at = "2026-12-24T10:00:00Z".parse().unwrap()),
    bad("window", "no class is let through", Fail, |s| {
        s.facts.at = "2026-09-21T20:00:00Z".parse().unwrap();
        s.settings(|settings| settings.gate.windows.iter_mut().for_each(|one| one.except.clear()));
    }),
    bad("window", "it opened once and never again", Fail, |s| window(s, |window| {
        window.kind = WindowKind::Allow;
        window.open = Opening::Between {
            from: "2026-01-01T00:00:00Z".parse().unwrap(),
            until: "2026-01-02T00:00:00Z".parse().unwrap(),
        };
    })),
    bad("window", "p8_ its zone cannot be read", Error, |s| window(s, |window| {
        let (expression, zone) = ("0 6 * * *".into(), "Mars/Base".into());
        window.open = Opening::Cron { expression, zone, seconds: 3_600 };
    })),
    bad("error-budget", "it is spent", Fail, |s| s.facts.tally.failed = 140),
    bad("error-budget", "it is spent and no class is let through", Fail, |s| {
        s.facts.tally.failed = 140;
        s.shop(|shop| if let Some(budget) = &mut shop.budget { budget.except.clear(); });
    }),
    bad("error-budget", "p8_ the door does not tell", Error, |s| s.facts.signals = Err(fault())),
    bad("error-budget", "p8_ nothing was counted yet", Inconclusive,
        |s| s.facts.tally = crate::checks::Tally::default()),
    bad("alerts", "one fires for the service", Fail, |s| alert(s, Some("shop"))),
    bad("alerts", "one fires for a dependency", Fail, |s| alert(s, Some("cart"))),
    bad("alerts", "one fires for the hosts", Fail, |s| alert(s, None)),
    bad("alerts", "p8_ the source does not answer", Error,
        |s| s.facts.alerts = vec![("alertmanager".into(), Err(fault()))]),
    bad("alerts", "p8_ the source was not asked", Error, |s| s.facts.alerts.clear()),
    bad("signals", "it tells no number of what serves", Fail,
        |s| s.facts.declared[0].1 = Ok(vec![scene::reading(Sample::Missing)])),
    bad("signals", "it tells nothing at all", Fail, |s| s.facts.declared[0].1 = Ok(Vec::new())),
    bad("signals", "p8_ its source does not answer", Error, |s| s.facts.declared[0].1 = Err(fault())),
    bad("signals", "p8_ it was not asked", Error, |s| s.facts.declared.clear()),
    bad("conflict", "p4_ another one is under way", Fail, |s| s.facts.conflicts = vec![scene::SICK]),
    bad("guards", "s10_ the same artifact was bad", Fail,
        |s| s.facts.condemned.push(scene::condemned("v2", None))),
    bad("guards", "s10_ the same commit was bad", Fail,
        |s| s.facts.condemned.push(scene::condemned("v1.9", Some("5EED5eed")))),
    bad("guards", "s10_ it descends from a bad commit", Fail, |s| {
        s.facts.condemned.push(scene::condemned("v1.9", Some("badbadbad")));
        s.facts.descends = vec![DeploymentId(3)];
    }),
    bad("retries", "three tries could not be judged", Fail, |s| s.created.retries = 3),
];

/// What is missing altogether, as if a part of the gathering had been forgotten.
#[rustfmt::skip]
pub(super) const UNREAD: &[(&str, Change)] = &[
    ("settings", |s| s.facts.settings = Err(fault())),
    ("settings of the commit", |s| s.facts.proposed = Some(Err(fault()))),
    ("ticket", |s| s.facts.ticket = Err(fault())),
    ("artifact", |s| s.facts.artifact = Some(Err(fault()))),
    ("no artifact", |s| s.facts.artifact = None),
    ("old artifact", |s| s.facts.old_stored = Some(Err(fault()))),
    ("target", |s| s.facts.target = Err(fault())),
    ("door", |s| s.facts.door = Err(fault())),
    ("health", |s| for answer in s.facts.health.values_mut() { *answer = Err(fault()); }),
    ("no health", |s| s.facts.health.clear()),
    ("host", |s| s.facts.host = Err(fault())),
    ("engines", |s| s.facts.engines = Err(fault())),
    ("no engine", |s| s.facts.engines = Ok(Vec::new())),
    ("no image", |s| image(s, |image| *image = None)),
    ("secret", |s| s.facts.secrets = scene::found("env:DB_URL", Err(fault()))),
    ("no secret", |s| s.facts.secrets.clear()),
    ("dependency", |s| for one in &mut s.facts.dependencies { one.health = Err(fault()); }),
    ("no dependency", |s| s.facts.dependencies.clear()),
    ("load", |s| s.facts.limits.load_per_core = Some(Err(fault()))),
    ("clock", |s| s.facts.limits.clock_ms = Some(Err(fault()))),
    ("certificate", |s| s.facts.limits.certificates = vec![("tls/shop.pem".into(), Err(fault()))]),
    ("alerts", |s| s.facts.alerts = vec![("alertmanager".into(), Err(fault()))]),
    ("declared signal", |s| for (_, read) in &mut s.facts.declared { *read = Err(fault()); }),
    ("no declared signal", |s| s.facts.declared.clear()),
    ("no alerts", |s| s.facts.alerts.clear()),
    ("trace", |s| for trace in s.facts.now.values_mut() { trace.state = None; }),
    ("no trace", |s| s.facts.now.clear()),
    ("fingerprint", |s| s.facts.then = None),
    ("rivals", |s| s.facts.rivals = Err(fault())),
    ("signals", |s| s.facts.signals = Err(fault())),
];
