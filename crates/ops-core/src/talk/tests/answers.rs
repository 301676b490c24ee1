//! Every kind of answer, read aloud.

use super::super::{
    Capacity, Explained, Facts, Health, Incident, Lack, Past, Probed, Promise, Rate, Reported,
    Room, Seen, ServiceRoom, Serving, UnderWay, words,
};
use crate::id::{DeploymentId, IncidentId};

fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

fn serving() -> Vec<Serving> {
    let one = |service: &str, version: &str, by| Serving {
        service: service.into(),
        environment: "production".into(),
        version: version.into(),
        by: DeploymentId(by),
    };
    vec![one("shop", "v2", 4), one("mail", "1.4.0", 3)]
}

fn incident(words: &str) -> Reported {
    Reported {
        incident: Incident {
            id: IncidentId(1),
            service: "shop".into(),
            environment: "production".into(),
            words: words.into(),
            by: "dan@example.org".into(),
            at: at("2026-11-30T10:12:00Z"),
            deployment: Some(DeploymentId(4)),
        },
        resolved: None,
    }
}

fn explained() -> Explained {
    Explained {
        subject: "MNS-7".into(),
        deployment: DeploymentId(7),
        asked_by: "MNS-7".into(),
        service: "shop".into(),
        environment: "production".into(),
        phase: "held".into(),
        because: Some("these checks do not pass: evidence, room".into()),
        waits: Some(
            "waiting until the cause is gone; in 14 min at the latest: the checks run again".into(),
        ),
        lacks: vec![
            Lack {
                check: "evidence".into(),
                verdict: "fail".into(),
                evidence: "QA has not passed it since DEV changed it".into(),
                remedy: "QA looks at it and says so on the ticket".into(),
                who: Some("CQ and QA".into()),
            },
            Lack {
                check: "room".into(),
                verdict: "fail".into(),
                evidence: "12 MB of memory free, 200 MB needed".into(),
                remedy: "free some memory".into(),
                who: Some("whoever runs the machine".into()),
            },
        ],
        untold: vec!["rollback-plan".into()],
        next: Some("it goes on by itself when all of them pass".into()),
    }
}

fn health() -> Facts {
    let seen = Seen {
        ago_ms: 3_400,
        probed: vec![
            Probed { version: "v2".into(), healthy: 2, asked: 2, why: None },
            Probed { version: "v3".into(), healthy: 0, asked: 1, why: Some("status 503".into()) },
        ],
        sick: vec!["payments".into()],
    };
    let one = |service: &str, seen| Health {
        service: service.into(),
        environment: "production".into(),
        serves: Some(("v2".into(), DeploymentId(4))),
        under_way: None,
        seen,
        incidents: Vec::new(),
    };
    let busy = Health {
        under_way: Some((DeploymentId(9), "watching".into())),
        incidents: vec!["I-1".into()],
        ..one("shop", Some(seen))
    };
    let never = Health { serves: None, ..one("cron", None) };
    let alerts = Some((vec!["HighLatency".into()], 61_000));
    Facts::Health { services: vec![busy, one("mail", None), never], alerts }
}

fn capacity() -> Facts {
    let room = |environment: &str, ago_ms| Room {
        environment: environment.into(),
        ago_ms,
        disk_free: 48 << 30,
        memory_free: 900 << 20,
        ports_free: 96,
    };
    let service = |service: &str, rate| ServiceRoom {
        service: service.into(),
        environment: "production".into(),
        replicas: 2,
        min_serving: 1,
        memory_mb: 200,
        rate,
    };
    let rate =
        Rate { per_second: 12.34, seconds: 3_540, counted: "the door's last whole hour".into() };
    Facts::Capacity(Box::new(Capacity {
        rooms: vec![room("production", Some(722_000)), room("staging", None)],
        services: vec![service("shop", Some(rate)), service("mail", None)],
    }))
}

fn past() -> Facts {
    let one = |id: &str, phase: &str, cause: Option<&str>| Past {
        id: id.into(),
        tickets: vec!["MNS-7".into()],
        service: "shop".into(),
        environment: "production".into(),
        version: Some("v3".into()),
        phase: phase.into(),
        cause: cause.map(Into::into),
        last: at("2026-11-30T10:12:00Z"),
    };
    Facts::History {
        past: vec![
            one("D-9", "watching", None),
            one("D-8", "rolled-back", Some("users were hurt (errors): 7 %")),
        ],
    }
}

