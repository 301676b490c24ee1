//! What several doors say of a service, as what one door says of it.

use ops_core::{
    id::{ReleaseId, Stamp},
    route::{Leg, Mirror, Route, ServedRoute},
    world::DoorView,
};

/// All views as one.
///
/// Doors that serve the same, each by its own copies, are one that does; one that was told in the
/// last act to have no route agrees. Where they differ, that is told, with every release that any
/// door sends users to: so no step takes it for what it wanted, none takes it for gone, and the next
/// act brings the doors together. The stamp is the earliest one, so that an act counts as carried out
/// when all have carried it out.
pub(super) fn view(views: Vec<DoorView>) -> DoorView {
    let told: Vec<Option<Stamp>> = views.iter().map(last).collect();
    DoorView {
        differs: differs(&views, &told),
        served: served(&views),
        in_flight: sums(views.iter().map(|view| &view.in_flight)),
        highest: views.iter().map(|view| view.highest).max().unwrap_or_default(),
        // `None` comes first: a door that was never told says nothing of an act.
        last: told.into_iter().min().flatten(),
        long_lived: sums(views.iter().map(|view| &view.long_lived)),
        returned: views.into_iter().find_map(|view| view.returned),
    }
}

/// The last act that a door carried out for the service.
fn last(view: &DoorView) -> Option<Stamp> {
    view.last.or(view.served.as_ref().map(|served| served.stamp))
}

/// Whether some serve what others do not.
fn differs(views: &[DoorView], told: &[Option<Stamp>]) -> bool {
    let newest = told.iter().max().copied().flatten();
    let mut routes = views.iter().filter_map(|view| view.served.as_ref());
    let Some(first) = routes.next().map(|served| bare(&served.route)) else { return false };
    let lost = |(view, last): (&DoorView, &Option<Stamp>)| view.served.is_none() && *last != newest;
    views.iter().zip(told).any(lost) || routes.any(|served| bare(&served.route) != first)
}

fn served(views: &[DoorView]) -> Option<ServedRoute> {
    let routes: Vec<&ServedRoute> = views.iter().filter_map(|view| view.served.as_ref()).collect();
    let (first, others) = routes.split_first()?;
    let mut route = first.route.clone();
    for other in others {
        join(&mut route, &other.route);
    }
    let stamps = routes.iter().map(|served| served.stamp).min();
    Some(ServedRoute {
        route,
        stamp: stamps.unwrap_or(first.stamp),
        probed: routes.iter().all(|served| served.probed),
        in_flight: sums(routes.iter().map(|served| &served.in_flight)),
    })
}

/// A route without what is each host's own.
fn bare(route: &Route) -> Route {
    let legs = route.legs.iter().map(|leg| Leg { backends: Vec::new(), ..leg.clone() }).collect();
    Route { legs, mirror: None, ..route.clone() }
}

/// Adds what another door serves: its copies, and the greater weights.
fn join(route: &mut Route, other: &Route) {
    for leg in &other.legs {
        match route.legs.iter_mut().find(|known| known.release == leg.release) {
            Some(known) => {
                known.weight = known.weight.max(leg.weight);
                known.backends.extend_from_slice(&leg.backends);
            }
            None => route.legs.push(leg.clone()),
        }
    }
    route.hold = route.hold.take().or_else(|| other.hold.clone());
    route.pause = route.pause.or(other.pause);
    route.mirror = match (route.mirror.take(), other.mirror.clone()) {
        (Some(mine), Some(theirs)) if mine.release == theirs.release => {
            let backends = [mine.backends.as_slice(), &theirs.backends].concat();
            Some(Box::new(Mirror { backends, ..*mine }))
        }
        (mine, theirs) => mine.or(theirs),
    };
}

