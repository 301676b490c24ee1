//! The machine against a world that does as it is told, and against one that does not.

mod hosts;
mod incidents;
mod judgements;
mod kinds;
mod outages;
mod own;
mod projects;
mod senses;

use super::{Act, Cause, HoldCause, Input, Outcome, Phase, Rejection, To, decide};
use crate::{
    fixture::{World, canary, moved, now},
    id::DeploymentId,
    settings::Strategy,
};

fn names(world: &World) -> Vec<String> {
    let plan = world.state.plan.as_ref().unwrap();
    plan.steps.iter().map(|step| step.goal.name()).collect()
}

fn closed(world: &mut World) {
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
}

fn cause(world: &mut World) -> Cause {
    world.ended();
    let Phase::RolledBack { cause } = &world.state.phase else {
        panic!("{:?}", world.state.phase);
    };
    cause.clone()
}

fn first(strategy: Strategy) -> World {
    let mut world = World::new(strategy, "v1");
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
    world
}

#[test]
fn s1_a_first_deployment_takes_all_traffic_after_smoke_requests() {
    let world = first(canary());
    insta::assert_snapshot!(names(&world).join("\n"), @r"
    announced
    stored-new
    rechecked
    running-new
    healthy-new
    smoke-replicas
    routed-100
    verified
    smoke-door
    observed
    ");
    insta::assert_snapshot!("first_deployment_words", world.words());
}

#[test]
fn s1_the_way_back_of_a_first_deployment_removes_everything_and_is_not_frozen() {
    let mut world = World::new(canary(), "v1");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.feed(&Input::Abort { by: "pia@example.org".into() });
    world.ended();
    assert!(matches!(world.state.phase, Phase::RolledBack { .. }), "{:?}", world.state.phase);
    assert!(world.target.replicas.is_empty() && world.door.served.is_none());
}

#[test]
fn a_canary_walks_its_steps_and_closes() {
    let mut world = first(canary()).next("v2");
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
    insta::assert_snapshot!(names(&world).join("\n"));
    insta::assert_snapshot!("canary_words", world.words());
    let route = &world.door.served.as_ref().unwrap().route;
    assert_eq!(route.weight_of(&world.state.plan.as_ref().unwrap().new.spec.release), 100);
}

#[test]
fn harm_rolls_back_at_once_and_condemns() {
    let mut world = first(canary()).next("v3");
    world.failing = 100;
    world.ended();
    let Phase::RolledBack { cause } = &world.state.phase else {
        panic!("{:?}", world.state.phase);
    };
    assert!(cause.condemns(), "{cause:?}");
    insta::assert_snapshot!("harm_words", world.words());
    let old = world.old.as_ref().unwrap();
    assert_eq!(world.door.served.as_ref().unwrap().route.weight_of(&old.spec.release), 100);
    assert!(world.target.of(&old.spec.release).count() == 2);
    assert_eq!(world.target.replicas.len(), 2, "nothing of the new version is left");
}

#[test]
fn p6_the_old_version_is_not_stopped_before_the_watch_passed() {
    let mut world = first(canary()).next("v2");
    let old = world.old.clone().unwrap().spec.release;
    while !world.state.passed() {
        world.step();
        assert_eq!(world.target.running(&old).count(), 2, "{:?}", world.state.phase);
    }
}

#[test]
fn a_version_that_never_gets_healthy_fails_and_goes_back() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Deploying { .. }));
    world.sick.push(world.state.plan.as_ref().unwrap().new.spec.release.clone());
    world.ended();
    let cause = world.state.cause().cloned();
    assert!(
        matches!(&cause, Some(Cause::Failed { step, .. }) if step == "healthy-new"),
        "{cause:?}"
    );
}

#[test]
fn s7_recreate_holds_requests_stops_old_and_starts_new() {
    let mut world = first(Strategy::Recreate).next("v2");
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
    insta::assert_snapshot!(names(&world).join("\n"));
    let gap = world.state.gap.as_ref().unwrap();
    assert!(gap.lasted_ms.unwrap() <= gap.limit.length, "{gap:?}");
}

