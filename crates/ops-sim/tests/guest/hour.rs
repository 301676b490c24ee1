//! Boards that are away for an hour: both, and each alone, with deployments in every phase.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::{
    deploy::{Deployment, PhaseName},
    id::{Digest, ReleaseId, ServiceName, TicketId},
};
use ops_sim::world::{
    conduct::Kind,
    ledger::Deed,
    lock, marker,
    planning::{Lacks, ME, Road, Wish},
};

use crate::{
    courses::{phase, write_over},
    house::{CHANNEL, House, service},
};

const HOUR_MS: u64 = 3_600_000;
/// Services that have shipped something before the boards go away.
const SHIPPED: usize = 10;
/// Services on which tickets come while the boards are away.
const WAITING: usize = 4;
/// Within so long a version that hurts users is off traffic.
const HELPED_MS: u64 = 120_000;
/// Requests of one board in one second, however much is owed: three for each deployment that there is.
const REQUESTS_MOST: u64 = 3 * (SHIPPED + WAITING) as u64;
/// Requests of one board in the hour: each deployment asks for its ticket every ten seconds, and once
/// more where the connection broke.
const HOUR_MOST: u64 = 2 * (HOUR_MS / 10_000) * (SHIPPED + WAITING) as u64;
/// Posts in one second: each deployment sends one letter, waits for it to stand there, and sends the
/// next.
const POSTS_MOST: usize = SHIPPED + WAITING;

struct Away {
    house: House,
    /// Tickets that were under way, the one whose version hurts among them.
    under_way: Vec<TicketId>,
    hurts: Wish,
    hurting: TicketId,
    phases: BTreeSet<PhaseName>,
}

/// Deployments in as many phases as there can be at once; one of them hurts users.
fn under_way(seed: u64) -> Away {
    let mut house = House::new(seed, SHIPPED + WAITING);
    house.sim.events_most = 5_000_000;
    let first: Vec<_> = (0..SHIPPED)
        .map(|n| {
            let wish = house.wish(&service(n), Kind::Good, Lacks::Nothing);
            house.file(Road::Merged, &wish)
        })
        .collect();
    let all_closed = |house: &House| first.iter().all(|id| house.ticket(id).status == "closed");
    house.until(1_800_000, "the first versions are closed", all_closed);
    house.rest();
    let mut under_way = Vec::new();
    let mut hurts = None;
    for n in [SHIPPED - 1].into_iter().chain(0..SHIPPED - 1) {
        let kind = if n == SHIPPED - 2 { Kind::Errors } else { Kind::Good };
        let lacks = if n == SHIPPED - 1 { Lacks::Qa } else { Lacks::Nothing };
        let wish = house.wish(&service(n), kind, lacks);
        if kind == Kind::Errors {
            // One is watched to its end and cannot be closed: somebody wrote over its history.
            house.until(300_000, "documented", |house| {
                phase(house, &under_way[1]) == Some(PhaseName::Documenting)
            });
        }
        let id = house.file(Road::Tested, &wish);
        if under_way.len() == 1 {
            house.until(300_000, "watched", |house| phase(house, &id) == Some(PhaseName::Watching));
            write_over(&mut house, &id, "history");
        }
        if kind == Kind::Errors {
            // On traffic, and nobody knows yet what it does.
            let digest = wish.digest.clone();
            house.until(300_000, "it takes requests", |house| weight(house, n, &digest) > 0);
            hurts = Some((wish, id.clone()));
        } else {
            house.run(9_000);
        }
        under_way.push(id);
    }
    let engine = house.sim.engine.as_ref().unwrap();
    let phases = engine.deployments().map(Deployment::phase_name).collect();
    let (hurts, hurting) = hurts.unwrap();
    Away { house, under_way, hurts, hurting, phases }
}

/// The share of requests that the door gives to an artifact.
fn weight(house: &House, n: usize, digest: &Digest) -> u8 {
    let world = lock(&house.sim.world);
    let name = ServiceName::from(service(n).as_str());
    let Some(served) = world.door.served.get(&name) else { return 0 };
    let legs = served.route.legs.iter();
    let its = |release: &ReleaseId| {
        let mut all = world.target.of(&name);
        all.any(|one| one.release == *release && one.artifact == *digest)
    };
    legs.filter(|leg| its(&leg.release)).map(|leg| leg.weight).sum()
}

fn started(house: &House, digest: &Digest) -> bool {
    let world = lock(&house.sim.world);
    let mut all = world.ledger.applied.iter();
    all.any(|one| matches!(&one.deed, Deed::Start { artifact, .. } if artifact == digest))
}

