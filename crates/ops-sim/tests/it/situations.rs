//! The ordinary situations, each with a fixed script against the simulated world.

use ops_core::{
    deploy::PhaseName,
    id::{DeploymentId, OpId, Stamp, TicketId},
};
use ops_engine::Ask;
use ops_sim::{
    scheduler::happening::{Happening, developer, operator},
    world::{
        Deal,
        conduct::{Conduct, Kind},
        faults::{Fate, Part},
        ledger::Deed,
        lock,
        planning::{CQ, DEV, Lacks, PO, QA, Wish},
        wishes::{CART, GAP_MS, SHOP, STOCK, commit_name},
    },
};

use crate::script::{COMPLETE, FAILED, HELD, PLANNED, SOLVED, Script, digest};

#[test]
fn s1_a_first_deployment_is_routed_at_once_and_closed() {
    let mut script = Script::new();
    let ticket = script.ship(CART, "v1", Kind::Good);
    assert_eq!(script.routed(CART), [(digest(CART, "v1"), 100)]);
    assert_eq!(script.comments(&ticket), [PLANNED, COMPLETE]);
    assert_eq!(script.posts("Health: good"), 1);
}

#[test]
fn s1_a_bad_first_deployment_leaves_nothing_and_is_not_frozen() {
    let mut script = Script::new();
    let wish = script.wish(CART, "v1", Kind::Errors);
    let ticket = script.file(&wish);
    script.until(600_000, |script| script.comments(&ticket).contains(&FAILED.to_owned()));
    script.rest();
    assert_eq!(script.routed(CART), []);
    assert_eq!(script.alive(CART), 0);
    assert_eq!(script.status(&ticket), "rfp");
    assert_eq!(script.posts("frozen") + script.posts("could not be rolled back"), 0);
}

#[test]
fn s3_a_change_of_configuration_alone_is_a_deployment_of_the_same_artifact() {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    script.sim.happen(&Happening::Commit(1));
    let wish = script.wish(CART, "v1", Kind::Good);
    let ticket =
        script.file(&Wish { config_commit: Some(commit_name(1)), version: "v1b".into(), ..wish });
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(CART), [(digest(CART, "v1"), 100)]);
    assert_eq!(script.alive(CART), 1);
    assert_eq!(script.comments(&ticket), [PLANNED, COMPLETE]);
}

#[test]
fn s5_a_night_without_users_rolls_back_and_condemns_nothing() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.sim.happen(&Happening::Rate(SHOP.into(), 0));
    script.until(900_000, |script| script.comments(&ticket).contains(&FAILED.to_owned()));
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v1"), 100)]);
    let engine = script.sim.engine.as_ref().unwrap();
    assert!(engine.knowledge().condemned.is_empty(), "only harm condemns");
    script.sim.happen(&Happening::Rate(SHOP.into(), 40));
    script.until(3_600_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);
}

#[test]
fn s6_a_restart_in_mid_watch_reads_the_seconds_back() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    let began = script.sim.t();
    script.run(5_000);
    script.sim.kill(15_000);
    script.until(300_000, |script| script.status(&ticket) == "closed");
    script.rest();
    let took = script.sim.t() - began;
    assert!(took < 40_000 + 15_000, "the seconds without a daemon counted as observed: {took} ms");
}

#[test]
fn s6_a_gap_in_the_signals_is_no_watch_time() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    script.run(10_000);
    let began = script.sim.t();
    script.sim.kill(12_000);
    script.run(11_000);
    script.sim.happen(&Happening::DoorRestart);
    script.until(300_000, |script| script.status(&ticket) == "closed");
    let took = script.sim.t() - began;
    assert!(took > 11_000 + 28_000, "what the door forgot was not observed: {took} ms");
    script.rest();
}

