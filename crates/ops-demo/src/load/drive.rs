//! The clockwork: every request departs at its intended time, whatever became of the others.

use std::{io, sync::Arc, time::Duration};

use tokio::{sync::oneshot, task::yield_now};

use super::{
    plan::LoadPlan,
    pool::{Departure, Pool},
};
use crate::{alarm::Alarm, clock::boot_us, random::Dice};

/// Late departures in a row before connections get their turn.
const LATE_IN_A_ROW: u32 = 32;
/// Time beyond the timeout in which outstanding requests must have ended.
const DRAIN_MARGIN: Duration = Duration::from_secs(2);

/// Sends until the schedule ends or `stop` is done, then waits for what is outstanding.
pub(super) async fn drive(
    plan: &LoadPlan,
    pool: &Arc<Pool>,
    alarm: &Alarm,
    started_us: u64,
    mut stop: oneshot::Receiver<()>,
) -> io::Result<()> {
    let mut deck = Deck::new(plan);
    let mut late_in_a_row = 0;
    // The end of the schedule is waited for too: a pause at the end is part of the load.
    let end = plan.schedule.length_us().into_iter().map(|length| (length, false));
    let departures = plan.schedule.departures().map(|offset| (offset, true));
    for (offset_us, departs) in departures.chain(end) {
        let intended_us = started_us.saturating_add(offset_us);
        if boot_us() < intended_us {
            late_in_a_row = 0;
            tokio::select! {
                biased;
                _ = &mut stop => break,
                woken = alarm.until(intended_us) => woken?,
            }
        } else {
            late_in_a_row += 1;
            if late_in_a_row % LATE_IN_A_ROW == 0 {
                yield_now().await;
            }
            if !matches!(stop.try_recv(), Err(oneshot::error::TryRecvError::Empty)) {
                break;
            }
        }
        if departs {
            pool.depart(Departure { visit: deck.draw(), intended_us });
        }
    }
    pool.drained(plan.timeout + DRAIN_MARGIN).await;
    Ok(())
}

/// Draws visits by their weights; the same seed gives the same order.
struct Deck {
    /// Sums of the weights up to and including each visit.
    sums: Vec<u64>,
    dice: Dice,
}

impl Deck {
    fn new(plan: &LoadPlan) -> Self {
        let sums = plan.mix.iter().scan(0_u64, |sum, visit| {
            *sum += u64::from(visit.weight);
            Some(*sum)
        });
        Self { sums: sums.collect(), dice: Dice::from_seed(plan.seed) }
    }

    fn draw(&mut self) -> u8 {
        let card = self.dice.below(self.sums.last().copied().unwrap_or(0));
        // A plan has at most `VISITS_MAX` visits.
        self.sums.partition_point(|&sum| sum <= card) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Schedule, Visit};

    #[test]
    fn a_deck_follows_the_weights() {
        let target = "127.0.0.1:80".parse().unwrap();
        let mut plan = LoadPlan::shop(target, Schedule::constant(1.0));
        plan.mix = vec![Visit::get("/never", 0), Visit::get("/a", 1), Visit::get("/b", 3)];
        let mut deck = Deck::new(&plan);
        let mut seen = [0; 3];
        for _ in 0..40_000 {
            seen[usize::from(deck.draw())] += 1;
        }
        assert_eq!(seen[0], 0);
        assert!((9_500..10_500).contains(&seen[1]), "{seen:?}");
    }
}
