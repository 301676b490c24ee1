//! The published schema takes what ops takes, and is the one in the repository.

use ops_config::{schema, starter};
use serde_json::Value;

use crate::{FULL, MINIMAL, read};

const COMMITTED: &str = include_str!("../../schema/ops.schema.json");

fn value(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

#[test]
fn the_committed_schema_is_the_current_one() {
    let current = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("OPS_WRITE_SCHEMA").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/ops.schema.json"), &current)
            .unwrap();
        return;
    }
    // Objects compare whatever the order of their keys.
    let committed: Value = serde_json::from_str(COMMITTED).unwrap();
    assert_eq!(committed, schema(), "run the test with OPS_WRITE_SCHEMA=1 and commit the file");
}

#[test]
fn good_files_and_the_starter_fit() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for text in [FULL, MINIMAL, &starter(folder.path())] {
        let errors: Vec<String> = validator
            .iter_errors(&value(text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{text}");
    }
}

#[test]
fn what_the_schema_refuses_ops_refuses_too() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let pieces = [
        ("version: 1", "version: 2"),
        ("ports: 21000-21999", "ports: 21000"),
        ("dan@example.org: dev", "dan: dev"),
        ("[cq, human]", "[cq, boss]"),
        ("solo: false", "solo: 0"),
        ("127.0.0.1:9088", "localhost"),
        ("release-room", "'#release-room'"),
        ("lock_group: front", "lock_group: Front"),
        ("[bin/legacy]", "[]"),
        ("env:DB_URL", "hunter2"),
        ("replicas: 3", "replicas: 0"),
        ("shop.example.org", "http://shop.example.org"),
        ("path: /healthz", "path: healthz"),
        ("every: 2s", "every: 2"),
        ("timeout: 500ms", "timeout: 500 ms"),
        ("in_a_row: 5", "in_a_row: 1"),
        ("status: 404", "status: 4040"),
        ("errors: 0.5%", "errors: 0.005"),
        ("- 2%", "- 2"),
        ("1h30m", "30m1h"),
        ("memory: 1GB", "memory: 1G"),
        ("strategy: blue-green", "strategy: blue"),
        ("good_enough: 25m", "good_enough: 25"),
        ("trip_on_alerts: [CheckoutBroken", "trip_on_alerts: [''"),
        ("trip_on_new_errors: true", "trip_on_new_errors: 1"),
        ("      payments:\n", "      Payments:\n"),
        ("prometheus: http://127.0.0.1:9090", "prometheus: 127.0.0.1:9090"),
        ("prometheus: http://127.0.0.1:9091", "prometheus: http://127.0.0.1:9091/?x"),
        ("prometheus: http://127.0.0.1:9092", "prometheus: http://127.0.0.1:9092/#x"),
        ("        every: 20s", "        every: 20"),
        ("grace: 80s", "grace: 80"),
        ("          total:", "          all:"),
        ("limit: 3%", "limit: 0.03"),
        ("histogram: 'sum", "quantile: 'sum"),
        ("tolerance: 40%", "tolerance: 0.4"),
        ("level: 'sum(carts_open{instance=~\"$instances\"})'", "level: ''"),
        ("at_least: 30", "at_least: 0"),
        ("          at_least: 30\n", ""),
        ("retention:", "retensions:"),
        ("load: 4.5", "load: 0"),
        ("clock: 500ms", "clock: 500"),
        ("/etc/ssl/door.pem", "door.pem"),
        ("watch: [in-qa]", "watch: [qa]"),
        ("http://quinn:18789", "quinn:18789"),
        ("env:QUINN_TOKEN", "hunter2"),
        ("from: 2026-12-18T17:00", "from: 18.12.2026"),
        ("for: 7h", "for: 7"),
        ("except: [hotfix]", "except: [Hotfix]"),
        ("kind: prometheus", "kind: nagios"),
        ("http://127.0.0.1:9093", "http://127.0.0.1:9093/?x"),
        ("name: on call", "name: ''"),
        ("environment: staging, soak", "soak"),
        ("service: stock, ", ""),
        ("errors: 0.1%", "errors: 0.001"),
        ("migrations: at-start", "migrations: later"),
    ];
    for (from, to) in pieces {
        assert!(FULL.contains(from), "{from}");
        let text = FULL.replacen(from, to, 1);
        assert!(!validator.is_valid(&value(&text)), "the schema takes {to}");
        assert!(read(&text).is_err(), "ops takes {to}");
    }
}
