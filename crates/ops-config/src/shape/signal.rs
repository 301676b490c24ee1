//! The keys of the signals that a service declares beside what the door sees.

use super::{
    Kind, Table,
    format::{BASE_URL, QUERY, SIGNAL_NAME},
    optional, required,
};

/// Most signals of one service: they share the false-alarm budget of its deployments.
const SIGNALS_MAX: usize = 20;

/// Signals by their names.
pub(super) const SIGNALS: Kind =
    Kind::Entries { key: &SIGNAL_NAME, of: &Kind::Table(SIGNAL), min: 0, max: SIGNALS_MAX };

const SIGNAL: &Table = &Table {
    what: "a signal",
    keys: &[
        required(
            "prometheus",
            Kind::Text(&BASE_URL),
            "http://127.0.0.1:9090",
            "Address of the Prometheus that knows it, without `/api`.",
        ),
        optional(
            "every",
            Kind::Seconds(1, 5 * 60),
            "15s",
            "Time between two readings, and the length of `$window`.",
        ),
        optional(
            "grace",
            Kind::Seconds(5, 15 * 60),
            "that of the watch",
            "Gap in this signal that makes it unreadable.",
        ),
        optional(
            "rate",
            Kind::Table(RATE),
            "none",
            "A share of events, such as failed payments, judged against the old version.",
        ),
        optional(
            "histogram",
            Kind::Text(&QUERY),
            "none",
            "Query of a histogram in `$window` in which more is worse, judged against the old \
             version.",
        ),
        optional(
            "level",
            Kind::Either(&[Kind::Text(&QUERY), Kind::Table(LEVEL)]),
            "none",
            "A level of which more is worse, such as the length of a queue, judged against the \
             old version's; a query or a mapping.",
        ),
        optional(
            "done",
            Kind::Table(DONE),
            "none",
            "Things that the new version must have done during the watch, such as jobs.",
        ),
    ],
};

const RATE: &Table = &Table {
    what: "a rate",
    keys: &[
        required(
            "total",
            Kind::Text(&QUERY),
            "sum(increase(payments_total{instance=~\"$instances\"}[$window]))",
            "Query of all that was tried in `$window`.",
        ),
        required(
            "events",
            Kind::Text(&QUERY),
            "sum(increase(payments_failed_total{instance=~\"$instances\"}[$window]))",
            "Query of how many of them ended badly.",
        ),
        optional(
            "limit",
            Kind::Share(0.001, 99.0),
            "no limit of its own",
            "Highest share, whatever the old version did.",
        ),
    ],
};

const LEVEL: &Table = &Table {
    what: "a level",
    keys: &[
        required(
            "query",
            Kind::Text(&QUERY),
            "max(queue_length{instance=~\"$instances\"})",
            "Query of the level.",
        ),
        optional(
            "tolerance",
            Kind::Share(1.0, 1_000.0),
            "25%",
            "By how much it may be above the old version's.",
        ),
    ],
};

const DONE: &Table = &Table {
    what: "what is done",
    keys: &[
        required(
            "query",
            Kind::Text(&QUERY),
            "sum(increase(jobs_done_total{instance=~\"$instances\"}[$window]))",
            "Query of what was done in `$window`.",
        ),
        required("at_least", Kind::Whole(1, 1_000_000_000), "20", "Least number during the watch."),
    ],
};
