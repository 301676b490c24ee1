//! 500 tickets, in and out, while everything goes wrong between ops and the boards that can.

use ops_sim::world::lock;

use crate::{courses::Lane, house::House, mirror::Troubles};

/// Services with lock groups of their own: so many tickets are under way at once.
const LANES: usize = 16;
/// How often the team looks at its tickets.
const LOOK_MS: u64 = 1_000;
/// Longest time that it may take.
const MOST_MS: u64 = 24 * 3_600_000;

/// Walks so many tickets, and says how it went.
fn walk(seed: u64, tickets: usize) -> House {
    let mut house = House::new(seed, LANES);
    house.sim.events_most = 20_000_000;
    house.guest.trouble(Troubles { writes: 150, reads: 25 });
    let mut lanes: Vec<Lane> = (0..LANES).map(Lane::new).collect();
    let (mut filed, mut looked) = (0, 0);
    loop {
        house.step();
        let t = house.sim.t();
        assert!(t < MOST_MS, "{}\n{}", words(&lanes), house.story());
        if t < looked + LOOK_MS {
            continue;
        }
        looked = t;
        for lane in &mut lanes {
            if lane.free(t) && filed < tickets {
                filed += 1;
                lane.file(&mut house);
            }
            lane.look(&mut house);
        }
        if house.dice.chance(2) {
            house.boards_restart();
        }
        if house.dice.chance(1) {
            house.ops_restarts();
        }
        if filed == tickets && lanes.iter().all(|lane| lane.free(u64::MAX)) {
            break;
        }
    }
    house.guest.trouble(Troubles::default());
    house.rest();
    house
}

fn words(lanes: &[Lane]) -> String {
    lanes.iter().map(Lane::words).collect::<Vec<_>>().join("\n")
}

/// Every ticket that was approved and works is closed, and no other one.
#[track_caller]
fn all_as_they_should_be(house: &House) -> (usize, usize) {
    let world = lock(&house.sim.world);
    let (mut closed, mut open) = (0, 0);
    for (id, ticket) in &world.planning.tickets {
        let approval = world.planning.approvals.get(id).filter(|one| one.ended_at.is_none());
        let good = |digest| world.conducts.get(digest).is_none_or(|one| one.kind.good());
        let should = approval.is_some_and(|approval| good(&approval.digest));
        let (is, of) = (ticket.status == "closed", &ticket.title);
        assert_eq!(is, should, "{id} ({of}) is {}\n{:#?}", ticket.status, ticket.comments);
        if is { closed += 1 } else { open += 1 }
    }
    (closed, open)
}

#[expect(clippy::print_stderr, reason = "the figures and the seed of the run")]
fn tell(seed: u64, house: &House, (closed, open): (usize, usize)) {
    let minutes = house.sim.t() / 60_000;
    let [planning, meeting] = house.front.requests();
    eprintln!(
        "seed {seed}: {closed} tickets closed, {open} not, in {minutes} virtual minutes; \
         {planning} requests of the planning board, {meeting} of the meeting board; {:?}",
        house.guest.counts()
    );
}

#[test]
fn p10_p11_s24_500_tickets_go_in_and_out_each_word_once_and_none_is_forgotten() {
    let seed = std::env::var("OPS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(8);
    let count = std::env::var("OPS_TICKETS").ok().and_then(|n| n.parse().ok()).unwrap_or(500);
    let house = walk(seed, count);
    let told = all_as_they_should_be(&house);
    tell(seed, &house, told);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        let house = walk(11, 30);
        let hash = lock(&house.sim.world).story.hash();
        (hash, house.sim.t(), house.guest.counts())
    };
    assert_eq!(run(), run());
}
