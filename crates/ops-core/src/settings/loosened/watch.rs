//! What a service is watched by.

use super::Found;
use crate::settings::{Service, Signal, SignalKind};

pub(super) fn watch(old: &Service, new: &Service, found: &mut Found) {
    let (was, is) = (&old.watch, &new.watch);
    found.less("watch.for", was.seconds, is.seconds);
    found.less("watch.last_stretch", was.last_stretch_seconds, is.last_stretch_seconds);
    found.less("watch.min_requests", was.min_requests, is.min_requests);
    found.less("watch.min_synthetic", was.min_synthetic, is.min_synthetic);
    found.less("watch.min_heartbeats", was.min_heartbeats, is.min_heartbeats);
    found.more("watch.grace", was.grace_seconds, is.grace_seconds);
    // Users bear what cannot be judged for longer.
    found.more("watch.extensions", was.extensions, is.extensions);
    // Fewer false alarms allowed means that harm must be clearer before it counts.
    found.less("watch.alpha", was.alpha, is.alpha);
    good_enough(was.good_enough_seconds, is.good_enough_seconds, found);
    let name = String::clone;
    found.gone("watch.trip_on_alerts", &was.trip_on_alerts, &is.trip_on_alerts, name);
    if was.trip_on_new_errors && !is.trip_on_new_errors {
        found.add("watch.trip_on_new_errors", "false, was true");
    }
    found.limit("slo.errors", old.slo.error_share, new.slo.error_share);
    found.limit("slo.p99", old.slo.p99_ms, new.slo.p99_ms);
}

/// From here on the watch may be shorter than its length.
fn good_enough(old: Option<u64>, new: Option<u64>, found: &mut Found) {
    let key = "watch.good_enough";
    match (old, new) {
        (None, Some(new)) => found.add(key, format!("{new}, was none: the watch may be shorter")),
        (Some(old), Some(new)) => found.less(key, old, new),
        (_, None) => {}
    }
}

/// A signal that is new holds deployments more. One of those there were may only hold more, too.
pub(super) fn signals(old: &Service, new: &Service, found: &mut Found) {
    for was in &old.signals {
        let key = format!("signals.{}", was.name);
        let Some(is) = new.signals.iter().find(|signal| signal.name == was.name) else {
            found.add(&key, "gone");
            continue;
        };
        if !same_question(was, is) {
            found.add(&key, "another one: it asks for something else, or elsewhere");
            continue;
        }
        // Where both have that of the watch, only the watch has loosened it.
        if was.grace_seconds.is_some() || is.grace_seconds.is_some() {
            let grace = |signal: &Signal, service: &Service| {
                signal.grace_seconds.unwrap_or(service.watch.grace_seconds)
            };
            found.more(&format!("{key}.grace"), grace(was, old), grace(is, new));
        }
        match (&was.kind, &is.kind) {
            (SignalKind::Rate { limit: old, .. }, SignalKind::Rate { limit: new, .. }) => {
                found.limit(&format!("{key}.rate.limit"), *old, *new);
            }
            (
                SignalKind::Level { tolerance: old, .. },
                SignalKind::Level { tolerance: new, .. },
            ) => {
                found.more(&format!("{key}.level.tolerance"), *old, *new);
            }
            (SignalKind::Done { at_least: old, .. }, SignalKind::Done { at_least: new, .. }) => {
                found.less(&format!("{key}.done.at_least"), *old, *new);
            }
            _ => {}
        }
    }
}

