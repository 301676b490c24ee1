//! Each kind of service once with an end that is well and once with a way back. Workers by jobs done
//! and by heartbeats are in `senses.rs`.

use super::{cause, closed};
use crate::{
    deploy::{Cause, Phase},
    fixture::{World, canary},
    settings::{Service, Slo, Strategy},
};

fn shop(world: &mut World) -> &mut Service {
    world.settings.services.get_mut(&"shop".into()).unwrap()
}

/// A second version of a service with these wishes, over a first one whose ten minutes are known.
fn second(strategy: Strategy, change: impl Fn(&mut Service)) -> World {
    let mut world = World::new(strategy, "v1");
    change(shop(&mut world));
    world.probed = shop(&mut world).watch.min_synthetic > 0;
    closed(&mut world);
    let mut world = world.next("v2");
    world.history = shop(&mut world).route.is_some();
    world
}

/// What a route of one's own does not lead to: nothing of it passes the door.
fn internal(shop: &mut Service) {
    shop.route = None;
    shop.smoke.clear();
    shop.strategy = Strategy::BlueGreen;
    shop.watch.min_requests = 0;
    shop.watch.min_heartbeats = 30;
}

#[test]
fn s22_an_internal_service_whose_probes_stay_good_closes() {
    closed(&mut second(Strategy::BlueGreen, internal));
}

#[test]
fn s22_an_internal_service_whose_probes_fail_in_the_watch_goes_back() {
    let mut world = second(Strategy::BlueGreen, internal);
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    let new = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    world.sick.push(new);
    let cause = cause(&mut world);
    assert!(matches!(&cause, Cause::Harm { detector, .. } if detector == "health"), "{cause:?}");
    assert_eq!(world.target.replicas.len(), 2, "the old version runs, and nothing besides it");
}

/// A night: a request in ten seconds, and the door's own requests as declared evidence.
fn night(shop: &mut Service) {
    shop.watch.min_requests = 0;
    shop.watch.min_synthetic = 40;
    shop.strategy = Strategy::BlueGreen;
}

#[test]
fn s5_a_night_with_declared_requests_of_the_door_s_own_closes() {
    let mut world = second(Strategy::BlueGreen, night);
    world.crowd = 0.1;
    closed(&mut world);
    assert!(world.state.watching.as_ref().unwrap().requests < 20);
}

#[test]
fn s5_a_night_in_which_nothing_answers_goes_back() {
    let mut world = second(Strategy::BlueGreen, night);
    world.crowd = 0.1;
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.failing = 100;
    let cause = cause(&mut world);
    assert!(matches!(cause, Cause::Harm { .. } | Cause::Inconclusive { .. }), "{cause:?}");
}

#[test]
fn s5_a_night_without_any_evidence_goes_back_as_inconclusive() {
    let mut world = second(Strategy::BlueGreen, night);
    (world.crowd, world.probed) = (0.0, false);
    assert!(matches!(cause(&mut world), Cause::Inconclusive { .. }));
}

#[test]
fn s1_a_first_deployment_that_keeps_its_limits_closes() {
    let mut world = World::new(canary(), "v1");
    shop(&mut world).slo = Slo { error_share: Some(0.01), p99_ms: None };
    closed(&mut world);
}

#[test]
fn s1_a_first_deployment_that_breaks_its_limits_leaves_nothing() {
    let mut world = World::new(canary(), "v1");
    shop(&mut world).slo = Slo { error_share: Some(0.01), p99_ms: None };
    world.failing = 10;
    let cause = cause(&mut world);
    assert!(cause.condemns(), "{cause:?}");
    assert!(world.target.replicas.is_empty() && world.door.served.is_none());
}

#[test]
fn s7_a_single_replica_that_does_as_before_closes() {
    closed(&mut second(Strategy::Recreate, |_| ()));
}

#[test]
fn s7_a_single_replica_that_fails_more_than_before_goes_back() {
    let mut world = second(Strategy::Recreate, |_| ());
    world.failing = 5;
    let cause = cause(&mut world);
    let Cause::Harm { detector, .. } = &cause else { panic!("{cause:?}") };
    assert_eq!(detector, "errors against the baseline");
    let old = world.old.clone().unwrap().spec.release;
    assert_eq!(world.target.running(&old).count(), 1);
}
