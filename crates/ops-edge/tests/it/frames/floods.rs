//! Much of what is allowed once.

use super::{
    Block, Case, Goaway, Nothing, Status, case,
    code::ENHANCE_YOUR_CALM,
    frame, kind,
    wire::{
        Frame, data,
        flag::{END_HEADERS, END_STREAM},
        reset, setting, window,
    },
};

const CALM: super::Reaction = Goaway(ENHANCE_YOUR_CALM);

const LARGEST: u32 = (1 << 31) - 1;

pub(super) fn cases() -> Vec<Case> {
    [requests(), headers(), frames()].into_iter().flatten().collect()
}

fn many(count: usize, frame: Frame) -> impl Iterator<Item = Frame> {
    std::iter::repeat_n(frame, count)
}

/// Requests that are begun to cost the door or the service something.
fn requests() -> Vec<Case> {
    let wait = || Block::post("/wait");
    let streams = |count: u32| (0..count).map(|at| at * 2 + 1);
    vec![
        case(
            "CVE-2023-44487 streams that are reset at once",
            streams(2000).flat_map(|stream| [wait().open(stream), reset(stream)]),
            CALM,
        )
        .reaching(),
        case(
            "CVE-2025-8671 streams that the door is made to reset",
            streams(2000).flat_map(|stream| [wait().open(stream), window(stream, LARGEST)]),
            CALM,
        )
        .reaching(),
        case(
            "§8.1.1 requests that are malformed",
            streams(2000).map(|stream| Block::of(&[(":method", "GET")]).request(stream)),
            CALM,
        ),
        case(
            "§8.7 a few requests that are given up in mid-body",
            streams(15).flat_map(|stream| {
                [Block::post("/echo").open(stream), data(stream, 0, "x"), reset(stream)]
            }),
            Nothing,
        )
        .reaching(),
    ]
}

/// Headers that do not end, or that unpack to more than comes.
fn headers() -> Vec<Case> {
    let begun = || std::iter::once(frame(kind::HEADERS, END_STREAM, 1, Block::get("/").0));
    let more = |payload: Vec<u8>| many(5000, frame(kind::CONTINUATION, 0, 1, payload));
    // A field that the table remembers, which is named ten thousand times then.
    let mut bomb = Block::get("/").then(&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e]).0;
    bomb.extend([b'y'; 4000]);
    bomb.extend([0xbe; 10_000]);
    vec![
        case(
            "CVE-2024-27316 a header without end",
            begun().chain(more(Block::of(&[("x", "y")]).0)),
            CALM,
        ),
        case("CVE-2024-27316 a header of empty pieces", begun().chain(more(Vec::new())), CALM),
        case(
            "CVE-2016-6581 a header that unpacks to forty megabytes",
            [frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, bomb)],
            CALM,
        ),
        case(
            "§10.5.1 a header larger than the door takes",
            Block::get("/").and("x", &"y".repeat(70_000)).in_pieces(1, &[16_000; 5]),
            Status(1, 431),
        ),
    ]
}

/// Frames that ask for little or nothing.
fn frames() -> Vec<Case> {
    let nothing = |name, frame| case(name, many(5000, frame), Nothing);
    vec![
        nothing("CVE-2019-9512 pings", frame(kind::PING, 0, 0, [7; 8])),
        nothing("CVE-2019-9515 settings", setting(3, 100)),
        nothing("CVE-2019-9513 priorities", frame(kind::PRIORITY, 0, 1, [0, 0, 0, 0, 16])),
        nothing("§6.9 windows", window(0, 1)),
        nothing("§5.5 unknown frames", frame(0x40, 0, 0, "x")),
        case(
            "CVE-2019-9518 data without bytes",
            std::iter::once(Block::post("/echo").open(1)).chain(many(5000, data(1, 0, []))),
            CALM,
        )
        .reaching(),
    ]
}
