//! What a load saw: counts, and every request one by one.

use std::ops::RangeBounds;

use ops_core::time::BootMs;
use serde::Serialize;

use super::{
    record::{Ended, Outcome, Record},
    spread::Spread,
    tally::Tally,
};
use crate::clock::to_ms;

/// At most this many versions are told apart; later ones are counted together as [`OTHERS`].
const VERSIONS_MAX: usize = 64;
/// Longest name of a version that is kept, in bytes.
const VERSION_BYTES: usize = 64;
/// Marks a record without a version.
const NO_VERSION: u8 = u8::MAX;

/// Name under which versions beyond the bound are counted.
pub const OTHERS: &str = "(others)";

/// What was seen of one version, over the whole load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionSeen {
    /// The version's name.
    pub version: String,
    /// Requests that it answered.
    pub answered: u64,
    /// Of these: with 500 or above.
    pub bad: u64,
    /// When its first answer was complete, in milliseconds since boot.
    pub first_answer: BootMs,
    /// When its first bad answer was complete, in milliseconds since boot.
    pub first_bad: Option<BootMs>,
}

/// What a load saw. Windows select by *intended* departure, in milliseconds since boot.
#[derive(Debug, Clone)]
pub struct LoadReport {
    started_us: u64,
    pub(super) ended_us: Option<u64>,
    outstanding: u64,
    records_max: usize,
    records: Vec<Record>,
    versions: Vec<VersionSeen>,
    total: Tally,
}

impl LoadReport {
    pub(super) fn new(started_us: u64, records_max: usize) -> Self {
        Self {
            started_us,
            ended_us: None,
            outstanding: 0,
            records_max,
            records: Vec::new(),
            versions: Vec::new(),
            total: Tally::default(),
        }
    }

    /// A copy that tells how many requests are still on their way.
    pub(super) fn with_outstanding(&self, outstanding: u64) -> Self {
        Self { outstanding, ..self.clone() }
    }

    /// Adds a request that has ended.
    pub(super) fn add(&mut self, ended: &Ended) {
        let version = match &ended.outcome {
            Outcome::Answered { status, version } => {
                self.seen(version, *status >= 500, to_ms(ended.finished_us))
            }
            Outcome::Lost { .. } => NO_VERSION,
        };
        let record = Record::new(ended, version);
        self.total += &record;
        if self.records.len() < self.records_max {
            self.records.push(record);
        }
    }

    fn seen(&mut self, name: &str, bad: bool, at: BootMs) -> u8 {
        let known = self.versions.iter().position(|seen| seen.version == name);
        let index = known.unwrap_or_else(|| {
            let crowded = self.versions.len() >= VERSIONS_MAX || name.len() > VERSION_BYTES;
            let name = if crowded { OTHERS } else { name };
            self.versions.iter().position(|seen| seen.version == name).unwrap_or_else(|| {
                self.versions.push(VersionSeen {
                    version: name.to_owned(),
                    answered: 0,
                    bad: 0,
                    first_answer: at,
                    first_bad: None,
                });
                self.versions.len() - 1
            })
        });
        let seen = &mut self.versions[index];
        seen.answered += 1;
        seen.first_answer = seen.first_answer.min(at);
        if bad {
            seen.bad += 1;
            seen.first_bad = Some(seen.first_bad.map_or(at, |first| first.min(at)));
        }
        // At most `VERSIONS_MAX` names and `OTHERS` fit well below the mark.
        u8::try_from(index).unwrap_or(NO_VERSION)
    }

    /// Intended departure of the first request.
    pub fn started(&self) -> BootMs {
        to_ms(self.started_us)
    }

    /// When the last request had ended; `None` while the load runs, or if it broke.
    pub fn ended(&self) -> Option<BootMs> {
        self.ended_us.map(to_ms)
    }

    /// Whether the load ended in order and every request is recorded one by one. Numbers of an
    /// incomplete report are no evidence.
    pub fn is_complete(&self) -> bool {
        self.ended_us.is_some() && self.outstanding == 0 && self.unrecorded() == 0
    }

    /// Requests that are in [`total`](Self::total) but no longer in the records.
    pub fn unrecorded(&self) -> u64 {
        self.total.requests - self.records.len() as u64
    }

    /// Requests that had departed and not ended.
    pub fn outstanding(&self) -> u64 {
        self.outstanding
    }

    /// All requests of the load, recorded or not.
    pub fn total(&self) -> Tally {
        self.total
    }

    /// Every version that answered, in the order of their first answers.
    pub fn versions(&self) -> &[VersionSeen] {
        &self.versions
    }

    /// What was seen of one version.
    pub fn version(&self, name: &str) -> Option<&VersionSeen> {
        self.versions.iter().find(|seen| seen.version == name)
    }

    /// Every recorded request, in the order in which they ended.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The version that answered a record of this report.
    pub fn version_of(&self, record: &Record) -> Option<&str> {
        self.versions.get(usize::from(record.version)).map(|seen| seen.version.as_str())
    }