fn sums<'a>(counts: impl Iterator<Item = &'a Vec<(ReleaseId, u64)>>) -> Vec<(ReleaseId, u64)> {
    let mut sums: Vec<(ReleaseId, u64)> = Vec::new();
    for (release, count) in counts.flatten() {
        match sums.iter_mut().find(|(known, _)| known == release) {
            Some((_, sum)) => *sum = sum.saturating_add(*count),
            None => sums.push((release.clone(), *count)),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use ops_core::{
        id::{Generation, OpId},
        route::Hold,
    };

    use super::*;

    fn stamp(op: u32) -> Stamp {
        Stamp { generation: Generation(1), deployment: 1, op: OpId(op) }
    }

    /// A door that serves these weights by its own copies.
    fn serves(host: u8, op: u32, weights: &[(&str, u8)]) -> DoorView {
        let leg = |(release, weight): &(&str, u8)| Leg {
            release: ReleaseId::from(*release),
            weight: *weight,
            backends: vec![format!("10.0.0.{host}:{weight}")],
        };
        let mut route = Route::new("shop".into(), None, "/");
        route.legs = weights.iter().map(leg).collect();
        let in_flight = vec![(ReleaseId::from("old"), u64::from(host))];
        DoorView {
            served: Some(ServedRoute {
                route,
                stamp: stamp(op),
                probed: true,
                in_flight: in_flight.clone(),
            }),
            in_flight,
            highest: Generation(u64::from(host)),
            last: Some(stamp(op)),
            ..DoorView::default()
        }
    }

    fn without(op: Option<u32>) -> DoorView {
        DoorView { last: op.map(stamp), ..DoorView::default() }
    }

    #[test]
    fn what_all_serve_is_one_route_with_all_copies() {
        let weights = [("old", 95), ("new", 5)];
        let view = view(vec![serves(1, 4, &weights), serves(2, 4, &weights), without(Some(4))]);
        let served = view.served.unwrap();
        assert!(!view.differs && served.probed, "one that was told to have none agrees");
        assert_eq!(served.stamp, stamp(4));
        assert_eq!(served.route.legs[0].backends, ["10.0.0.1:95", "10.0.0.2:95"]);
        assert_eq!(served.route.weight_of(&ReleaseId::from("new")), 5);
        assert_eq!(view.in_flight, [(ReleaseId::from("old"), 3)]);
        assert_eq!((view.highest, view.last), (Generation(2), Some(stamp(4))));
    }

    #[test]
    fn p7_p8_a_route_that_not_all_doors_serve_is_neither_there_nor_gone() {
        let half = [("old", 50), ("new", 50)];
        let mut holds = serves(2, 4, &half);
        holds.served.as_mut().unwrap().route.hold = Some(Hold { max_wait_ms: 1, max_requests: 1 });
        for (other, last) in [
            (without(None), None),
            (without(Some(3)), Some(3)),
            (serves(2, 4, &[("old", 100)]), Some(4)),
            (holds, Some(4)),
        ] {
            for views in
                [vec![serves(1, 4, &half), other.clone()], vec![other, serves(1, 4, &half)]]
            {
                let view = view(views);
                assert!(view.differs, "{view:?}");
                let served = view.served.unwrap();
                assert!(served.route.weight_of(&ReleaseId::from("new")) == 50, "it reaches users");
                assert_eq!(view.last, last.map(stamp));
            }
        }
        assert!(view(vec![without(Some(5)), without(Some(5))]).served.is_none());
    }

    #[test]
    fn p7_an_act_is_carried_out_when_the_last_door_has_done_so() {
        let half = [("old", 50), ("new", 50)];
        let view = view(vec![serves(1, 4, &half), serves(2, 3, &half)]);
        assert!(!view.differs, "users meet the same at both");
        assert_eq!((view.last, view.served.unwrap().stamp), (Some(stamp(3)), stamp(3)));
    }

    #[test]
    fn p7_a_route_is_gone_when_every_door_was_told_so() {
        assert_eq!(view(vec![without(Some(5)), without(Some(5))]).last, Some(stamp(5)));
        assert_eq!(view(vec![without(Some(5)), without(Some(4))]).last, Some(stamp(4)));
        assert_eq!(view(vec![without(Some(5)), without(None)]).last, None);
    }
}
