//! The keys of a service.

use ops_core::settings::floor;

use super::{
    HOUR, Kind, MINUTE, REQUESTS, SECOND, Table, WORD_MAX, around,
    door::ROUTE,
    format::{
        ADDRESS, COMMIT, CONTAINER_LABEL, DIGEST, INSIDE, NAME, NEEDLE, PROJECT, REQUEST_PATH,
        TITLE, VARIABLE, VOLUME,
    },
    optional, required, signal, watch,
};

/// Characters of a network's or user's name.
const CONTAINER_WORD_MAX: usize = 128;

pub(super) const SERVICE: &Table = &Table {
    what: "a service",
    keys: &[
        optional(
            "command",
            Kind::List(&Kind::Plain(WORD_MAX), 1, 200),
            "for containers the image's own; for processes it must stand here",
            "Program and arguments, relative to the artifact, such as `[bin/shop, --port, \
             \"{port}\"]`; no shell. `{port}` becomes the replica's port.",
        ),
        optional(
            "stages",
            Kind::List(&around::STAGE, 1, 10),
            "[production]",
            "Environments that a ticket walks, in order; a name, or a mapping.",
        ),
        optional(
            "lock_group",
            Kind::Text(&NAME),
            "the environment's name",
            "Services of one lock group are deployed one at a time.",
        ),
        optional(
            "target",
            Kind::Word(&["process", "docker", "compose"]),
            "process",
            "Where it runs.",
        ),
        optional(
            "container",
            Kind::Table(CONTAINER),
            "see its keys",
            "What its containers are made of; only with `target: docker`.",
        ),
        optional(
            "compose",
            Kind::Table(COMPOSE),
            "see its keys",
            "The team's Compose project; only with `target: compose`.",
        ),
        optional(
            "env",
            Kind::Entries { key: &VARIABLE, of: &Kind::Plain(WORD_MAX), min: 0, max: 500 },
            "none",
            "Plain variables; nothing secret.",
        ),
        optional(
            "secrets",
            Kind::Entries { key: &VARIABLE, of: &SECRET_OR_REFERENCE, min: 0, max: 200 },
            "none",
            "Variables whose values are found by reference; a reference, or a mapping.",
        ),
        optional("replicas", Kind::Whole(1, 200), "1", "How many copies serve."),
        optional(
            "min_serving",
            Kind::Whole(0, 200),
            "one less than replicas, at least 1; 0 for recreate",
            "Fewest copies that serve at any instant.",
        ),
        optional(
            "runs_twice",
            Kind::Flag,
            "true, but false for recreate",
            "Whether the old and the new version may run side by side.",
        ),
        optional(
            "fixed_port",
            Kind::Whole(1, 65_535),
            "none",
            "A port that every copy needs; only for services that cannot run twice.",
        ),
        optional(
            "route",
            Kind::Table(ROUTE),
            "none: no requests come through the door",
            "Which requests are this service's.",
        ),
        optional("health", Kind::Table(HEALTH), "see its keys", "How its health is asked."),
        optional(
            "smoke",
            Kind::List(&Kind::Table(SMOKE), 0, 50),
            "none",
            "Requests that must succeed through the door after a deployment.",
        ),
        optional("slo", Kind::Table(SLO), "none", "Limits that hold whatever the old version did."),
        optional(
            "strategy",
            Kind::Either(&[
                Kind::Word(&["canary", "blue-green", "recreate"]),
                Kind::Table(STRATEGY),
            ]),
            "canary; blue-green without route; recreate where runs_twice is false",
            "How traffic moves to the new version.",
        ),
        optional(
            "watch",
            watch::WATCH,
            "15m",
            "How long and how closely it is watched; a duration or a mapping.",
        ),
        optional(
            "signals",
            signal::SIGNALS,
            "none beside what the door, the machine and the logs say",
            "Signals of its own, by name: what they say of its versions is judged as well.",
        ),
        optional(
            "depends_on",
            Kind::List(&around::DEPENDENCY, 0, 100),
            "none",
            "Services that must be healthy before it is deployed; a name, or a mapping.",
        ),
        optional(
            "infrastructure",
            Kind::List(&Kind::Table(around::INFRASTRUCTURE), 0, 50),
            "none",
            "What else it leans on; must be as it was when QA tested.",
        ),
        optional(
            "budget",
            Kind::Table(around::BUDGET),
            "none",
            "How much failure it may have before only urgent tickets are deployed.",
        ),
        optional(
            "migrations",
            Kind::Word(&["held", "at-start"]),
            "held",
            "`held` holds tickets that declare a migration; with `at-start` the service runs them \
             itself, and its previous version runs after them.",
        ),
        optional(
            "drain",
            Kind::Duration(0, 15 * MINUTE),
            "30s",
            "Time between TERM and KILL, and the bound of a drain.",
        ),
        optional(
            "adopt",
            Kind::Table(ADOPT),
            "none: its first version comes by a ticket",
            "What already runs of it, started by somebody else; `ops init --adopt` writes it.",
        ),
        optional("needs", Kind::Table(NEEDS), "see its keys", "Room that one replica needs."),
    ],
};