#[test]
fn s7_what_cannot_run_twice_has_a_bounded_gap_that_the_door_holds() {
    let mut script = Script::new();
    script.sim.calm(true);
    script.ship(CART, "v1", Kind::Good);
    script.ship(STOCK, "v1", Kind::Good);
    let wish = script.wish(STOCK, "v2", Kind::Sick);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.held(STOCK));
    let began = script.sim.t();
    script.until(60_000, |script| !script.held(STOCK));
    assert!(script.sim.t() - began <= GAP_MS, "{}", script.sim.t() - began);
    script.rest();
    assert_eq!(script.routed(STOCK), [(digest(STOCK, "v1"), 100)]);
    assert_eq!(script.comments(&ticket), [PLANNED, FAILED]);
    script.ship(STOCK, "v3", Kind::Good);
    assert_eq!(script.routed(STOCK), [(digest(STOCK, "v3"), 100)]);
}

/// Ships a good version, then one that hurts, whose way back fails since the good one does not
/// answer for a while; the deployment number of what froze is 2.
pub(crate) fn frozen(silent_ms: u64) -> Script {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    let wish = script.wish(CART, "v2", Kind::Errors);
    script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::RollingBack));
    script.sim.happen(&Happening::Blip(0, silent_ms));
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Frozen));
    script
}

#[test]
fn s11_a_confirmed_fix_supersedes_what_froze_and_leaves_nothing_of_it() {
    let mut script = frozen(3_600_000);
    let wish = script.wish(CART, "v3", Kind::Good);
    let ticket = script.file(&Wish { fixes: Some("D-2".into()), ..wish });
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(CART), [(digest(CART, "v3"), 100)]);
    assert_eq!(script.alive(CART), 1, "nothing of what froze is left");
}

