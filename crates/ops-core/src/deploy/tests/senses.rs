//! Senses beside the door: what they prove, what only asks for a longer look, and what their
//! silence does. For each kind of service one story that ends well and one that goes back.

use super::{cause, closed};
use crate::{
    deploy::{Cause, Input, Phase, Sense, Sensed},
    fixture::{World, canary},
    plan::Senses,
    reading::{LogCount, LogLevel, LogReading, Reading, Sample, Usage},
    settings::{Service, Signal, SignalKind, Strategy},
    world::Fault,
};

const EVERY: u64 = 5;
const NAME: &str = "payments";

fn signal(kind: SignalKind) -> Signal {
    Signal {
        name: NAME.into(),
        prometheus: "http://127.0.0.1:9090".into(),
        kind,
        every_seconds: EVERY,
        grace_seconds: None,
    }
}

fn rate() -> Signal {
    signal(SignalKind::Rate { total: "t".into(), events: "e".into(), limit: None })
}

fn done() -> Signal {
    signal(SignalKind::Done { query: "d".into(), at_least: 20 })
}

fn shop(world: &mut World) -> &mut Service {
    world.settings.services.get_mut(&"shop".into()).unwrap()
}

/// A second version, with what the shop declares.
fn second(change: impl FnOnce(&mut Service), tells: fn(&World, &Sense) -> Option<Sensed>) -> World {
    let mut world = World::new(canary(), "v1");
    world.ended();
    let mut world = world.next("v2");
    change(shop(&mut world));
    let before = |n: u64| Reading {
        signal: NAME.into(),
        second: 500 + n * EVERY,
        seconds: EVERY,
        new: Sample::Counts { total: 40, events: n % 2 },
        old: Sample::Missing,
    };
    world.declared = vec![(NAME.into(), Ok((0..120).map(before).collect()))];
    world.tells = tells;
    world
}

/// Windows after the last one that was told, as real sources give them.
#[expect(clippy::unnecessary_wraps, reason = "it ends what answers a sense, or does not")]
fn windows(world: &World, after: u64, sample: impl Fn(u64) -> (Sample, Sample)) -> Option<Sensed> {
    let now = world.now.ms / 1_000;
    let ends = (1..).map(|n| (after / EVERY + n) * EVERY).take_while(|end| *end < now);
    let read = ends.map(|second| {
        let (new, old) = sample(second);
        Reading { signal: NAME.into(), second, seconds: EVERY, new, old }
    });
    Some(Sensed::Signal { name: NAME.into(), read: Ok(read.collect()) })
}

fn counts(total: u64, events: u64) -> Sample {
    Sample::Counts { total, events }
}

/// Seconds since the new version got traffic.
fn on_traffic(world: &World) -> u64 {
    let began = world.state.milestones.iter().find(|one| one.words.contains("of the traffic"));
    began.map_or(0, |one| (world.now.wall.as_second() - one.at.as_second()) as u64)
}

fn silent_fault() -> Fault {
    Fault::new("no answer", "http://127.0.0.1:9090", "start it")
}

fn well(world: &World, sense: &Sense) -> Option<Sensed> {
    let Sense::Signal { after, .. } = sense else { return None };
    windows(world, *after, |_| (counts(20, 0), counts(40, 1)))
}

fn harm(world: &mut World) -> (String, String) {
    let Cause::Harm { detector, words } = cause(world) else {
        panic!("{:?}", world.state.phase);
    };
    (detector, words)
}

#[test]
fn a_declared_signal_that_stays_good_closes() {
    let mut world = second(|shop| shop.signals = vec![rate()], well);
    closed(&mut world);
    assert!(world.state.watching.as_ref().unwrap().sensors.get(NAME).unwrap().seen > 0);
}

#[test]
fn a_declared_signal_that_gets_worse_goes_back() {
    let mut world = second(
        |shop| shop.signals = vec![rate()],
        |world, sense| {
            let Sense::Signal { after, .. } = sense else { return None };
            windows(world, *after, |_| (counts(20, 8), counts(40, 1)))
        },
    );
    let (detector, words) = harm(&mut world);
    assert_eq!(detector, "signal payments");
    insta::assert_snapshot!(words);
}

#[test]
fn s6_p8_a_signal_that_goes_away_holds_the_step_then_goes_back_as_inconclusive() {
    let mut world = second(
        |shop| shop.signals = vec![rate()],
        |world, sense| {
            if on_traffic(world) < 20 {
                return well(world, sense);
            }
            Some(Sensed::Signal { name: NAME.into(), read: Err(silent_fault()) })
        },
    );
    let Cause::Inconclusive { words } = cause(&mut world) else { panic!() };
    insta::assert_snapshot!(words);
    let watching = world.state.watching.as_ref().unwrap();
    assert!(watching.seconds < 50, "unreadable seconds are not observed: {}", watching.seconds);
}

