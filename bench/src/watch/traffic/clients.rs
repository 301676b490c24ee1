//! Clients that come, ask a few times and go, always of the same version.

use ops_core::signal::{Arm, UNIT_AGAIN_SECONDS};

use super::Both;
use crate::watch::{chance::Chance, scenario::Clients};

/// Seconds that the crowd needs to become as it will stay.
const SETTLE: u64 = 120;
/// Longest wait of a client between two requests, in seconds.
const LONGEST: usize = 120;

/// One version's second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) requests: u64,
    pub(super) failed: u64,
    /// Clients that came for the first time in a while, as the door counts them.
    pub(super) units: u64,
    /// Of these, those that met a failed request.
    pub(super) unit_errors: u64,
    /// Of these, those that had been counted before.
    pub(super) again: u64,
}

impl Moment {
    /// What the door tells of the clients.
    pub(super) fn tell(&self, arm: &mut Arm) {
        (arm.units, arm.unit_errors) = (self.units, self.unit_errors);
        arm.unit_errors_again = (self.units > 0).then_some(self.again);
    }
}

/// A client that will come again.
#[derive(Debug, Clone, Copy)]
struct Client {
    /// Which version it meets: the new one if this is below the share of the new one. A client
    /// keeps it for its whole life, so that all of its requests meet the same version.
    place: f64,
    /// Nothing works for it.
    failing: bool,
    /// It never leaves.
    stays: bool,
    /// When in its second it comes.
    at: f64,
    /// The second in which it was counted last.
    counted: Option<u64>,
}

/// All clients.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    clients: Clients,
    /// Who comes in which of the next seconds, round and round.
    calendar: Vec<Vec<Client>>,
    now: usize,
    /// Seconds so far.
    t: u64,
}

impl Crowd {
    /// A crowd that has been coming for a while.
    pub(super) fn new(clients: Clients, rate: f64, chance: &mut Chance) -> Self {
        let mut crowd = Self { clients, calendar: vec![Vec::new(); LONGEST + 2], now: 0, t: 0 };
        if clients.broken > 0.0 {
            let place = chance.share();
            let broken = Client { place, failing: true, stays: true, at: 0.0, counted: None };
            crowd.calendar[0].push(broken);
        }
        let errors = Both { canary: 0.0, control: 0.0 };
        for _ in 0..SETTLE {
            crowd.second(rate, 0.0, errors, chance);
        }
        crowd
    }

    /// One second at this rate of requests, of which the new version gets this share. The shares
    /// of failed requests include those of clients for whom nothing works.
    pub(super) fn second(
        &mut self,
        rate: f64,
        share: f64,
        errors: Both<f64>,
        chance: &mut Chance,
    ) -> Both<Moment> {
        let now = self.now;
        self.now = (now + 1) % self.calendar.len();
        self.t += 1;
        let mut present = std::mem::take(&mut self.calendar[now]);
        let failing = self.clients.failing * errors.control;
        for _ in 0..chance.poisson(rate / self.clients.requests) {
            let (place, at) = (chance.share(), chance.share());
            let failing = chance.happens(failing);
            present.push(Client { place, failing, stays: false, at, counted: None });
        }
        let nothing = Moment::default();
        let mut both = Both { canary: nothing, control: nothing };
        for mut client in present {
            let new = client.place < share;
            let all = if new { errors.canary } else { errors.control };
            let (moment, p) = if new { (&mut both.canary, all) } else { (&mut both.control, all) };
            let before = client.counted.is_some();
            let fresh = client.counted.is_none_or(|last| self.t >= last + UNIT_AGAIN_SECONDS);
            if fresh {
                client.counted = Some(self.t);
            }
            let (requests, failed) = self.visit(client, now, (p - failing).max(0.0), chance);
            moment.requests += requests;
            moment.failed += failed;
            moment.units += u64::from(fresh);
            moment.unit_errors += u64::from(fresh && failed > 0);
            moment.again += u64::from(before && fresh && failed > 0);
        }
        both
    }

    /// A client's requests in this second, and when it comes again.
    fn visit(&mut self, mut client: Client, now: usize, p: f64, chance: &mut Chance) -> (u64, u64) {
        let (mut requests, mut failed) = (0, 0);
        loop {
            requests += 1;
            failed += u64::from(client.failing || chance.happens(p));
            if !client.stays && chance.happens(1.0 / self.clients.requests) {
                return (requests, failed);
            }
            let gap = if client.stays { 1.0 / self.clients.broken } else { self.clients.gap };
            client.at += chance.exponential(gap).min(LONGEST as f64);
            if client.at >= 1.0 {
                let later = (now + client.at as usize) % self.calendar.len();
                client.at = client.at.fract();
                self.calendar[later].push(client);
                return (requests, failed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROWD: Clients = Clients { requests: 8.0, gap: 3.0, failing: 0.8, broken: 0.0 };

    fn totals(clients: Clients, seed: &str) -> Both<Moment> {
        let mut chance = Chance::of(seed);
        let mut crowd = Crowd::new(clients, 50.0, &mut chance);
        let errors = Both { canary: 0.02, control: 0.01 };
        let mut sum = Both { canary: Moment::default(), control: Moment::default() };
        for _ in 0..3_000 {
            let second = crowd.second(50.0, 0.2, errors, &mut chance);
            for (sum, one) in [(&mut sum.canary, second.canary), (&mut sum.control, second.control)]
            {
                sum.requests += one.requests;
                sum.failed += one.failed;
                sum.units += one.units;
                sum.unit_errors += one.unit_errors;
            }
        }
        sum
    }

    fn near(found: f64, wanted: f64, within: f64) {
        assert!((found / wanted - 1.0).abs() < within, "{found} instead of {wanted}");
    }

    #[test]
    fn rate_share_and_errors_are_as_asked() {
        let Both { canary, control } = totals(CROWD, "asked");
        near((canary.requests + control.requests) as f64, 150_000.0, 0.05);
        near(canary.requests as f64, 30_000.0, 0.1);
        near(control.failed as f64 / control.requests as f64, 0.01, 0.3);
        near(canary.failed as f64 / canary.requests as f64, 0.02, 0.3);
        assert!(control.units < control.requests && control.unit_errors < control.failed);
    }

    #[test]
    fn one_broken_client_stays_with_one_version() {
        let broken = Clients { broken: 2.0, failing: 0.0, ..CROWD };
        let seen: Vec<_> = (0..20).map(|seed| totals(broken, &format!("broken {seed}"))).collect();
        // Two of its requests fail in every second, 6,000 in all, beside the share of the others.
        let new = seen.iter().filter(|both| both.canary.failed > 4_000).count();
        let old = seen.iter().filter(|both| both.control.failed > 5_000).count();
        assert!(new + old == 20 && new >= 1 && old >= 10, "{new} and {old}");
    }
}
