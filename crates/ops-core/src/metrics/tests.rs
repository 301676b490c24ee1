//! Figures of a few weeks that can be counted by hand.

use super::*;
use crate::{
    deploy::{PhaseName, Times},
    fixture::{World, canary},
    id::{DeploymentId, IncidentId},
    talk::{Incident, Reported},
};

type Time = jiff::Timestamp;

const UNTIL: &str = "2026-11-30T12:00:00Z";

fn until() -> Time {
    UNTIL.parse().unwrap()
}

/// So many minutes before the window ends.
fn before(minutes: i64) -> Time {
    until() - jiff::SignedDuration::from_mins(minutes)
}

/// A release that was ready, came to users, passed and was closed, so many minutes ago.
fn good(id: u64, ready: i64, closed: i64) -> Change {
    Change {
        id: DeploymentId(id),
        kind: ChangeKind::Release,
        service: "shop".into(),
        environment: "production".into(),
        last_stage: true,
        ready: Some(before(ready)),
        began: before(ready),
        times: Times {
            traffic: Some(before(closed + 10)),
            passed: Some(before(closed)),
            closed: Some(before(closed)),
            ..Times::default()
        },
        failed: false,
    }
}

/// A release that hurt and went back.
fn bad(id: u64, back: i64, restored: i64) -> Change {
    Change {
        times: Times {
            traffic: Some(before(back + 1)),
            back: Some(before(back)),
            restored: Some(before(restored)),
            ..Times::default()
        },
        failed: true,
        ..good(id, back + 20, 0)
    }
}

fn incident(deployment: u64, at: i64, resolved: Option<i64>) -> Reported {
    Reported {
        incident: Incident {
            id: IncidentId(1),
            service: "shop".into(),
            environment: "production".into(),
            words: "nobody can pay".into(),
            by: "dan@example.org".into(),
            at: before(at),
            deployment: Some(DeploymentId(deployment)),
        },
        resolved: resolved.map(|at| ("pia@example.org".into(), before(at))),
    }
}

fn count(changes: &[Change], incidents: &[Reported]) -> Metrics {
    metrics(changes, incidents, Window::days(until(), 28))
}

#[test]
fn what_is_counted_by_hand() {
    let mut changes: Vec<Change> = (0..10).map(|n| good(n, 300 + 10 * n as i64, 240)).collect();
    changes.push(bad(10, 100, 98));
    let rollback = Change {
        kind: ChangeKind::Rollback { of: DeploymentId(3) },
        began: before(60),
        times: Times { passed: Some(before(40)), ..Times::default() },
        ..good(11, 0, 0)
    };
    changes.push(rollback);
    let incidents = [incident(4, 200, Some(170)), incident(3, 70, Some(30))];
    let found = count(&changes, &incidents);
    assert_eq!((found.deployments, found.changes), (10, 11));
    assert!((found.per_week - 2.5).abs() < 1e-9);
    // What went back by itself, what a person took back, and what had an incident.
    assert_eq!(found.failed, 3);
    let lead =
        Spread { count: 10, median_seconds: Some(105 * 60), longest_seconds: Some(150 * 60) };
    assert_eq!(found.lead, lead);
    // 2 min, 20 min, and the incident whose deployment stayed: 30 min.
    let restore =
        Spread { count: 3, median_seconds: Some(20 * 60), longest_seconds: Some(30 * 60) };
    assert_eq!(found.restore, restore);
    insta::assert_snapshot!(found.words());
}

#[test]
fn what_is_no_change_is_not_counted() {
    let staging = Change { last_stage: false, ..good(1, 50, 40) };
    let rotation = Change { kind: ChangeKind::Other, ..good(2, 50, 40) };
    let old = good(3, 60 * 24 * 60, 29 * 24 * 60);
    let held = Change { times: Times::default(), ..good(4, 50, 40) };
    // Its surroundings failed: it was a change, and no failure.
    let errored = Change { failed: false, ..bad(5, 30, 28) };
    // It never came to users.
    let never = Change { times: Times { traffic: None, ..bad(6, 30, 28).times }, ..bad(6, 30, 28) };
    let found = count(&[staging, rotation, old, held, errored, never], &[]);
    assert_eq!((found.deployments, found.changes, found.failed), (0, 1, 0));
    assert_eq!((found.lead.count, found.restore.count), (0, 0));
}

#[test]
fn where_the_board_tells_no_time_there_is_no_lead() {
    let untold = Change { ready: None, ..good(1, 50, 40) };
    let backwards = Change { ready: Some(before(10)), ..good(2, 50, 40) };
    let found = count(&[untold, backwards, good(3, 50, 40)], &[incident(9, 20, None)]);
    assert_eq!((found.deployments, found.lead.count, found.restore.count), (3, 1, 0));
    insta::assert_snapshot!(found.words());
}

#[test]
fn a_deployment_tells_when_what_happened_to_it() {
    let mut world = World::new(canary(), "v1");
    world.ended();
    let change = Change::of(&world.state);
    assert_eq!(world.state.phase_name(), PhaseName::Closed);
    let times = change.times.clone();
    assert!(times.traffic < times.passed && times.passed <= times.closed, "{times:?}");
    assert_eq!((times.back, times.restored, change.failed), (None, None, false));
    assert!(change.last_stage && change.kind == ChangeKind::Release);
}