#[test]
fn s6_p8_windows_without_a_number_are_no_good_windows() {
    let mut world = second(
        |shop| shop.signals = vec![rate()],
        |world, sense| {
            let Sense::Signal { after, .. } = sense else { return None };
            windows(world, *after, |_| (Sample::Missing, counts(40, 1)))
        },
    );
    assert!(matches!(cause(&mut world), Cause::Inconclusive { .. }));
}

#[test]
fn s6_a_signal_that_is_away_for_a_moment_only_makes_the_watch_longer() {
    let away = |world: &World| (20..50).contains(&on_traffic(world));
    assert!(!away(&World::new(canary(), "v1")));
    let mut world = second(
        |shop| shop.signals = vec![rate()],
        |world, sense| {
            if (20..50).contains(&on_traffic(world)) {
                return Some(Sensed::Signal { name: NAME.into(), read: Err(silent_fault()) });
            }
            well(world, sense)
        },
    );
    closed(&mut world);
}

#[test]
fn s6_a_daemon_that_was_away_hears_the_signal_before_it_calls_it_lost() {
    let mut world = second(|shop| shop.signals = vec![rate()], well);
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    world.now = crate::fixture::now(world.now.ms + 300_000);
    world.feed(&Input::Restarted);
    closed(&mut world);
}

#[test]
fn s6_seconds_while_the_daemon_was_away_count_once_the_signal_is_read_back() {
    let mut world = second(
        |shop| {
            shop.signals = vec![rate()];
            shop.watch.grace_seconds = 600;
            shop.watch.seconds = 600;
        },
        well,
    );
    world.until(|world| matches!(world.state.phase, Phase::Watching { .. }));
    for _ in 0..30 {
        world.step();
    }
    let before = world.state.watching.as_ref().unwrap().seconds;
    // The door and the source went on; nobody asked them.
    world.now = crate::fixture::now(world.now.ms + 300_000);
    world.feed(&Input::Restarted);
    for _ in 0..60 {
        world.step();
    }
    let counted = world.state.watching.as_ref().unwrap().seconds - before;
    assert!((330..=360).contains(&counted), "{counted} of 360 s");
}

/// A worker without a door: nothing of it is counted but what it says itself.
fn worker(shop: &mut Service) {
    shop.route = None;
    shop.smoke.clear();
    shop.health.path = None;
    shop.strategy = Strategy::BlueGreen;
    shop.watch.min_requests = 0;
}

#[test]
fn s22_a_worker_that_does_its_jobs_closes() {
    let mut world = second(
        |shop| {
            worker(shop);
            shop.signals = vec![done()];
        },
        |world, sense| {
            let Sense::Signal { after, .. } = sense else { return None };
            windows(world, *after, |_| (Sample::Done { count: 3 }, Sample::Missing))
        },
    );
    closed(&mut world);
    assert!(world.state.watching.as_ref().unwrap().done[NAME] >= 20);
}

#[test]
fn s22_s5_a_worker_that_does_nothing_goes_back_as_inconclusive() {
    let mut world = second(
        |shop| {
            worker(shop);
            shop.signals = vec![done()];
        },
        |world, sense| {
            let Sense::Signal { after, .. } = sense else { return None };
            windows(world, *after, |_| (Sample::Done { count: 0 }, Sample::Missing))
        },
    );
    let Cause::Inconclusive { words } = cause(&mut world) else { panic!() };
    assert!(words.contains("0 of 20 of payments"), "{words}");
}

#[test]
fn s22_heartbeats_are_evidence_of_a_worker_that_only_has_to_live() {
    let quiet = |shop: &mut Service| {
        worker(shop);
        shop.watch.min_heartbeats = 30;
    };
    closed(&mut second(quiet, |_, _| None));
    let mut world = second(quiet, |_, _| None);
    shop(&mut world).watch.min_heartbeats = 100_000;
    assert!(matches!(cause(&mut world), Cause::Inconclusive { .. }));
}

fn firing(_: &World, sense: &Sense) -> Option<Sensed> {
    (*sense == Sense::Alerts).then(|| Sensed::Alerts(Ok(vec!["CheckoutSlow".into()])))
}

#[test]
fn an_alert_that_begins_to_fire_makes_the_watch_longer_and_is_told() {
    let alerts = Senses { alerts: true, ..Senses::default() };
    let mut calm = second(|_| {}, |_, _| None);
    calm.senses = alerts;
    closed(&mut calm);
    let mut world = second(|_| {}, firing);
    world.senses = alerts;
    closed(&mut world);
    let observed = |world: &World| world.state.watching.as_ref().unwrap().seconds;
    assert!(observed(&world) >= observed(&calm) + 20, "{} {}", observed(&world), observed(&calm));
    insta::assert_snapshot!(world.state.watching.as_ref().unwrap().concerns.join("\n"));
}