#[test]
fn s7_a_gap_that_grows_too_long_starts_the_old_version_again() {
    let mut world = first(Strategy::Recreate).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Deploying { .. }));
    world.sick.push(world.state.plan.as_ref().unwrap().new.spec.release.clone());
    world.ended();
    let cause = world.state.cause().cloned();
    assert!(matches!(&cause, Some(Cause::Failed { step, .. }) if step == "gap"), "{cause:?}");
    let old = world.old.clone().unwrap().spec.release;
    assert_eq!(world.target.running(&old).count(), 1);
    let served = world.door.served.as_ref().unwrap();
    assert!(served.route.hold.is_none());
}

#[test]
fn a_way_back_that_fails_freezes_and_thaws_when_healthy_again() {
    let mut world = first(canary()).next("v2");
    world.until(|world| world.state.on_traffic);
    world.broken.push("set-route");
    world.feed(&Input::Abort { by: "pia@example.org".into() });
    world.until(|world| matches!(world.state.phase, Phase::Frozen { .. }));
    insta::assert_snapshot!("frozen_words", world.words());
    assert!(world.state.lease.is_some(), "the lock group is blocked");
    world.broken.clear();
    world.ended();
    assert!(matches!(world.state.phase, Phase::Thawed { .. }), "{:?}", world.state.phase);
}

#[test]
fn p8_checks_that_do_not_pass_hold_the_ticket_with_a_remedy() {
    let mut world = World::new(canary(), "v1");
    world.ticket.comments.clear();
    world.ticket.history.clear();
    world.until(|world| matches!(world.state.phase, Phase::Held { .. }));
    let Phase::Held { cause: HoldCause::Checks { ids }, .. } = &world.state.phase else {
        panic!("{:?}", world.state.phase);
    };
    assert!(ids.iter().any(|id| id == "notes"), "{ids:?}");
    insta::assert_snapshot!("held_words", world.words());
    let letters = world.state.outbox.len();
    for _ in 0..2_000 {
        world.step();
    }
    assert_eq!(world.state.outbox.len(), letters, "the same cause is told once");
}

#[test]
fn s13_a_ticket_pulled_back_in_mid_watch_goes_back_and_is_withdrawn() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    moved(&mut world.ticket, "pia@example.org", "rfp", "in-progress");
    world.ended();
    assert!(matches!(world.state.phase, Phase::Withdrawn { .. }), "{:?}", world.state.phase);
    let closed = world.state.outbox.iter().any(|letter| matches!(letter.to, To::Close { .. }));
    assert!(!closed);
}

#[test]
fn s13_a_ticket_pulled_back_after_the_watch_is_kept_and_not_closed() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Documenting { .. }));
    moved(&mut world.ticket, "pia@example.org", "rfp", "in-progress");
    world.ended();
    assert!(matches!(world.state.phase, Phase::KeptNotClosed { .. }), "{:?}", world.state.phase);
    insta::assert_snapshot!("kept_words", world.words());
}

#[test]
fn s5_a_night_without_users_is_inconclusive_and_condemns_nothing() {
    let mut world = first(canary()).next("v2");
    world.settings.services.values_mut().for_each(|service| {
        service.strategy = match service.strategy.clone() {
            Strategy::Canary { mut steps } => {
                for step in &mut steps {
                    step.min_requests = 1_000_000;
                }
                Strategy::Canary { steps }
            }
            other => other,
        };
    });
    world.ended();
    let cause = world.state.cause().cloned().unwrap();
    assert!(matches!(cause, Cause::Inconclusive { .. }) && !cause.condemns(), "{cause:?}");
}

#[test]
fn p9_a_halt_outlasting_its_bound_rolls_back() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.feed(&Input::Halt { by: "dan@example.org".into() });
    world.ended();
    assert!(matches!(world.state.cause(), Some(Cause::HaltExpired { .. })));
}

#[test]
fn p9_abort_during_a_way_back_is_refused() {
    let mut world = first(canary()).next("v2");
    world.until(|world| world.state.on_traffic && !world.state.busy());
    let abort = Input::Abort { by: "pia@example.org".into() };
    world.feed(&abort);
    let refused = decide(&world.state, &abort, &world.now);
    assert!(matches!(refused, Err(Rejection::NotNow(_))), "{refused:?}");
}

