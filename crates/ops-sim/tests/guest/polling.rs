//! How often ops asks the boards while nothing happens, measured over an hour.

use std::sync::Arc;

use ops_core::settings::Settings;
use ops_sim::world::{
    conduct::Kind,
    lock,
    planning::{Lacks, Road},
};

use crate::house::{House, service};

const HOUR_MS: u64 = 3_600_000;
/// One request of each board in 15 s.
const MOST: u64 = HOUR_MS / 15_000;
/// Tickets that wait for somebody else.
const HELD: usize = 12;

#[test]
fn at_rest_each_board_is_asked_less_than_once_in_15_seconds() {
    let mut house = House::new(31, HELD);
    {
        let mut world = lock(&house.sim.world);
        // What it is unless ops.yaml says otherwise.
        let settings = Settings { heartbeat_seconds: 900, ..Settings::clone(&world.settings) };
        let commit = settings.revision.commit.clone().unwrap_or_default();
        world.settings = Arc::new(settings);
        let settings = Arc::clone(&world.settings);
        world.commits.insert(commit, settings);
    }
    house.sim.brisk = true;
    house.sim.events_most = 5_000_000;
    let first = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let first = house.file(Road::Merged, &first);
    for n in 0..HELD {
        let wish = house.wish(&service(n), Kind::Good, Lacks::Qa);
        house.file(Road::Merged, &wish);
    }
    house.until(2 * HOUR_MS, "closed", |house| house.ticket(&first).status == "closed");
    house.rest();
    let [planning, meeting] = house.front.requests();
    house.run(HOUR_MS);
    let after = house.front.requests();
    let (planning, meeting) = (after[0] - planning, after[1] - meeting);
    eprintln!(
        "{planning} requests of the planning board, {meeting} of the meeting board in an hour"
    );
    assert!(planning > 0 && planning < MOST, "{planning}");
    assert!(meeting > 0 && meeting < MOST, "{meeting}");
}
