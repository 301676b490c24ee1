//! What good signals mean, and that what is written is what is read.

use std::fmt::Write as _;

use ops_config::service_hash;
use ops_core::settings::{Service, Signal, SignalKind};
use proptest::prelude::*;

use crate::{FULL, MINIMAL, good};

/// The service of the minimal file with further lines.
fn shop(lines: &str) -> Service {
    let text = lines.lines().fold(MINIMAL.to_owned(), |text, line| format!("{text}    {line}\n"));
    good(&text).services.remove(&"shop".into()).unwrap()
}

#[test]
fn a_signal_gets_the_defaults() {
    let lines = "\
signals:
  queue: { prometheus: \"http://h:9090\", level: 'x{v=\"$version\"}' }
  carts: { prometheus: \"http://h:9090\", level: { query: 'y{v=\"$version\"}' } }
watch: { grace: 90s }";
    let service = shop(lines);
    let queue = &service.signals[1];
    assert_eq!((queue.every_seconds, queue.grace_seconds), (15, None));
    let tolerance = |signal: &Signal| match &signal.kind {
        SignalKind::Level { tolerance, .. } => *tolerance,
        other => panic!("{other:?}"),
    };
    let all: Vec<_> =
        service.signals.iter().map(|one| (one.name.as_str(), tolerance(one))).collect();
    assert_eq!(all, [("carts", 0.25), ("queue", 0.25)], "in the order of their names");
    assert_eq!(service.watch.good_enough_seconds, None);
    assert!(service.watch.trip_on_alerts.is_empty() && !service.watch.trip_on_new_errors);
}

#[test]
fn s3_signals_are_approved_whatever_their_order_and_spelling() {
    let hash = |lines: &str| shop(lines).hash();
    let (queue, jobs) = (
        "  queue: { prometheus: \"http://h\", level: 'x{v=\"$version\"}' }\n",
        "  jobs: { prometheus: \"http://h\", done: { query: 'j{v=\"$version\"}[$window]', at_least: 5 } }\n",
    );
    let both = hash(&format!("signals:\n{queue}{jobs}"));
    assert_eq!(both, hash(&format!("signals:\n{jobs}{queue}")));
    let written = "{ query: 'x{v=\"$version\"}', tolerance: 25% }, every: 15s, grace: 1m }";
    let queue_written = queue.replace("'x{v=\"$version\"}' }", written);
    assert_eq!(both, hash(&format!("signals:\n{queue_written}{jobs}")));
    let folded = "  queue:\n    prometheus: http://h\n    level: >\n      x{v=\"$version\"}\n\n";
    assert_eq!(both, hash(&format!("signals:\n{folded}{jobs}")));
    assert_ne!(both, hash(&format!("signals:\n{queue}")));
    assert_eq!(
        hash(""),
        hash("signals: {}\nwatch: { trip_on_alerts: [], trip_on_new_errors: false }")
    );
}

#[test]
fn s3_s4_what_the_watch_is_told_is_approved_with_the_service() {
    let hash = |text: &str| service_hash(&good(text), &"shop".into()).unwrap();
    let pieces = [
        ("good_enough: 25m", "good_enough: 26m"),
        ("[CheckoutBroken, ", "[CheckoutSlow, "),
        ("trip_on_new_errors: true", "trip_on_new_errors: false"),
        ("limit: 3%", "limit: 4%"),
        ("at_least: 30", "at_least: 31"),
        ("grace: 80s", "grace: 81s"),
    ];
    for (from, to) in pieces {
        assert_ne!(hash(FULL), hash(&FULL.replace(from, to)), "{to}");
    }
    let turned = FULL.replace("[CheckoutBroken, \"Orders lost\"]", "[Orders lost, CheckoutBroken]");
    assert_eq!(hash(FULL), hash(&turned));
}

#[test]
fn a_query_need_not_tell_versions_apart_where_there_is_only_one() {
    let lines = "    runs_twice: false
    signals:
      queue: { prometheus: \"http://h\", level: max(queue_length) }
      jobs: { prometheus: \"http://h\", done: { query: \"sum(increase(j[$window]))\", at_least: 5 } }
";
    good(&MINIMAL.replace("    route: { path: / }\n", lines));
}

#[test]
fn dollars_of_prometheus_own_are_left_alone() {
    let query =
        "label_replace(x{a=~\"b.*$\", r=\"$release\"}, \"c\", \"$1-${2}\", \"d\", \"(.*)-(.*)\")";
    let service =
        shop(&format!("signals: {{ x: {{ prometheus: \"http://h\", level: '{query}' }} }}"));
    assert_eq!(service.signals[0].queries(), [query]);
}

/// What a complaint tells people to write can be read.
#[test]
fn the_source_of_alerts_that_is_suggested_is_one() {
    let without = format!("{MINIMAL}    watch: {{ trip_on_alerts: [Broken] }}\n");
    let complaints = crate::read(&without).unwrap_err();
    let hint = complaints.list()[0].hint.clone().unwrap();
    let source = hint.split('`').nth(1).unwrap();
    good(&format!("{source}\n{without}"));
}

/// Queries with what YAML has signs for: quotes, braces, colons, comments.
fn query(window: bool) -> impl Strategy<Value = String> {
    let value = "[a-z:#'`é&*!%@{}\\[\\]|>, -]{0,12}";
    let which = prop::sample::select(vec!["$instances", "$release", "$version"]);
    let comment = "( # [a-z:'\"é{}-]{0,8}[a-z])?";
    (value, which, comment).prop_map(move |(value, which, comment)| {
        let window = if window { "[$window]" } else { "" };
        format!("sum(x{{a=\"{value}\",i=~\"{which}\"}}{window}){comment}")
    })
}

/// A share in tenths of a percent, which both YAML and binary numbers write alike.
fn tenths(from: u32, to: u32) -> impl Strategy<Value = f64> {
    (from..=to).prop_map(|tenths| {
        format!("{}.{}", tenths / 10, tenths % 10).parse::<f64>().unwrap() / 100.0
    })
}

fn kind() -> impl Strategy<Value = SignalKind> {
    prop_oneof![
        (query(true), query(true), prop::option::of(tenths(1, 990)))
            .prop_filter("a share of something else", |(total, events, _)| total != events)
            .prop_map(|(total, events, limit)| SignalKind::Rate { total, events, limit }),
        query(true).prop_map(|query| SignalKind::Histogram { query }),
        (query(false), tenths(10, 10_000))
            .prop_map(|(query, tolerance)| SignalKind::Level { query, tolerance }),
        (query(true), 1_u64..1_000_000)
            .prop_map(|(query, at_least)| SignalKind::Done { query, at_least }),
    ]
}

fn signals() -> impl Strategy<Value = Vec<Signal>> {
    let name = "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?";
    let address = "https?://[a-z]{1,8}(:[1-9][0-9]{0,3})?(/[a-z]{1,5})?";
    let one = (address, kind(), 1_u64..=300, prop::option::of(0_u64..=300));
    prop::collection::btree_map(name, one, 0..6).prop_map(|named| {
        let one = |(name, said): (String, (String, SignalKind, u64, Option<u64>))| {
            let (prometheus, kind, every_seconds, more) = said;
            // The grace of the watch, 60 s, bears a missed reading of up to every 30 s.
            let own = (2 * every_seconds).max(5) + more.unwrap_or(0);
            let grace_seconds = (more.is_some() || every_seconds > 30).then_some(own);
            let grace_seconds = grace_seconds.filter(|grace| *grace != 60);
            Signal { name, prometheus, kind, every_seconds, grace_seconds }
        };
        named.into_iter().map(one).collect()
    })
}

/// A signal as it stands in a file.
fn written(signal: &Signal) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let percent = |share: f64| format!("{}%", (share * 1_000.0).round() / 10.0);
    let mut text = format!("      {}:\n", quoted(&signal.name));
    let _ = writeln!(text, "        prometheus: {}", quoted(&signal.prometheus));
    let _ = writeln!(text, "        every: {}s", signal.every_seconds);
    if let Some(grace) = signal.grace_seconds {
        let _ = writeln!(text, "        grace: {grace}s");
    }
    let _ = match &signal.kind {
        SignalKind::Rate { total, events, limit } => {
            let limit =
                limit.map_or_else(String::new, |limit| format!(", limit: {}", percent(limit)));
            let (total, events) = (quoted(total), quoted(events));
            writeln!(text, "        rate: {{ total: {total}, events: {events}{limit} }}")
        }
        SignalKind::Histogram { query } => writeln!(text, "        histogram: {}", quoted(query)),
        SignalKind::Level { query, tolerance } => {
            let (query, tolerance) = (quoted(query), percent(*tolerance));
            writeln!(text, "        level: {{ query: {query}, tolerance: {tolerance} }}")
        }
        SignalKind::Done { query, at_least } => {
            let query = quoted(query);
            writeln!(text, "        done: {{ query: {query}, at_least: {at_least} }}")
        }
    };
    text
}

proptest! {
    #[test]
    fn what_is_written_is_read(signals in signals(), turned in any::<bool>()) {
        let mut parts: Vec<String> = signals.iter().map(written).collect();
        if turned {
            parts.reverse();
        }
        let list = if parts.is_empty() { " {}\n".to_owned() } else { format!("\n{}", parts.concat()) };
        let text = format!("{MINIMAL}    signals:{list}");
        let settings = good(&text);
        let service = &settings.services[&"shop".into()];
        prop_assert_eq!(&service.signals, &signals);
        // And it comes back from the journal bit for bit.
        let journaled = serde_json::to_string(service).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Service>(&journaled).unwrap(), service);
    }
}
