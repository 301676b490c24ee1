//! A crash before and after every single record of a deployment's journal (P5), and a journal that a
//! newer ops has written to (S19).

use ops_core::deploy::PhaseName;
use ops_engine::ports::Journal as _;
use ops_sim::{
    disk::Die,
    scheduler::happening::Happening,
    world::{
        conduct::Kind,
        faults::Part,
        wishes::{CART, MAILER, SHOP},
    },
};
use serde_json::json;

use crate::script::{Script, digest};

/// Ships a second version and lets ops die at a write; false if that write never came.
fn dies(at: Die, kind: Kind) -> bool {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    script.sim.happen(&Happening::DieAt(at));
    let ticket = script.file(&script.wish(CART, "v2", kind));
    script.run(1_000);
    script.until(1_800_000, |script| {
        script.sim.engine.is_some() && script.sim.at_rest() && !script.comments(&ticket).is_empty()
    });
    script.rest();
    let died = script.story().contains("the daemon dies");
    let serves = if kind == Kind::Good { "v2" } else { "v1" };
    assert_eq!(script.routed(CART), [(digest(CART, serves), 100)], "{at:?}\n{}", script.story());
    assert_eq!(script.alive(CART), 1, "{at:?}");
    died
}

#[test]
fn p5_a_crash_before_and_after_every_record_ends_well() {
    for kind in [Kind::Good, Kind::Errors] {
        for at in [Die::Before as fn(u64) -> Die, Die::After] {
            let deaths = (0..1_000).take_while(|n| dies(at(*n), kind)).count();
            println!("{kind:?}: {deaths} deaths");
            assert!((30..900).contains(&deaths), "{kind:?}: {deaths} deaths");
        }
    }
}

#[test]
fn s19_what_a_newer_ops_has_written_stops_forward_acts() {
    let mut script = Script::new();
    script.ship(CART, "v1", Kind::Good);
    let now = ops_sim::world::lock(&script.sim.world).clock.now();
    let mut journal = script.sim.journal().clone();
    journal.append(None, &now, &[(2, json!({ "event": "of a newer ops" }))], None).unwrap();
    script.sim.kill(500);
    let ticket = script.file(&script.wish(CART, "v2", Kind::Good));
    script.run(300_000);
    assert_eq!(script.routed(CART), [(digest(CART, "v1"), 100)]);
    assert_eq!(script.status(&ticket), "rfp");
    assert_eq!(script.alive(CART), 1);
}

#[test]
fn s23_harm_that_ends_and_comes_back_adds_up() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let ticket = script.file(&script.wish(SHOP, "v2", Kind::Relapses));
    script.until(900_000, |script| {
        script.comments(&ticket).last().is_some_and(|last| last == "## Deployment Failed")
    });
    script.rest();
    assert_eq!(script.posts("users were hurt"), 1);
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v1"), 100)]);
}

#[test]
fn s10_what_was_judged_bad_is_held_on_another_ticket_too() {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let bad = script.wish(SHOP, "v2", Kind::Errors);
    script.file(&bad);
    script.until(600_000, |script| script.posts("remains in rfp") > 0);
    let again = script.file(&bad);
    script.until(600_000, |script| script.comments(&again).contains(&"## Deployment Held".into()));
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest(SHOP, "v1"), 100)]);
    assert_eq!(
        script.posts("these checks do not pass: guards") + script.posts("the check guards"),
        1
    );
}

#[test]
fn s22_what_has_no_http_is_judged_by_what_it_does() {
    let mut script = Script::new();
    script.ship(MAILER, "v1", Kind::Good);
    let ticket = script.file(&script.wish(MAILER, "v2", Kind::Good));
    script.until(600_000, |script| script.phase(2) == Some(PhaseName::Watching));
    script.sim.happen(&Happening::Down(Part::Metrics, 3_000_000));
    script.until(900_000, |script| {
        script.comments(&ticket).last().is_some_and(|last| last == "## Deployment Failed")
    });
    assert_eq!(script.status(&ticket), "rfp", "nobody could see whether it does anything");
    script.sim.happen(&Happening::Mend);
    script.until(3_600_000, |script| script.status(&ticket) == "closed");
    script.rest();
}
