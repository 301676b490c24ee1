//! What one release did in one second, while it goes on and when it is over.

use std::collections::{HashMap, hash_map::Entry};

use ops_core::{
    id::ReleaseId,
    signal::{
        Arm, LATENCY_BUCKETS, Latency, MAX_UNITS, STATUS_KINDS, TemplateCount, latency_bucket,
    },
};

use super::{
    crowd::Trial,
    templates::{Names, TemplateId},
};

/// How a request ended, as its user met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The service answered with this status.
    Answered(u16),
    /// No connection to the service could be had.
    Broken,
    /// The connection to the service stood and then broke.
    Reset,
    /// The service did not answer in time.
    TimedOut,
}

impl Outcome {
    /// Whether the request failed for its user.
    pub(crate) fn is_error(self) -> bool {
        !matches!(self, Self::Answered(..500))
    }
}

/// A request that is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Completed {
    pub(crate) outcome: Outcome,
    /// From the request's header to the first byte of the answer.
    pub(crate) latency_micros: u64,
    /// Whether it waited at the door.
    pub(crate) held: bool,
    /// Bytes of bodies, from the client and to it.
    pub(crate) bytes: (u64, u64),
    /// Hash of the client, where the route knows its clients again.
    pub(crate) unit: Option<u64>,
    pub(crate) template: TemplateId,
}

/// Counts of one template.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByTemplate {
    template: TemplateId,
    requests: u64,
    errors: u64,
    micros: u64,
}

impl ByTemplate {
    pub(super) fn report(&self, release: &ReleaseId, names: &Names) -> TemplateCount {
        TemplateCount {
            template: names.name(self.template),
            release: release.clone(),
            requests: self.requests,
            errors: self.errors,
            micros: self.micros,
        }
    }
}

/// A client that is a trial.
struct Unit {
    /// It met an error.
    failed: bool,
    /// It was a trial before.
    again: bool,
}

/// The counts of one release in the second that is going on.
pub(super) struct Tally {
    pub(super) release: ReleaseId,
    counts: Arm,
    kinds: [u32; STATUS_KINDS.len()],
    latency: Box<[u64; LATENCY_BUCKETS]>,
    templates: Vec<ByTemplate>,
    /// Clients that are trials of this second.
    units: HashMap<u64, Unit>,
}

impl Tally {
    pub(super) fn new(release: &ReleaseId) -> Self {
        Self {
            release: release.clone(),
            counts: Arm::default(),
            kinds: [0; STATUS_KINDS.len()],
            latency: Box::new([0; LATENCY_BUCKETS]),
            templates: Vec::new(),
            units: HashMap::new(),
        }
    }

    /// Counts a request that is over, and its client as what it is.
    pub(super) fn count(&mut self, done: Completed, trial: Trial) {
        let counts = &mut self.counts;
        counts.requests += 1;
        match done.outcome {
            Outcome::Broken => counts.connect += 1,
            Outcome::Reset => {
                counts.connect += 1;
                counts.reset += 1;
            }
            Outcome::TimedOut => counts.timeout += 1,
            Outcome::Answered(..300) => counts.s2xx += 1,
            Outcome::Answered(300..400) => counts.s3xx += 1,
            Outcome::Answered(status @ 400..500) => {
                counts.s4xx += 1;
                if let Some(at) = STATUS_KINDS.iter().position(|kind| *kind == status) {
                    self.kinds[at] += 1;
                }
            }
            Outcome::Answered(500..) => counts.s5xx += 1,
        }
        counts.held += u64::from(done.held);
        counts.bytes_in += done.bytes.0;
        counts.bytes_out += done.bytes.1;
        self.latency[usize::from(latency_bucket(done.latency_micros))] += 1;
        self.count_template(&done);
        if let Some(unit) = done.unit {
            self.count_unit(unit, done.outcome.is_error(), trial);
        }
    }

    fn count_template(&mut self, done: &Completed) {
        let (errors, micros) = (u64::from(done.outcome.is_error()), done.latency_micros);
        let template = done.template;
        add_to(&mut self.templates, ByTemplate { template, requests: 1, errors, micros });
    }

