//! What the ring keeps of a second, and what it leaves out.

use ops_core::signal::latency_bucket;

use super::*;
use crate::state::{
    tally::Outcome,
    templates::{TemplateId, Templates},
};

fn done(outcome: Outcome) -> Completed {
    Completed {
        outcome,
        latency_micros: 1000,
        held: false,
        bytes: (1, 2),
        unit: None,
        template: TemplateId::default(),
    }
}

fn weights(pairs: &[(&str, u8)]) -> Weights {
    pairs.iter().map(|(name, weight)| (ReleaseId::from(*name), *weight)).collect()
}

fn since(ring: &mut Ring, after: u64, now: u64) -> Vec<SignalSecond> {
    ring.since(after, now).iter().map(|sealed| sealed.report(&Templates::new().names())).collect()
}

#[test]
fn a_second_is_given_only_when_it_is_over() {
    let mut ring = Ring::new(10);
    ring.count(10, &"a".into(), done(Outcome::Answered(200)));
    assert!(since(&mut ring, 0, 10).is_empty());
    let seconds = since(&mut ring, 0, 11);
    assert_eq!(seconds.len(), 1);
    assert_eq!(seconds[0].arm(&"a".into()).unwrap().s2xx, 1);
    assert!(since(&mut ring, 10, 11).is_empty());
}

#[test]
fn every_outcome_has_its_own_count_and_every_request_a_latency() {
    let mut ring = Ring::new(1);
    let outcomes = [
        Outcome::Answered(204),
        Outcome::Answered(304),
        Outcome::Answered(404),
        Outcome::Answered(503),
        Outcome::Broken,
        Outcome::TimedOut,
        Outcome::Reset,
    ];
    for outcome in outcomes {
        ring.count(1, &"a".into(), done(outcome));
    }
    let arm = since(&mut ring, 0, 2)[0].arms[0].1.clone();
    assert_eq!((arm.s2xx, arm.s3xx, arm.s4xx, arm.s5xx), (1, 1, 1, 1));
    assert_eq!((arm.requests, arm.connect, arm.timeout, arm.errors()), (7, 2, 1, 4));
    assert_eq!(arm.latency, vec![(latency_bucket(1000), 7)]);
}

#[test]
fn seconds_without_traffic_are_present() {
    let mut ring = Ring::new(5);
    ring.change(5, &weights(&[("a", 100)]));
    let seconds = since(&mut ring, 0, 9);
    assert_eq!(seconds.iter().map(|s| s.second).collect::<Vec<_>>(), [5, 6, 7, 8]);
    assert!(seconds[0].weights.is_empty());
    assert_eq!(seconds[1].weights, [("a".into(), 100)]);
}

#[test]
fn weights_are_left_out_in_the_second_of_a_change() {
    let mut ring = Ring::new(1);
    ring.change(1, &weights(&[("a", 100)]));
    ring.change(3, &weights(&[("a", 50), ("b", 50)]));
    let seconds = since(&mut ring, 0, 5);
    let known: Vec<usize> = seconds.iter().map(|s| s.weights.len()).collect();
    assert_eq!(known, [0, 1, 0, 2]);
}