#[test]
fn p5_a_restart_makes_what_was_under_way_unknown_and_looks_before_it_acts() {
    let mut world = first(canary()).next("v2");
    world.until(|world| world.state.busy());
    let before = world.state.op.clone().unwrap();
    world.feed(&Input::Restarted);
    let op = world.state.op.clone().unwrap();
    assert_eq!(op.id, before.id);
    assert!(matches!(op.outcome, Some(Outcome::Unknown { .. })));
    assert!(world.state.lease.is_none(), "the lease is taken anew, above all generations");
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
}

#[test]
fn s18_waits_begin_anew_after_a_reboot_and_watch_time_is_observed_time() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    let observed = world.state.watching.as_ref().unwrap().seconds;
    let mut later = now(5_000);
    later.boot = crate::time::BootId("boot-2".into());
    let events = decide(&world.state, &Input::Tick, &later).unwrap();
    for event in &events {
        world.state.apply(event, &later);
    }
    let run = world.state.run().unwrap();
    assert_eq!(run.deadline.boot, later.boot);
    assert_eq!(run.deadline.since, 5_000);
    assert_eq!(world.state.watching.as_ref().unwrap().seconds, observed);
}

#[test]
fn p2_the_rehearsal_starts_and_removes_a_copy_of_the_previous_version() {
    let mut world = first(canary()).next("v2");
    let mut acts = Vec::new();
    while !matches!(world.state.phase, Phase::Deploying { .. }) {
        world.step();
        if let Some(op) = &world.state.op {
            acts.push(op.act.clone());
        }
    }
    let rehearsed = acts.iter().any(
        |act| matches!(act, Act::Start { spec } if spec.release.as_str().contains("rehearsed")),
    );
    assert!(rehearsed, "{acts:?}");
    let told = |one: &super::state::Milestone| {
        one.words == "rehearsed the way back: v1 answered after 1.0 s"
    };
    assert!(world.state.milestones.iter().any(told), "{:?}", world.state.milestones);
    assert_eq!(world.target.replicas.len(), 2, "only the serving version is left");
}

#[test]
fn s24_what_is_closed_served_when_its_watch_passed() {
    let world = first(canary());
    let release = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    assert_eq!(world.door.served.as_ref().unwrap().route.weight_of(&release), 100);
    assert_eq!(world.state.id(), DeploymentId(1));
}

#[test]
fn tickets_of_one_candidate_are_closed_together_if_each_has_its_own_evidence() {
    let mut world = World::new(canary(), "v1");
    let mut twin = crate::fixture::ticket("v1");
    twin.id = "MNS-8".into();
    let mut unproven = crate::fixture::ticket("v1");
    unproven.id = "MNS-9".into();
    unproven.comments.pop();
    world.siblings = vec![twin, unproven];
    world.ended();
    assert_eq!(world.state.created.tickets, ["MNS-7".into(), "MNS-8".into()]);
    let closed = world.state.outbox.iter().filter_map(|letter| match &letter.to {
        To::Close { ticket } => Some(ticket.as_str()),
        _ => None,
    });
    assert_eq!(closed.collect::<Vec<_>>(), ["MNS-7", "MNS-8"]);
}

#[test]
fn what_is_due_already_rings_no_alarm() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.feed(&Input::Halt { by: "dan@example.org".into() });
    for _ in 0..600 {
        world.step();
        let wake = super::owed(&world.state, &world.now).wake_at;
        assert!(wake.is_none_or(|at| at > world.now.ms), "{wake:?} at {}", world.now.ms);
    }
}

#[test]
fn p5_a_restart_after_a_deadline_looks_before_it_gives_up() {
    let mut world = first(canary()).next("v2");
    world.until(|world| world.state.on_traffic && !world.state.busy());
    world.feed(&Input::Abort { by: "pia@example.org".into() });
    assert!(matches!(world.state.phase, Phase::RollingBack { .. }), "{:?}", world.state.phase);
    world.now = now(world.now.ms + 3_600_000);
    world.feed(&Input::Restarted);
    world.feed(&Input::Tick);
    assert!(matches!(world.state.phase, Phase::RollingBack { .. }), "{:?}", world.state.phase);
    world.ended();
    assert!(matches!(world.state.phase, Phase::RolledBack { .. }), "{:?}", world.state.phase);
}

