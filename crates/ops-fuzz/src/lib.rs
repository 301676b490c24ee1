//! The grinder: whatever comes from outside, taken by the code that takes it in earnest.
//!
//! Each target is a plain function over bytes. It panics where a law is broken that holds for any
//! bytes: escapes stay escaped, what is refused says why, what is read back is what was written,
//! nobody but CQ and QA helps a ticket through. `tests/replay.rs` runs the corpus in `fuzz/corpus` and
//! some thousand mutations of it on stable Rust; `fuzz/` runs the same functions under libFuzzer.

#![expect(clippy::expect_used, reason = "a target ends with a panic: that is what it is for")]

mod archive;
mod boards;
mod bytes;
mod door;
mod evidence;
mod journal;
mod judge;
mod logs;
mod model;
mod notes;
mod senses;
mod series;
mod settings;
mod sockets;

pub use archive::artifact_archive;
pub use boards::{board_reply, mentions};
pub use door::edge_http;
pub use evidence::{tickets, verdict};
pub use journal::journal;
pub use judge::judge;
pub use logs::log_lines;
pub use model::model_answer;
pub use notes::deployment_notes;
pub use senses::{alerts, prometheus};
pub use series::recorded_series;
pub use settings::ops_yaml;
pub use sockets::{daemon_socket, edge_socket, keeper_socket};

/// Something that takes bytes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Takes any bytes; panics where a law is broken.
    pub run: fn(&[u8]),
    /// How many mutations of its corpus are tried where nobody says how many: fewer where files or
    /// sockets are at work.
    pub mutations: usize,
}

/// Longest input that a target looks at.
pub const INPUT_MAX: usize = 64 * 1024;

/// All targets.
pub const TARGETS: [Target; 18] = [
    Target { name: "alerts", run: alerts, mutations: 4_000 },
    Target { name: "artifact_archive", run: artifact_archive, mutations: 400 },
    Target { name: "board_reply", run: board_reply, mutations: 4_000 },
    Target { name: "daemon_socket", run: daemon_socket, mutations: 2_000 },
    Target { name: "deployment_notes", run: deployment_notes, mutations: 1_500 },
    Target { name: "edge_http", run: edge_http, mutations: 400 },
    Target { name: "edge_socket", run: edge_socket, mutations: 400 },
    Target { name: "journal", run: journal, mutations: 200 },
    Target { name: "judge", run: judge, mutations: 120 },
    Target { name: "keeper_socket", run: keeper_socket, mutations: 2_000 },
    Target { name: "log_lines", run: log_lines, mutations: 3_000 },
    Target { name: "mentions", run: mentions, mutations: 4_000 },
    Target { name: "model_answer", run: model_answer, mutations: 4_000 },
    Target { name: "ops_yaml", run: ops_yaml, mutations: 400 },
    Target { name: "prometheus", run: prometheus, mutations: 4_000 },
    Target { name: "recorded_series", run: recorded_series, mutations: 400 },
    Target { name: "tickets", run: tickets, mutations: 1_500 },
    Target { name: "verdict", run: verdict, mutations: 1_500 },
];

/// The part of an input that is looked at.
fn cut(bytes: &[u8]) -> &[u8] {
    bytes.get(..INPUT_MAX).unwrap_or(bytes)
}

/// Every line of a text as somebody else's.
fn quoted(text: &str) -> String {
    text.lines().flat_map(|line| ["> ", line, "\n"]).collect()
}

/// Whether a terminal, a log or a line-based reader would take something in a text for more than
/// text. Line feeds and tabs are let pass where `lines`.
fn moves_cursors(text: &str, lines: bool) -> bool {
    text.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t')))
}
