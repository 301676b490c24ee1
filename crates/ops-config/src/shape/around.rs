//! The keys of what stands around a service: stages, dependencies, infrastructure, its budget.

use super::{
    DAY_SECONDS, Kind, Table, WORD_MAX,
    door::ROUTE,
    format::{FILE, NAME, TITLE, VERSIONS},
    optional, required,
};

/// A stage: the environment's name, or more than that.
pub(super) const STAGE: Kind = Kind::Either(&[Kind::Text(&NAME), Kind::Table(STAGE_TABLE)]);

const STAGE_TABLE: &Table = &Table {
    what: "a stage",
    keys: &[
        required("environment", Kind::Text(&NAME), "staging", "The environment."),
        optional(
            "soak",
            Kind::Seconds(0, 7 * DAY_SECONDS),
            "0s",
            "How long a candidate stays there before it goes on to the next stage.",
        ),
        optional(
            "route",
            Kind::Table(ROUTE),
            "that of the service",
            "Which requests are this service's there.",
        ),
    ],
};

/// A dependency: the service's name, or more than that.
pub(super) const DEPENDENCY: Kind =
    Kind::Either(&[Kind::Text(&NAME), Kind::Table(DEPENDENCY_TABLE)]);

const DEPENDENCY_TABLE: &Table = &Table {
    what: "a dependency",
    keys: &[
        required("service", Kind::Text(&NAME), "cart", "The service."),
        optional(
            "version",
            Kind::Text(&VERSIONS),
            "every version",
            "The versions of it that will do.",
        ),
    ],
};

pub(super) const INFRASTRUCTURE: &Table = &Table {
    what: "a piece of infrastructure",
    keys: &[
        required("name", Kind::Text(&TITLE), "nginx", "Its name, for people."),
        optional("file", Kind::Text(&FILE), "none", "A file whose content is its state."),
        optional(
            "command",
            Kind::List(&Kind::Plain(WORD_MAX), 1, 200),
            "none",
            "Program and arguments that print its state and only read; no shell.",
        ),
    ],
};

pub(super) const BUDGET: &Table = &Table {
    what: "the error budget",
    keys: &[
        required("errors", Kind::Share(0.001, 50.0), "0.1%", "Share of requests that may fail."),
        optional("days", Kind::Whole(1, 90), "28", "Over how many days."),
        optional(
            "except",
            super::gate::CLASSES,
            "none",
            "Classes of tickets that an empty budget does not hold.",
        ),
    ],
};