#[test]
fn an_alert_that_is_declared_to_be_harm_goes_back() {
    let mut world = second(|shop| shop.watch.trip_on_alerts = vec!["CheckoutSlow".into()], firing);
    world.senses = Senses { alerts: true, ..Senses::default() };
    let (detector, _) = harm(&mut world);
    assert_eq!(detector, "alert CheckoutSlow");
}

fn release(world: &World, old: bool) -> crate::id::ReleaseId {
    let plan = world.state.plan.as_ref().unwrap();
    if old {
        plan.old.as_ref().unwrap().spec.release.clone()
    } else {
        plan.new.spec.release.clone()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends what answers a sense, or does not")]
fn logs(world: &World, new: &[(&str, u64)], old: &[(&str, u64)]) -> Option<Sensed> {
    let count = |of_old: bool, rows: &[(&str, u64)]| -> Vec<LogCount> {
        let row = |(template, lines): &(&str, u64)| LogCount {
            release: release(world, of_old),
            level: LogLevel::Error,
            template: (*template).to_owned(),
            lines: *lines,
        };
        rows.iter().map(row).collect()
    };
    let counts = [count(false, new), count(true, old)].concat();
    Some(Sensed::Logs(Ok(LogReading {
        second: world.now.ms / 1_000,
        counts,
        ..LogReading::default()
    })))
}

#[test]
fn one_new_error_in_the_logs_asks_for_more_time_and_many_go_back() {
    let few = |world: &World, sense: &Sense| match sense {
        Sense::Logs if on_traffic(world) == 8 => logs(world, &[("no column <*>", 1)], &[]),
        Sense::Logs => logs(world, &[], &[("slow query <*>", 1)]),
        _ => None,
    };
    let mut world = second(|_| {}, few);
    world.senses = Senses { logs: true, ..Senses::default() };
    closed(&mut world);
    assert_eq!(world.state.watching.as_ref().unwrap().concerns.len(), 1);

    let many = |world: &World, sense: &Sense| match sense {
        Sense::Logs => logs(world, &[("no column <*>", 90), ("oops", 9)], &[("slow query <*>", 1)]),
        _ => None,
    };
    let mut world = second(|_| {}, many);
    world.senses = Senses { logs: true, ..Senses::default() };
    let (detector, words) = harm(&mut world);
    assert_eq!(detector, "errors in the logs");
    insta::assert_snapshot!(words);

    let mut world = second(|shop| shop.watch.trip_on_new_errors = true, few);
    world.senses = Senses { logs: true, ..Senses::default() };
    assert_eq!(harm(&mut world).0, "new error in the logs");
}

fn usage(world: &World, of_old: bool, cpu_ms: u64, memory: u64, oom_kills: u64) -> Usage {
    let release = release(world, of_old);
    let replica = format!("{release}-0");
    Usage {
        beside: false,
        release,
        replica,
        cpu_ms,
        memory: memory << 20,
        memory_limit: None,
        oom_kills,
    }
}

#[test]
fn what_takes_twice_the_memory_goes_back_and_a_kill_for_want_of_it_at_once() {
    let mut world = second(
        |_| {},
        |world, sense| {
            let both = || vec![usage(world, false, 0, 90, 0), usage(world, true, 0, 40, 0)];
            (*sense == Sense::Usage).then(|| Sensed::Usage(Ok(both())))
        },
    );
    world.senses = Senses { usage: true, ..Senses::default() };
    assert_eq!(harm(&mut world).0, "memory");

    let mut world = second(
        |_| {},
        |world, sense| {
            let kills = u64::from(on_traffic(world) > 5);
            let one = || vec![usage(world, false, 0, 40, kills), usage(world, true, 0, 40, 9)];
            (*sense == Sense::Usage).then(|| Sensed::Usage(Ok(one())))
        },
    );
    world.senses = Senses { usage: true, ..Senses::default() };
    assert_eq!(harm(&mut world).0, "out of memory");
}

#[test]
fn what_takes_as_much_as_before_closes() {
    let mut world = second(
        |_| {},
        |world, sense| {
            let ms = world.now.ms;
            let both = || vec![usage(world, false, ms, 45, 0), usage(world, true, ms, 40, 0)];
            (*sense == Sense::Usage).then(|| Sensed::Usage(Ok(both())))
        },
    );
    world.senses = Senses { usage: true, ..Senses::default() };
    closed(&mut world);
}

#[test]
fn p8_a_sense_that_nobody_declared_and_that_fails_holds_nothing() {
    let mut world = second(
        |_| {},
        |_, sense| match sense {
            Sense::Usage => Some(Sensed::Usage(Err(silent_fault()))),
            Sense::Logs => Some(Sensed::Logs(Err(silent_fault()))),
            Sense::Alerts => Some(Sensed::Alerts(Err(silent_fault()))),
            Sense::Signal { .. } => None,
        },
    );
    world.senses = Senses { usage: true, logs: true, alerts: true };
    closed(&mut world);
}
