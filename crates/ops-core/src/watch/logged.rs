//! Lines of error level of both versions, and templates that only the new one writes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    id::ReleaseId,
    reading::{LogLevel, LogReading},
};

/// Templates that are remembered; further ones are told no more.
const TEMPLATES_MAX: usize = 500;
/// Lines of one template in one reading that count: one cause writes many.
const LINES_COUNTED: u64 = 5;

/// Events and exposure of the new and the old version in one reading.
pub(super) type Counts = ((u64, u64), (u64, u64));

/// What was logged so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Logged {
    /// Requests since the last reading; readings where there are no requests.
    exposure: (u64, u64),
    /// Templates of errors of the old version.
    known: BTreeSet<String>,
    /// Templates of errors of the new version, with how many lines.
    new: BTreeMap<String, u64>,
    told: BTreeSet<String>,
}

impl Logged {
    pub(super) fn requests(&mut self, canary: u64, control: u64) {
        self.exposure.0 = self.exposure.0.saturating_add(canary);
        self.exposure.1 = self.exposure.1.saturating_add(control);
    }

    /// Takes a reading; answers what to compare, if there is anything, and templates that only the
    /// new version writes and that were not told before.
    pub(super) fn feed(
        &mut self,
        reading: &LogReading,
        new: &ReleaseId,
        old: Option<&ReleaseId>,
    ) -> (Option<Counts>, Vec<String>) {
        let (mut canary, mut control) = (0, 0);
        for count in reading.counts.iter().filter(|count| count.level == LogLevel::Error) {
            let counted = count.lines.min(LINES_COUNTED);
            if count.release == *new {
                canary += counted;
                if self.new.contains_key(&count.template) || self.new.len() < TEMPLATES_MAX {
                    let lines = self.new.entry(count.template.clone()).or_default();
                    *lines = lines.saturating_add(count.lines);
                }
            } else if Some(&count.release) == old {
                control += counted;
                if self.known.len() < TEMPLATES_MAX {
                    self.known.insert(count.template.clone());
                }
            }
        }
        let (e_c, e_b) = std::mem::take(&mut self.exposure);
        // Without requests both versions are exposed to the same time.
        let (e_c, e_b) = if e_c == 0 && e_b == 0 { (1, 1) } else { (e_c, e_b) };
        let fresh: Vec<String> = self
            .new
            .keys()
            .filter(|template| !self.known.contains(*template) && !self.told.contains(*template))
            .cloned()
            .collect();
        let fresh = if old.is_some() { fresh } else { Vec::new() };
        self.told.extend(fresh.iter().cloned());
        let counts = (canary > 0 || control > 0).then_some(((canary, e_c), (control, e_b)));
        (counts, fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::LogCount;

    fn reading(rows: &[(&str, LogLevel, &str, u64)]) -> LogReading {
        let count = |(release, level, template, lines): &(&str, LogLevel, &str, u64)| LogCount {
            release: (*release).into(),
            level: *level,
            template: (*template).to_owned(),
            lines: *lines,
        };
        LogReading { counts: rows.iter().map(count).collect(), ..LogReading::default() }
    }

    #[test]
    fn a_template_that_only_the_new_version_writes_is_told_once() {
        use LogLevel::{Error, Info};
        let (mut logged, new, old) = (Logged::default(), "new".into(), "old".into());
        logged.requests(10, 90);
        let both = reading(&[
            ("new", Error, "no stock of <*>", 2),
            ("old", Error, "no stock of <*>", 9),
            ("new", Info, "started", 1),
            ("other", Error, "whatever", 1),
        ]);
        let seen = logged.feed(&both, &new, Some(&old));
        assert_eq!(seen, (Some(((2, 10), (5, 90))), Vec::new()));
        let own = reading(&[("new", Error, "no such column <*>", 70)]);
        let (counts, fresh) = logged.feed(&own, &new, Some(&old));
        assert_eq!(counts, Some(((5, 1), (0, 1))));
        assert_eq!(fresh, ["no such column <*>"]);
        assert_eq!(logged.feed(&own, &new, Some(&old)).1, Vec::<String>::new());
        assert_eq!(logged.feed(&LogReading::default(), &new, Some(&old)), (None, Vec::new()));
    }
}
