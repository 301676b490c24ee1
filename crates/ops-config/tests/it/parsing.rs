//! What good files mean.

use ops_config::service_hash;
use ops_core::{
    route::{Protocol, Sticky},
    settings::{Opening, Settings, Strategy},
};

use crate::{FULL, MINIMAL, good, read};

#[test]
fn a_full_file_is_taken_over() {
    insta::assert_json_snapshot!(good(FULL));
}

#[test]
fn a_minimal_file_gets_the_defaults() {
    insta::assert_json_snapshot!(good(MINIMAL));
}

#[test]
fn settings_survive_the_journal() {
    let settings = good(FULL);
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
}

/// A piece of the full file, and another valid one for it.
const CHANGES: &[(&str, &str)] = &[
    ("project: shop", "project: store"),
    ("21000-21999", "21000-21998"),
    ("pia@example.org: po", "pia@example.org: human"),
    ("[cq, human]", "[cq]"),
    ("[pia@example.org, dan@example.org]", "[dan@example.org]"),
    ("solo: false", "solo: true"),
    ("127.0.0.1:9088", "127.0.0.1:9089"),
    ("bot@example.org", "robot@example.org"),
    ("release-room", "room"),
    ("[::1]:9080", "[::1]:9081"),
    ("load: 4.5", "load: 4"),
    ("clock: 500ms, cert", "clock: 400ms, cert"),
    ("/etc/ssl/door.pem", "/etc/ssl/gate.pem"),
    ("certificate_days: 21", "certificate_days: 20"),
    ("permissive: true", "permissive: false"),
    ("dan@example.org: { url", "pia@example.org: { url"),
    ("http://quinn:18789", "http://quinn:18788"),
    ("env:QUINN_TOKEN", "env:OTHER_TOKEN"),
    ("watch: [in-qa]", "watch: [in-qa, rfp]"),
    ("name: office hours", "name: working hours"),
    ("allow: {", "deny: {"),
    ("0 9 * * mon-fri", "0 9 * * mon-thu"),
    ("zone: Europe/Berlin", "zone: Europe/London"),
    ("for: 7h", "for: 8h"),
    ("environments: [production]", "environments: [staging]"),
    ("services: [shop, ledger]", "services: [shop]"),
    ("except: [hotfix]", "except: [hotfix, security]"),
    ("from: 2026-12-18T17:00", "from: 2026-12-18T16:00"),
    ("until: 2027-01-04T08:00", "until: 2027-01-04"),
    ("zone: Europe/Paris", "zone: UTC"),
    ("00:00:00+01:00", "00:00:00+02:00"),
    ("2027-02-03T00:00Z", "2027-02-04T00:00Z"),
    ("name: am,", "name: alerts,"),
    ("127.0.0.1:9093\"", "127.0.0.1:9094\""),
    ("kind: prometheus", "kind: alertmanager"),
    ("label: app", "label: job"),
    ("[Watchdog]", "[Watchdog, Info]"),
    ("name: on call", "name: duty"),
    ("hook?team=1", "hook?team=2"),
    ("env:HOOK_TOKEN", "file:/etc/ops/hook"),
    ("every: 20m", "every: 21m"),
    ("page, ops]", "page, shop]"),
    ("after: 10m", "after: 11m"),
    ("every: 30m", "every: 31m"),
    ("soak: 30m", "soak: 31m"),
    ("host: staging.example.org, ", ""),
    ("path: /try", "path: /tries"),
    (">=2.1, <3", ">=2.2, <3"),
    ("name: nginx", "name: door"),
    ("/etc/nginx/nginx.conf", "/etc/nginx.conf"),
    ("schema-version, --short]", "schema-version]"),
    ("errors: 0.1%", "errors: 0.2%"),
    ("days: 14", "days: 15"),
    ("except: [urgent]", "except: []"),
    ("migrations: at-start", "migrations: held"),
    ("lock_group: front", "lock_group: back"),
    ("--level, 3", "--level, 4"),
    ("WORKERS: 4", "WORKERS: 04"),
    ("env:DB_URL", "env:OTHER_URL"),
    ("replicas: 3", "replicas: 4"),
    ("min_serving: 3", "min_serving: 1"),
    ("host: shop.example.org", "host: store.example.org"),
    ("path: /shop }", "path: /store }"),
    ("path: /healthz", "path: /health"),
    ("every: 2s", "every: 3s"),
    ("timeout: 500ms", "timeout: 501ms"),
    ("in_a_row: 5", "in_a_row: 6"),
    ("start_deadline: 90s", "start_deadline: 91s"),
    ("get: /shop", "get: /store"),
    ("head: /shop/missing", "get: /shop/missing"),
    ("options: \"/shop?x=1\"", "options: \"/shop?x=2\""),
    ("status: 404", "status: 403"),
    ("contains: Welcome", "contains: Hello"),
    ("errors: 0.5%", "errors: 0.6%"),
    ("p99: 400ms", "p99: 401ms"),
    ("- 2%", "- 3%"),
    ("weight: 10%", "weight: 11%"),
    ("dwell: 5m", "dwell: 6m"),
    ("min_requests: 500", "min_requests: 501"),
    ("dwell: 90s", "dwell: 91s"),
    ("min_requests: 70", "min_requests: 71"),
    ("for: 1h30m", "for: 1h"),
    ("last_stretch: 10m", "last_stretch: 11m"),
    ("min_requests: 900", "min_requests: 901"),
    ("extensions: 1", "extensions: 0"),
    ("grace: 45s", "grace: 46s"),
    ("alpha: 2%", "alpha: 3%"),
    ("good_enough: 25m", "good_enough: 26m"),
    ("CheckoutBroken, ", "CheckoutSlow, "),
    (", \"Orders lost\"]", "]"),
    ("trip_on_new_errors: true", "trip_on_new_errors: false"),
    ("      payments:\n", "      payment:\n"),
    ("prometheus: http://127.0.0.1:9090", "prometheus: http://127.0.0.1:9095"),
    ("every: 20s", "every: 21s"),
    ("grace: 80s", "grace: 81s"),
    ("payments_total{", "orders_total{"),
    ("payments_failed_total{", "payments_lost_total{"),
    ("limit: 3%", "limit: 3.5%"),
    ("https://metrics.example.org/prom\n", "https://metrics.example.org/other\n"),
    (
        "checkout_seconds_bucket{release=\"$release\"",
        "checkout_seconds_bucket{version=\"$version\"",
    ),
    ("max(queue_length", "min(queue_length"),
    ("tolerance: 40%", "tolerance: 41%"),
    ("level: 'sum(carts_open", "level: 'avg(carts_open"),
    ("http://127.0.0.1:9093/jobs", "http://127.0.0.1:9093"),
    ("every: 10s", "every: 11s"),
    ("app=\"$service\", ", ""),
    ("at_least: 30", "at_least: 31"),
    ("[ledger, { service: stock,", "[{ service: ledger,"),
    ("drain: 1m", "drain: 2m"),
    ("memory: 1GB", "memory: 2GB"),
    ("disk: 250MB", "disk: 251MB"),
    ("strategy: blue-green", "strategy: { recreate: {} }"),
    ("runs_twice: false\n    fixed_port: 7000", "runs_twice: false"),
    ("gap_limit: 20s", "gap_limit: 21s"),
    ("hold_requests: 64", "hold_requests: 65"),
    ("watch: 30s", "watch: 31s"),
    ("releases: 7", "releases: 8"),
    ("store: 2TB", "store: 3TB"),
    ("logs: 10MB", "logs: 11MB"),
    ("heartbeat: 5m", "heartbeat: 6m"),
    ("at: \"17:30\"", "at: \"17:31\""),
    ("zone: Europe/Lisbon", "zone: Europe/Madrid"),
    ("channel: day", "channel: night"),
    ("empty: true", "empty: false"),
    ("day: monday", "day: tuesday"),
    ("at: \"09:00\"", "at: \"10:00\""),
    ("zone: Asia/Tokyo", "zone: Asia/Seoul"),
    ("channel: retro", "channel: past"),
    ("days: 17", "days: 18"),
];