#[test]
fn p9_a_daemon_that_dies_again_and_again_reaches_the_end_of_a_step_too() {
    let mut world = first(canary()).next("v2");
    world.until(|world| {
        matches!(world.state.phase, Phase::Deploying { .. }) && world.state.touched()
    });
    let new = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    world.sick = vec![new];
    let step = world.state.step().unwrap().deadline_ms;
    let begun = world.now.ms;
    while matches!(world.state.phase, Phase::Deploying { .. }) {
        world.feed(&Input::Restarted);
        for _ in 0..2 {
            world.step();
        }
        let waited = world.now.ms - begun;
        assert!(waited < 20 * step + 400_000, "still {:?} after {waited} ms", world.state.phase);
    }
    world.ended();
    assert!(matches!(world.state.phase, Phase::RolledBack { .. }), "{:?}", world.state.phase);
}

#[test]
fn p5_s13_the_old_version_leaves_although_the_ticket_is_pulled_back_meanwhile() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Documenting { .. }));
    let old = world.state.plan.as_ref().unwrap().old.as_ref().unwrap().spec.release.clone();
    world.broken = vec!["stop"];
    moved(&mut world.ticket, "pia@example.org", "rfp", "in-progress");
    world.until(|world| world.state.pull_seen.is_some());
    assert!(world.target.running(&old).next().is_some(), "it could not be told to stop yet");
    world.broken.clear();
    world.until(|world| world.state.ended());
    assert!(matches!(world.state.phase, Phase::KeptNotClosed { .. }), "{:?}", world.state.phase);
    assert_eq!(world.target.of(&old).count(), 0, "nobody comes later to clear it away");
}

#[test]
fn p5_an_old_version_that_could_not_be_told_to_leave_is_told_later() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Documenting { .. }));
    let old = world.state.plan.as_ref().unwrap().old.as_ref().unwrap().spec.release.clone();
    world.broken = vec!["stop", "remove"];
    for _ in 0..300 {
        world.step();
    }
    assert!(world.target.running(&old).next().is_some(), "it could not be told to stop yet");
    world.broken.clear();
    closed(&mut world);
    assert_eq!(world.target.of(&old).count(), 0, "nobody comes later to clear it away");
}

#[test]
fn s13_a_ticket_pulled_back_right_before_the_move_is_kept_and_not_moved() {
    let mut world = first(canary()).next("v2");
    let refused = Outcome::NotApplied {
        fault: crate::world::Fault::new("it is in-progress and not rfp", "the board", "look"),
    };
    world.refused_letters = vec![(super::About::Close, refused)];
    world.until(|world| world.state.outbox.iter().any(|one| one.about == super::About::Close));
    moved(&mut world.ticket, "pia@example.org", "rfp", "in-progress");
    world.ended();
    assert!(matches!(world.state.phase, Phase::KeptNotClosed { .. }), "{:?}", world.state.phase);
}

fn frozen(mut world: World, broken: &'static str) -> World {
    world.until(|world| world.state.on_traffic && !world.state.busy());
    world.broken.push(broken);
    world.feed(&Input::Abort { by: "pia@example.org".into() });
    world.until(|world| matches!(world.state.phase, Phase::Frozen { .. }));
    world
}

#[test]
fn s1_a_frozen_first_deployment_ends_when_nothing_of_it_is_left() {
    let mut world = frozen(World::new(canary(), "v1"), "remove-route");
    world.broken.clear();
    world.ended();
    assert!(matches!(world.state.phase, Phase::Thawed { .. }), "{:?}", world.state.phase);
    assert!(world.target.replicas.is_empty() && world.door.served.is_none());
}

#[test]
fn p5_a_thawed_group_holds_one_version_and_nothing_besides_it() {
    let mut world = frozen(first(canary()).next("v2"), "stop");
    assert_eq!(world.target.replicas.len(), 4, "both versions are there");
    world.broken.clear();
    world.ended();
    assert!(matches!(world.state.phase, Phase::Thawed { .. }), "{:?}", world.state.phase);
    assert_eq!(world.target.replicas.len(), 2);
    let old = world.old.as_ref().unwrap();
    assert_eq!(world.target.running(&old.spec.release).count(), 2);
}