    /// Recorded requests of a window.
    pub fn within(&self, window: impl RangeBounds<BootMs>) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| window.contains(&record.intended_ms()))
    }

    /// Counts of a window.
    pub fn tally(&self, window: impl RangeBounds<BootMs>) -> Tally {
        let mut tally = Tally::default();
        self.within(window).for_each(|record| tally += record);
        tally
    }

    /// Bad answers that were complete at `until` or before; of one version, or of all.
    pub fn bad_until(&self, until: BootMs, version: Option<&str>) -> u64 {
        self.records
            .iter()
            .filter(|record| record.is_bad() && record.finished_ms() <= until)
            .filter(|record| version.is_none() || self.version_of(record) == version)
            .count() as u64
    }

    /// Latency of the *answered* requests of a window, from their intended departure; of one
    /// version, or of all. Lost requests have none: see [`tally`](Self::tally) for them.
    pub fn latency(
        &self,
        window: impl RangeBounds<BootMs>,
        version: Option<&str>,
    ) -> Option<Spread> {
        let times = self
            .within(window)
            .filter(|record| record.is_answered())
            .filter(|record| version.is_none() || self.version_of(record) == version)
            .map(|record| record.latency().as_micros() as u64);
        Spread::of(times.collect())
    }

    /// How late requests of a window were sent: the generator's own delay and the wait for a free
    /// connection.
    pub fn lateness(&self, window: impl RangeBounds<BootMs>) -> Option<Spread> {
        let sent = self.within(window).filter_map(|record| Some((record, record.sent_us()?)));
        Spread::of(sent.map(|(record, sent)| sent - record.intended_us()).collect())
    }

    /// Latency of the answered requests that ended at `since_us` or later, from the newest back,
    /// at most `most` of them.
    pub(super) fn newest(&self, since_us: u64, most: usize) -> Option<Spread> {
        let ended_us = |record: &Record| record.intended_us() + record.latency().as_micros() as u64;
        let newest = self.records.iter().rev().take(most);
        let newest = newest.take_while(|record| ended_us(record) >= since_us);
        let answered = newest.filter(|record| record.is_answered());
        Spread::of(answered.map(|record| record.latency().as_micros() as u64).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Loss;

    fn answered(intended_ms: u64, latency_ms: u64, status: u16, version: &str) -> Ended {
        let outcome = Outcome::Answered { status, version: version.into() };
        ended(intended_ms, latency_ms, outcome)
    }

    fn ended(intended_ms: u64, latency_ms: u64, outcome: Outcome) -> Ended {
        Ended {
            visit: 0,
            intended_us: intended_ms * 1_000,
            sent_us: Some(intended_ms * 1_000 + 250),
            finished_us: (intended_ms + latency_ms) * 1_000,
            outcome,
        }
    }

    #[test]
    fn windows_select_by_intended_departure() {
        let mut report = LoadReport::new(0, 100);
        report.add(&answered(10, 500, 200, "v1"));
        report.add(&answered(20, 2, 500, "v2"));
        report.add(&ended(30, 1, Outcome::lost(Loss::Timeout)));
        report.add(&ended(30, 1, Outcome::Lost { loss: Loss::Door, status: Some(503) }));
        let tally = report.tally(20..=30);
        assert_eq!((tally.requests, tally.answered, tally.bad), (3, 1, 1));
        assert_eq!((tally.lost.timeout, tally.lost.door, tally.lost.total()), (1, 1, 2));
        assert_eq!(report.tally(..), report.total());
        assert_eq!(report.latency(..20, None), Spread::of(vec![500_000]));
        assert_eq!(report.latency(.., Some("v2")).unwrap().count, 1);
        assert_eq!(report.latency(30.., None), None);
        assert_eq!(report.lateness(..), Spread::of(vec![250; 4]));
    }

    #[test]
    fn bad_answers_count_from_their_end_and_by_version() {
        let mut report = LoadReport::new(0, 100);
        report.add(&answered(5, 1, 200, "v3"));
        report.add(&answered(20, 2, 503, "v3"));
        report.add(&answered(10, 8, 500, "v3"));
        report.add(&answered(11, 1, 404, "v2"));
        report.add(&answered(40, 1, 500, "v2"));
        let v3 = report.version("v3").unwrap();
        assert_eq!((v3.answered, v3.bad, v3.first_answer, v3.first_bad), (3, 2, 6, Some(18)));
        assert_eq!(report.version("v2").unwrap().first_bad, Some(41));
        assert_eq!(report.bad_until(17, None), 0);
        assert_eq!(report.bad_until(22, None), 2);
        assert_eq!(report.bad_until(50, Some("v3")), 2);
        assert_eq!(report.bad_until(50, None), 3);
    }

    #[test]
    fn beyond_the_bound_requests_are_counted_and_the_report_is_incomplete() {
        let mut report = LoadReport::new(0, 2);
        for at in 0..5 {
            report.add(&answered(at, 1, 200, "v1"));
        }
        report.ended_us = Some(9_000);
        assert_eq!((report.total().requests, report.records().len()), (5, 2));
        assert_eq!((report.unrecorded(), report.is_complete()), (3, false));
    }

    #[test]
    fn versions_beyond_the_bound_are_counted_together() {
        let mut report = LoadReport::new(0, 1_000);
        for number in 0..VERSIONS_MAX + 10 {
            report.add(&answered(1, 1, 200, &format!("v{number}")));
        }
        report.add(&answered(1, 1, 200, &"v".repeat(VERSION_BYTES + 1)));
        assert_eq!(report.versions().len(), VERSIONS_MAX + 1);
        assert_eq!(report.version(OTHERS).unwrap().answered, 11);
        assert_eq!(report.version_of(report.records().last().unwrap()), Some(OTHERS));
    }

    #[test]
    fn a_record_takes_24_bytes() {
        assert_eq!(size_of::<Record>(), 24);
    }
}
