//! Texts that want something, as messages to ops: nobody gets by words what is not theirs to ask for.

use ops_core::{
    deploy::PhaseName,
    evidence::RECORD_MARK,
    id::{DeploymentId, TicketId},
};
use ops_hostile::corpus;
use ops_sim::{
    scheduler::happening::Happening,
    world::{
        conduct::Kind,
        planning::{DEV, PO},
        wishes::SHOP,
    },
};

use crate::script::{COMPLETE, Script};

/// Somebody whom no settings name.
const STRANGER: &str = "eve@example.org";
/// Messages that are written at once: fewer than ops keeps waiting.
const AT_ONCE: usize = 50;

fn says(script: &mut Script, who: &'static str, text: &str) {
    script.sim.happen(&Happening::Mention(who, text.to_owned()));
}

/// Whether everything, and the second deployment, is halted.
fn halted(script: &Script) -> (bool, bool) {
    let engine = script.sim.engine.as_ref();
    let one = engine.and_then(|engine| engine.deployment(DeploymentId(2)));
    let all = engine.is_some_and(|engine| engine.knowledge().halted.is_some());
    (all, one.is_some_and(|one| one.halted.is_some()))
}

/// A second version on its way, halted by itself and with everything else.
fn stopped() -> (Script, TicketId) {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let ticket = script.file(&script.wish(SHOP, "v2", Kind::Good));
    script.until(300_000, |script| script.phase(2) == Some(PhaseName::Deploying));
    says(&mut script, DEV, "@ops halt D-2");
    says(&mut script, DEV, "@ops halt");
    script.until(60_000, |script| halted(script) == (true, true));
    (script, ticket)
}

/// Whether all of it still stands after somebody has said everything that there is to say.
fn stands_after(script: &mut Script, who: &'static str) -> bool {
    corpus().chunks(AT_ONCE).all(|texts| {
        for one in texts {
            says(script, who, &one.text);
        }
        script.run(20_000);
        let untouched = script.sim.engine.as_ref().is_some_and(|engine| {
            engine.deployments().all(|one| one.id() == DeploymentId(2))
                && engine.knowledge().lifted.is_empty()
        });
        untouched && halted(script) == (true, true) && script.phase(2) == Some(PhaseName::Deploying)
    })
}

#[test]
fn p12_words_of_strangers_and_members_free_nothing_take_nothing_back_and_lift_nothing() {
    let (mut script, ticket) = stopped();
    for who in [STRANGER, DEV] {
        assert!(stands_after(&mut script, who), "{who} got something by words");
    }
    // What bears ops's own mark is not read as anybody's.
    let read = corpus().iter().filter(|one| !one.text.contains(RECORD_MARK)).count();
    let answered = script.sim.engine.as_ref().unwrap().knowledge().answered.len();
    assert!(answered >= 2 * read, "only {answered} were read");
    assert_eq!(script.status(&ticket), "rfp");
    says(&mut script, PO, "@ops resume");
    says(&mut script, PO, "@ops resume D-2");
    script.rest();
    assert_eq!(script.comments(&ticket).last().unwrap(), COMPLETE);
}

/// Otherwise the test above would show nothing.
#[test]
fn the_same_words_of_somebody_who_may_are_heard() {
    let (mut script, _) = stopped();
    assert!(!stands_after(&mut script, PO));
}