/// Every value of the full file changes the settings: no key is read and dropped.
#[test]
fn no_key_is_ignored() {
    let whole = good(FULL);
    for (from, to) in CHANGES {
        assert_eq!(FULL.matches(*from).count(), 1, "{from}");
        let text = FULL.replace(from, to);
        let mut settings = good(&text);
        settings.revision = whole.revision.clone();
        assert_ne!(settings, whole, "{to}");
    }
}

#[test]
fn how_a_value_is_written_does_not_matter() {
    let spelt = FULL
        .replace("start_deadline: 90s", "start_deadline: 1m30s")
        .replace("store: 2TB", "store: 2000GB")
        .replace("alpha: 2%", "alpha: 2.0%")
        .replace('\n', "\r\n");
    let mut settings = good(&format!("\u{feff}{spelt}"));
    settings.revision = good(FULL).revision;
    assert_eq!(settings, good(FULL));
}

#[test]
fn aliases_stand_for_whole_values() {
    let text = format!(
        "{MINIMAL}    health: &health {{ path: /healthz }}\n  two:\n    command: [bin/two]\n    health: *health\n"
    );
    let settings = good(&text);
    let paths: Vec<_> = settings.services.values().map(|s| s.health.path.as_deref()).collect();
    assert_eq!(paths, [Some("/healthz"), Some("/healthz")]);
}