const SECRET_OR_REFERENCE: Kind = Kind::Either(&[Kind::Reference, Kind::Table(SECRET)]);

const SECRET: &Table = &Table {
    what: "a secret",
    keys: &[
        required("from", Kind::Reference, "env:DB_URL", "Where its value is found."),
        optional(
            "previous",
            Kind::Reference,
            "none: a rotation is held",
            "Where its value before is found, while a rotation is under way: the way back.",
        ),
        optional(
            "rotate",
            Kind::Flag,
            "false",
            "Whether another value at `from` is brought to what serves by itself, without a ticket.",
        ),
        optional(
            "pinned",
            Kind::Flag,
            "false",
            "Whether a version that is brought back gets the value that it had, not the current one.",
        ),
    ],
};

const ADOPT: &Table = &Table {
    what: "what is adopted",
    keys: &[
        required(
            "artifact",
            Kind::Text(&DIGEST),
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "Digest of what it runs, as the artifact store has it.",
        ),
        required("version", Kind::Text(&TITLE), "v1.4.2", "What people call that version."),
        optional("commit", Kind::Text(&COMMIT), "unknown", "The commit that it was made from."),
        optional(
            "listens",
            Kind::Text(&ADDRESS),
            "found by its program",
            "Address on which it listens now.",
        ),
    ],
};

const HEALTH: &Table = &Table {
    what: "the health check",
    keys: &[
        optional(
            "path",
            Kind::Text(&REQUEST_PATH),
            "none: the port must accept connections",
            "Path that must answer 2xx or 3xx.",
        ),
        optional(
            "every",
            Kind::Duration(100, MINUTE),
            "1s",
            "Time between two probes of a replica.",
        ),
        optional(
            "timeout",
            Kind::Duration(50, MINUTE),
            "1s",
            "Time until a probe counts as failed.",
        ),
        optional(
            "in_a_row",
            Kind::Whole(floor::HEALTHY_IN_A_ROW as u64, 100),
            "3",
            "Healthy answers in a row until a replica counts as healthy.",
        ),
        optional(
            "start_deadline",
            Kind::Duration(SECOND, HOUR),
            "60s",
            "Time in which a new version must become healthy.",
        ),
    ],
};

const SMOKE: &Table = &Table {
    what: "a smoke request",
    keys: &[
        optional("get", Kind::Text(&REQUEST_PATH), "none", "Path of a GET request."),
        optional("head", Kind::Text(&REQUEST_PATH), "none", "Path of a HEAD request."),
        optional("options", Kind::Text(&REQUEST_PATH), "none", "Path of an OPTIONS request."),
        optional("status", Kind::Whole(100, 599), "200", "Status that must come back."),
        optional(
            "contains",
            Kind::Text(&NEEDLE),
            "anything",
            "Text that the first 64 kB of the body must contain.",
        ),
    ],
};

const SLO: &Table = &Table {
    what: "the limits",
    keys: &[
        optional(
            "errors",
            Kind::Share(0.0, 50.0),
            "no limit of its own",
            "Highest share of failed requests.",
        ),
        optional(
            "p99",
            Kind::Duration(1, 10 * MINUTE),
            "no limit of its own",
            "Highest 99th percentile of the latency.",
        ),
    ],
};

const STRATEGY: &Table = &Table {
    what: "a strategy",
    keys: &[
        optional("canary", Kind::Table(CANARY), "see its keys", "Traffic moves in steps."),
        optional(
            "recreate",
            Kind::Table(RECREATE),
            "see its keys",
            "The old version stops, the new one starts; requests wait at the door.",
        ),
    ],
};

const WEIGHT: Kind = Kind::Percent(1, 50);
const DWELL: Kind = Kind::Seconds(1, 6 * 3_600);

