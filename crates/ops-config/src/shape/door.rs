//! The keys of the door: where requests arrive, and which of them are whose.

use super::{
    Kind, MINUTE, Table,
    format::{ADDRESS, FILE, HEADER, HOST, HOST_PROGRAM, NAME, REQUEST_PATH, ROUTE_PATH},
    optional, required,
};

/// Longest value of a header that a route asks for, in bytes.
const HEADER_MAX: usize = 1_024;

pub(super) const EDGE: &Table = &Table {
    what: "the edge",
    keys: &[
        optional(
            "listen",
            Kind::List(&Kind::Text(&ADDRESS), 1, 16),
            "[127.0.0.1:8080]",
            "Addresses on which requests arrive.",
        ),
        optional("tls", Kind::Table(TLS), "none", "Where requests arrive over TLS."),
        optional(
            "metrics",
            Kind::Text(&ADDRESS),
            "none: only `ops edge --metrics` reads them",
            "Loopback address on which Prometheus reads metrics, at /metrics, and finds replicas, at /targets.",
        ),
        optional(
            "access_log",
            Kind::Percent(0, 100),
            "none: no access log",
            "Share of the requests that are logged; those that fail are all logged.",
        ),
        optional(
            "response_timeout",
            Kind::Duration(100, 15 * MINUTE),
            "30s",
            "Longest time until a service begins its answer.",
        ),
        optional(
            "max_body",
            Kind::Size(1, 10_000_000),
            "no limit",
            "Largest body of a request; a larger one is answered 413.",
        ),
        optional(
            "header_timeout",
            Kind::Duration(100, 15 * MINUTE),
            "10s",
            "Longest time in which a client must send the header of a request.",
        ),
        optional(
            "hosts",
            Kind::List(&Kind::Text(&NAME), 1, 100),
            "none: one door, on the machine of ops",
            "Hosts of `docker: hosts` that have a door each, for the copies there.",
        ),
        optional(
            "as",
            Kind::Word(&["container", "process"]),
            "container",
            "What a door on a host is: a container that ops makes, or a process that you run.",
        ),
        optional(
            "program",
            Kind::Text(&HOST_PROGRAM),
            "ops",
            "With `as: process`: the program `ops` on each host.",
        ),
        optional(
            "state",
            Kind::Text(&HOST_PROGRAM),
            "none",
            "With `as: process`: the state folder of `ops edge` on each host.",
        ),
    ],
};

const TLS: &Table = &Table {
    what: "TLS",
    keys: &[
        required(
            "listen",
            Kind::List(&Kind::Text(&ADDRESS), 1, 16),
            "[0.0.0.0:8443]",
            "Addresses on which requests arrive over TLS.",
        ),
        required(
            "certificates",
            Kind::List(&Kind::Table(CERTIFICATE), 1, 64),
            "[{ chain: /etc/tls/shop.pem, key: /etc/tls/shop.key }]",
            "Certificates; the first one is for clients that name no host of any.",
        ),
    ],
};

const CERTIFICATE: &Table = &Table {
    what: "a certificate",
    keys: &[
        required(
            "chain",
            Kind::Text(&FILE),
            "/etc/tls/shop.pem",
            "File of the certificate and those that lead to its root, in PEM.",
        ),
        required("key", Kind::Text(&FILE), "/etc/tls/shop.key", "File of its private key, in PEM."),
    ],
};

pub(super) const ROUTE: &Table = &Table {
    what: "a route",
    keys: &[
        optional("host", Kind::Text(&HOST), "every host", "Host name of the requests."),
        optional("path", Kind::Text(&ROUTE_PATH), "/", "Path prefix; the longest match wins."),
        optional(
            "headers",
            Kind::Entries { key: &HEADER, of: &Kind::Plain(HEADER_MAX), min: 0, max: 8 },
            "none",
            "Headers that the requests bear, with these very values.",
        ),
        optional(
            "sticky",
            Kind::Table(STICKY),
            "none: every request is drawn by itself",
            "How a client is known again, so that it stays with its version.",
        ),
        optional(
            "protocol",
            Kind::Word(&["http1", "h2"]),
            "http1",
            "What the service speaks; `h2` is HTTP/2 without TLS.",
        ),
        optional(
            "response_timeout",
            Kind::Duration(100, 15 * MINUTE),
            "that of the edge",
            "Longest time until the service begins its answer.",
        ),
        optional(
            "close_over",
            Kind::Duration(0, 15 * MINUTE),
            "the drain of the service",
            "Over how long tunnels and streams of events are closed when their version leaves.",
        ),
        optional(
            "templates",
            Kind::List(&Kind::Text(&ROUTE_PATH), 0, 100),
            "made up from the paths",
            "Templates by which requests are counted, such as `/carts/{id}`.",
        ),
        optional(
            "probe",
            Kind::Text(&REQUEST_PATH),
            "the health path, where it lies under `path`",
            "Path that the door asks for itself, while a switch is young and to see which copies \
             live.",
        ),
    ],
};

const STICKY: &Table = &Table {
    what: "the way to know a client",
    keys: &[
        optional("cookie", Kind::Text(&HEADER), "none", "Name of a cookie that the door sets."),
        optional("header", Kind::Text(&HEADER), "none", "Name of a header that clients send."),
    ],
};
