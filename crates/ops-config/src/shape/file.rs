//! The top of `ops.yaml`.

use super::{
    Key, Kind, Table, advisor, door,
    format::{ADDRESS, BASE_URL, CHANNEL, ENGINE, IDENTITY, IPV4, NAME},
    gate, optional, reports, required, service,
};

/// The whole file.
pub(crate) const FILE: &Table = &Table {
    what: "ops.yaml",
    keys: &[
        required("version", Kind::Whole(1, 1), "1", "Version of this format."),
        required("project", Kind::Text(&NAME), "shop", "Name of the project, for texts."),
        optional(
            "environments",
            Kind::Entries { key: &NAME, of: &Kind::Table(ENVIRONMENT), min: 1, max: 20 },
            "production, with ports 20000-20999",
            "Places where services run.",
        ),
        required(
            "people",
            Kind::Entries { key: &IDENTITY, of: &ROLES, min: 1, max: 500 },
            "{ dan@example.org: dev, cleo@example.org: cq, quinn@example.org: qa }",
            "Who is who: identities on the planning board and their roles.",
        ),
        optional(
            "operators",
            Kind::List(&Kind::Text(&IDENTITY), 1, 100),
            "everybody with the role po",
            "People who may resume, answer and roll back.",
        ),
        optional(
            "solo",
            Kind::Flag,
            "false",
            "One person may be DEV, CQ and QA of one candidate; named on every record. Set in the \
             first commit only.",
        ),
        optional(
            "windows",
            Kind::List(&Kind::Table(gate::WINDOW), 0, 100),
            "none: deployments may begin at any time",
            "When deployments may begin, and when not; a rollback may always.",
        ),
        optional(
            "alerts",
            Kind::List(&Kind::Table(gate::ALERT), 0, 20),
            "none",
            "Where firing alerts are read, which hold deployments.",
        ),
        optional(
            "notify",
            Kind::List(&Kind::Table(gate::NOTIFY), 0, 20),
            "none beside the boards",
            "Who is told when something stopped that only a person can move.",
        ),
        optional(
            "reports",
            Kind::Table(reports::REPORTS),
            "none",
            "What the team is told by the clock.",
        ),
        optional("boards", Kind::Table(BOARDS), "the embedded boards", "Where the team works."),
        optional("edge", Kind::Table(door::EDGE), "127.0.0.1:8080", "The door for requests."),
        required(
            "services",
            Kind::Entries { key: &NAME, of: &Kind::Table(service::SERVICE), min: 1, max: 1_000 },
            "{ shop: { command: [bin/shop] } }",
            "What is deployed.",
        ),
        optional(
            "docker",
            Kind::Table(DOCKER),
            "see its keys",
            "The Docker Engines on which services with `target: docker` run.",
        ),
        optional("retention", Kind::Table(RETENTION), "see its keys", "What is kept."),
        optional(
            "heartbeat",
            Kind::Seconds(10, 3_600),
            "15m",
            "How often everything is looked at without an event.",
        ),
        optional(
            "advisor",
            Kind::Table(advisor::ADVISOR),
            "none",
            "A language model that may stop a deployment, and can do nothing else.",
        ),
    ],
};

const ROLE: Kind = Kind::Word(&["po", "dev", "cq", "qa", "ops", "human"]);
const ROLES: Kind = Kind::Either(&[ROLE, Kind::List(&ROLE, 1, 6)]);

const ENVIRONMENT: &Table = &Table {
    what: "an environment",
    keys: &[
        required("ports", Kind::Ports, "20000-20999", "Ports that replicas get, first and last."),
        optional(
            "host",
            Kind::Table(gate::HOST),
            "none of its limits",
            "What must be true of its machine before a deployment.",
        ),
    ],
};

const BOARDS: &Table = &Table {
    what: "the boards",
    keys: &[
        optional(
            "embedded",
            Kind::Table(EMBEDDED),
            "see its keys",
            "The boards that ops brings with it.",
        ),
        optional(
            "devteam",
            Kind::Table(DEVTEAM),
            "the embedded boards",
            "The boards of a DevTeam installation, on which ops is a guest.",
        ),
    ],
};

const TELLS: Key = optional(
    "channel",
    Kind::Text(&CHANNEL),
    "standup",
    "Channel for starts, successes, halts and rollbacks.",
);

