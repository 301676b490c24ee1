//! Nobody is told again and again what ops understands: two programs that both answer whatever they
//! are told would never come to an end.

use std::collections::BTreeMap;

use ops_core::{id::Identity, time::BootMs};

/// How often one author is told so in an hour.
const MOST: u32 = 10;
const HOUR_MS: BootMs = 3_600_000;

/// Whom it told so, since when, and how often. Lost in a crash: then it is told a few times more.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    told: BTreeMap<Identity, (BootMs, u32)>,
}

impl Patience {
    /// Whether there is some left for an author, a little of which this takes.
    pub(crate) fn has(&mut self, author: &Identity, now: BootMs) -> bool {
        self.told.retain(|_, (since, _)| now.saturating_sub(*since) < HOUR_MS);
        let (_, times) = self.told.entry(author.clone()).or_insert((now, 0));
        *times = times.saturating_add(1);
        *times <= MOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_told_ten_times_an_hour_and_others_none_the_less() {
        let (mut patience, bot, dev) = (Patience::default(), "bot".into(), "dev".into());
        let told = (0..60).filter(|n| patience.has(&bot, n * 60_000)).count();
        assert_eq!(told, 10);
        assert!(patience.has(&dev, HOUR_MS - 1));
        assert!(patience.has(&bot, HOUR_MS));
    }
}