#[test]
fn s18_a_standstill_leaves_a_gap_and_loses_no_count() {
    let mut ring = Ring::new(1);
    ring.advance(3);
    ring.count(3, &"a".into(), done(Outcome::Broken));
    let seconds = since(&mut ring, 0, 100);
    assert_eq!(seconds.iter().map(|s| s.second).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(seconds[2].arms[0].1.connect, 1);
    assert!(seconds[2].weights.is_empty());
    assert_eq!(since(&mut ring, 3, 101)[0].second, 100);
}

#[test]
fn a_clock_that_runs_backwards_changes_no_second_that_is_over() {
    let mut ring = Ring::new(10);
    let before = since(&mut ring, 0, 12);
    ring.count(10, &"a".into(), done(Outcome::Answered(200)));
    assert_eq!(since(&mut ring, 0, 12), before);
    assert_eq!(since(&mut ring, 11, 13)[0].arms[0].1.requests, 1);
}

#[test]
fn the_ring_is_bounded() {
    let mut ring = Ring::new(0);
    for second in 1..=2000 {
        ring.advance(second);
    }
    let seconds = since(&mut ring, 0, 2000);
    assert_eq!(seconds.len(), RING_SECONDS);
    assert_eq!(seconds[0].second, 200);
}

#[test]
fn clients_are_told_apart_and_kinds_of_4xx_counted() {
    let mut ring = Ring::new(1);
    let from = |unit, status| Completed { unit: Some(unit), ..done(Outcome::Answered(status)) };
    for one in [from(1, 200), from(1, 500), from(2, 404), from(2, 404), from(3, 418)] {
        ring.count(1, &"a".into(), one);
    }
    ring.count_retry(1, &"a".into());
    let arm = since(&mut ring, 0, 2)[0].arms[0].1.clone();
    assert_eq!((arm.units, arm.unit_errors, arm.retried), (3, 1, 1));
    assert_eq!(arm.unit_errors_again, Some(0));
    assert_eq!((arm.s4xx, arm.kinds.as_slice()), (3, &[(404, 2)][..]));
    assert_eq!((arm.bytes_in, arm.bytes_out), (5, 10));
    assert_eq!(ring.lately(2, &"a".into(), 5), (5, 1));
    assert_eq!(ring.totals(2).0[0].1.requests, 5);
    for one in [from(1, 500), from(2, 200), from(4, 500)] {
        ring.count(301, &"a".into(), one);
    }
    let arm = since(&mut ring, 300, 302)[0].arms[0].1.clone();
    assert_eq!((arm.units, arm.unit_errors, arm.unit_errors_again), (3, 2, Some(1)));
}

#[test]
fn what_another_process_counted_is_neither_lost_nor_told_twice() {
    let a = ReleaseId::from("a");
    // The two processes met the templates in another order: their numbers differ, not their names.
    let (theirs, ours) = (Templates::new(), Templates::new());
    theirs.find("/carts/7");
    let pay = theirs.find("/pay");
    ours.find("/pay");
    let told = |ring: &mut Ring, templates: &Templates, after, now| -> Vec<SignalSecond> {
        ring.since(after, now).iter().map(|it| it.report(&templates.names())).collect()
    };
    let mut old = Ring::new(1);
    old.count(1, &a, Completed { template: pay, ..done(Outcome::Answered(404)) });
    old.count(1, &a, Completed { template: theirs.find("/carts/8"), ..done(Outcome::Broken) });
    old.count_mirrored(2, &"b".into(), done(Outcome::Answered(200)));
    old.count_probe(2, true);
    let before = told(&mut old, &theirs, 0, 4);
    let mut new = Ring::new(4);
    new.inherit(4, &before, &ours);
    assert_eq!(told(&mut new, &ours, 0, 4), before);
    // Both saw the fourth second.
    old.count(4, &a, Completed { template: pay, ..done(Outcome::Broken) });
    old.count_probe(4, false);
    old.refuse(4);
    new.count(4, &a, Completed { template: ours.find("/pay"), ..done(Outcome::Answered(200)) });
    let last = told(&mut old, &theirs, 3, 5);
    new.inherit(5, &last, &ours);
    let all = told(&mut new, &ours, 0, 6);
    assert_eq!(all.iter().map(|s| s.second).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert_eq!((all[3].arms[0].1.requests, all[4].arms[0].1.connect), (1, 1));
    assert_eq!((all[4].refused, all[4].probes), (1, Probes { sent: 1, failed: 0 }));
    // The sums are those of all seconds, once.
    let (totals, refused) = new.totals(6);
    let sums = (totals[0].1.requests, totals[0].1.errors(), refused);
    assert_eq!(sums, (4, 2, 1), "{totals:?}");
    let by_template = new.template_totals(6, &ours.names());
    let by_template: Vec<_> =
        by_template.iter().map(|it| (it.template.as_str(), it.requests, it.errors)).collect();
    assert_eq!(by_template, [("/pay", 3, 1), ("/carts/{}", 1, 1)]);
}

#[test]
fn p9_templates_of_another_process_find_no_more_room_than_our_own() {
    let templates = Templates::new();
    for first in b'a'..=b'z' {
        for second in b'a'..=b'z' {
            templates.find(&format!("/{}{}", char::from(first), char::from(second)));
        }
    }
    assert_eq!(templates.name(templates.told("/late")), "other");
    assert_eq!(templates.name(templates.told("other")), "other");
    assert_eq!(templates.name(templates.told("/aa")), "/aa");
}
