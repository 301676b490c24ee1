//! The ordinary situations, each with a fixed script.

use ops_sim::world::{conduct::Kind, wishes::CART};

use crate::script::Script;

#[test]
fn s1_a_first_deployment_is_routed_at_once_and_closed() {
    let mut script = Script::new();
    let wish = script.wish(CART, "v1", Kind::Good);
    let ticket = script.ship(CART, "v1", Kind::Good);
    assert_eq!(script.status(&ticket), "closed");
    assert_eq!(script.routed(CART), [(wish.digest, 100)]);
    assert_eq!(script.comments(&ticket), ["## Deployment Planned", "## Deployment Complete"]);
    assert_eq!(script.posts("Health: good"), 1);
}
