//! Names for lines, few enough to be counted one by one.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use super::{MARK, Stream, clean::clean, line::of_text, stream::Place};
use crate::reading::LogLevel;

/// What lines are counted under for which there is no name left.
pub const OTHER: &str = "<other>";
/// Names of one level.
const NAMES_MAX: usize = 200;
/// Names that are alike before further ones like them share one name.
const ALIKE_MAX: usize = 20;
/// Lines of one template, none of them a warning or an error, before it is told by its name.
const FAMILIAR: u32 = 3;
/// Readings after which a name that was not seen may make room for another one.
const KEPT_READINGS: u64 = 600;

/// What names the lines of one service, over all its versions.
///
/// The name of a warning or an error is its template, so it depends on nothing else, as long as
/// there are few templates. That of any other line is [`OTHER`] until `FAMILIAR` were written of
/// it: what somebody typed once is not passed on, though it looks like no secret (P13). Where more than `ALIKE_MAX` differ in less than half of their words, further ones
/// like them are merged: they share one name in which those words are marked. Names that were given
/// never change. Beyond `NAMES_MAX` of one level, new templates are counted as [`OTHER`], until
/// old ones have not been seen for long.
#[derive(Debug, Clone, Default)]
pub struct Miner {
    levels: BTreeMap<LogLevel, Names>,
    reading: u64,
}

impl Miner {
    /// One that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a line of a stream: its level and its name. `None` if it says nothing, or belongs to
    /// a line before it.
    pub fn line(&mut self, stream: &mut Stream, line: &[u8]) -> Option<(LogLevel, Arc<str>)> {
        let text = clean(line);
        let place = stream.place(&text);
        if place == Place::Part {
            return None;
        }
        let line = of_text(&text)?;
        let level = place.level(line.level);
        stream.began(&text, level);
        let names = self.levels.entry(level).or_default();
        let told_from = if level == LogLevel::Info { FAMILIAR } else { 1 };
        Some((level, names.name(&line.template, told_from, self.reading)))
    }

    /// Says that one reading is over and another one begins.
    pub fn next_reading(&mut self) {
        self.reading += 1;
    }
}

/// The names of one level.
#[derive(Debug, Clone, Default)]
struct Names {
    /// Templates that are names.
    exact: BTreeMap<Arc<str>, Known>,
    /// Names of many templates each.
    merged: Vec<Merged>,
}

#[derive(Debug, Clone)]
struct Known {
    name: Arc<str>,
    words: Vec<u64>,
    /// Lines that had it.
    lines: u32,
    /// The last reading in which it was given.
    seen: u64,
}

#[derive(Debug, Clone)]
struct Merged {
    name: Arc<str>,
    /// `None` fits every word.
    words: Vec<Option<u64>>,
    seen: u64,
}

impl Names {
    /// The name of one more line. A template that fewer lines than `told_from` had is not told.
    fn name(&mut self, template: &str, told_from: u32, reading: u64) -> Arc<str> {
        if let Some(known) = self.exact.get_mut(template) {
            known.seen = reading;
            known.lines = known.lines.saturating_add(1);
            return known.told(told_from);
        }
        let words: Vec<u64> = template.split(' ').map(hash).collect();
        if let Some(merged) = self.merged.iter_mut().find(|merged| merged.fits(&words)) {
            merged.seen = reading;
            return Arc::clone(&merged.name);
        }
        let merged = self.merge(template, &words, reading);
        if !self.has_room(reading) {
            return Arc::from(OTHER);
        }
        if let Some(merged) = merged {
            let name = Arc::clone(&merged.name);
            self.merged.push(merged);
            return name;
        }
        let name: Arc<str> = Arc::from(template);
        let known = Known { name: Arc::clone(&name), words, lines: 1, seen: reading };
        let told = known.told(told_from);
        self.exact.insert(name, known);
        told
    }

    /// What a template and those like it have in common, if they are many.
    fn merge(&self, template: &str, words: &[u64], reading: u64) -> Option<Merged> {
        let alike: Vec<&Known> =
            self.exact.values().filter(|known| are_alike(&known.words, words)).collect();
        if alike.len() < ALIKE_MAX {
            return None;
        }
        let agreed = |at: usize, word: u64| {
            alike.iter().filter(|known| known.words.get(at) == Some(&word)).count() * 2
                >= alike.len()
        };
        let shared: Vec<Option<u64>> =
            words.iter().enumerate().map(|(at, word)| agreed(at, *word).then_some(*word)).collect();
        if shared.iter().all(Option::is_some) {
            return None;
        }
        let shown = template.split(' ').zip(&shared);
        let shown = shown.map(|(word, kept)| if kept.is_some() { word } else { MARK });
        let mut name: Vec<&str> = shown.collect();
        name.dedup_by(|a, b| *a == MARK && *b == MARK);
        Some(Merged { name: Arc::from(name.join(" ")), words: shared, seen: reading })
    }

