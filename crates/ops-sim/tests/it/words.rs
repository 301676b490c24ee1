//! What a person says in mid-act (P9).

use ops_core::{deploy::PhaseName, id::DeploymentId};
use ops_engine::Ask;
use ops_sim::{
    scheduler::happening::{Happening, operator},
    world::{conduct::Kind, wishes::SHOP},
};

use crate::script::Script;

/// A second version whose act is under way.
fn in_mid_act() -> (Script, ops_core::id::TicketId) {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let ticket = script.file(&script.wish(SHOP, "v2", Kind::Good));
    script.until(300_000, |script| {
        let engine = script.sim.engine.as_ref();
        let second = engine.and_then(|engine| engine.deployment(DeploymentId(2)));
        second.is_some_and(|one| one.phase_name() == PhaseName::Deploying && one.busy())
    });
    (script, ticket)
}

#[test]
fn p9_an_abort_in_mid_act_survives_a_restart() {
    let (mut script, ticket) = in_mid_act();
    script.sim.happen(&Happening::Ask(operator(), Ask::Abort { deployment: DeploymentId(2) }));
    script.sim.kill(500);
    script.rest();
    assert_eq!(script.comments(&ticket).last().unwrap(), "## Deployment Failed");
    assert_eq!(script.posts("is rolling back"), 1);
    assert_eq!(script.status(&ticket), "rfp");
}

#[test]
fn p9_whoever_asks_before_ops_has_read_who_may_is_told_to_ask_again() {
    let (mut script, _) = in_mid_act();
    script.sim.kill(500);
    script.until(10_000, |script| script.sim.engine.is_some());
    let ask = Ask::Abort { deployment: DeploymentId(2) };
    assert!(!script.sim.ask(&operator(), &ask), "nobody knows yet who may");
    assert!(script.story().contains("has not read yet who may do that; ask again"));
    script.until(60_000, |script| script.sim.engine.as_ref().is_some_and(|e| e.queue().is_some()));
    assert!(script.sim.ask(&operator(), &ask));
    script.rest();
}
