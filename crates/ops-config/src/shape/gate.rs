//! The keys of what holds deployments of the whole team, and of who is told.

use super::{
    DAY_SECONDS, Kind, MINUTE, Table, WORD_MAX,
    format::{BASE_URL, CLASS, CRON, FILE, LABEL, MOMENT, NAME, TITLE, URL, ZONE},
    optional, required,
};

/// Classes of tickets, as PO names them.
pub(super) const CLASSES: Kind = Kind::List(&Kind::Text(&CLASS), 0, 20);

pub(super) const WINDOW: &Table = &Table {
    what: "a window",
    keys: &[
        required("name", Kind::Text(&TITLE), "office hours", "Its name, for people."),
        optional(
            "allow",
            Kind::Table(OPENING),
            "none",
            "While it is open, deployments may begin; else only in another one that allows.",
        ),
        optional(
            "deny",
            Kind::Table(OPENING),
            "none",
            "While it is open, no deployment begins, whatever another one allows.",
        ),
        optional(
            "environments",
            Kind::List(&Kind::Text(&NAME), 1, 20),
            "all",
            "Environments to which it applies.",
        ),
        optional(
            "services",
            Kind::List(&Kind::Text(&NAME), 1, 1_000),
            "all",
            "Services to which it applies.",
        ),
        optional("except", CLASSES, "none", "Classes of tickets that it does not hold."),
    ],
};

const OPENING: &Table = &Table {
    what: "an opening",
    keys: &[
        optional(
            "cron",
            Kind::Text(&CRON),
            "none",
            "When it opens, again and again: minute, hour, day, month, weekday.",
        ),
        optional("for", Kind::Seconds(60, 31 * DAY_SECONDS), "none", "How long it stays open."),
        optional("from", Kind::Text(&MOMENT), "none", "When it opens, once."),
        optional("until", Kind::Text(&MOMENT), "none", "When it is open no more."),
        optional(
            "zone",
            Kind::Text(&ZONE),
            "none",
            "Time zone in which the times are meant, such as Europe/Berlin.",
        ),
    ],
};

pub(super) const ALERT: &Table = &Table {
    what: "a source of alerts",
    keys: &[
        required("name", Kind::Text(&TITLE), "alertmanager", "Its name, for people."),
        required(
            "url",
            Kind::Text(&BASE_URL),
            "http://127.0.0.1:9093",
            "Its address, without `/api`.",
        ),
        required(
            "kind",
            Kind::Word(&["alertmanager", "prometheus"]),
            "alertmanager",
            "What it is.",
        ),
        optional(
            "label",
            Kind::Text(&LABEL),
            "service",
            "Label that names a service; an alert without it holds all.",
        ),
        optional(
            "ignore",
            Kind::List(&Kind::Text(&TITLE), 0, 200),
            "none",
            "Names of alerts that hold nothing.",
        ),
    ],
};

pub(super) const NOTIFY: &Table = &Table {
    what: "somebody who is told",
    keys: &[
        required("name", Kind::Text(&TITLE), "on call", "Name, for people."),
        optional("webhook", Kind::Text(&URL), "none", "Address to which JSON is posted."),
        optional("token", Kind::Reference, "none", "Token that is sent to it as bearer."),
        optional(
            "command",
            Kind::List(&Kind::Plain(WORD_MAX), 1, 200),
            "none",
            "Program and arguments that get JSON on their standard input; no shell.",
        ),
        optional(
            "after",
            Kind::Seconds(0, DAY_SECONDS),
            "0s: at once",
            "Told only when nobody has acknowledged for so long.",
        ),
        optional(
            "every",
            Kind::Seconds(60, DAY_SECONDS),
            "15m",
            "Told again so often until somebody acknowledges.",
        ),
    ],
};

pub(super) const HOST: &Table = &Table {
    what: "the limits of a machine",
    keys: &[
        optional(
            "load",
            Kind::Decimal(1_000.0),
            "no limit",
            "Highest load average over five minutes, per core.",
        ),
        optional(
            "clock",
            Kind::Duration(1, MINUTE),
            "no limit",
            "The clock must be known to be right within this.",
        ),
        optional(
            "certificates",
            Kind::List(&Kind::Text(&FILE), 0, 50),
            "none",
            "PEM files with certificates that must not be about to expire.",
        ),
        optional(
            "certificate_days",
            Kind::Whole(1, 398),
            "14",
            "Days that they must still be valid.",
        ),
    ],
};
