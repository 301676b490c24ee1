//! What ends a connection, and what a connection passes over.

use super::{
    AFTER, Block, Case, GENERAL, Goaway, Http1, Nothing, Reset, Status, case,
    code::{FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, PROTOCOL_ERROR, STREAM_CLOSED},
    frame, kind,
    wire::{
        PREFACE, data,
        flag::{ACK, END_HEADERS, END_STREAM, PADDED},
        reset, setting, window,
    },
};

const LARGEST: u32 = (1 << 31) - 1;

fn get() -> Block {
    Block::get("/case")
}

pub(super) fn cases() -> Vec<Case> {
    [beginnings(), sizes(), compression(), blocks(), places(), settings(), windows(), passed_over()]
        .into_iter()
        .flatten()
        .collect()
}

/// The beginning of a connection (§3.4).
fn beginnings() -> Vec<Case> {
    let raw = |name, bytes: &[u8], reaction| {
        let bytes = bytes.to_vec();
        Case { name, bytes, reaction, reaches: false }
    };
    let with = |bytes: &[u8], frame: Vec<u8>| [bytes, &frame].concat();
    vec![
        raw("§3.4 a preface that is wrong at its end", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", Http1),
        raw("§3.4 a preface with another version", b"PRI * HTTP/2.1\r\n\r\nSM\r\n\r\n", Http1),
        raw(
            "§3.4 no settings first, but a request",
            &with(PREFACE, get().request(1)),
            Status(1, 200),
        )
        .reaching(),
        raw(
            "§3.4 settings first that acknowledge",
            &with(PREFACE, frame(kind::SETTINGS, ACK, 0, [])),
            Nothing,
        ),
    ]
}

/// Frames whose length cannot be (§4.2).
fn sizes() -> Vec<Case> {
    let (beyond, wrong) = (Goaway(FRAME_SIZE_ERROR), Goaway(GENERAL));
    let large = vec![0; 16_385];
    let one = |name, frame, reaction| case(name, [get().open(1), frame], reaction);
    vec![
        one("§4.2 data beyond the largest frame", data(1, 0, &large), beyond.clone()).reaching(),
        case(
            "§4.2 a header beyond the largest frame",
            [frame(kind::HEADERS, END_HEADERS, 1, &large)],
            beyond.clone(),
        ),
        case("§4.2 settings beyond it", [frame(kind::SETTINGS, 0, 0, &large)], beyond.clone()),
        case("§4.2 an unknown frame beyond it", [frame(0x40, 0, 0, &large)], beyond),
        case("§6.5 settings of five bytes", [frame(kind::SETTINGS, 0, 0, [0; 5])], wrong.clone()),
        case(
            "§6.5 an acknowledgement that says something",
            [frame(kind::SETTINGS, ACK, 0, [0; 6])],
            wrong.clone(),
        ),
        case("§6.7 a ping of seven bytes", [frame(kind::PING, 0, 0, [0; 7])], wrong.clone()),
        one("§6.4 a reset of three bytes", frame(kind::RST_STREAM, 0, 1, [0; 3]), wrong.clone())
            .reaching(),
        case(
            "§6.9 a window of three bytes",
            [frame(kind::WINDOW_UPDATE, 0, 0, [0; 3])],
            wrong.clone(),
        ),
        case("§6.8 a farewell of seven bytes", [frame(kind::GOAWAY, 0, 0, [0; 7])], wrong.clone()),
        case("§6.3 a priority of four bytes", [frame(kind::PRIORITY, 0, 1, [0; 4])], wrong),
    ]
}

/// Header blocks that cannot be read (§4.3, RFC 7541).
fn compression() -> Vec<Case> {
    let bad =
        |name, bytes: &[u8]| case(name, [Block::default().then(bytes).request(1)], Goaway(GENERAL));
    vec![
        bad("RFC 7541 §6.1 an index of nothing", &[0x80]),
        bad("RFC 7541 §2.3.3 an index beyond the tables", &[0x82, 0xff, 0x20]),
        bad("RFC 7541 §5.1 an integer without end", &[0xff; 12]),
        bad("RFC 7541 §6.3 a table larger than allowed", &[0x3f, 0xe2, 0x1f, 0x82]),
        bad("RFC 7541 §4.2 another table in mid-block", &[0x82, 0x20, 0x84]),
        bad("RFC 7541 §6.2 a literal that breaks off", &[0x82, 0x84, 0x86, 0x00, 0x05, b'a']),
        bad("RFC 7541 §6.2 a name without a value", &[0x82, 0x84, 0x86, 0x00, 0x01, b'a']),
        bad("RFC 7541 §5.2 padding that is no end", &[0x82, 0x00, 0x01, b'a', 0x81, 0x00]),
        bad("RFC 7541 §5.2 padding longer than a byte", &[0x82, 0, 1, b'a', 0x82, 0x1f, 0xff]),
        bad(
            "RFC 7541 §5.2 the end of Huffman's code",
            &[0x82, 0, 1, b'a', 0x84, 255, 255, 255, 255],
        ),
    ]
}

/// What may not come between the frames of one header block (§6.2, §6.10).
fn blocks() -> Vec<Case> {
    let broken = Goaway(PROTOCOL_ERROR);
    let half = || frame(kind::HEADERS, END_STREAM, 1, get().0);
    let end = |stream| frame(kind::CONTINUATION, END_HEADERS, stream, []);
    let in_between =
        |name, between: Vec<u8>| case(name, [half(), between, end(1)], Goaway(PROTOCOL_ERROR));
    vec![
        in_between("§6.10 data within a header", data(1, 0, "x")),
        in_between("§6.10 another header within a header", get().request(3)),
        in_between("§6.10 a ping within a header", frame(kind::PING, 0, 0, [0; 8])),
        in_between("§6.10 settings within a header", frame(kind::SETTINGS, 0, 0, [])),
        in_between("§6.10 a priority within a header", frame(kind::PRIORITY, 0, 3, [0; 5])),
        in_between("§6.10 a reset within a header", reset(1)),
        in_between("§6.10 a window within a header", window(0, 1)),
        in_between("§5.5 an unknown frame within a header", frame(0x40, 0, 0, "x")),
        case("§6.10 the rest of another stream's header", [half(), end(3)], broken.clone()),
        case("§6.10 the rest of no header", [end(1)], broken.clone()),
        case("§6.10 the rest of a header that was whole", [get().request(1), end(1)], broken)
            .reaching(),
        Case {
            reaches: true,
            ..case(
                "§6.10 a header in many pieces is one",
                get().and("x-long", &"y".repeat(2000)).in_pieces(1, &[1, 0, 7, 1000]),
                Status(1, 200),
            )
        },
    ]
}

/// Frames on streams where they cannot be (§5.1, §6).
fn places() -> Vec<Case> {
    let bad = |name, frame| case(name, [frame], Goaway(PROTOCOL_ERROR));
    let after = |name, frame| case(name, [get().open(5), frame], Goaway(PROTOCOL_ERROR)).reaching();
    vec![
        bad("§6.1 data on no stream", data(0, 0, "x")),
        bad("§6.2 a header on no stream", get().request(0)),
        bad("§6.10 the rest of a header on no stream", frame(kind::CONTINUATION, 4, 0, [])),
        bad("§6.4 a reset of no stream", reset(0)),
        bad("§6.3 a priority of no stream", frame(kind::PRIORITY, 0, 0, [0; 5])),
        bad("§6.5 settings of a stream", frame(kind::SETTINGS, 0, 1, [])),
        bad("§6.7 a ping on a stream", frame(kind::PING, 0, 1, [0; 8])),
        bad("§6.8 a farewell on a stream", frame(kind::GOAWAY, 0, 1, [0; 8])),
        bad("§8.4 a promise of a client", frame(kind::PUSH_PROMISE, END_HEADERS, 1, [0; 8])),
        bad("§5.1.1 a stream with an even number", get().request(2)),
        after("§5.1.1 a stream with a lower number", get().request(3)),
        bad("§5.1 data on a stream that never began", data(1, 0, "x")),
        bad("§5.1 a reset of a stream that never began", reset(1)),
        bad("§5.1 a window of a stream that never began", window(1, 1)),
        after("§6.1 data with more padding than bytes", data(5, PADDED, [9, 0])),
        after("§6.1 padded data without its length", data(5, PADDED, [])),
        bad(
            "§6.2 a header with more padding than bytes",
            frame(kind::HEADERS, END_HEADERS | PADDED, 1, [200, 0x82]),
        ),
    ]
}

/// Settings that cannot be (§6.5.2).
fn settings() -> Vec<Case> {
    let bad = |name, id, value| case(name, [setting(id, value)], Goaway(PROTOCOL_ERROR));
    vec![
        bad("§6.5.2 a push that is neither on nor off", 2, 2),
        bad("§6.5.2 frames smaller than 16 kB", 5, 16_383),
        bad("§6.5.2 frames larger than can be", 5, 1 << 24),
        bad("RFC 8441 §3 tunnels neither on nor off", 8, 2),
        case("§6.5.2 a window beyond the largest", [setting(4, 1 << 31)], Goaway(GENERAL)),
        case(
            "§6.5.3 an acknowledgement of settings that were not sent",
            [frame(kind::SETTINGS, ACK, 0, []), frame(kind::SETTINGS, ACK, 0, [])],
            Goaway(PROTOCOL_ERROR),
        ),
        case("§6.5.2 unknown settings say nothing", [setting(0x99, 7)], Nothing),
        case("§6.5.2 a table of no size is taken", [setting(1, 0)], Nothing),
    ]
}

/// Windows (§6.9).
fn windows() -> Vec<Case> {
    let beyond = Goaway(FLOW_CONTROL_ERROR);
    let much = |stream, bytes: usize| {
        let full = data(stream, 0, vec![b'x'; 16_384]);
        std::iter::repeat_n(full, bytes / 16_384 + 1)
    };
    vec![
        case("§6.9 a window that grows by nothing", [window(0, 0)], Goaway(PROTOCOL_ERROR)),
        case("§6.9.1 a window beyond the largest", [window(0, LARGEST)], beyond.clone()),
        case(
            "§6.9.2 settings that lift a stream's window beyond the largest",
            [Block::post("/wait").open(1), window(1, LARGEST - 65_535), setting(4, 65_536)],
            beyond.clone(),
        )
        .reaching(),
        case(
            "§6.9.1 more on a connection than its window holds",
            (0..8).flat_map(|at| {
                let stream = at * 2 + 1;
                std::iter::once(Block::post("/wait").open(stream)).chain(much(stream, 200_000))
            }),
            beyond,
        )
        .reaching(),
    ]
}

/// What says nothing, or what is allowed (§5.5, §6).
fn passed_over() -> Vec<Case> {
    let nothing = |name, frame| case(name, [frame], Nothing);
    vec![
        nothing("§5.5 an unknown frame", frame(0x40, 0xff, 0, "whatever")),
        nothing("§5.5 an unknown frame on a stream", frame(0x41, 0, 7, "whatever")),
        nothing("§4.1 unknown flags", frame(kind::PING, 0xfe, 0, [1; 8])),
        nothing("§4.1 the bit that is reserved", frame(kind::PING, 0, 1 << 31, [1; 8])),
        nothing("§6.7 an answer to no ping", frame(kind::PING, ACK, 0, [1; 8])),
        nothing("§6.3 a priority of a stream that never began", {
            frame(kind::PRIORITY, 0, 7, [0, 0, 0, 0, 16])
        }),
        case(
            "§6.2 a header with padding",
            [frame(
                kind::HEADERS,
                END_HEADERS | END_STREAM | PADDED,
                1,
                [&[3_u8][..], &get().0, &[0; 3]].concat(),
            )],
            Status(1, 200),
        ),
        case(
            "§6.1 data with padding",
            [Block::post("/echo").open(1), data(1, END_STREAM | PADDED, [2, b'x', 0, 0])],
            Status(1, 200),
        ),
        case(
            "§5.1 a window of a stream that is over",
            [get().request(1), reset(1), window(1, 1)],
            Nothing,
        )
        .reaching(),
        case(
            "§5.1.1 streams that were left out are over",
            [get().request(AFTER - 2), data(1, 0, "x")],
            Reset(1, STREAM_CLOSED),
        )
        .reaching(),
    ]
}
