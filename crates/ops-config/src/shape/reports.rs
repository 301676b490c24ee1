//! The keys of what the team is told by the clock.

use super::{
    Kind, Table,
    format::{CHANNEL, TIME, ZONE},
    optional, required,
};

pub(super) const REPORTS: &Table = &Table {
    what: "the reports",
    keys: &[
        optional(
            "daily",
            Kind::Table(DAILY),
            "none",
            "A summary of each day: what shipped, what went back, what waits and why.",
        ),
        optional(
            "metrics",
            Kind::Table(METRICS),
            "none",
            "Figures of deployments, once per week: frequency, lead time, failure rate, time to restore.",
        ),
    ],
};

const DAILY: &Table = &Table {
    what: "the daily summary",
    keys: &[
        required("at", Kind::Text(&TIME), "17:30", "When it is posted."),
        required(
            "zone",
            Kind::Text(&ZONE),
            "Europe/Berlin",
            "Time zone of that time and of the day.",
        ),
        optional("channel", Kind::Text(&CHANNEL), "that of the boards", "Channel for it."),
        optional("empty", Kind::Flag, "false", "Whether a day without anything is told as well."),
    ],
};

const METRICS: &Table = &Table {
    what: "the figures",
    keys: &[
        optional(
            "day",
            Kind::Word(&[
                "monday",
                "tuesday",
                "wednesday",
                "thursday",
                "friday",
                "saturday",
                "sunday",
            ]),
            "friday",
            "Day of the week.",
        ),
        required("at", Kind::Text(&TIME), "16:00", "When they are posted."),
        required("zone", Kind::Text(&ZONE), "Europe/Berlin", "Time zone of that time."),
        optional("channel", Kind::Text(&CHANNEL), "retrospective", "Channel for them."),
        optional("days", Kind::Whole(1, 365), "28", "Over how many days they are counted."),
    ],
};
