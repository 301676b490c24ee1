//! The short story of a run: what happened, in order, for a person who looks for a mistake.

use std::fmt::Write as _;

use ops_core::id::Digest;

/// Lines, and whether they are kept or only hashed.
#[derive(Debug, Clone, Default)]
pub struct Story {
    lines: Vec<String>,
    hash: u64,
    keep: bool,
}

impl Story {
    /// A story whose lines are kept.
    pub fn kept() -> Self {
        Self { keep: true, ..Self::default() }
    }

    /// Whether lines are kept; if not, making their words is a waste.
    pub fn keeps(&self) -> bool {
        self.keep
    }

    /// Tells something that happened at `t`.
    pub fn tell(&mut self, t: u64, words: impl FnOnce() -> String) {
        if self.keep {
            let mut line = String::new();
            let _ = write!(line, "{:>7}.{:03} {}", t / 1_000, t % 1_000, words());
            self.lines.push(line);
        }
    }

    /// Mixes a number into the hash of the run: cheap enough to be done for every event.
    pub fn mix(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    /// The hash over all that was mixed in.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Hash over the lines themselves.
    pub fn digest(&self) -> Digest {
        Digest::of(self.text(usize::MAX).as_bytes())
    }

    /// The last lines.
    pub fn text(&self, last: usize) -> String {
        let skip = self.lines.len().saturating_sub(last);
        self.lines[skip..].join("\n")
    }
}