    fn count_unit(&mut self, unit: u64, failed: bool, trial: Trial) {
        let room = trial != Trial::Not && self.units.len() < MAX_UNITS;
        match self.units.entry(unit) {
            Entry::Occupied(mut known) => known.get_mut().failed |= failed,
            Entry::Vacant(place) if room => {
                place.insert(Unit { failed, again: trial == Trial::Again });
            }
            Entry::Vacant(_) => {}
        }
    }

    pub(super) fn count_retry(&mut self) {
        self.counts.retried += 1;
    }

    /// Adds what another process counted for the same service.
    pub(super) fn add(&mut self, other: &Arm) {
        for (bucket, count) in &other.latency {
            if let Some(mine) = self.latency.get_mut(usize::from(*bucket)) {
                *mine += count;
            }
        }
        for (kind, count) in &other.kinds {
            if let Some(at) = STATUS_KINDS.iter().position(|known| known == kind) {
                self.kinds[at] += *count as u32;
            }
        }
        let plain = Arm { latency: Vec::new(), kinds: Vec::new(), ..other.clone() };
        self.counts.add(&plain);
    }

    /// Adds what another process counted for one template.
    pub(super) fn add_template(&mut self, template: TemplateId, other: &TemplateCount) {
        let TemplateCount { requests, errors, micros, .. } = *other;
        add_to(&mut self.templates, ByTemplate { template, requests, errors, micros });
    }

    pub(super) fn seal(self) -> SealedArm {
        let latency = self.latency.iter().enumerate().filter(|(_, count)| **count > 0);
        let kinds = STATUS_KINDS.iter().zip(self.kinds).filter(|(_, count)| *count > 0);
        let mut counts = self.counts;
        counts.kinds = kinds.map(|(kind, count)| (*kind, u64::from(count))).collect();
        counts.units += self.units.len() as u64;
        let failed = self.units.values().filter(|unit| unit.failed);
        let (errors, again) = failed
            .fold((0, 0), |(errors, again), unit| (errors + 1, again + u64::from(unit.again)));
        if !self.units.is_empty() {
            counts.unit_errors_again = Some(counts.again() + again);
        }
        counts.unit_errors += errors;
        SealedArm {
            release: self.release,
            counts,
            latency: latency.map(|(bucket, count)| (bucket as u16, *count as u32)).collect(),
            templates: self.templates.into_boxed_slice(),
        }
    }
}

/// The counts of one release in a second that is over. `counts.latency` stays empty; the histogram
/// stands beside it in half the space.
pub(super) struct SealedArm {
    pub(super) release: ReleaseId,
    counts: Arm,
    latency: Box<[(u16, u32)]>,
    templates: Box<[ByTemplate]>,
}

impl SealedArm {
    pub(super) fn arm(&self) -> Arm {
        let latency: Latency =
            self.latency.iter().map(|(bucket, count)| (*bucket, u64::from(*count))).collect();
        Arm { latency, ..self.counts.clone() }
    }

    pub(super) fn report(&self) -> (ReleaseId, Arm) {
        (self.release.clone(), self.arm())
    }

    /// Requests and, of these, those that failed.
    pub(super) fn requests_and_errors(&self) -> (u64, u64) {
        (self.counts.requests, self.counts.errors())
    }

    pub(super) fn by_template(&self, names: &Names) -> impl Iterator<Item = TemplateCount> {
        self.templates.iter().map(|by| by.report(&self.release, names))
    }

    pub(super) fn add_templates_to(&self, sums: &mut Vec<ByTemplate>) {
        for by in &self.templates {
            add_to(sums, *by);
        }
    }
}

fn add_to(sums: &mut Vec<ByTemplate>, by: ByTemplate) {
    match sums.iter_mut().find(|sum| sum.template == by.template) {
        Some(sum) => {
            sum.requests += by.requests;
            sum.errors += by.errors;
            sum.micros += by.micros;
        }
        None => sums.push(by),
    }
}