    /// Whether there is room for one more name. Of those that were not seen for long, the one that
    /// was not seen for longest makes room.
    fn has_room(&mut self, reading: u64) -> bool {
        if self.exact.len() + self.merged.len() < NAMES_MAX {
            return true;
        }
        let forgotten = |seen: u64| seen + KEPT_READINGS <= reading;
        let exact = self.exact.values().min_by_key(|known| known.seen);
        if let Some(name) = exact.filter(|known| forgotten(known.seen)).map(|k| Arc::clone(&k.name))
        {
            self.exact.remove(&name);
            return true;
        }
        let before = self.merged.len();
        self.merged.retain(|merged| !forgotten(merged.seen));
        self.merged.len() < before
    }
}

impl Known {
    fn told(&self, from: u32) -> Arc<str> {
        if self.lines < from { Arc::from(OTHER) } else { Arc::clone(&self.name) }
    }
}

impl Merged {
    fn fits(&self, words: &[u64]) -> bool {
        let fits = |(kept, word): (&Option<u64>, &u64)| kept.is_none_or(|kept| kept == *word);
        self.words.len() == words.len() && self.words.iter().zip(words).all(fits)
    }
}

/// Whether two templates of the same length share half of their words, as Drain's similarity asks.
fn are_alike(a: &[u64], b: &[u64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).filter(|(a, b)| a == b).count() * 2 >= a.len()
}

fn hash(word: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    word.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The name of a line, which is a warning unless it says something else.
    fn named(miner: &mut Miner, line: &str) -> String {
        let warning = format!("WARN {line}");
        let line = if line.starts_with("ERROR") { line } else { &warning };
        miner.line(&mut Stream::default(), line.as_bytes()).unwrap().1.to_string()
    }

    /// Words without digits, each another one.
    fn word(n: usize) -> String {
        let letters = ["ro", "ti", "fi", "go", "lu", "mi", "no", "pe", "ru", "sa"];
        format!("{n:04}").bytes().map(|b| letters[usize::from(b - b'0')]).collect()
    }

    #[test]
    fn lines_that_differ_only_in_values_have_one_name() {
        let mut miner = Miner::new();
        for n in 0..1000 {
            assert_eq!(named(&mut miner, &format!("ERROR order {n} lost")), "order <*> lost");
        }
    }

    #[test]
    fn a_name_does_not_depend_on_what_was_seen_before() {
        let lines = ["slow store 7", "ERROR order 7 lost", "ERROR cart 7 lost"];
        let mut there = Miner::new();
        let mut back = Miner::new();
        let forth: Vec<String> = lines.iter().map(|line| named(&mut there, line)).collect();
        let mut reverse: Vec<String> =
            lines.iter().rev().map(|line| named(&mut back, line)).collect();
        reverse.reverse();
        assert_eq!(forth, reverse);
    }

    #[test]
    fn many_that_are_alike_share_a_name_that_stays() {
        let mut miner = Miner::new();
        let line = |n: usize| format!("shopper {} put a shoe into the cart", word(n));
        for n in 0..ALIKE_MAX {
            assert_eq!(named(&mut miner, &line(n)), line(n));
        }
        for n in ALIKE_MAX..5000 {
            assert_eq!(named(&mut miner, &line(n)), "shopper <*> put a shoe into the cart");
        }
        assert_eq!(named(&mut miner, &line(3)), line(3), "a name that was given stays");
        assert_eq!(named(&mut miner, "shopper left early"), "shopper left early");
    }

    #[test]
    fn a_flood_of_shapes_is_bounded_and_starves_no_other_level() {
        let mut miner = Miner::new();
        let mut names = std::collections::BTreeSet::new();
        for n in 0..5000 {
            let line = format!("{} {} {}", word(n), word(n + 5000), word(9999 - n));
            names.insert(named(&mut miner, &line));
        }
        assert_eq!(names.len(), NAMES_MAX + 1);
        assert!(names.contains(OTHER));
        assert_eq!(named(&mut miner, "ERROR no room"), "no room");
    }

    #[test]
    fn p13_what_is_no_warning_is_told_only_when_it_comes_again() {
        let mut miner = Miner::new();
        let mut names = |line: &str| {
            let mut stream = Stream::default();
            (0..4)
                .map(|_| miner.line(&mut stream, line.as_bytes()).unwrap().1.to_string())
                .collect()
        };
        let told: Vec<String> = names("see you on the bridge, my love");
        assert_eq!(told[..2], [OTHER, OTHER]);
        assert_eq!(told[2..], ["see you on the bridge, my love", "see you on the bridge, my love"]);
        let told: Vec<String> = names("WARN no room");
        assert_eq!(told, ["no room"; 4]);
    }

    #[test]
    fn names_that_were_not_seen_for_long_make_room() {
        let mut miner = Miner::new();
        for n in 0..NAMES_MAX {
            named(&mut miner, &word(n));
        }
        for _ in 0..KEPT_READINGS {
            miner.next_reading();
            assert_eq!(named(&mut miner, &word(1)), word(1));
            assert_eq!(named(&mut miner, &word(2)), word(2));
        }
        for n in 5000..5000 + NAMES_MAX - 2 {
            assert_eq!(named(&mut miner, &word(n)), word(n));
        }
        assert_eq!(named(&mut miner, &word(9000)), OTHER);
        assert_eq!(named(&mut miner, &word(1)), word(1));
    }
}