const CANARY: &Table = &Table {
    what: "a canary",
    keys: &[
        optional(
            "steps",
            Kind::List(&Kind::Either(&[WEIGHT, Kind::Table(STEP)]), 1, 20),
            "[5%, 25%, 50%]",
            "Shares of the new version, rising, the last one at most 50%.",
        ),
        optional("dwell", DWELL, "1m", "Least observed time in a step that names none."),
        optional(
            "min_requests",
            REQUESTS,
            "50",
            "Least requests answered by the new version in a step that names none.",
        ),
    ],
};

const STEP: &Table = &Table {
    what: "a step",
    keys: &[
        required("weight", WEIGHT, "25%", "Share of the new version."),
        optional("dwell", DWELL, "that of the canary", "Least observed time in this step."),
        optional(
            "min_requests",
            REQUESTS,
            "that of the canary",
            "Least requests answered by the new version in this step.",
        ),
    ],
};

const RECREATE: &Table = &Table {
    what: "the recreate strategy",
    keys: &[
        optional(
            "gap_limit",
            Kind::Duration(SECOND, 15 * MINUTE),
            "10s",
            "Longest gap, start and return included.",
        ),
        optional(
            "hold_requests",
            Kind::Whole(0, 100_000),
            "256",
            "Most requests that wait at the door during the gap.",
        ),
    ],
};

const CONTAINER: &Table = &Table {
    what: "a container",
    keys: &[
        optional(
            "port",
            Kind::Whole(1, 65_535),
            "none: nobody connects to it",
            "The port on which the service listens inside.",
        ),
        optional(
            "volumes",
            Kind::List(&Kind::Text(&VOLUME), 0, 100),
            "none",
            "What is mounted: `NAME:/inside` for a volume of the engine, `/folder:/inside` for a \
             folder of its host; `:ro` at the end where it cannot be written.",
        ),
        optional(
            "networks",
            Kind::List(&Kind::Plain(CONTAINER_WORD_MAX), 0, 20),
            "the engine's own",
            "Networks of the engine that it joins; they must exist.",
        ),
        optional(
            "labels",
            Kind::Entries { key: &CONTAINER_LABEL, of: &Kind::Plain(WORD_MAX), min: 0, max: 100 },
            "none",
            "Labels of the team; those that begin with `ops.` are ops's own.",
        ),
        optional("memory", Kind::Size(6, 10_000_000), "no limit", "Memory that it may have."),
        optional("cpus", Kind::Decimal(1_000.0), "no limit", "Cores that it may use."),
        optional(
            "user",
            Kind::Plain(CONTAINER_WORD_MAX),
            "the image's",
            "The user that it runs as.",
        ),
        optional(
            "image_health",
            Kind::Flag,
            "true without `health`, else false",
            "Whether the engine runs the health check that the image brings, and what it says \
             counts, beside `health` if there is one.",
        ),
        optional(
            "hosts",
            Kind::List(&Kind::Text(&NAME), 1, 50),
            "none: this machine",
            "The hosts of `docker: hosts` that it runs on, as many replicas on each. A new version \
             comes to the first one alone, and to the others once it is healthy there.",
        ),
        optional(
            "batch",
            Kind::Whole(1, 50),
            "1",
            "How many hosts get a new version at once, after the first one.",
        ),
    ],
};

const COMPOSE: &Table = &Table {
    what: "a Compose project",
    keys: &[
        optional(
            "file",
            Kind::Text(&INSIDE),
            "compose.yaml",
            "The project's file, relative to the artifact's folder.",
        ),
        optional(
            "project",
            Kind::Text(&PROJECT),
            "the service's name",
            "What Compose calls the project; on a further stage with the stage's name behind it.",
        ),
        optional(
            "front",
            Kind::Plain(CONTAINER_WORD_MAX),
            "the only one that publishes ports",
            "The service of the file that is behind the door; it is replaced without a gap.",
        ),
        optional(
            "port",
            Kind::Whole(1, 65_535),
            "the only one that it publishes",
            "The port on which the front listens inside.",
        ),
    ],
};

const NEEDS: &Table = &Table {
    what: "the room of a replica",
    keys: &[
        optional("memory", Kind::Size(1, 10_000_000), "128MB", "Memory."),
        optional("disk", Kind::Size(0, 10_000_000), "100MB", "Disk beside the artifact itself."),
    ],
};
