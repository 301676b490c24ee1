//! The keys of the watch.

use ops_core::settings::floor;

use super::{DAY_SECONDS, Kind, REQUESTS, Table, format::TITLE, optional};

/// A watch: its length, or more than that.
pub(super) const WATCH: Kind = Kind::Either(&[LENGTH, Kind::Table(TABLE)]);

const LENGTH: Kind = Kind::Seconds(floor::WATCH_SECONDS, DAY_SECONDS);

const TABLE: &Table = &Table {
    what: "the watch",
    keys: &[
        optional("for", LENGTH, "15m", "Observed time in all."),
        optional(
            "last_stretch",
            Kind::Seconds(5, DAY_SECONDS),
            "a fifth of the watch",
            "Of this, the end with all traffic on the new version and the old one warm.",
        ),
        optional(
            "min_requests",
            REQUESTS,
            "600 with a route, else 0",
            "Least requests answered by the new version during the watch.",
        ),
        optional(
            "min_synthetic",
            REQUESTS,
            "0",
            "Least requests of the door's own (`route.probe`), through its front, that must have been \
             answered meanwhile.",
        ),
        optional(
            "min_heartbeats",
            REQUESTS,
            "0",
            "Least looks at a service without a route that must have found it alive.",
        ),
        optional(
            "extensions",
            Kind::Whole(0, 20),
            "2",
            "How often a dwell or the watch may be extended by its own length.",
        ),
        optional(
            "grace",
            Kind::Seconds(5, 15 * 60),
            "60s",
            "Gap in a signal that makes it unreadable.",
        ),
        optional(
            "alpha",
            Kind::Share(0.01, floor::ALPHA_MAX * 100.0),
            "1%",
            "Share of good deployments that may be stopped by a false alarm.",
        ),
        optional(
            "good_enough",
            LENGTH,
            "none: it is never shorter",
            "The part with both versions on traffic may end from here on, once the new one was \
             shown to be good enough.",
        ),
        optional(
            "trip_on_alerts",
            Kind::List(&Kind::Text(&TITLE), 0, 100),
            "none: alerts only raise the attention",
            "Names of alerts that bring the old version back when they begin to fire.",
        ),
        optional(
            "trip_on_new_errors",
            Kind::Flag,
            "false: how often they come decides",
            "Whether errors in the logs of a kind that the old version never wrote bring it back.",
        ),
    ],
};