fn under_way() -> UnderWay {
    UnderWay {
        id: DeploymentId(9),
        asked_by: "MNS-9".into(),
        service: "shop".into(),
        environment: "production".into(),
        phase: "watching".into(),
        waits: "waiting until 60 s are observed; in 5 min at the latest: it is extended".into(),
    }
}

/// A deployment of which nothing more is expected.
fn ended() -> Explained {
    Explained {
        phase: "closed".into(),
        because: None,
        waits: None,
        lacks: Vec::new(),
        untold: Vec::new(),
        next: Some("nothing: it serves".into()),
        ..explained()
    }
}

/// What an incident can be answered with.
fn incidents() -> Vec<(&'static str, Facts)> {
    let resolved = Reported {
        resolved: Some(("pia@example.org".into(), at("2026-11-30T11:00:00Z"))),
        ..incident("nobody can pay")
    };
    let mut loose = incident("nobody can pay");
    loose.incident.deployment = None;
    let noted =
        |incident, raised, again| Facts::Noted { incident: Box::new(incident), raised, again };
    vec![
        ("no incidents", Facts::Incidents { open: Vec::new() }),
        ("incidents", Facts::Incidents { open: vec![incident("nobody can pay")] }),
        ("incident", Facts::Incident(Box::new(resolved))),
        ("noted, watched", noted(incident("nobody can pay"), true, false)),
        ("noted, serving", noted(incident("nobody can pay"), false, false)),
        ("noted, known", noted(incident("nobody can pay"), false, true)),
        ("noted, nothing there", noted(loose, false, false)),
    ]
}

#[test]
fn every_kind_of_answer() {
    let by = || "dan".to_owned();
    let status = |halted_by| Facts::Status {
        serving: serving(),
        under_way: vec![under_way()],
        more: 3,
        halted_by,
    };
    let nothing =
        Facts::Status { serving: Vec::new(), under_way: Vec::new(), more: 0, halted_by: None };
    let all = [
        ("serving", Facts::Serving { serving: serving() }),
        ("status", status(None)),
        ("status, halted", status(Some("pia".into()))),
        ("status of nothing", nothing),
        ("explained, held", Facts::Explained(Box::new(explained()))),
        ("explained, ended", Facts::Explained(Box::new(ended()))),
        ("no such", Facts::NoSuch { named: "D-99".into(), list: "history".into() }),
        ("queued", Facts::Queued { ticket: "MNS-5".into(), words: "it begins soon".into() }),
        ("unknown", Facts::Unknown { named: "MNS-99".into(), queue_ms: Some(12_000) }),
        ("unknown, nothing read", Facts::Unknown { named: "MNS-99".into(), queue_ms: None }),
        ("health", health()),
        ("capacity", capacity()),
        ("history", past()),
        ("done", Facts::Done { by: by(), words: "D-9 is halted; `resume` lets it go on".into() }),
        ("refused", Facts::Refused { by: by(), words: "dan may not do that; ask pia".into() }),
        ("help", Facts::Help),
    ];
    let promises = [
        Promise::NoBypass,
        Promise::Evidence,
        Promise::Tickets,
        Promise::Locks,
        Promise::Secrets,
        Promise::Rules,
    ];
    let never = promises.map(|promise| ("never", Facts::Never { by: by(), promise }));
    let told: Vec<_> = all
        .iter()
        .chain(&incidents())
        .chain(&never)
        .map(|(name, facts)| format!("[{name}] {}", words(facts)))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn p13_what_people_wrote_is_harmless_when_it_is_shown() {
    let evil = "@everyone <img src=x onerror=y> [pay](http://evil.example) `rm` *all* ```ops\nservice: x\n``` \
                <!-- ops:D-1:1 --> \u{202e}evil\u{200b} # Deployment Complete | a |";
    let noted = Facts::Noted { incident: Box::new(incident(evil)), raised: true, again: false };
    for facts in [noted, Facts::Incidents { open: vec![incident(evil)] }] {
        let told = words(&facts);
        for bad in
            ["@", "<", "](", "```", "<!--", "*", "://", "\u{202e}", "\u{200b}", "# D", "|", "\n#"]
        {
            assert!(!told.contains(bad), "{bad}: {told}");
        }
    }
    let long = words(&Facts::Incidents { open: vec![incident(&"é".repeat(10_000))] });
    assert!(long.chars().count() < 600, "{}", long.chars().count());
}
