//! What ends one stream and leaves the connection to the others, and what ends both.

use super::{
    Block, Case, GENERAL, Goaway, Leaves, Nothing, Reset, Status, case,
    code::{FLOW_CONTROL_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED},
    frame, kind,
    wire::{
        Frame, data,
        flag::{END_HEADERS, END_STREAM, PRIORITY},
        reset, setting, window,
    },
};

const LARGEST: u32 = (1 << 31) - 1;

pub(super) fn cases() -> Vec<Case> {
    [ended(), windows(), priorities(), many(), farewells()].into_iter().flatten().collect()
}

fn wait() -> Block {
    Block::post("/wait")
}

/// A request that has begun, and what comes then.
fn then(
    name: &'static str,
    frames: impl IntoIterator<Item = Frame>,
    reaction: super::Reaction,
) -> Case {
    case(name, std::iter::once(wait().open(1)).chain(frames), reaction).reaching()
}

/// Frames on a stream that is over on the client's side, or on both (§5.1).
fn ended() -> Vec<Case> {
    let whole = || data(1, END_STREAM, "x");
    let trailers = || frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, Block::of(&[("a", "b")]).0);
    vec![
        then("§5.1 data after the end of a request", [whole(), data(1, 0, "y")], Goaway(GENERAL)),
        then(
            "§5.1 a header that is not the end, after the end",
            [whole(), wait().open(1)],
            Reset(1, PROTOCOL_ERROR),
        ),
        then("§8.1 trailers after trailers", [trailers(), trailers()], Goaway(GENERAL)),
        then("§5.1 data after a reset", [reset(1), data(1, 0, "x")], Reset(1, STREAM_CLOSED)),
        then("§5.1 a request after a reset", [reset(1), wait().open(1)], Goaway(GENERAL)),
        then(
            "§7 a reset with a code that nobody knows",
            [frame(kind::RST_STREAM, 0, 1, 0x9999_u32.to_be_bytes())],
            Nothing,
        ),
    ]
}

/// Windows of a stream (§6.9).
fn windows() -> Vec<Case> {
    vec![
        then("§6.9 a window that grows by nothing", [window(1, 0)], Goaway(PROTOCOL_ERROR)),
        then(
            "§6.9.1 a window beyond the largest",
            [window(1, LARGEST)],
            Reset(1, FLOW_CONTROL_ERROR),
        ),
        then(
            "§6.9.1 more than a window holds",
            std::iter::repeat_n(data(1, 0, vec![b'x'; 16_384]), 17),
            Goaway(FLOW_CONTROL_ERROR),
        ),
        case(
            "§6.9.2 a window of nothing, and the answer waits until it opens",
            [setting(4, 0), Block::get("/").request(1), setting(4, 65_535)],
            Status(1, 200),
        ),
    ]
}

/// Priorities (RFC 7540 §5.3; RFC 9113 keeps the frame and gives up what it meant).
fn priorities() -> Vec<Case> {
    let itself = [0, 0, 0, 1, 16];
    vec![
        then(
            "RFC 7540 §5.3.1 a stream that depends on itself",
            [frame(kind::PRIORITY, 0, 1, itself)],
            Reset(1, PROTOCOL_ERROR),
        ),
        case(
            "RFC 7540 §5.3.1 a request that depends on itself",
            [frame(
                kind::HEADERS,
                END_HEADERS | END_STREAM | PRIORITY,
                1,
                [&itself[..], &Block::get("/wait").0].concat(),
            )],
            Reset(1, PROTOCOL_ERROR),
        ),
        then(
            "§6.3 a priority of six bytes",
            [frame(kind::PRIORITY, 0, 1, [0; 6])],
            Goaway(GENERAL),
        ),
    ]
}

/// Streams at a time (§5.1.2).
fn many() -> Vec<Case> {
    let streams = (0..129).map(|at| Block::get("/wait").request(at * 2 + 1));
    vec![
        case(
            "§5.1.2 more streams at a time than are allowed, until one has ended",
            streams.chain([reset(1)]),
            Reset(257, REFUSED_STREAM),
        )
        .reaching(),
    ]
}

/// Clients that say that they go (§6.8).
fn farewells() -> Vec<Case> {
    let goes = |code: u32| frame(kind::GOAWAY, 0, 0, [[0; 4], code.to_be_bytes()].concat());
    let first = || Block::get("/").request(1);
    vec![
        case("§6.8 a farewell", [goes(0)], Leaves(&[])),
        case("§7 a farewell with a code that nobody knows", [goes(0x9999)], Leaves(&[])),
        case("§6.8 what has begun is answered first", [first(), goes(0)], Leaves(&[(1, 200)])),
    ]
}
