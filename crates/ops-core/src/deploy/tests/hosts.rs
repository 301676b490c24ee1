//! Releases that run on several hosts: one transaction, the first host the barrier.

use super::{canary, cause, closed, names};
use crate::{
    deploy::{Cause, Phase},
    fixture::World,
    world::{Container, ReplicaState},
};

/// A shop with two replicas on each of four hosts.
fn on_four_hosts(version: &str, batch: Option<u32>) -> World {
    let mut world = World::new(canary(), version);
    for service in world.settings.services.values_mut() {
        let hosts = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        service.container = Some(Box::new(Container { hosts, batch, ..Container::default() }));
        service.replicas = 8;
    }
    world
}

fn running(world: &World) -> usize {
    let plan = world.state.plan.as_ref().unwrap();
    world.target.running(&plan.new.spec.release).count()
}

#[test]
fn a_version_comes_to_the_first_host_then_to_the_others_in_batches() {
    let mut world = on_four_hosts("v1", Some(2));
    closed(&mut world);
    insta::assert_snapshot!(names(&world).join("\n"));
    assert_eq!(running(&world), 8);

    let mut one_by_one = on_four_hosts("v1", None);
    closed(&mut one_by_one);
    let batches = names(&one_by_one);
    let batches: Vec<_> = batches.iter().filter(|name| name.starts_with("running-")).collect();
    assert_eq!(
        batches,
        ["running-new-on-1", "running-new-on-2", "running-new-on-3", "running-new"]
    );
}

#[test]
fn p6_nothing_of_a_version_comes_to_the_second_host_before_the_first_is_healthy() {
    let mut world = on_four_hosts("v1", None);
    closed(&mut world);
    let mut world = world.next("v2");
    world.sick_hosts = vec!["a"];
    let mut most = 0;
    for _ in 0..600 {
        if world.state.ended() {
            break;
        }
        world.step();
        most = most.max(running_if_planned(&world));
    }
    assert_eq!(most, 2, "only the first host's replicas were started");
    let cause = cause(&mut world);
    assert!(
        matches!(&cause, Cause::Failed { step, .. } if step == "healthy-new-on-1"),
        "{cause:?}"
    );
}

fn running_if_planned(world: &World) -> usize {
    world.state.plan.as_ref().map_or(0, |_| running(world))
}

#[test]
fn a_bad_second_host_takes_all_back_and_does_not_condemn_the_candidate() {
    let mut world = on_four_hosts("v1", None);
    closed(&mut world);
    let mut world = world.next("v2");
    world.sick_hosts = vec!["b"];
    let cause = cause(&mut world);
    assert!(
        matches!(&cause, Cause::Errored { step, .. } if step == "healthy-new-on-2"),
        "{cause:?}"
    );
    assert!(matches!(world.state.phase, Phase::RolledBack { .. }));
    let plan = world.state.plan.as_ref().unwrap();
    let (old, new) = (plan.old.as_ref().unwrap(), &plan.new);
    assert_eq!(world.target.running(&old.spec.release).count(), 8, "all old");
    assert_eq!(world.target.of(&new.spec.release).count(), 0, "nothing new is left");
}

#[test]
fn p8_a_watch_passes_only_while_every_host_is_seen() {
    let mut world = on_four_hosts("v1", None);
    closed(&mut world);
    let mut world = world.next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    let new = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    for replica in &mut world.target.replicas {
        if replica.release == new && replica.id.starts_with("d/") {
            replica.state = ReplicaState::Unknown;
        }
    }
    let cause = cause(&mut world);
    let Cause::Inconclusive { words } = &cause else { panic!("{cause:?}") };
    assert_eq!(words, "a host of it cannot be seen");
}

#[test]
fn p6_traffic_goes_back_at_once_although_a_host_is_silent() {
    let mut world = on_four_hosts("v1", None);
    closed(&mut world);
    let mut world = world.next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    for replica in &mut world.target.replicas {
        if replica.id.starts_with("d/") {
            replica.state = ReplicaState::Unknown;
        }
    }
    // Nothing can be started there either.
    world.broken = vec!["start"];
    world.failing = 100;
    world.until(|world| matches!(world.state.phase, Phase::RollingBack { .. }));
    let new = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    for _ in 0..3 {
        world.step();
    }
    let served = world.door.served.as_ref().unwrap();
    assert_eq!(served.route.weight_of(&new), 0, "{:?}", world.state.phase);
}

#[test]
fn p2_the_way_back_is_rehearsed_by_one_replica_on_the_first_host() {
    let mut world = on_four_hosts("v1", None);
    closed(&mut world);
    let mut world = world.next("v2");
    world.until(|world| world.state.plan.is_some());
    let plan = world.state.plan.as_ref().unwrap();
    let rehearsal = plan.spec(crate::plan::Which::Rehearsal).unwrap();
    assert_eq!((rehearsal.hosts(), rehearsal.replicas), (&["a".to_owned()][..], 1));
}

#[test]
fn p5_an_old_version_leaves_the_hosts_that_hear_although_one_is_silent() {
    let mut world = on_four_hosts("v1", None);
    closed(&mut world);
    let mut world = world.next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Documenting { .. }));
    world.silent_hosts = vec!["d"];
    for replica in &mut world.target.replicas {
        if replica.id.starts_with("d/") {
            replica.state = ReplicaState::Unknown;
        }
    }
    closed(&mut world);
    let plan = world.state.plan.as_ref().unwrap();
    let old = &plan.old.as_ref().unwrap().spec.release;
    let left: Vec<_> = world.target.of(old).map(|replica| &replica.id[..2]).collect();
    assert_eq!(left, ["d/", "d/"], "the others have removed it");
    let told = |words: &str| world.state.milestones.iter().any(|one| one.words.contains(words));
    assert!(told("gave up waiting until"), "{:?}", world.state.milestones);
}

#[test]
fn p7_p8_doors_that_differ_serve_no_version_and_what_is_frozen_heals_when_they_agree() {
    let mut world = on_four_hosts("v1", None);
    closed(&mut world);
    let mut world = world.next("v2");
    world.door.differs = true;
    world.until(|world| matches!(world.state.phase, Phase::Frozen { .. }));
    let new = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    assert_eq!(world.door.served.as_ref().unwrap().route.weight_of(&new), 0);
    for _ in 0..900 {
        world.step();
        assert!(matches!(world.state.phase, Phase::Frozen { healthy: None, .. }));
    }
    world.door.differs = false;
    world.until(|world| world.state.ended());
    assert_eq!(running(&world), 0, "one version is left");
}