#[test]
fn s11_a_fix_waits_until_po_confirms_it() {
    let mut script = frozen(3_600_000);
    let wish = script.wish(CART, "v3", Kind::Good);
    let wish = Wish { fixes: Some("D-2".into()), confirmed: false, ..wish };
    let ticket = script.file(&wish);
    script.until(60_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    let words = "Confirmed: fixes D-2";
    lock(&script.sim.world).planning.say(&ticket, DEV, words);
    script.sim.happen(&Happening::Remark(ticket.clone()));
    script.run(70_000);
    assert_eq!(script.comments(&ticket), [HELD], "DEV's word does not count");
    lock(&script.sim.world).planning.say(&ticket, PO, words);
    script.sim.happen(&Happening::Remark(ticket.clone()));
    script.until(300_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(CART), [(digest(CART, "v3"), 100)]);
}

#[test]
fn s11_what_froze_is_told_of_until_somebody_takes_note() {
    let mut script = frozen(3_600_000);
    let told = |script: &Script| lock(&script.sim.world).notices.len();
    script.until(60_000, |script| told(script) == 1);
    assert!(script.sim.ask(&operator(), &Ask::Acknowledge { deployment: DeploymentId(2) }));
    script.run(290_000);
    assert_eq!(told(&script), 1);
}

#[test]
fn s4_what_loosens_governs_only_after_its_own_ticket() {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    script.sim.happen(&Happening::Loosen(1));
    let bad = Wish {
        governs: Some(commit_name(1)),
        lacks: Lacks::Qa,
        ..script.wish("ops.yaml", "a", Kind::Good)
    };
    let bad = script.file(&bad);
    script.ship(CART, "v2", Kind::Good);
    assert_eq!(configured(&script), [0, 0]);
    assert_eq!(script.comments(&bad), [HELD]);
    let named = script.wish(CART, "v3", Kind::Good);
    let named = script.file(&Wish { config_commit: Some(commit_name(1)), ..named });
    script.until(60_000, |script| script.comments(&named).contains(&HELD.to_owned()));
    let good = Wish { governs: Some(commit_name(1)), ..script.wish("ops.yaml", "b", Kind::Good) };
    let good = script.file(&good);
    script.until(300_000, |script| script.status(&good) == "closed");
    assert_eq!(script.comments(&good), [COMPLETE]);
    script.ship(CART, "v4", Kind::Good);
    assert!(configured(&script).contains(&1));
    assert_eq!(script.status(&bad), "rfp");
}

#[test]
fn s4_what_tightens_governs_at_once() {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    script.sim.happen(&Happening::Commit(1));
    script.run(61_000);
    script.ship(CART, "v2", Kind::Good);
    assert_eq!(configured(&script), [0, 1]);
}

/// Numbers of the commits by which versions of the cart were configured, rehearsals aside.
fn configured(script: &Script) -> Vec<u64> {
    let world = lock(&script.sim.world);
    let starts = world.ledger.applied.iter().filter_map(|one| match &one.deed {
        Deed::Start { release, config, .. } if !release.as_str().contains("rehearsed") => {
            Some(*config)
        }
        _ => None,
    });
    starts.collect()
}

#[test]
fn s8_an_older_one_is_overtaken_and_closes_along_only_where_it_is_named() {
    for named in [true, false] {
        let mut script = Script::new();
        script.ship(CART, "v1", Kind::Good);
        let older = script.wish(CART, "v2", Kind::Good);
        let older = script.file(&Wish { commit: Some(commit_name(7)), ..older });
        let newer = script.wish(CART, "v3", Kind::Good);
        let includes = if named { vec![older.clone()] } else { Vec::new() };
        let newer = Wish { commit: Some(commit_name(8)), includes, ..newer };
        let newer = script.file(&newer);
        script.until(900_000, |script| script.status(&newer) == "closed");
        script.rest();
        let expected = if named { "closed" } else { "rfp" };
        assert_eq!(script.status(&older), expected, "named: {named}");
        assert_eq!(script.routed(CART), [(digest(CART, "v3"), 100)]);
    }
}

#[test]
fn p15_a_guard_is_lifted_by_a_listed_person_only() {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    let wish = script.wish(CART, "v2", Kind::Errors);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.comments(&ticket).contains(&FAILED.to_owned()));
    script.rest();
    let again = script.file(&wish);
    script.until(60_000, |script| script.comments(&again).contains(&HELD.to_owned()));
    let reason = "the load test was running".to_owned();
    let lift = Ask::Lift { guard: DeploymentId(2), reason };
    assert!(!script.sim.ask(&developer(), &lift));
    script.run(70_000);
    assert_eq!(script.comments(&again), [HELD]);
    lock(&script.sim.world).conducts.insert(wish.digest.clone(), Conduct::of(Kind::Good));
    assert!(script.sim.ask(&operator(), &lift));
    script.until(1_800_000, |script| script.status(&again) == "closed");
    script.rest();
    assert_eq!(script.routed(CART), [(digest(CART, "v2"), 100)]);
}

#[test]
fn s13_pulled_back_in_mid_watch_it_goes_back_and_is_withdrawn() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    script.sim.happen(&Happening::PullBack(ticket.clone()));
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v1"), 100)]);
    assert_eq!(script.status(&ticket), "in-progress");
    assert_eq!(script.comments(&ticket), [PLANNED, "## Deployment Withdrawn"]);
    assert_eq!(script.posts("is withdrawn"), 1);
}

#[test]
fn s13_pulled_back_after_the_watch_it_is_kept_and_not_closed() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Documenting));
    script.sim.happen(&Happening::PullBack(ticket.clone()));
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);
    assert_eq!(script.status(&ticket), "in-progress");
    assert_eq!(script.comments(&ticket), [PLANNED, COMPLETE, "## Deployed, Not Closed"]);
}

#[test]
fn s13_a_ticket_that_the_board_denies_to_have_is_no_pull_back() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    script.sim.happen(&Happening::Hide(ticket.clone(), 25_000));
    script.until(600_000, |script| script.status(&ticket) == "closed");
    script.rest();
}