#[test]
fn strategies_follow_from_what_a_service_is() {
    let strategy = |lines: &str| {
        let text = MINIMAL.replace("    route: { path: / }\n", lines);
        let settings = good(&text);
        let service = settings.services.values().next().unwrap().clone();
        (service.strategy, service.runs_twice, service.min_serving)
    };
    assert!(matches!(strategy("    route: {}\n"), (Strategy::Canary { .. }, true, 1)));
    assert_eq!(strategy(""), (Strategy::BlueGreen, true, 1));
    assert_eq!(strategy("    runs_twice: false\n"), (Strategy::Recreate, false, 0));
    assert_eq!(strategy("    strategy: recreate\n"), (Strategy::Recreate, false, 0));
    assert_eq!(strategy("    replicas: 4\n"), (Strategy::BlueGreen, true, 3));
}

#[test]
fn solo_mode_lets_one_person_do_all() {
    let text = MINIMAL.replace(
        "  dan@example.org: dev\n  cleo@example.org: cq\n  quinn@example.org: qa\n",
        "  dan@example.org: [dev, cq, qa]\nsolo: true\n",
    );
    assert!(good(&text).people.solo);
    assert!(read(&text.replace("solo: true\n", "")).is_err());
}

#[test]
fn s12_each_stage_has_the_route_that_is_written_for_it() {
    let settings = good(FULL);
    let shop = &settings.services[&"shop".into()];
    let host = |stage: &str| shop.in_stage(&stage.into()).unwrap().route.unwrap().host;
    assert_eq!(host("staging").as_deref(), Some("staging.example.org"));
    assert_eq!(host("production").as_deref(), Some("shop.example.org"));
    // One door serves all: two services may share a host, and a stage a path on another one.
    let two = FULL.replace("host: staging.example.org, path: /try", "host: staging.example.org");
    assert!(read(&two).is_ok());
}

#[test]
fn windows_mean_instants() {
    let open = |opening: &str| {
        let text =
            format!("windows: [{{ name: x, deny: {{ {opening} }}, except: [normal] }}]\n{MINIMAL}");
        good(&text).gate.windows[0].open.clone()
    };
    let Opening::Between { from, until } =
        open("from: 2026-12-18T17:00, until: 2027-01-04, zone: Europe/Berlin")
    else {
        panic!("it comes once");
    };
    assert_eq!(from.to_string(), "2026-12-18T16:00:00Z");
    assert_eq!(until.to_string(), "2027-01-03T23:00:00Z");
    // What is over is history, no mistake; what comes on leap days only comes.
    open("from: 2001-01-01T00:00Z, until: 2001-01-02T00:00Z");
    open("cron: \"0 0 29 2 *\", zone: America/New_York, for: 24h");
}

