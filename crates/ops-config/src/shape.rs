//! The shape of `ops.yaml` as data: keys, kinds, limits, defaults, one line of meaning each.
//!
//! The check of a file, the complaints about it and the JSON Schema are all made from these
//! tables, so that they cannot come apart.

mod advisor;
mod around;
mod door;
mod file;
mod format;
mod gate;
mod reports;
mod service;
mod signal;
mod watch;

pub(crate) use file::FILE;
pub(crate) use format::{Format, REFERENCE};

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Table {
    /// What it is, for messages: `a service`.
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key of a table.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// One sentence on what it means.
    pub(crate) doc: &'static str,
    pub(crate) presence: Presence,
    pub(crate) kind: Kind,
}

/// What holds where a key is missing.
#[derive(Debug)]
pub(crate) enum Presence {
    /// It must be there. The text is an example for the hint.
    Required(&'static str),
    /// This holds, in words.
    Default(&'static str),
}

/// What a value may be. Limits include both ends.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text in a certain form.
    Text(&'static Format),
    /// Where a secret's value is found; never the value, which is why it is never shown (P13).
    Reference,
    /// Any scalar, taken as it is written, with at most so many bytes.
    Plain(usize),
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole(u64, u64),
    /// A number above 0, with or without a fraction, at most so much.
    Decimal(f64),
    /// A duration, in milliseconds.
    Duration(u64, u64),
    /// A duration in whole seconds.
    Seconds(u64, u64),
    /// A size, in megabytes.
    Size(u64, u64),
    /// A percentage, in percent.
    Share(f64, f64),
    /// A percentage without fraction, in percent.
    Percent(u64, u64),
    /// A range of ports above the privileged ones.
    Ports,
    /// A list with at least and at most so many items.
    List(&'static Kind, usize, usize),
    /// A mapping whose keys the team chooses, with at least and at most so many entries.
    Entries { key: &'static Format, of: &'static Kind, min: usize, max: usize },
    /// A mapping with known keys.
    Table(&'static Table),
    /// One of these, told apart by what YAML calls them: at most one scalar, list and mapping.
    Either(&'static [Kind]),
}

impl Table {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The first table at or below this one that has a key of this name, and its words.
    pub(crate) fn find(&'static self, name: &str) -> Option<(&'static str, &'static Key)> {
        if let Some(key) = self.key(name) {
            return Some((self.what, key));
        }
        self.keys.iter().find_map(|key| key.kind.tables().into_iter().find_map(|t| t.find(name)))
    }
}

impl Kind {
    /// The tables that a value of this kind leads to.
    pub(crate) fn tables(&'static self) -> Vec<&'static Table> {
        match self {
            Self::Table(table) => vec![table],
            Self::List(of, ..) | Self::Entries { of, .. } => of.tables(),
            Self::Either(kinds) => kinds.iter().flat_map(Self::tables).collect(),
            _ => Vec::new(),
        }
    }
}

const fn required(name: &'static str, kind: Kind, example: &'static str, doc: &'static str) -> Key {
    Key { name, doc, presence: Presence::Required(example), kind }
}

const fn optional(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, doc, presence: Presence::Default(default), kind }
}

/// In milliseconds.
const SECOND: u64 = 1_000;
/// In milliseconds.
const MINUTE: u64 = 60 * SECOND;
/// In milliseconds.
const HOUR: u64 = 60 * MINUTE;
const DAY_SECONDS: u64 = 24 * 3_600;
/// Longest argument or value of a variable, in bytes; Linux takes 128 kB.
const WORD_MAX: usize = 32_768;
/// How many requests at least.
const REQUESTS: Kind = Kind::Whole(0, 1_000_000_000);
