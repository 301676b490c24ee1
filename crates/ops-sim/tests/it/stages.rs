//! S12: from stage to stage, and back.

use ops_core::{deploy::PhaseName, id::DeploymentId};
use ops_engine::Ask;
use ops_sim::{
    disk::Die,
    scheduler::happening::{Happening, operator},
    world::{
        conduct::Kind,
        faults::Part,
        planning::Wish,
        wishes::{PORTAL, PORTAL_STAGING},
    },
};

use crate::script::{COMPLETE, HELD, PLANNED, Script, digest};

#[test]
fn s12_a_candidate_soaks_in_staging_and_goes_on_to_production() {
    let mut script = Script::new();
    let ticket = script.ship(PORTAL, "v1", Kind::Good);
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v1"), 100)]);
    assert_eq!(script.routed(PORTAL_STAGING), [(digest(PORTAL, "v1"), 100)]);
    assert_eq!(script.comments(&ticket), [PLANNED, COMPLETE, PLANNED, COMPLETE]);
    assert_eq!(script.posts("soaks there for"), 1);
}

#[test]
fn s12_pulled_back_while_it_soaks_it_leaves_staging_and_never_comes_to_production() {
    let mut script = Script::new();
    script.ship(PORTAL, "v1", Kind::Good);
    let wish = script.wish(PORTAL, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(3) == Some(PhaseName::Soaking));
    script.sim.happen(&Happening::PullBack(ticket.clone()));
    script.until(300_000, |script| script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v1"), 100)]);
    script.rest();
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v1"), 100)]);
    assert_eq!(script.status(&ticket), "in-progress");
}

#[test]
fn s12_a_later_round_that_is_withdrawn_takes_nothing_from_staging_that_serves_in_production() {
    let mut script = Script::new();
    script.ship(PORTAL, "v1", Kind::Good);
    let ticket = script.ship(PORTAL, "v2", Kind::Good);
    script.sim.happen(&Happening::HostLow(true));
    let again = script.wish(PORTAL, "v2", Kind::Good);
    script.sim.happen(&Happening::Round(ticket.clone(), again));
    script.until(600_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    script.sim.happen(&Happening::PullBack(ticket));
    script.until(300_000, |script| script.posts(" is withdrawn: ") == 1);
    script.sim.happen(&Happening::HostLow(false));
    script.run(1_800_000);
    script.rest();
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v2"), 100)]);
    assert_eq!(script.routed(PORTAL_STAGING), [(digest(PORTAL, "v2"), 100)]);
}

#[test]
fn s12_a_round_that_was_taken_back_for_its_tickets_sake_is_nowhere_to_go_back_to() {
    let (mut script, second) = soaking();
    let wish = script.wish(PORTAL, "v3", Kind::Good);
    let third = script.file(&wish);
    let v3 = [(digest(PORTAL, "v3"), 100)];
    script.until(900_000, |script| script.routed(PORTAL_STAGING) == v3);
    let again = script.wish(PORTAL, "v2", Kind::Good);
    script.sim.happen(&Happening::Round(second.clone(), again));
    script.until(900_000, |script| script.routed(PORTAL_STAGING).len() == 2);
    script.sim.happen(&Happening::Revoke(second));
    script.sim.happen(&Happening::PullBack(third));
    let v1 = [(digest(PORTAL, "v1"), 100)];
    script.until(900_000, |script| script.routed(PORTAL_STAGING) == v1);
    script.rest();
    assert_eq!(script.routed(PORTAL_STAGING), v1);
}

#[test]
fn s12_nothing_comes_back_whose_verdict_was_taken_back_meanwhile() {
    let (mut script, second) = soaking();
    let wish = script.wish(PORTAL, "v3", Kind::Good);
    let third = script.file(&Wish { includes: vec![second.clone()], ..wish });
    let v3 = [(digest(PORTAL, "v3"), 100)];
    script.until(900_000, |script| script.routed(PORTAL_STAGING) == v3);
    script.sim.happen(&Happening::Revoke(second));
    script.until(300_000, |script| script.phase(4) == Some(PhaseName::Soaking));
    script.sim.happen(&Happening::PullBack(third));
    let v1 = [(digest(PORTAL, "v1"), 100)];
    script.until(900_000, |script| script.routed(PORTAL_STAGING) == v1);
    script.rest();
    assert_eq!(script.routed(PORTAL_STAGING), v1);
}

/// The second version of the portal, while it soaks in staging.
fn soaking() -> (Script, ops_core::id::TicketId) {
    let mut script = Script::new();
    script.ship(PORTAL, "v1", Kind::Good);
    let wish = script.wish(PORTAL, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(3) == Some(PhaseName::Soaking));
    (script, ticket)
}

#[test]
fn s12_pulled_back_between_two_stages_it_leaves_staging() {
    let (mut script, ticket) = soaking();
    // The board is away while it goes on, so nothing is under way when the ticket is pulled back.
    script.sim.happen(&Happening::Down(Part::Planning, 200_000));
    script.until(200_000, |script| script.phase(3).is_none());
    script.sim.happen(&Happening::PullBack(ticket.clone()));
    script.until(900_000, |script| script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v1"), 100)]);
    script.rest();
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v1"), 100)]);
    assert_eq!(script.status(&ticket), "in-progress");
}

#[test]
fn s12_s13_a_verdict_taken_back_between_two_stages_takes_it_from_staging() {
    let (mut script, ticket) = soaking();
    script.sim.happen(&Happening::Down(Part::Planning, 200_000));
    script.until(200_000, |script| script.phase(3).is_none());
    script.sim.happen(&Happening::Revoke(ticket.clone()));
    script.until(900_000, |script| script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v1"), 100)]);
    script.rest();
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v1"), 100)]);
    assert_eq!(script.status(&ticket), "rfp", "ops moves nothing back");
    assert_eq!(script.posts("took the verdict of QA back"), 1);
}

#[test]
fn s12_pulled_back_while_the_next_stage_holds_it_leaves_staging() {
    let (mut script, ticket) = soaking();
    script.sim.happen(&Happening::Down(Part::Host, 400_000));
    script.until(300_000, |script| script.comments(&ticket).contains(&HELD.to_owned()));
    script.sim.happen(&Happening::PullBack(ticket.clone()));
    script
        .until(1_800_000, |script| script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v1"), 100)]);
    script.rest();
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v1"), 100)]);
}

#[test]
fn s12_two_tickets_for_one_candidate_do_not_chase_each_other() {
    let mut script = Script::new();
    script.ship(PORTAL, "v1", Kind::Good);
    let wish = script.wish(PORTAL, "v2", Kind::Good);
    let first = script.file(&wish);
    script.until(300_000, |script| script.phase(3) == Some(PhaseName::Soaking));
    let second = script.file(&wish);
    script.until(900_000, |script| script.status(&first) == "closed");
    script.until(900_000, |script| script.status(&second) == "closed");
    script.rest();
}

/// The second version of the portal is pulled back while it soaks, and the rollback that takes it
/// from staging is on the way.
fn taken_back() -> Script {
    let (mut script, ticket) = soaking();
    script.sim.happen(&Happening::PullBack(ticket));
    script.until(300_000, |script| script.phase(4) == Some(PhaseName::Deploying));
    script
}

#[test]
fn s12_s5_a_rollback_that_failed_for_what_is_around_it_is_tried_again() {
    let mut script = taken_back();
    script.sim.happen(&Happening::Down(Part::Door, 180_000));
    script.until(900_000, |script| script.posts("which takes D-3 back, has failed") == 1);
    assert_eq!(script.routed(PORTAL_STAGING), [(digest(PORTAL, "v2"), 100)]);
    script
        .until(1_800_000, |script| script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v1"), 100)]);
    script.rest();
    assert_eq!(script.posts("taking back D-3"), 2);
}

#[test]
fn s12_p9_a_rollback_that_a_person_stopped_is_not_begun_again() {
    let mut script = taken_back();
    assert!(script.sim.ask(&operator(), &Ask::Abort { deployment: DeploymentId(4) }));
    script.rest();
    script.run(3_600_000);
    assert_eq!(script.routed(PORTAL_STAGING), [(digest(PORTAL, "v2"), 100)]);
    assert_eq!(script.posts("taking back D-3"), 1);
}

#[test]
fn s12_p5_dying_at_any_record_of_a_pull_back_leaves_one_rollback() {
    for record in 0..8 {
        let (mut script, ticket) = soaking();
        script.sim.happen(&Happening::PullBack(ticket));
        script.sim.happen(&Happening::DieAt(Die::After(record)));
        script.until(900_000, |script| {
            script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v1"), 100)]
        });
        script.rest();
        assert_eq!(script.posts("taking back D-3"), 1, "died after record {record}");
    }
}

#[test]
fn s12_what_is_overtaken_while_its_rollback_is_held_is_not_taken_back() {
    let (mut script, ticket) = soaking();
    script.sim.happen(&Happening::HostLow(true));
    script.sim.happen(&Happening::PullBack(ticket));
    script.until(300_000, |script| script.posts("which takes D-3 back, is held") == 1);
    let newer = script.wish(PORTAL, "v3", Kind::Good);
    let newer = script.file(&newer);
    script.run(40_000);
    script.sim.happen(&Happening::HostLow(false));
    script.until(3_600_000, |script| script.status(&newer) == "closed");
    script.rest();
    assert_eq!(script.routed(PORTAL_STAGING), [(digest(PORTAL, "v3"), 100)]);
}

#[test]
fn s12_pulled_back_before_its_record_stands_it_leaves_its_stage() {
    let mut script = Script::new();
    script.ship(PORTAL, "v1", Kind::Good);
    let wish = script.wish(PORTAL, "v2", Kind::Good);
    let ticket = script.file(&wish);
    script.until(300_000, |script| script.phase(3) == Some(PhaseName::Watching));
    script.until(300_000, |script| script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v2"), 100)]);
    script.until(300_000, |script| script.phase(3) == Some(PhaseName::Documenting));
    script.sim.happen(&Happening::Down(Part::Meeting, 120_000));
    script.sim.happen(&Happening::PullBack(ticket.clone()));
    script.until(900_000, |script| script.routed(PORTAL_STAGING) == [(digest(PORTAL, "v1"), 100)]);
    script.rest();
    assert_eq!(script.status(&ticket), "in-progress");
}

#[test]
fn s12_what_is_overtaken_while_its_rollback_is_queued_is_not_taken_back() {
    let (mut script, ticket) = soaking();
    let newer = script.wish(PORTAL, "v3", Kind::Good);
    let newer = script.file(&newer);
    script.until(300_000, |script| script.phase(4) == Some(PhaseName::Watching));
    script.sim.happen(&Happening::PullBack(ticket));
    script.until(3_600_000, |script| script.status(&newer) == "closed");
    script.rest();
    assert_eq!(script.routed(PORTAL_STAGING), [(digest(PORTAL, "v3"), 100)]);
    assert_eq!(script.posts("serves on staging meanwhile"), 1);
    assert_eq!(script.posts("taking back D-3"), 0);
}

#[test]
fn s12_behind_two_pulled_back_tickets_no_earlier_round_of_the_first_comes_back() {
    let (mut script, first) = soaking();
    // What governs changed meanwhile, so its ticket asks for another candidate: it soaks anew.
    script.sim.happen(&Happening::Commit(1));
    let on_staging = |script: &Script, version| {
        script.routed(PORTAL_STAGING) == [(digest(PORTAL, version), 100)]
    };
    script.until(900_000, |script| script.phase(4) == Some(PhaseName::Soaking));
    assert!(on_staging(&script, "v2"));
    let wish = script.wish(PORTAL, "v4", Kind::Good);
    let second = script.file(&wish);
    script.until(900_000, |script| script.routed(PORTAL_STAGING).len() == 2);
    script.sim.happen(&Happening::Revoke(first));
    script.until(300_000, |script| script.posts("serves on staging meanwhile") == 1);
    script.sim.happen(&Happening::PullBack(second));
    script.until(900_000, |script| on_staging(script, "v1"));
    script.rest();
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v1"), 100)]);
}

#[test]
fn s12_what_a_rollback_of_another_ticket_brought_again_leaves_with_its_own() {
    let (mut script, first) = soaking();
    let on_staging = |script: &Script, version| {
        script.routed(PORTAL_STAGING) == [(digest(PORTAL, version), 100)]
    };
    // Another ticket for the same: it takes the place of the first one, and is pulled back.
    let wish = script.wish(PORTAL, "v2", Kind::Good);
    let second = script.file(&wish);
    script.until(900_000, |script| script.phase(4) == Some(PhaseName::Soaking));
    script.sim.happen(&Happening::PullBack(second));
    script.until(900_000, |script| script.phase(5) == Some(PhaseName::Deploying));
    // What the first one asks for is brought there again, and not asked for any more once it serves.
    script.sim.happen(&Happening::Revoke(first));
    script.sim.happen(&Happening::Down(Part::Planning, 50_000));
    script.until(900_000, |script| on_staging(script, "v2"));
    script.until(900_000, |script| on_staging(script, "v1"));
    script.rest();
    assert_eq!(script.routed(PORTAL), [(digest(PORTAL, "v1"), 100)]);
}