#[test]
fn s14_a_board_that_is_away_holds_up_neither_the_watch_nor_the_lock() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    script.sim.happen(&Happening::Down(Part::Planning, 600_000));
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Documenting));
    script.until(60_000, |script| script.leased(2) == Some(false));
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);
    assert_eq!(script.status(&ticket), "rfp");
    script.until(1_800_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.comments(&ticket), [PLANNED, COMPLETE]);
}

#[test]
fn s15_rolling_back_what_was_closed_is_a_deployment_and_condemns_it() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let ticket = script.ship(SHOP, "v2", Kind::Good);
    assert!(script.sim.ask(&operator(), &Ask::Rollback { deployment: DeploymentId(2) }));
    script.until(300_000, |script| script.routed(SHOP) == [(digest(SHOP, "v1"), 100)]);
    script.until(300_000, |script| script.phase(3).is_none());
    script.rest();
    assert_eq!(script.status(&ticket), "closed", "the ticket stays closed");
    let comments = script.comments(&ticket);
    assert_eq!(comments, [PLANNED, COMPLETE, "## Deployment Rolled Back Later"]);
    let engine = script.sim.engine.as_ref().unwrap();
    let condemned = &engine.knowledge().condemned;
    assert!(condemned.iter().any(|one| one.artifact == digest(SHOP, "v2")), "{condemned:?}");
}

#[test]
fn p15_s15_what_is_bad_when_it_is_brought_back_is_condemned_and_comes_back_once_that_is_lifted() {
    let mut script = Script::new();
    let first = script.ship(SHOP, "v1", Kind::Good);
    script.ship(SHOP, "v2", Kind::Good);
    let old = digest(SHOP, "v1");
    let conduct = |script: &Script, kind| {
        lock(&script.sim.world).conducts.insert(digest(SHOP, "v1"), Conduct::of(kind));
    };
    conduct(&script, Kind::Errors);
    let back = Ask::Rollback { deployment: DeploymentId(2) };
    assert!(script.sim.ask(&operator(), &back));
    script.until(600_000, |script| script.phase(3) == Some(PhaseName::RolledBack));
    script.until(300_000, |script| script.phase(3).is_none());
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);
    let condemned = |script: &Script| {
        let engine = script.sim.engine.as_ref().unwrap();
        engine.knowledge().guards().any(|one| one.artifact == old && one.by == DeploymentId(3))
    };
    assert!(condemned(&script));

    // Neither another round of its ticket brings it, nor another rollback.
    let wish = script.wish(SHOP, "v1", Kind::Errors);
    script.sim.happen(&Happening::Round(first, wish));
    assert!(script.sim.ask(&operator(), &back));
    script.until(300_000, |script| script.phase(4) == Some(PhaseName::Held));
    script.until(300_000, |script| script.phase(5) == Some(PhaseName::Held));
    script.run(60_000);
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);

    // A listed person may say that it was another's fault.
    conduct(&script, Kind::Good);
    let reason = "the database was slow".to_owned();
    assert!(script.sim.ask(&operator(), &Ask::Lift { guard: DeploymentId(3), reason }));
    script.until(2_000_000, |script| script.routed(SHOP) == [(digest(SHOP, "v1"), 100)]);
}

#[test]
fn p9_an_act_whose_lease_was_lost_before_it_went_out_is_not_waited_for() {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    let wish = script.wish(CART, "v2", Kind::Good);
    script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    assert!(script.sim.ask(&operator(), &Ask::Abort { deployment: DeploymentId(2) }));
    script.until(60_000, |script| script.phase(2) == Some(PhaseName::RollingBack));
    // The machine sleeps while a look is under way; the act that follows it finds no lease, and for
    // minutes nobody says which one would be high enough.
    script.sim.happen(&Happening::Suspend(40_000));
    let busy = |script: &Script| {
        let engine = script.sim.engine.as_ref();
        let one = engine.and_then(|engine| engine.deployment(DeploymentId(2)));
        one.is_some_and(|one| one.busy() && one.lease.is_none())
    };
    script.until(60_000, busy);
    for part in [Part::Target, Part::Door] {
        script.sim.happen(&Happening::Down(part, 600_000));
    }
    script.until(120_000, |script| script.phase(2) == Some(PhaseName::Frozen));
    script.rest();
}

