//! Runs that once broke a promise, kept with what they found.

use crate::injections::Without;

/// A kept run.
#[derive(Debug)]
pub struct Kept {
    /// Its seed.
    pub seed: u64,
    /// What is left out of it.
    pub without: Without,
    /// What it found.
    pub found: &'static str,
}

/// All of them, or the first line that cannot be read.
///
/// # Errors
///
/// That line.
pub fn kept() -> Result<Vec<Kept>, &'static str> {
    let lines = include_str!("../seeds.txt").lines();
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| read(line).ok_or(line))
        .collect()
}

fn read(line: &'static str) -> Option<Kept> {
    let mut parts = line.splitn(3, ' ');
    let seed = parts.next()?.parse().ok()?;
    let without = match parts.next()? {
        "-" => Without::default(),
        list => Without::parse(list)?,
    };
    Some(Kept { seed, without, found: parts.next()? })
}
