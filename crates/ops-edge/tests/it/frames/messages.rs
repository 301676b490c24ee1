//! Requests that two readers could read in two ways (§8). Each is an error of its stream or of its
//! connection, and no service sees any of them.

use super::{
    Block, Case, Goaway, Reset, Status, case,
    code::PROTOCOL_ERROR,
    frame, kind,
    wire::{
        data,
        flag::{END_HEADERS, END_STREAM},
    },
};

/// A request of these fields is malformed (§8.1.1).
fn malformed(name: &'static str, fields: &[(&str, &str)]) -> Case {
    case(name, [Block::of(fields).request(1)], Reset(1, PROTOCOL_ERROR))
}

/// A request with one more field is malformed.
fn with(name: &'static str, field: &str, value: &str) -> Case {
    case(name, [Block::get("/").and(field, value).request(1)], Reset(1, PROTOCOL_ERROR))
}

/// A field that cannot be: the library cannot go on reading then.
fn unreadable(name: &'static str, field: &str, value: &str) -> Case {
    case(name, [Block::get("/").and(field, value).request(1)], Goaway(PROTOCOL_ERROR))
}

/// A request with one more field is refused by the door itself.
fn refused(name: &'static str, field: &str, value: &str) -> Case {
    case(name, [Block::get("/").and(field, value).request(1)], Status(1, 400))
}

pub(super) fn cases() -> Vec<Case> {
    [pseudo(), fields(), lengths(), trailers(), tunnels()].into_iter().flatten().collect()
}

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/");
const AUTHORITY: (&str, &str) = (":authority", "a");

/// Method, scheme, path and authority (§8.3.1).
fn pseudo() -> Vec<Case> {
    let path = |name, path| malformed(name, &[METHOD, SCHEME, (":path", path), AUTHORITY]);
    let method = |name, method| {
        let fields = [(":method", method), SCHEME, PATH, AUTHORITY];
        case(name, [Block::of(&fields).request(1)], Goaway(PROTOCOL_ERROR))
    };
    let authority =
        |name, authority| malformed(name, &[METHOD, SCHEME, PATH, (":authority", authority)]);
    vec![
        malformed("§8.3.1 no method", &[SCHEME, PATH, AUTHORITY]),
        malformed("§8.3.1 no scheme", &[METHOD, PATH, AUTHORITY]),
        malformed("§8.3.1 no path", &[METHOD, SCHEME, AUTHORITY]),
        malformed("§8.3.1 nothing at all", &[]),
        path("§8.3.1 an empty path", ""),
        path("§8.3.1 a path that is none", "case"),
        path("§8.3.1 a path with a space", "/a b"),
        path("§8.2.1 a path with a second line", "/a HTTP/1.1\r\nx: y"),
        case(
            "§8.3.1 a star for another method than OPTIONS",
            [Block::get("*").request(1)],
            Status(1, 404),
        ),
        malformed("§8.3 two methods", &[METHOD, METHOD, SCHEME, PATH, AUTHORITY]),
        malformed("§8.3 two paths", &[METHOD, SCHEME, PATH, PATH, AUTHORITY]),
        malformed("§8.3 two schemes", &[METHOD, SCHEME, SCHEME, PATH, AUTHORITY]),
        malformed("§8.3 two authorities", &[METHOD, SCHEME, PATH, AUTHORITY, AUTHORITY]),
        unreadable("§8.3 an unknown one", ":odd", "x"),
        malformed("§8.3 that of an answer", &[METHOD, SCHEME, PATH, AUTHORITY, (":status", "200")]),
        malformed("§8.3 one after a field", &[METHOD, SCHEME, PATH, ("x", "y"), AUTHORITY]),
        method("§8.2.1 a method with a space", "G T"),
        method("§8.3.1 a method of no letters", ""),
        authority("§8.3.1 an authority with a space", "a b"),
        authority("§8.3.1 an authority with a path", "a/b"),
        case(
            "§8.3.1 an authority with a user",
            [Block::of(&[METHOD, SCHEME, PATH, (":authority", "u@a")]).request(1)],
            Status(1, 400),
        ),
        case(
            "§8.3.1 neither authority nor host",
            [Block::of(&[METHOD, SCHEME, PATH]).request(1)],
            Status(1, 400),
        ),
        refused("§8.3.1 a host that differs", "host", "b"),
        case(
            "§8.3.1 a host in the place of an authority",
            [Block::of(&[METHOD, SCHEME, PATH, ("host", "a")]).request(1)],
            Status(1, 200),
        ),
        case(
            "§8.3.1 two hosts in the place of an authority",
            [Block::of(&[METHOD, SCHEME, PATH, ("host", "a"), ("host", "b")]).request(1)],
            Status(1, 400),
        ),
    ]
}