#[test]
fn p5_a_start_that_was_said_to_be_done_and_comes_late_leaves_nothing() {
    let mut script = Script::new();
    let wish = script.wish(CART, "v1", Kind::Good);
    lock(&script.sim.world).faults.forced =
        vec![("start", Fate::LateThoughOk), ("stop", Fate::Hollow)];
    let ticket = script.file(&wish);
    script.until(300_000, |script| lock(&script.sim.world).faults.forced.len() == 1);
    assert!(script.sim.ask(&operator(), &Ask::Abort { deployment: DeploymentId(1) }));
    script.until(300_000, |script| script.comments(&ticket).contains(&FAILED.to_owned()));
    script.until(20_000, |script| lock(&script.sim.world).late_acts() == 0);
    script.rest();
    assert_eq!(script.alive(CART), 0);
}

#[test]
fn p4_p5_an_order_to_stop_that_nobody_took_fences_nothing() {
    let mut script = Script::new();
    let wish = script.wish(CART, "v1", Kind::Good);
    lock(&script.sim.world).faults.forced = vec![("start", Fate::Lost), ("stop", Fate::Hollow)];
    let ticket = script.file(&wish);
    script.until(300_000, |script| lock(&script.sim.world).faults.forced.len() == 1);
    // What a daemon that stood still had sent comes about much later than anything waits for it.
    let engine = script.sim.engine.as_ref().unwrap();
    let one = engine.deployment(DeploymentId(1)).unwrap();
    let spec = Box::new(one.plan.as_ref().unwrap().new.spec.clone());
    let stamp = Stamp { generation: one.lease.unwrap(), deployment: 1, op: OpId(1) };
    lock(&script.sim.world).at(45_000, Deal::Start { stamp, spec });
    assert!(script.sim.ask(&operator(), &Ask::Abort { deployment: DeploymentId(1) }));
    script.until(300_000, |script| script.comments(&ticket).contains(&FAILED.to_owned()));
    script.until(60_000, |script| lock(&script.sim.world).late_acts() == 0);
    script.rest();
    assert_eq!(script.alive(CART), 0);
}

#[test]
fn s18_clock_steps_suspend_and_reboot_break_no_wait_and_no_watch() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    script.sim.happen(&Happening::StepWall(-86_400_000));
    script.run(3_000);
    script.sim.happen(&Happening::StepWall(200_000_000));
    script.sim.happen(&Happening::Suspend(30_000));
    script.run(35_000);
    script.sim.happen(&Happening::Reboot);
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);
}

#[test]
fn s20_a_full_disk_stops_no_way_back() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Errors);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.routed(SHOP).len() == 2);
    script.sim.happen(&Happening::DiskFull(true));
    script.until(300_000, |script| script.routed(SHOP) == [(digest(SHOP, "v1"), 100)]);
    script.until(60_000, |script| script.comments(&ticket).contains(&FAILED.to_owned()));
    script.sim.happen(&Happening::DiskFull(false));
    script.rest();
}

#[test]
fn s24_nothing_is_closed_after_a_rollback_of_it_began() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let wish = script.wish(SHOP, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Watching));
    let abort = Ask::Abort { deployment: DeploymentId(2) };
    assert!(script.sim.ask(&operator(), &abort));
    script.rest();
    assert_eq!(script.status(&ticket), "rfp");
    assert_eq!(script.comments(&ticket), [PLANNED, FAILED]);
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v1"), 100)]);
}