/// Whether two signals of one name say the same thing. Read more often or less, a signal has
/// another window, and nobody knows whether it is as strict.
fn same_question(old: &Signal, new: &Signal) -> bool {
    old.prometheus == new.prometheus
        && old.every_seconds == new.every_seconds
        && std::mem::discriminant(&old.kind) == std::mem::discriminant(&new.kind)
        && old.queries() == new.queries()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{fixture, settings::loosened_service};

    fn signal(name: &str, kind: SignalKind) -> Signal {
        Signal {
            name: name.into(),
            prometheus: "http://127.0.0.1:9090".into(),
            kind,
            every_seconds: 15,
            grace_seconds: None,
        }
    }

    /// A service with one signal of each kind, and all that a watch can be told.
    fn service() -> Service {
        let mut service =
            fixture::settings(fixture::canary()).services.remove(&"shop".into()).unwrap();
        service.signals = vec![
            signal("checkout", SignalKind::Histogram { query: "h".into() }),
            signal("jobs", SignalKind::Done { query: "d".into(), at_least: 20 }),
            signal(
                "payments",
                SignalKind::Rate { total: "t".into(), events: "e".into(), limit: Some(0.02) },
            ),
            signal("queue", SignalKind::Level { query: "l".into(), tolerance: 0.25 }),
        ];
        service.watch.grace_seconds = 60;
        service.watch.good_enough_seconds = Some(300);
        service.watch.trip_on_alerts = vec!["CheckoutBroken".into(), "QueueFull".into()];
        service.watch.trip_on_new_errors = true;
        service.watch.min_synthetic = 5;
        service.watch.min_heartbeats = 5;
        service
    }

    fn paths(old: &Service, new: &Service) -> Vec<String> {
        loosened_service(old, new).into_iter().map(|one| one.path).collect()
    }

    fn after(change: impl Fn(&mut Service)) -> Vec<String> {
        let old = service();
        let mut new = old.clone();
        change(&mut new);
        assert_ne!(new, old, "the change changes something");
        paths(&old, &new)
    }

    fn limit(service: &mut Service, to: Option<f64>) {
        let SignalKind::Rate { limit, .. } = &mut service.signals[2].kind else { panic!("a rate") };
        *limit = to;
    }

    fn tolerance(service: &mut Service, to: f64) {
        let SignalKind::Level { tolerance, .. } = &mut service.signals[3].kind else {
            panic!("a level")
        };
        *tolerance = to;
    }

    fn at_least(service: &mut Service, to: u64) {
        let SignalKind::Done { at_least, .. } = &mut service.signals[1].kind else {
            panic!("what is done")
        };
        *at_least = to;
    }

    fn query(service: &mut Service, at: usize) {
        match &mut service.signals[at].kind {
            SignalKind::Rate { events: query, .. }
            | SignalKind::Histogram { query }
            | SignalKind::Level { query, .. }
            | SignalKind::Done { query, .. } => query.push_str(" * 0"),
        }
    }

    #[test]
    fn s4_a_signal_that_holds_less_is_named() {
        let one = |expected: &str, change: &dyn Fn(&mut Service)| {
            assert_eq!(after(change), [format!("services.shop.signals.{expected}")]);
        };
        for (at, name) in ["checkout", "jobs", "payments", "queue"].into_iter().enumerate() {
            one(name, &|new| drop(new.signals.remove(at)));
            one(name, &|new| new.signals[at].name.push_str("-old"));
            one(name, &|new| new.signals[at].prometheus = "http://other:9090".into());
            one(name, &|new| new.signals[at].every_seconds = 5);
            one(name, &|new| new.signals[at].every_seconds = 60);
            one(name, &|new| query(new, at));
            one(&format!("{name}.grace"), &|new| new.signals[at].grace_seconds = Some(61));
        }
        one("checkout", &|new| {
            new.signals[0].kind = SignalKind::Level { query: "h".into(), tolerance: 0.0 };
        });
        one("payments.rate.limit", &|new| limit(new, Some(0.03)));
        one("payments.rate.limit", &|new| limit(new, None));
        one("queue.level.tolerance", &|new| tolerance(new, 0.5));
        one("jobs.done.at_least", &|new| at_least(new, 19));
    }

    #[test]
    fn s4_a_signal_that_holds_more_loosens_nothing() {
        let tighter: [&dyn Fn(&mut Service); 8] = [
            &|new| limit(new, Some(0.01)),
            &|new| tolerance(new, 0.1),
            &|new| at_least(new, 21),
            &|new| new.signals[0].grace_seconds = Some(59),
            &|new| new.signals[0].grace_seconds = Some(60),
            &|new| new.signals.reverse(),
            &|new| new.signals.push(signal("more", SignalKind::Histogram { query: "h".into() })),
            &|new| new.watch.grace_seconds = 30,
        ];
        for (at, change) in tighter.into_iter().enumerate() {
            assert!(after(change).is_empty(), "{at}");
        }
        let mut old = service();
        limit(&mut old, None);
        assert!(paths(&old, &service()).is_empty(), "a limit where there was none");
    }

    #[test]
    fn s4_the_grace_of_a_signal_is_its_own_or_that_of_the_watch() {
        assert_eq!(after(|new| new.watch.grace_seconds = 61), ["services.shop.watch.grace"]);
        let mut own = service();
        own.signals[0].grace_seconds = Some(30);
        assert_eq!(paths(&own, &service()), ["services.shop.signals.checkout.grace"]);
        let mut shorter = service();
        shorter.watch.grace_seconds = 30;
        assert!(paths(&own, &shorter).is_empty(), "30 s before and after");
    }

    #[test]
    fn s4_what_the_watch_is_told_loosens_or_not() {
        let one = |expected: &str, change: &dyn Fn(&mut Service)| {
            assert_eq!(after(change), [format!("services.shop.watch.{expected}")]);
        };
        one("good_enough", &|new| new.watch.good_enough_seconds = Some(299));
        one("trip_on_alerts", &|new| drop(new.watch.trip_on_alerts.remove(0)));
        one("trip_on_alerts", &|new| new.watch.trip_on_alerts[0] = "Other".into());
        one("trip_on_new_errors", &|new| new.watch.trip_on_new_errors = false);
        one("min_synthetic", &|new| new.watch.min_synthetic = 0);
        one("min_heartbeats", &|new| new.watch.min_heartbeats = 0);
        let tighter: [&dyn Fn(&mut Service); 4] = [
            &|new| new.watch.good_enough_seconds = Some(301),
            &|new| new.watch.good_enough_seconds = None,
            &|new| new.watch.trip_on_alerts.push("DiskFull".into()),
            &|new| new.watch.trip_on_alerts.reverse(),
        ];
        for (at, change) in tighter.into_iter().enumerate() {
            assert!(after(change).is_empty(), "{at}");
        }
        let mut never = service();
        never.watch.good_enough_seconds = None;
        never.watch.trip_on_alerts.clear();
        never.watch.trip_on_new_errors = false;
        assert_eq!(paths(&never, &service()), ["services.shop.watch.good_enough"]);
    }

    fn some_signal() -> impl Strategy<Value = Signal> {
        let text = || prop::sample::select(vec!["a", "b"]).prop_map(str::to_owned);
        let share = || prop::sample::select(vec![0.1, 0.2, 0.3]);
        let kind = prop_oneof![
            (text(), text(), prop::option::of(share()))
                .prop_map(|(total, events, limit)| SignalKind::Rate { total, events, limit }),
            text().prop_map(|query| SignalKind::Histogram { query }),
            (text(), share()).prop_map(|(query, tolerance)| SignalKind::Level { query, tolerance }),
            (text(), 1_u64..4).prop_map(|(query, at_least)| SignalKind::Done { query, at_least }),
        ];
        (text(), text(), kind, 1_u64..3, prop::option::of(1_u64..4)).prop_map(
            |(name, prometheus, kind, every_seconds, grace_seconds)| Signal {
                name,
                prometheus,
                kind,
                every_seconds,
                grace_seconds,
            },
        )
    }

    fn some_service() -> impl Strategy<Value = Service> {
        let watch = (1_u64..4, prop::option::of(30_u64..33), any::<bool>());
        let alerts = prop::collection::btree_set("[ab]", 0..3);
        let signals = prop::collection::vec(some_signal(), 0..3);
        (watch, alerts, signals).prop_map(|((grace, good_enough, new_errors), alerts, signals)| {
            let mut service =
                fixture::settings(fixture::canary()).services.remove(&"shop".into()).unwrap();
            service.watch.grace_seconds = grace;
            service.watch.good_enough_seconds = good_enough;
            service.watch.trip_on_new_errors = new_errors;
            service.watch.trip_on_alerts = alerts.into_iter().collect();
            service.signals = signals;
            service.signals.sort_by(|a, b| a.name.cmp(&b.name));
            service.signals.dedup_by(|a, b| a.name == b.name);
            // As the file is read: a grace that is the watch's is not the signal's own.
            for signal in &mut service.signals {
                signal.grace_seconds = signal.grace_seconds.filter(|own| *own != grace);
            }
            service
        })
    }

    /// Small changes, about as many that hold more as those that hold less.
    fn some_steps() -> impl Strategy<Value = Vec<(u8, u8)>> {
        prop::collection::vec((0_u8..9, 0_u8..3), 0..3)
    }

    fn stepped(mut service: Service, (what, to): (u8, u8)) -> Service {
        let share = f64::from(to) / 100.0 + 0.01;
        match what {
            0 => limit(&mut service, Some(share)),
            1 => tolerance(&mut service, share * 10.0),
            2 => at_least(&mut service, 19 + u64::from(to)),
            3 => service.signals[1].grace_seconds = (to > 0).then_some(30 * u64::from(to)),
            4 => service.watch.grace_seconds = 30 + 30 * u64::from(to),
            5 => service.watch.good_enough_seconds = (to > 0).then_some(299 + u64::from(to)),
            6 => service.watch.trip_on_alerts.push(format!("Alert{to}")),
            7 => service.signals[0].every_seconds = 15 + u64::from(to),
            _ => service.signals.push(signal("more", SignalKind::Histogram { query: "h".into() })),
        }
        service
    }

    proptest! {
        /// No change is free both ways: who may go there without a ticket may not come back without
        /// one.
        #[test]
        fn s4_every_change_loosens_in_one_direction(one in some_service(), other in some_service()) {
            let loosens = !paths(&one, &other).is_empty() || !paths(&other, &one).is_empty();
            prop_assert_eq!(loosens, one != other);
        }

        /// Steps that loosen nothing never lead to what one step would have been refused for.
        #[test]
        fn s4_two_steps_without_a_ticket_are_one(first in some_steps(), second in some_steps()) {
            let a = service();
            let b = first.into_iter().fold(a.clone(), stepped);
            let c = second.into_iter().fold(b.clone(), stepped);
            if paths(&a, &b).is_empty() && paths(&b, &c).is_empty() {
                prop_assert_eq!(paths(&a, &c), Vec::<String>::new());
            }
        }
    }
}