#[test]
fn p9_a_frozen_service_without_a_route_thaws() {
    let mut world = World::new(Strategy::BlueGreen, "v1");
    world.settings.services.values_mut().for_each(|service| {
        service.route = None;
        service.watch.min_requests = 0;
    });
    world.ended();
    let mut world = world.next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.broken.push("stop");
    world.feed(&Input::Abort { by: "pia@example.org".into() });
    world.until(|world| matches!(world.state.phase, Phase::Frozen { .. }));
    world.broken.clear();
    world.ended();
    assert!(matches!(world.state.phase, Phase::Thawed { .. }), "{:?}", world.state.phase);
}

#[test]
fn p1_a_restart_before_the_first_act_checks_again() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Deploying { .. }));
    assert!(!world.state.touched(), "{:?}", world.state.op);
    world.feed(&Input::Restarted);
    assert!(matches!(world.state.phase, Phase::Planned { .. }), "{:?}", world.state.phase);
    world.ended();
    assert!(matches!(world.state.phase, Phase::Closed), "{:?}", world.state.phase);
}

#[test]
fn p10_a_first_deployment_withdrawn_after_a_reboot_says_that_it_was_taken_back() {
    let mut world = World::new(canary(), "v1");
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    moved(&mut world.ticket, "pia@example.org", "rfp", "in-progress");
    world.now.boot = crate::time::BootId("boot-2".into());
    world.feed(&Input::Tick);
    world.now.boot = crate::time::BootId("boot-1".into());
    world.ended();
    assert!(matches!(world.state.phase, Phase::Withdrawn { .. }), "{:?}", world.state.phase);
    assert!(world.words().contains("## Deployment Withdrawn"), "{}", world.words());
}

#[test]
fn p6_a_replica_that_comes_back_is_in_the_route() {
    let mut world = first(canary()).next("v2");
    world.until(|world| {
        matches!(world.state.phase, Phase::Deploying { .. }) && !world.state.on_traffic
    });
    let new = world.state.plan.as_ref().unwrap().new.spec.release.clone();
    world.until(|world| world.target.of(&new).count() == 2);
    for replica in &mut world.target.replicas {
        if replica.id == format!("{new}-1") {
            replica.state = crate::world::ReplicaState::BackingOff;
            replica.address = Some("127.0.0.1:20777".into());
        }
    }
    world.until(|world| {
        world.state.milestones.iter().any(|one| one.words.starts_with("100 %"))
            || world.state.cause().is_some()
            || !matches!(world.state.phase, Phase::Deploying { .. })
    });
    for leg in &world.door.served.as_ref().unwrap().route.legs {
        assert_eq!(leg.backends.len(), 2, "{leg:?}");
    }
}

#[test]
fn p5_what_leaves_is_waited_for_while_the_target_is_away() {
    let mut world = first(canary()).next("v2");
    world.until(|world| matches!(world.state.phase, Phase::Documenting { run: Some(_) }));
    world.broken = vec!["stop", "remove"];
    world.target_away = true;
    for _ in 0..300 {
        world.step();
    }
    assert!(matches!(world.state.phase, Phase::Documenting { run: Some(_) }));
    world.broken.clear();
    world.target_away = false;
    world.ended();
    assert_eq!(world.target.replicas.len(), 2, "nothing of the old version is left");
}

#[test]
fn p5_a_way_back_tells_the_old_version_to_stay_before_it_counts_on_it() {
    let mut world = first(Strategy::Recreate).next("v2");
    world.broken.push("stop");
    world.until(|world| world.state.old_stopped && !world.state.busy());
    world.feed(&Input::Abort { by: "pia@example.org".into() });
    world.broken.clear();
    let old = world.old.clone().unwrap().spec.release;
    world.ended();
    assert!(matches!(world.state.phase, Phase::RolledBack { .. }), "{:?}", world.state.phase);
    let stamps: Vec<_> = world.target.running(&old).map(|one| one.stamp.deployment).collect();
    assert_eq!(stamps, [world.state.id().0], "an order to stop that comes late is refused");
}