#[test]
fn p4_an_act_that_was_outrun_is_done_again_under_a_new_generation() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    lock(&script.sim.world).faults.forced = vec![("set-route", Fate::Outrun)];
    let ticket = script.ship(SHOP, "v2", Kind::Good);
    assert_eq!(script.status(&ticket), "closed");
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v2"), 100)]);
}

#[test]
fn p5_every_fate_of_every_act_ends_well() {
    for act in ["import", "start", "set-route", "stop", "remove", "comment", "close", "post"] {
        for fate in Fate::FAULTS {
            let mut script = Script::new();
            script.ship(CART, "v1", Kind::Good);
            lock(&script.sim.world).faults.forced = vec![(act, fate)];
            let ticket = script.ship(CART, "v2", Kind::Good);
            assert_eq!(script.status(&ticket), "closed", "{act} {fate:?}");
            assert_eq!(script.routed(CART), [(digest(CART, "v2"), 100)], "{act} {fate:?}");
        }
    }
}

/// A ticket for the build of commit 7 whose QA has not spoken yet, and the wish for its merge,
/// commit 8, which DEV posts then.
fn merged(script: &mut Script, same_tree: bool) -> (TicketId, Wish) {
    script.ship(CART, "v1", Kind::Good);
    let reviewed = script.wish(CART, "v2", Kind::Good);
    let reviewed = Wish { commit: Some(commit_name(7)), lacks: Lacks::Qa, ..reviewed };
    let ticket = script.file(&reviewed);
    let merge = script.wish(CART, "v2-merged", Kind::Good);
    let merge = Wish { commit: Some(commit_name(8)), ..merge };
    script.sim.happen(&Happening::Built(merge.clone()));
    let mut world = lock(&script.sim.world);
    if same_tree {
        world.merges.insert(commit_name(8), commit_name(7));
    }
    let t = world.t();
    world.planning.rebuilt(&ticket, &merge, t);
    drop(world);
    (ticket, merge)
}

/// Somebody gives a verdict, with which the ticket has all it needs or not.
fn passes(script: &mut Script, ticket: &TicketId, who: &str, wish: Option<&Wish>) {
    let mut world = lock(&script.sim.world);
    match wish {
        Some(wish) => world.planning.passed_by(ticket, who, wish),
        None => world.planning.say(ticket, who, "QA PASS"),
    }
    drop(world);
    script.sim.happen(&Happening::Remark(ticket.clone()));
}

#[test]
fn s9_a_merge_with_the_same_tree_keeps_cqs_verdict_and_qa_tests_it() {
    let mut script = Script::new();
    let (ticket, merge) = merged(&mut script, true);
    script.until(60_000, |script| script.comments(&ticket) == [HELD]);
    passes(&mut script, &ticket, QA, Some(&merge));
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(CART), [(digest(CART, "v2-merged"), 100)]);
    assert_eq!(script.comments(&ticket), [HELD, SOLVED, PLANNED, COMPLETE]);
}

#[test]
fn s9_a_merge_with_another_tree_waits_for_cq() {
    let mut script = Script::new();
    let (ticket, merge) = merged(&mut script, false);
    passes(&mut script, &ticket, QA, None);
    script.run(300_000);
    assert_eq!(script.comments(&ticket), [HELD]);
    assert_eq!(script.routed(CART), [(digest(CART, "v1"), 100)]);
    passes(&mut script, &ticket, CQ, Some(&merge));
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(CART), [(digest(CART, "v2-merged"), 100)]);
}

#[test]
fn s9_while_git_does_not_answer_nothing_is_kept() {
    let mut script = Script::new();
    let (ticket, merge) = merged(&mut script, true);
    script.sim.happen(&Happening::Down(Part::Wishes, 300_000));
    passes(&mut script, &ticket, QA, Some(&merge));
    script.run(290_000);
    assert_eq!(script.routed(CART), [(digest(CART, "v1"), 100)]);
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(CART), [(digest(CART, "v2-merged"), 100)]);
}