#[test]
fn s3_the_hash_changes_with_the_service_and_with_nothing_else() {
    let settings = good(FULL);
    let shop = "shop".into();
    let hash = |text: &str| service_hash(&good(text), &shop).unwrap();
    // It stands in candidates: a change of this value makes every approval void.
    insta::assert_snapshot!(service_hash(&settings, &shop).unwrap().as_str());
    assert_eq!(hash(FULL), hash(&FULL.replace("start_deadline: 90s", "start_deadline: 1m30s")));
    assert_eq!(hash(FULL), hash(&FULL.replace("heartbeat: 5m", "heartbeat: 6m")));
    assert_eq!(hash(FULL), hash(&FULL.replace("hold_requests: 64", "hold_requests: 65")));
    assert_ne!(hash(FULL), hash(&FULL.replace("LOG: info", "LOG: debug")));
    assert_ne!(hash(FULL), hash(&FULL.replace("alpha: 2%", "alpha: 3%")));
    let of_the_service = [
        ("soak: 30m", "soak: 31m"),
        ("path: /try", "path: /tries"),
        (">=2.1, <3", ">=2.2, <3"),
        ("/etc/nginx/nginx.conf", "/etc/nginx.conf"),
        ("days: 14", "days: 15"),
        ("migrations: at-start", "migrations: held"),
    ];
    for (from, to) in of_the_service {
        assert_ne!(hash(FULL), hash(&FULL.replace(from, to)), "{to}");
    }
    let of_the_team =
        [("for: 7h", "for: 8h"), ("after: 10m", "after: 11m"), ("load: 4.5", "load: 5")];
    for (from, to) in of_the_team {
        assert_eq!(hash(FULL), hash(&FULL.replace(from, to)), "{to}");
    }
    let written = MINIMAL.replace("route: { path: / }", "route: { path: / }\n    replicas: 1");
    assert_eq!(hash(MINIMAL), hash(&written));
    assert_eq!(service_hash(&settings, &"none".into()), None);
}

/// What was approved before a key existed stays approved: without the key the hash is what it was.
#[test]
fn s3_a_newer_key_leaves_the_hash_of_what_does_not_use_it() {
    insta::assert_snapshot!(service_hash(&good(MINIMAL), &"shop".into()).unwrap().as_str());
}

#[test]
fn the_keys_of_the_door_are_taken_over() {
    let door = "
edge:
  listen: [127.0.0.1:8080]
  tls: { listen: [\"0.0.0.0:8443\"], certificates: [{ chain: /tls/a.pem, key: /tls/a.key }] }
  metrics: 127.0.0.1:9180
  access_log: 5%
  response_timeout: 20s
";
    let route = "
    route:
      headers: { X-Ring: beta }
      sticky: { cookie: door }
      protocol: h2
      close_over: 10s
      templates: [\"/carts/{id}\"]
      probe: /alive
";
    let text = MINIMAL.replace("    route: { path: / }\n", route.trim_start_matches('\n'));
    let settings = good(&format!("{text}{door}"));
    let edge = &settings.edge;
    let tls = edge.tls.as_ref().unwrap();
    assert_eq!(
        (tls.listen[0].as_str(), tls.certificates[0].key.as_str()),
        ("0.0.0.0:8443", "/tls/a.key")
    );
    assert_eq!((edge.access_log_percent, edge.response_timeout_ms), (Some(5), Some(20_000)));
    let manner = &settings.services.values().next().unwrap().route.as_ref().unwrap().manner;
    assert_eq!(manner.headers[0].name, "X-Ring");
    assert_eq!(manner.sticky, Some(Sticky::Cookie("door".to_owned())));
    assert_eq!((manner.protocol, manner.drain_ms), (Protocol::H2, Some(10_000)));
    assert_eq!((manner.templates.len(), manner.probe_path.as_deref()), (1, Some("/alive")));
}
