//! Two real edges as one door: each has the copies at its own address.

use std::{net::Ipv4Addr, sync::Arc};

use ops_core::id::{Generation, ReleaseId};
use ops_edge::{Doors, EdgeDoor, HostDoor, Way};
use ops_engine::ports::{Act, ActError, Door as _};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::{
    backend::Backend,
    house::{House, config, leg, route, stamp, until},
};

const A: Ipv4Addr = Ipv4Addr::LOCALHOST;
const B: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// An edge that is reached over the bridge, as from outside of its container.
struct Bridged(std::path::PathBuf);

impl Way for Bridged {
    fn place(&self) -> String {
        "bridge".to_owned()
    }

    fn ask(&self, question: &[u8]) -> Result<Vec<u8>, ActError> {
        let mut answer = Vec::new();
        let asked = std::io::Cursor::new(question.to_vec());
        ops_edge::bridge(&self.0, asked, &mut answer).unwrap();
        Ok(answer)
    }
}

/// Two edges, and what is one door to the daemon.
struct Pair {
    houses: [House; 2],
    doors: Doors,
    _state: TempDir,
}

impl Pair {
    async fn open() -> Self {
        let state = TempDir::new().unwrap();
        let [a, b] = ["a", "b"].map(|name| config(&state.path().join(name)));
        let houses = [House::on(a).await, House::on(b).await];
        let bridged = Bridged(houses[1].dir().to_owned());
        let ways = [houses[0].door.clone(), EdgeDoor::through(Arc::new(bridged))];
        let hosts = ["a", "b"].into_iter().zip([A, B]).zip(ways);
        let hosts =
            hosts.map(|((name, address), door)| (name.to_owned(), HostDoor { address, door }));
        let doors = Doors::new(state.path(), hosts.collect());
        Self { houses, doors, _state: state }
    }

    fn set(&self, op: u32, weights: &[(&str, u8, &[&Backend])]) -> Act {
        let legs = weights.iter().map(|(name, weight, to)| leg(name, *weight, to)).collect();
        block_in_place(|| self.doors.set_route(stamp(2, op), &route(legs)))
    }

    fn probed(&self, op: u32) -> bool {
        let view = block_in_place(|| self.doors.look(&"shop".into())).unwrap();
        view.served.is_some_and(|served| served.probed && served.stamp == stamp(2, op))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_each_door_sends_its_users_to_its_own_copies_and_all_are_counted_once() {
    let pair = Pair::open().await;
    let (here, there) = (
        Backend::start("here").await,
        Backend::start_at("127.0.0.2:0".parse().unwrap(), "there").await,
    );
    pair.set(1, &[("new", 100, &[&here, &there])]).unwrap();
    assert!(pair.probed(1));
    for (house, (times, copy)) in pair.houses.iter().zip([(30, "here"), (12, "there")]) {
        let mut client = house.client().await;
        for _ in 0..times {
            assert_eq!(client.get("/").await.release(), copy);
        }
    }
    let new = ReleaseId::from("new");
    let (mut after, mut counted, mut seconds) = (0, 0, Vec::new());
    until("all are counted", || {
        let told = block_in_place(|| pair.doors.signals(&"shop".into(), after)).unwrap();
        after = told.last().map_or(after, |last| last.second);
        counted += told.iter().filter_map(|one| one.arm(&new)).map(|arm| arm.requests).sum::<u64>();
        seconds.extend(told.iter().map(|one| one.second));
        counted >= 42
    })
    .await;
    assert_eq!(counted, 42);
    assert!(seconds.windows(2).all(|two| two[1] == two[0] + 1), "no gap, none twice: {seconds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p4_a_stale_generation_is_refused_by_each_door_and_so_by_all() {
    let pair = Pair::open().await;
    let (here, there) = (
        Backend::start("here").await,
        Backend::start_at("127.0.0.2:0".parse().unwrap(), "there").await,
    );
    let both = route(vec![leg("new", 100, &[&here, &there])]);
    let as_of = |generation| block_in_place(|| pair.doors.set_route(stamp(generation, 9), &both));
    as_of(2).unwrap();
    for house in &pair.houses {
        let old = house.try_set(stamp(1, 9), &route(vec![leg("new", 100, &[&here])]));
        assert!(matches!(old, Err(ActError::Stale(_))), "{old:?}");
    }
    assert!(matches!(as_of(1), Err(ActError::Stale(_))));
    // One door alone knows of a successor.
    let only_there = route(vec![leg("new", 100, &[&there])]);
    pair.houses[1].try_set(stamp(5, 1), &only_there).unwrap();
    let said = as_of(3);
    let Err(ActError::Stale(fault)) = said else { panic!("{said:?}") };
    assert!(fault.place.starts_with("door on b"), "{fault}");
    let highest = block_in_place(|| pair.doors.highest_generation()).unwrap();
    assert_eq!(highest, Generation(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn p7_p8_a_door_that_is_away_makes_the_whole_unknown_and_is_brought_along_later() {
    let pair = Pair::open().await;
    let (here, there) = (
        Backend::start("here").await,
        Backend::start_at("127.0.0.2:0".parse().unwrap(), "there").await,
    );
    pair.set(1, &[("new", 100, &[&here, &there])]).unwrap();
    let Pair { houses: [a, b], doors, _state: state } = pair;
    let folder = b.dir().to_owned();
    // It leaves with all that it knew.
    b.stopped().await;
    std::fs::remove_dir_all(&folder).unwrap();
    let shop = "shop".into();
    assert!(block_in_place(|| doors.look(&shop)).is_err());
    assert!(block_in_place(|| doors.highest_generation()).is_err());
    assert!(block_in_place(|| doors.signals(&shop, 0)).is_err());
    assert!(block_in_place(|| doors.addresses()).is_err());
    let both = route(vec![leg("new", 100, &[&here, &there])]);
    let act = |op| block_in_place(|| doors.set_route(stamp(2, op), &both));
    assert!(matches!(act(2), Err(ActError::Unknown(_))), "one was told, and the other was not");

    let back = House::on(config(&folder)).await;
    let view = || block_in_place(|| doors.look(&shop)).unwrap();
    assert!(view().differs && view().served.is_some(), "it is neither there nor gone");
    assert!(block_in_place(|| doors.signals(&shop, 0)).is_err(), "it lost its route");
    act(3).unwrap();
    assert!(!view().differs);
    let served = view().served.unwrap();
    assert_eq!((served.stamp, served.route.legs[0].backends.len()), (stamp(2, 3), 2));
    let gone = block_in_place(|| doors.remove_route(stamp(2, 4), &shop));
    gone.unwrap();
    let view = block_in_place(|| doors.look(&shop)).unwrap();
    assert_eq!((view.served, view.last), (None, Some(stamp(2, 4))));
    drop((a, back, state));
}
