//! Compose projects: what stands beside the front counts, and one without a door is a whole.

use super::{canary, cause, closed, names};
use crate::{
    deploy::{Cause, Input, Phase, Sense, Sensed},
    fixture::World,
    plan::Senses,
    reading::{LogCount, LogLevel, LogReading},
    settings::Strategy,
    world::Compose,
};

fn compose(without_door: bool) -> Compose {
    Compose {
        file: "compose.yaml".into(),
        project: None,
        front: None,
        port: None,
        without_door,
        images: std::collections::BTreeMap::new(),
    }
}

/// The first version of a project with a front, or of one with workers alone.
fn project(without_door: bool) -> World {
    let strategy = if without_door { Strategy::Recreate } else { canary() };
    let mut world = World::new(strategy, "v1");
    for service in world.settings.services.values_mut() {
        service.compose = Some(Box::new(compose(without_door)));
        if without_door {
            (service.route, service.runs_twice, service.replicas) = (None, false, 1);
            (service.min_serving, service.health.path) = (0, None);
            service.smoke.clear();
            (service.watch.min_requests, service.watch.min_heartbeats) = (0, 30);
        }
    }
    world
}

fn to_its_watch(world: &mut World) {
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
}

#[test]
fn p2_a_project_goes_back_whole_though_its_old_front_never_stopped() {
    for (compose, again) in [(None, false), (Some(Box::new(compose(false))), true)] {
        let mut world = World::new(canary(), "v1");
        for service in world.settings.services.values_mut() {
            service.compose.clone_from(&compose);
        }
        world.ended();
        let mut world = world.next("v2");
        to_its_watch(&mut world);
        world.feed(&Input::Abort { by: "pia@example.org".into() });
        world.ended();
        let old = world.old.clone().unwrap().spec.release;
        let told: Vec<_> = world.target.running(&old).map(|one| one.stamp.deployment).collect();
        let by = if again { 2 } else { 1 };
        assert_eq!(told, [by, by], "only an order of this deployment brings the rest of it back");
    }
}

#[test]
fn s22_a_project_without_a_door_is_made_anew_where_it_changed_and_goes_back_whole() {
    let mut world = project(true);
    closed(&mut world);
    let mut world = world.next("v2");
    closed(&mut world);
    insta::assert_snapshot!(names(&world).join("\n"), @r"
    announced
    stored-new
    stored-old
    rechecked
    running-new
    healthy-new
    verified
    observed
    stopped-old
    removed-old
    ");

    let old = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    let mut world = world.next("v3");
    to_its_watch(&mut world);
    world.sick_hosts = vec!["worker"];
    let (Cause::Harm { detector, words }, on) = (cause(&mut world), &world.target) else {
        panic!()
    };
    assert_eq!(detector, "health");
    assert!(words.contains("worker/"), "{words}");
    assert_eq!(on.running(&old).count(), 1, "the old version is the one that stands");
    assert!(on.beside.iter().all(|one| one.release == old));
}

#[test]
fn p8_a_version_whose_worker_is_not_well_never_comes_to_traffic() {
    for without_door in [false, true] {
        let mut world = project(without_door);
        closed(&mut world);
        let mut world = world.next("v2");
        world.sick_hosts = vec!["worker"];
        let cause = cause(&mut world);
        let Cause::Failed { step, words } = &cause else {
            let Cause::Harm { detector, words } = &cause else { panic!("{cause:?}") };
            assert_eq!(detector, "health");
            assert!(words.contains("worker/"), "{words}");
            continue;
        };
        assert_eq!(step, "healthy-new");
        assert!(words.contains("worker/"), "{words}");
    }
}

#[test]
fn p8_a_worker_that_gets_sick_in_the_watch_of_the_version_that_changed_it_is_harm() {
    let mut world = project(false);
    closed(&mut world);
    let mut world = world.next("v2");
    to_its_watch(&mut world);
    world.sick_hosts = vec!["worker"];
    let cause = cause(&mut world);
    let Cause::Harm { detector, words } = cause else { panic!("{cause:?}") };
    assert_eq!(detector, "health");
    assert!(words.contains("worker/") && words.contains("answered 503"), "{words}");
}

#[test]
fn p8_s22_looks_that_do_not_see_a_worker_are_no_heartbeats_of_its_project() {
    let mut world = project(true);
    closed(&mut world);
    let mut world = world.next("v2");
    to_its_watch(&mut world);
    world.sick_hosts = vec!["unseen"];
    let cause = cause(&mut world);
    assert!(matches!(cause, Cause::Inconclusive { .. }), "{cause:?}");
}

#[test]
fn a_worker_that_ends_again_and_again_is_harm_with_its_name() {
    let mut world = project(false);
    closed(&mut world);
    let mut world = world.next("v2");
    to_its_watch(&mut world);
    for one in &mut world.target.beside {
        (one.restarts, one.last_exit) = (2, Some("exit status 3".into()));
    }
    let cause = cause(&mut world);
    let Cause::Harm { detector, words } = cause else { panic!("{cause:?}") };
    assert_eq!(detector, "restarts");
    assert!(words.contains("worker/") && words.contains("exit status 3"), "{words}");
}

#[test]
fn an_error_that_a_changed_worker_logs_makes_the_watch_longer_with_its_name() {
    let mut world = project(false);
    closed(&mut world);
    let mut world = world.next("v2");
    world.senses = Senses { logs: true, ..Senses::default() };
    world.tells = |world, sense| {
        let plan = world.state.plan.as_ref()?;
        let (new, old) = (plan.new.spec.release.clone(), plan.old.as_ref()?.spec.release.clone());
        let count = |release, template: &str| LogCount {
            release,
            level: LogLevel::Error,
            template: template.to_owned(),
            lines: 900,
        };
        let beside = vec![count(new, "worker: no queue"), count(old, "db: disk full")];
        let second = world.now.ms / 1_000;
        (*sense == Sense::Logs)
            .then(|| Sensed::Logs(Ok(LogReading { second, beside, ..LogReading::default() })))
    };
    closed(&mut world);
    let concerns = &world.state.watching.as_ref().unwrap().concerns;
    assert_eq!(*concerns, ["what the new version changed logs the error `worker: no queue`"]);
}
