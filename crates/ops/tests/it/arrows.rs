//! Dependencies between the crates point one way (docs/ARCHITECTURE.md).

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// Every arrow that is allowed, from a crate to those it may use.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ops-core", &[]),
    ("ops-config", &["ops-core"]),
    ("ops-engine", &["ops-core"]),
    ("ops-keeper", &[]),
    ("ops-store", &["ops-core", "ops-engine"]),
    ("ops-targets", &["ops-core", "ops-engine", "ops-keeper"]),
    ("ops-docker", &["ops-core", "ops-engine"]),
    ("ops-conformance", &["ops-core", "ops-engine"]),
    ("ops-edge", &["ops-core", "ops-engine"]),
    ("ops-signals", &["ops-core", "ops-engine", "ops-web"]),
    ("ops-boards", &["ops-core", "ops-engine", "ops-web"]),
    ("ops-server", &["ops-core", "ops-engine"]),
    ("ops-advisor", &["ops-core", "ops-engine", "ops-web"]),
    ("ops-web", &[]),
    ("ops-hostile", &[]),
    ("ops-sim", &["ops-core", "ops-engine", "ops-store"]),
    ("ops-demo", &["ops-boards", "ops-core", "ops-engine", "ops-server", "ops-targets"]),
];

/// Crates on top may use everything below.
const TOP: &[&str] = &["ops", "ops-bench", "ops-fuzz"];

#[test]
fn dependencies_point_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let uses = package["dependencies"].as_array().unwrap().iter();
        let ours = uses
            .filter(|one| one["kind"].is_null() && one.get("path").is_some())
            .map(|one| one["name"].as_str().unwrap().to_owned());
        found.insert(package["name"].as_str().unwrap().to_owned(), ours.collect());
    }
    let allowed: BTreeMap<_, _> = ALLOWED.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, uses) in &found {
        if TOP.contains(&name.as_str()) {
            continue;
        }
        let Some(may) = allowed.get(name.as_str()) else {
            wrong.push(format!("{name} has no place on the map"));
            continue;
        };
        for one in uses {
            if !may.contains(&one.as_str()) {
                wrong.push(format!("{name} uses {one}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
