//! The scenarios that came with the watch's specification, with their distributions.

use super::{Bursts, Change, Course, Harm, Latencies, Scenario, Stalls, Truth, World};

/// Both versions fail a fifth of their requests and take three times as long, for 20 to 60 s.
const OUTAGES: Bursts =
    Bursts { mean: 4.0, seconds: (20.0, 60.0), errors: 0.20, latency: 3.0, traffic: 1.0 };
const BURSTS: World = World { bursts: Some(OUTAGES), ..World::CALM };
/// Twenty pods, each of which stalls for a second every two minutes.
const STALLS: World =
    World { stalls: Some(Stalls { pods: 20.0, every: 120.0, seconds: 1.0 }), ..World::CALM };
const SLOWER: Change = Change { harm: Harm::Slow, ..Change::NONE };

/// All of them.
pub(in super::super) const SPECIFIED: &[Scenario] = &[
    Scenario::null("null", "nothing is wrong", World::CALM),
    Scenario::null("null-burst", "shared outages: 20 % errors, latency × 3", BURSTS),
    Scenario::null(
        "null-diurnal",
        "traffic 0.6 → 1.4, errors × 1 → 2, latency × 1 → 1.4",
        World { diurnal: true, ..World::CALM },
    ),
    Scenario {
        change: Change { errors_times: 1.08, latency: 1.05, ..Change::NONE },
        ..Scenario::null("null-harmless", "errors × 1.08, latency × 1.05", World::CALM)
    },
    Scenario {
        change: Change {
            errors_times: 1.1,
            errors: 0.0005,
            latency: 1.090_507_732_665_257_7,
            ..Change::NONE
        },
        ..Scenario::null("null-edge", "exactly on the tolerance", World::CALM)
    },
    Scenario {
        change: Change { errors_times: 0.5, latency: 0.8, ..Change::NONE },
        ..Scenario::null("null-better", "half the errors, latency × 0.8", World::CALM)
    },
    Scenario::null(
        "null-cluster",
        "errors in clusters of 5, each stuck to one version",
        World { cluster: Some(5.0), ..World::CALM },
    ),
    Scenario::null("null-gc", "pods stall: slow requests in clusters", STALLS),
    Scenario {
        truth: Truth::NotGoodEnough,
        change: Change { errors_times: 1.5, errors: 0.005, ..Change::NONE },
        ..Scenario::null("ni-margin-err", "errors exactly on the margin", World::CALM)
    },
    Scenario {
        truth: Truth::NotGoodEnough,
        change: Change { latency: 1.296_839_554_651_009_6, ..SLOWER },
        ..Scenario::null("ni-margin-lat", "latency exactly on the margin", World::CALM)
    },
    Scenario::bad(
        "hang",
        "80 % of its requests are never answered",
        Change { answered: 0.2, harm: Harm::Unanswered, ..Change::NONE },
    ),
    Scenario::bad("err+0.5pp", "errors + 0.5 pp", Change { errors: 0.005, ..Change::NONE }),
    Scenario::bad("err+2pp", "errors + 2 pp", Change { errors: 0.02, ..Change::NONE }),
    Scenario::bad("err+10pp", "errors + 10 pp", Change { errors: 0.10, ..Change::NONE }),
    Scenario::bad("err100", "every request fails", Change { errors: 1.0, ..Change::NONE }),
    Scenario::bad(
        "err-slow",
        "errors + 0 → 5 pp, 300 s to 1,800 s",
        Change { errors: 0.05, course: Course::Ramp(300, 1_800), ..Change::NONE },
    ),
    Scenario::bad("err-late+2pp", "errors + 2 pp from 600 s on", LATE),
    Scenario {
        world: BURSTS,
        ..Scenario::bad("err+2pp-burst", "the same, and shared outages", LATE)
    },
    Scenario::bad("lat1.2", "latency × 1.2", Change { latency: 1.2, ..SLOWER }),
    Scenario::bad("lat1.5", "latency × 1.5", Change { latency: 1.5, ..SLOWER }),
    Scenario::bad("lat2", "latency × 2", Change { latency: 2.0, ..SLOWER }),
    Scenario::bad(
        "lat-tail",
        "2 % of requests take 5 times as long",
        Change { tail: Some((0.02, 5.0)), ..SLOWER },
    ),
    Scenario {
        world: World { latency: Latencies::Bimodal(0.20), ..World::CALM },
        ..Scenario::bad(
            "lat-bimodal",
            "the slow way 20 → 35 %",
            Change { slow_way: Some(0.35), ..SLOWER },
        )
    },
    Scenario::bad(
        "lat-slow",
        "latency × 1 → 2, 300 s to 1,800 s",
        Change { latency: 2.0, course: Course::Ramp(300, 1_800), ..SLOWER },
    ),
    Scenario {
        world: BURSTS,
        ..Scenario::bad(
            "lat1.5-burst",
            "latency × 1.5, and shared outages",
            Change { latency: 1.5, ..SLOWER },
        )
    },
];

const LATE: Change = Change { errors: 0.02, course: Course::From(600), ..Change::NONE };
