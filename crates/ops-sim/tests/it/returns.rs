//! The pre-authorised return: with no daemon for long, the door goes back by itself (DESIGN §4, S20).

use ops_core::id::Digest;
use ops_sim::world::{conduct::Kind, wishes::SHOP};

use crate::script::Script;

const AWAY_MS: u64 = 400_000;

fn digest(version: &str) -> Digest {
    Digest::of(format!("{SHOP} {version}").as_bytes())
}

/// A canary is on traffic beside the first version, and the daemon dies for a while.
fn alone(kind: Kind) -> (Script, ops_core::id::TicketId) {
    let mut script = Script::new();
    script.ship(SHOP, "v1", Kind::Good);
    let ticket = script.file(&script.wish(SHOP, "v2", kind));
    script.until(300_000, |script| script.routed(SHOP).len() == 2);
    script.sim.kill(AWAY_MS);
    (script, ticket)
}

#[test]
fn s20_without_a_daemon_the_door_takes_a_canary_off_that_breaks_hard_limits() {
    let (mut script, ticket) = alone(Kind::Errors);
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest("v1"), 100)]);
    assert_eq!(script.status(&ticket), "rfp");
    assert_eq!(script.posts("the door went back to the old one by itself"), 1, "it tells later");
    assert_eq!(script.comments(&ticket).last().unwrap(), "## Deployment Failed");
}

#[test]
fn s20_without_a_daemon_the_door_leaves_a_good_canary_alone() {
    let (mut script, ticket) = alone(Kind::Good);
    script.until(900_000, |script| script.status(&ticket) == "closed");
    script.rest();
    assert_eq!(script.routed(SHOP), [(digest("v2"), 100)]);
    assert_eq!(script.posts("is rolling back"), 0);
}
