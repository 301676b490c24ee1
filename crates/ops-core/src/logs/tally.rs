//! Counting lines by release, level and name.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    id::ReleaseId,
    reading::{LogCount, LogLevel},
};

/// How often lines of each name came from each release.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    releases: BTreeMap<ReleaseId, BTreeMap<(LogLevel, Arc<str>), u64>>,
}

impl Tally {
    /// Counts a line of a release, as a [`super::Miner`] named it.
    pub fn add(&mut self, release: &ReleaseId, (level, name): (LogLevel, Arc<str>)) {
        if !self.releases.contains_key(release) {
            self.releases.insert(release.clone(), BTreeMap::new());
        }
        if let Some(counts) = self.releases.get_mut(release) {
            *counts.entry((level, name)).or_default() += 1;
        }
    }

    /// The counts, in the order of releases, levels and names.
    pub fn counts(self) -> Vec<LogCount> {
        let of_release = |(release, counts): (ReleaseId, BTreeMap<_, _>)| {
            counts.into_iter().map(move |((level, name), lines): ((LogLevel, Arc<str>), u64)| {
                LogCount { release: release.clone(), level, template: name.to_string(), lines }
            })
        };
        self.releases.into_iter().flat_map(of_release).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_by_release_level_and_name() {
        let mut tally = Tally::default();
        let (old, new) = (ReleaseId::from("a-1"), ReleaseId::from("b-2"));
        let name: Arc<str> = Arc::from("x");
        for (release, level) in
            [(&new, LogLevel::Error), (&old, LogLevel::Info), (&new, LogLevel::Error)]
        {
            tally.add(release, (level, Arc::clone(&name)));
        }
        let count = |release: &ReleaseId, level, lines| LogCount {
            release: release.clone(),
            level,
            template: "x".to_owned(),
            lines,
        };
        assert_eq!(
            tally.counts(),
            [count(&old, LogLevel::Info, 1), count(&new, LogLevel::Error, 2)]
        );
    }
}