/// Fields (§8.2).
fn fields() -> Vec<Case> {
    vec![
        unreadable("§8.2.1 a name with a capital", "X-Odd", "y"),
        unreadable("§8.2.1 a name with a space", "x odd", "y"),
        unreadable("§8.2.1 a name with a colon", "x:odd", "y"),
        unreadable("§8.2.1 a name of nothing", "", "y"),
        unreadable("§8.2.1 a name beyond ASCII", "x\u{e9}", "y"),
        unreadable("§8.2.1 a value with a line's end", "x", "y\r\nz: 1"),
        unreadable("§8.2.1 a value with a line feed", "x", "y\nz: 1"),
        unreadable("§8.2.1 a value with a zero", "x", "y\0z"),
        with("§8.2.2 connection", "connection", "close"),
        with("§8.2.2 keep-alive", "keep-alive", "timeout=5"),
        with("§8.2.2 proxy-connection", "proxy-connection", "keep-alive"),
        with("§8.2.2 transfer-encoding", "transfer-encoding", "chunked"),
        with("§8.2.2 upgrade", "upgrade", "websocket"),
        with("§8.2.2 te that names an encoding", "te", "gzip"),
    ]
}

/// Bodies that are not as long as they were said to be (§8.1.1).
fn lengths() -> Vec<Case> {
    let said = |length: &str| Block::post("/echo").and("content-length", length);
    let body = |name, length, pieces: &[&str]| {
        let (last, before) = pieces.split_last().unwrap_or((&"", &[]));
        let mut frames = vec![said(length).open(1)];
        frames.extend(before.iter().map(|piece| data(1, 0, piece)));
        frames.push(data(1, END_STREAM, last));
        case(name, frames, Reset(1, PROTOCOL_ERROR)).reaching()
    };
    let at_once =
        |name, length: &str| case(name, [said(length).request(1)], Reset(1, PROTOCOL_ERROR));
    vec![
        body("§8.1.1 less than was said", "3", &["ab"]),
        body("§8.1.1 more than was said", "1", &["ab"]),
        body("§8.1.1 more than was said, later", "2", &["ab", "c"]),
        body("§8.1.1 nothing where something was said", "1", &[""]),
        at_once("§8.1.1 no body where one was said", "1"),
        at_once("§8.1.1 a length that is no number", "x"),
        at_once("§8.1.1 a length with a sign", "+0"),
        at_once("§8.1.1 a length below nothing", "-1"),
        at_once("§8.1.1 a length beyond numbers", "99999999999999999999999"),
        case(
            "§8.1.1 two lengths",
            [said("2").and("content-length", "3").open(1), data(1, END_STREAM, "ab")],
            Reset(1, PROTOCOL_ERROR),
        ),
        case(
            "§8.1.1 a body as long as it was said to be",
            [said("3").open(1), data(1, 0, "ab"), data(1, END_STREAM, "c")],
            Status(1, 200),
        ),
    ]
}

/// Trailers (§8.1).
fn trailers() -> Vec<Case> {
    let then = |name, trailers: &[(&str, &str)], flags, reaction| {
        let trailers = frame(kind::HEADERS, END_HEADERS | flags, 1, Block::of(trailers).0);
        let frames = [Block::post("/echo").open(1), data(1, 0, "x"), trailers];
        case(name, frames, reaction).reaching()
    };
    let bad = Reset(1, PROTOCOL_ERROR);
    vec![
        then("§8.1 trailers that are not the end", &[("x-sum", "1")], 0, bad.clone()),
        then("§8.2.2 an encoding", &[("transfer-encoding", "chunked")], END_STREAM, bad),
        then("§8.2.1 a capital", &[("X-Sum", "1")], END_STREAM, Goaway(PROTOCOL_ERROR)),
        then("§8.1 a path, which is left out", &[(":path", "/x")], END_STREAM, Status(1, 200)),
    ]
}

/// Tunnels (§8.5, RFC 8441): the door opens none over HTTP/2, and does not offer to.
fn tunnels() -> Vec<Case> {
    let connect = |more: &[(&str, &str)]| Block::of(&[&[(":method", "CONNECT")], more].concat());
    vec![
        case(
            "§8.5 a tunnel to another place",
            [connect(&[(":authority", "b:443")]).open(1)],
            Status(1, 501),
        ),
        case(
            "§8.5 a tunnel with a path",
            [connect(&[SCHEME, PATH, AUTHORITY]).open(1)],
            Reset(1, PROTOCOL_ERROR),
        ),
        case("§8.5 a tunnel to nowhere", [connect(&[]).open(1)], Status(1, 501)),
        case(
            "RFC 8441 §4 a WebSocket, which was not offered",
            [connect(&[
                (":protocol", "websocket"),
                SCHEME,
                (":path", "/chat"),
                AUTHORITY,
                ("sec-websocket-version", "13"),
            ])
            .open(1)],
            Reset(1, PROTOCOL_ERROR),
        ),
    ]
}
