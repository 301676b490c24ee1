//! Scenarios of our own: none of them was there when the detectors were chosen.

use super::{Bursts, Change, Clients, Course, Harm, Scenario, Truth, Users, World};

/// Clients with eight requests each on average, three seconds apart; four fifths of the errors are
/// those of clients for whom nothing works.
const STICKY: Clients = Clients { requests: 8.0, gap: 3.0, failing: 0.8, broken: 0.0 };
/// Two storms a watch: a third of all requests fail with 503, on both versions.
const STORM: Bursts =
    Bursts { mean: 2.0, seconds: (30.0, 90.0), errors: 0.33, latency: 1.0, traffic: 1.0 };
/// A dependency fails, everybody asks again: twice the traffic, a third of it fails.
const RETRIES: Bursts = Bursts { traffic: 2.0, latency: 2.0, ..STORM };

/// All of them.
pub(in super::super) const OWN: &[Scenario] = &[
    Scenario::null(
        "sticky",
        "clients stay with one version; errors by client",
        World { clients: Some(STICKY), ..World::CALM },
    ),
    Scenario::null(
        "sticky-broken",
        "the same, and one client that always fails and never leaves",
        World { clients: Some(Clients { broken: 0.2, ..STICKY }), ..World::CALM },
    ),
    Scenario {
        world: World { clients: Some(STICKY), ..World::CALM },
        ..Scenario::bad(
            "sticky+2pp",
            "clients stay with one version; errors + 2 pp",
            Change { errors: 0.02, ..Change::NONE },
        )
    },
    Scenario::null(
        "null-surge",
        "three times the traffic from the middle on",
        World { surge: Some((900, 3.0)), ..World::CALM },
    ),
    Scenario::null(
        "null-retries",
        "a dependency fails: twice the traffic, 33 % errors, both",
        World { bursts: Some(RETRIES), ..World::CALM },
    ),
    Scenario {
        change: Change { latency: 3.0, course: Course::Until(30), ..Change::NONE },
        ..Scenario::null("null-cold", "a cold cache: latency × 3 for 30 s", World::CALM)
    },
    Scenario {
        truth: Truth::NotGoodEnough,
        ..Scenario::null(
            "null-night",
            "nobody comes: only the door's own requests",
            World { users: Users::Nobody, ..World::CALM },
        )
    },
    Scenario {
        truth: Truth::NotGoodEnough,
        ..Scenario::null(
            "null-unrouted",
            "users meet the old version only",
            World { users: Users::Old, ..World::CALM },
        )
    },
    Scenario::null(
        "null-memory",
        "memory as ever: 4 % noise, 3 % between nodes",
        World { memory: true, ..World::CALM },
    ),
    Scenario {
        world: World { memory: true, ..World::CALM },
        ..Scenario::bad(
            "leak",
            "memory grows by 2 % a minute",
            Change { leak: 0.02, harm: Harm::Memory, ..Change::NONE },
        )
    },
    Scenario::bad(
        "login",
        "answers 401: 0.1 → 3 %, nothing else",
        Change { status: Some((401, 0.03)), harm: Harm::Status(401), ..Change::NONE },
    ),
    Scenario::bad(
        "lost-route",
        "answers 404: 0.5 → 3.5 %, nothing else",
        Change { status: Some((404, 0.035)), harm: Harm::Status(404), ..Change::NONE },
    ),
    Scenario::bad(
        "flapping",
        "half of all requests fail for 5 s of each 60 s",
        Change { errors: 0.5, course: Course::Flapping { bad: 5, every: 60 }, ..Change::NONE },
    ),
    Scenario::bad(
        "one-route",
        "a tenth of the traffic fails more and more: 0 → 30 %, 300 s to 900 s",
        Change { errors: 0.03, course: Course::Ramp(300, 900), ..Change::NONE },
    ),
    Scenario {
        world: World { bursts: Some(STORM), ..World::CALM },
        ..Scenario::bad(
            "storm+1pp",
            "storms of 503 on both, and + 1 pp on the new one",
            Change { errors: 0.01, ..Change::NONE },
        )
    },
    Scenario::bad(
        "retry-storm",
        "errors + 5 pp, and each failed request comes again",
        Change { errors: 0.05, retried: 1.0, ..Change::NONE },
    ),
];
