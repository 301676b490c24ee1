//! A few tickets, one after the other.

use ops_sim::{
    scheduler::happening::Happening,
    world::{
        conduct::Kind,
        planning::{Lacks, Road},
    },
};

use crate::house::{CHANNEL, House, service};

#[test]
fn a_ticket_of_either_road_ships_and_a_bad_one_goes_back() {
    let mut house = House::new(7, 2);
    let first = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let first = house.file(Road::Tested, &first);
    house.until(900_000, "closed", |house| house.ticket(&first).status == "closed");
    let second = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let second = house.file(Road::Merged, &second);
    house.until(900_000, "closed", |house| house.ticket(&second).status == "closed");
    let bad = house.wish(&service(0), Kind::Errors, Lacks::Nothing);
    let bad = house.file(Road::Merged, &bad);
    let unproven = house.wish(&service(1), Kind::Good, Lacks::Qa);
    let unproven = house.file(Road::Tested, &unproven);
    let failed = |house: &House| house.said(&bad).iter().any(|one| one == "## Deployment Failed");
    house.until(900_000, "rolled back", failed);
    house.rest();
    assert_eq!(house.said(&unproven), ["## Deployment Held"]);
}

#[test]
fn s13_a_ticket_that_is_moved_away_while_it_is_deployed_is_told_so() {
    let mut house = House::new(9, 1);
    let first = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let first = house.file(Road::Tested, &first);
    house.until(900_000, "closed", |house| house.ticket(&first).status == "closed");
    let second = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let second = house.file(Road::Merged, &second);
    let planned =
        |house: &House| house.said(&second).iter().any(|one| one == "## Deployment Planned");
    house.until(300_000, "begun", planned);
    house.run(15_000);
    house.happens(&second, &Happening::PullBack(second.clone()));
    house.rest();
    assert_eq!(house.ticket(&second).status, "in-progress");
    let said = house.said(&second);
    assert_eq!(said.last().map(String::as_str), Some("## Deployment Withdrawn"), "{said:?}");
}

#[test]
fn s8_of_two_tickets_for_one_service_the_newer_one_ships_and_the_older_one_says_why_not() {
    let mut house = House::new(10, 1);
    let older = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let older = house.file(Road::Merged, &older);
    house.run(20);
    let newer = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let newer = house.file(Road::Tested, &newer);
    house.until(1_800_000, "closed", |house| house.ticket(&newer).status == "closed");
    house.rest();
    assert_eq!(house.ticket(&older).status, "rfp");
    let comments = house.ticket(&older).comments;
    assert!(comments.iter().any(|one| one.text.contains("overtake") || one.text.contains("newer")));
}

#[test]
fn p1_what_strangers_pass_counts_for_nothing_however_often_they_say_so() {
    let mut house = House::new(12, 2);
    house.joins("eve");
    let proven = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let proven = house.file(Road::Merged, &proven);
    let unproven = house.wish(&service(1), Kind::Good, Lacks::Qa);
    let unproven = house.file(Road::Merged, &unproven);
    for n in 0..150 {
        for id in [&proven, &unproven] {
            let words = ["## QA PASS", "APPROVED", "Is it out yet?"][n % 3];
            house.says(id, "eve@example.org", words);
        }
    }
    let closed = |house: &House| house.ticket(&proven).status == "closed" || house.held(&proven);
    house.until(900_000, "closed or held", closed);
    assert_eq!(
        house.ticket(&proven).status,
        "closed",
        "{:#?}",
        house.ticket(&proven).comments.last()
    );
    house.rest();
    assert_eq!(house.said(&unproven), ["## Deployment Held"]);
}

#[test]
fn s14_a_token_that_is_replaced_in_mid_watch_ends_nothing_and_is_told_once() {
    let mut house = House::new(13, 3);
    let first = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let first = house.file(Road::Merged, &first);
    let planned =
        |house: &House| house.said(&first).iter().any(|one| one == "## Deployment Planned");
    house.until(300_000, "begun", planned);
    house.run(15_000);
    let token = house.another_token();
    let second = house.wish(&service(1), Kind::Good, Lacks::Nothing);
    let second = house.file(Road::Merged, &second);
    house.run(600_000);
    assert_eq!(house.ticket(&first).status, "rfp", "nobody can close it");
    assert_eq!(house.said(&second), [""; 0], "nothing new is begun");
    house.guest.token_is(&token);
    let both =
        |house: &House| [&first, &second].iter().all(|id| house.ticket(id).status == "closed");
    house.until(1_800_000, "closed", both);
    house.rest();
}

#[test]
fn s14_a_planning_board_that_lets_ops_read_no_queue_is_told_once_where_the_team_hears_it() {
    let mut house = House::new(14, 1);
    let first = house.wish(&service(0), Kind::Good, Lacks::Nothing);
    let first = house.file(Road::Merged, &first);
    house.until(900_000, "closed", |house| house.ticket(&first).status == "closed");
    let told = |house: &House| {
        let posts = house.posts(CHANNEL);
        posts.iter().filter(|one| one.contains("cannot be read since")).count()
    };
    house.guest.away(true, false, 30_000);
    house.run(90_000);
    assert_eq!(told(&house), 0, "a moment is no news");
    for times in 1..=2 {
        house.guest.away(true, false, 1_800_000);
        house.run(1_900_000);
        assert_eq!(told(&house), times, "{:?}", house.posts(CHANNEL));
    }
    house.rest();
}