fn an_hour_without(planning: bool, meeting: bool, seed: u64) {
    let Away { mut house, under_way, hurts, hurting, phases } = self::under_way(seed);
    for phase in
        [PhaseName::Held, PhaseName::Deploying, PhaseName::Watching, PhaseName::Documenting]
    {
        assert!(phases.contains(&phase), "{phases:?}");
    }
    let gone = house.sim.t();
    house.guest.away(planning, meeting, HOUR_MS);
    house.run(HELPED_MS);
    assert_eq!(weight(&house, SHIPPED - 2, &hurts.digest), 0, "users are protected meanwhile");
    let new: Vec<(TicketId, Wish)> = (SHIPPED..SHIPPED + WAITING)
        .map(|n| {
            let wish = house.wish(&service(n), Kind::Good, Lacks::Nothing);
            (house.file(Road::Merged, &wish), wish)
        })
        .collect();
    let end = gone + HOUR_MS;
    while house.sim.t() + 1_000 < end {
        house.step();
        for (id, wish) in new.iter().filter(|_| planning) {
            assert!(!started(&house, &wish.digest), "{id} was begun while its board was away");
        }
    }
    for (id, _) in new.iter().filter(|_| !planning) {
        // Its own board is there; what the team is told of it waits.
        assert_eq!(house.ticket(id).status, "closed", "{id}");
    }
    house.run(120_000);
    house.front.overwrites(|all| all.restore(under_way[1].as_str()));
    house.rest();
    for (id, _) in &new {
        assert_eq!(house.ticket(id).status, "closed", "{id}");
    }
    for id in under_way.iter().filter(|id| **id != hurting) {
        let unproven = id == &under_way[0];
        let wanted = if unproven { "rfp" } else { "closed" };
        assert_eq!(house.ticket(id).status, wanted, "{id}");
    }
    assert_eq!(house.ticket(&hurting).status, "rfp");
    assert!(house.said(&hurting).iter().any(|one| one == "## Deployment Failed"));
    in_order(&house);
    no_flood(&house, (gone, end));
}

/// What ops wrote of one deployment stands in the order in which it was owed, on each ticket and in
/// the channel.
fn in_order(house: &House) {
    let mut places: Vec<(String, Vec<String>)> = vec![(CHANNEL.to_owned(), house.posts(CHANNEL))];
    let tickets: Vec<_> = lock(&house.sim.world).planning.tickets.keys().cloned().collect();
    for id in tickets {
        let ours = house.ticket(&id).comments.into_iter().filter(|one| one.author == ME);
        places.push((id.to_string(), ours.map(|one| one.text).collect()));
    }
    for (place, texts) in places {
        let mut last: BTreeMap<String, u32> = BTreeMap::new();
        for text in &texts {
            let Some(mark) = marker(text).and_then(|one| one.strip_prefix("<!-- ops:D-")) else {
                continue;
            };
            let (deployment, n) = mark.trim_end_matches(" -->").split_once(':').unwrap();
            let n: u32 = n.parse().unwrap();
            let before = last.insert(deployment.to_owned(), n);
            assert!(
                before.is_none_or(|before| before < n),
                "{place}: D-{deployment} {before:?} {n}"
            );
        }
    }
}

#[expect(clippy::print_stderr, reason = "the figures of the run")]
fn no_flood(house: &House, (gone, end): (u64, u64)) {
    let all = house.guest.by_second();
    let span = |board: usize, from: u64, to: u64| {
        let within = all.iter().filter(move |((one, second), _)| {
            *one == board && (from..to).contains(&(second * 1_000))
        });
        let (mut sum, mut most, mut posts) = (0, 0, 0);
        for (_, (requests, writes)) in within {
            sum += requests;
            most = most.max(*requests);
            posts = posts.max(*writes);
        }
        (sum, most, posts)
    };
    for (board, name) in [(0, "planning"), (1, "meeting")] {
        let (while_away, most_away, _) = span(board, gone, end);
        let (back, most_back, writes) = span(board, end - 1_000, u64::MAX);
        eprintln!(
            "{name} board: {while_away} requests in the hour, at most {most_away} in a second; {back} \
             afterwards, at most {most_back} in a second, and {writes} writes"
        );
        assert!(
            most_away <= REQUESTS_MOST && most_back <= REQUESTS_MOST,
            "{most_away} {most_back}"
        );
        assert!(while_away <= HOUR_MOST, "{while_away}");
        assert!(writes <= POSTS_MOST, "{writes}");
    }
}

#[test]
fn s14_both_boards_are_away_for_an_hour() {
    an_hour_without(true, true, 21);
}

#[test]
fn s14_the_planning_board_is_away_for_an_hour() {
    an_hour_without(true, false, 22);
}

#[test]
fn s14_the_meeting_board_is_away_for_an_hour() {
    an_hour_without(false, true, 23);
}
