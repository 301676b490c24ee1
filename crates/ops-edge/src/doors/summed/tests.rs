use ops_core::{
    id::{Generation, OpId, Stamp},
    signal::Probes,
};
use proptest::prelude::*;

use super::*;
use crate::doors::alignment::{Alignment, Heard};

const BOOT: &str = "this machine's boot";

fn release(name: &str) -> ReleaseId {
    ReleaseId::from(name)
}

fn stamp(op: u32) -> Stamp {
    Stamp { generation: Generation(1), deployment: 1, op: OpId(op) }
}

/// A second in which a release had so many requests.
fn second(second: u64, requests: u64) -> SignalSecond {
    let arm = Arm { requests, s2xx: requests, latency: vec![(80, requests)], ..Arm::default() };
    SignalSecond {
        second,
        arms: vec![(release("new"), arm)],
        weights: vec![(release("new"), 50)],
        refused: 1,
        probes: Probes { sent: 2, failed: 1 },
        templates: vec![TemplateCount {
            template: "/".into(),
            release: release("new"),
            requests,
            errors: 0,
            micros: 10,
        }],
        ..SignalSecond::default()
    }
}

fn told(seconds: Vec<SignalSecond>) -> Told {
    Told {
        boot: String::new(),
        now_ms: 0,
        last: Some(stamp(1)),
        served: true,
        counted: true,
        seconds,
    }
}

fn numbers(seconds: &[SignalSecond]) -> Vec<u64> {
    seconds.iter().map(|one| one.second).collect()
}

#[test]
fn p8_a_second_counts_where_every_door_told_it() {
    let a = [4, 5, 6, 7].map(|at| second(at, 10)).into();
    let b = [4, 6, 7, 8].map(|at| second(at, 3)).into();
    let sums = seconds(vec![("a", told(a)), ("b", told(b))], 4).unwrap();
    assert_eq!(numbers(&sums), [6, 7], "5 is a gap, 8 is not over everywhere");
    let arm = sums[0].arm(&release("new")).unwrap();
    assert_eq!((arm.requests, arm.s2xx, arm.latency.as_slice()), (13, 13, &[(80, 13)][..]));
    assert_eq!((sums[0].refused, sums[0].probes), (2, Probes { sent: 4, failed: 2 }));
    assert_eq!(sums[0].weights, [(release("new"), 50)]);
    assert_eq!((sums[0].templates[0].requests, sums[0].templates[0].micros), (13, 20));
}

#[test]
fn p8_weights_that_differ_held_nowhere() {
    let mut other = second(5, 1);
    other.weights = vec![(release("new"), 5)];
    let sums = seconds(vec![("a", told(vec![second(5, 1)])), ("b", told(vec![other]))], 0);
    assert!(sums.unwrap()[0].weights.is_empty());
}

#[test]
fn p8_a_door_that_lost_its_route_makes_the_signals_unreadable() {
    let with = || told(vec![second(5, 1)]);
    let none = |last| Told { served: false, counted: false, last, ..told(Vec::new()) };
    for last in [None, Some(stamp(0))] {
        let said = seconds(vec![("a", with()), ("b", none(last))], 0).unwrap_err();
        assert!(said.place.starts_with("door on b"), "{said}");
    }
    // One that was told to have none, since nothing of the service is on its host.
    let sums = seconds(vec![("a", with()), ("b", none(Some(stamp(1))))], 0).unwrap();
    assert_eq!(numbers(&sums), [5]);
    // One that has just begun to count tells nothing yet, and so does the whole.
    assert!(seconds(vec![("a", with()), ("b", told(Vec::new()))], 0).unwrap().is_empty());
}

/// A door of the property: how far its clock is ahead, and seconds in which it stood still.
#[derive(Debug, Clone)]
struct Simulated {
    ahead_ms: i64,
    still: Vec<u64>,
}

impl Simulated {
    fn now(&self, ours_ms: u64) -> u64 {
        ours_ms.checked_add_signed(self.ahead_ms).unwrap()
    }

    fn requests(&self, at: u64) -> u64 {
        (at * 31 + self.ahead_ms.unsigned_abs()) % 97
    }

    fn is_still(&self, at: u64) -> bool {
        self.still.contains(&(at % 50))
    }

    fn over(&self, now_ms: u64, after: u64) -> Vec<SignalSecond> {
        let first = (now_ms / 1_000).saturating_sub(1_800).max(after + 1);
        let whole = (first..now_ms / 1_000).filter(|at| !self.is_still(*at));
        whole.map(|at| second(at, self.requests(at))).collect()
    }
}

/// One question: when it is asked, how long the answer takes, and how much of that the way there.
type Question = (u64, u64, f64);

fn doors() -> impl Strategy<Value = Vec<Simulated>> {
    let still = prop::collection::vec(0..50_u64, 0..4);
    let one = (-3_000_000..9_000_000_i64, still)
        .prop_map(|(ahead_ms, still)| Simulated { ahead_ms, still });
    prop::collection::vec(one, 1..4)
}

fn questions() -> impl Strategy<Value = Vec<Question>> {
    prop::collection::vec((200..9_000_u64, 0..1_900_u64, 0.0..1.0_f64), 1..40)
}

proptest! {
    /// Whatever the clocks are and however late answers come: every second that all doors counted
    /// is told once, with what all of them counted in it, and no other.
    #[test]
    fn s18_p8_every_second_is_told_once_whatever_the_clocks_of_the_doors(
        doors in doors(),
        questions in questions(),
    ) {
        let mut clocks: Vec<Option<Alignment>> = vec![None; doors.len()];
        let (mut ours_ms, mut after, mut all) = (4_000_000_u64, 0, Vec::new());
        for (pause, takes, there) in questions {
            ours_ms += pause;
            let mut each = Vec::new();
            for (door, clock) in doors.iter().zip(&mut clocks) {
                let from = clock.as_ref().map_or(0, |clock| clock.theirs(after));
                let way = (takes as f64 * there) as u64;
                let now_ms = door.now(ours_ms + way);
                let heard =
                    Heard { boot: "theirs", now_ms, from_ms: ours_ms, until_ms: ours_ms + takes };
                let kept = clock.take().filter(|clock| clock.holds(BOOT, &heard));
                let kept = clock.insert(kept.unwrap_or_else(|| Alignment::of(BOOT, &heard)));
                each.push(("door", told(kept.ours(door.over(now_ms, from)))));
            }
            let sums = seconds(each, after).unwrap();
            after = sums.last().map_or(after, |last| last.second);
            all.extend(sums);
        }
        prop_assert!(all.is_sorted_by(|a, b| a.second < b.second), "told once and in order");
        let Some((first, last)) = all.first().zip(all.last()) else { return Ok(()) };
        let placed: Vec<(&Simulated, Alignment)> =
            doors.iter().zip(clocks.into_iter().flatten()).collect();
        for at in first.second..=last.second {
            let theirs = || placed.iter().map(|(door, clock)| (door, clock.theirs(at)));
            let told = all.iter().find(|one| one.second == at);
            let whole = theirs().all(|(door, at)| !door.is_still(at));
            prop_assert_eq!(told.is_some(), whole, "second {}", at);
            let sum: u64 = theirs().map(|(door, at)| door.requests(at)).sum();
            let counted = told.map(|told| told.arm(&release("new")).unwrap().requests);
            prop_assert_eq!(counted.unwrap_or(sum), sum, "second {}", at);
        }
    }
}