const DEVTEAM: &Table = &Table {
    what: "DevTeam's boards",
    keys: &[
        optional(
            "planning",
            Kind::Text(&BASE_URL),
            "that in PLANNING_BOARD_URL",
            "The address of the planning board.",
        ),
        optional(
            "meeting",
            Kind::Text(&BASE_URL),
            "that in MEETING_BOARD_URL",
            "The address of the meeting board.",
        ),
        optional(
            "planning_token",
            Kind::Reference,
            "env:PLANNING_BOARD_TOKEN",
            "The token of ops on the planning board.",
        ),
        optional(
            "meeting_token",
            Kind::Reference,
            "env:MEETING_BOARD_TOKEN",
            "The token of ops on the meeting board.",
        ),
        optional(
            "me",
            Kind::Text(&IDENTITY),
            "ops@devteam.local",
            "The identity of ops on the planning board. What stands before the `@` is its id on the \
             meeting board.",
        ),
        TELLS,
        optional(
            "gateway",
            Kind::Text(&ADDRESS),
            "none: the boards are followed and asked",
            "Where boards and router knock: 0.0.0.0:18789 in a container of DevTeam.",
        ),
        optional(
            "gateway_token",
            Kind::Reference,
            "env:OPENCLAW_GATEWAY_TOKEN",
            "The token that callers of the gateway show.",
        ),
    ],
};

const EMBEDDED: &Table = &Table {
    what: "the embedded boards",
    keys: &[
        optional("listen", Kind::Text(&ADDRESS), "127.0.0.1:8088", "Where they are reached."),
        optional("me", Kind::Text(&IDENTITY), "ops@example.org", "The identity of ops on them."),
        TELLS,
        optional(
            "permissive",
            Kind::Flag,
            "false",
            "Everybody may do everything there, as on DevTeam's boards.",
        ),
        optional(
            "gateways",
            Kind::Entries { key: &IDENTITY, of: &Kind::Table(GATEWAY), min: 0, max: 500 },
            "none",
            "Where agents are told of what concerns them, by identity.",
        ),
    ],
};

const COLUMN: Kind = Kind::Word(&[
    "backlog",
    "todo",
    "in-progress",
    "blocked",
    "in-review",
    "in-qa",
    "completed",
    "rfp",
    "closed",
]);

const GATEWAY: &Table = &Table {
    what: "a gateway",
    keys: &[
        required("url", Kind::Text(&BASE_URL), "http://quinn:18789", "Its address."),
        optional("token", Kind::Reference, "none", "The token that it wants to see."),
        optional(
            "watch",
            Kind::List(&COLUMN, 0, 9),
            "none",
            "Columns whose every new ticket it is told of.",
        ),
    ],
};

const DOCKER: &Table = &Table {
    what: "the Docker Engine",
    keys: &[
        optional(
            "socket",
            Kind::Plain(4_096),
            "/var/run/docker.sock",
            "The socket of this machine's engine.",
        ),
        optional(
            "hosts",
            Kind::Entries { key: &NAME, of: &Kind::Table(DOCKER_HOST), min: 1, max: 50 },
            "none: containers run on this machine",
            "Hosts whose engines run containers, for the `container: { hosts: […] }` of services.",
        ),
    ],
};

const DOCKER_HOST: &Table = &Table {
    what: "a host",
    keys: &[
        required(
            "engine",
            Kind::Text(&ENGINE),
            "ssh://deploy@10.0.0.2",
            "How its engine is reached: through SSH, over TCP with TLS, or by a socket of this \
             machine.",
        ),
        optional(
            "certificates",
            Kind::Plain(4_096),
            "none; needed for tcp://",
            "The folder with `ca.pem`, `cert.pem` and `key.pem`, as Docker's own client has them.",
        ),
        optional(
            "ssh_config",
            Kind::Plain(4_096),
            "that of whoever ops runs as",
            "The configuration that `ssh` reads for it: keys, known hosts, jumps.",
        ),
        required(
            "address",
            Kind::Text(&IPV4),
            "10.0.0.2",
            "Its address: containers are published there, and the door finds them there.",
        ),
    ],
};

const RETENTION: &Table = &Table {
    what: "the retention",
    keys: &[
        optional(
            "releases",
            Kind::Whole(1, 100),
            "5",
            "Releases kept per service, beside what serves and its way back.",
        ),
        optional("store", Kind::Size(100, 10_000_000), "5GB", "Quota of the artifact store."),
        optional("logs", Kind::Size(1, 1_000_000), "100MB", "Quota of one replica's logs."),
    ],
};
