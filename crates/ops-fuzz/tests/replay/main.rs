//! The corpus, and mutations of it from fixed seeds, on stable Rust: no crash, no broken law, no memory
//! without bound. `OPS_FUZZ_MUTATIONS` tries another number of mutations, `OPS_FUZZ_SEED` other ones.

#![cfg(test)]

mod mutate;

use std::{
    collections::BTreeSet,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use ops_fuzz::{INPUT_MAX, TARGETS, Target};

/// Largest file of the corpus, in bytes: it is read by people, too.
const FILE_MAX: u64 = INPUT_MAX as u64;
/// Most memory that a target may come to hold while it takes its corpus, in kilobytes.
const RESIDENT_MAX_KB: u64 = 400 * 1024;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus")
}

/// The files of a target's corpus with their names, in a fixed order.
fn seeds(target: &Target) -> Vec<(String, Vec<u8>)> {
    let folder = corpus().join(target.name);
    let listing =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = listing.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(fs::metadata(&path).unwrap().len() <= FILE_MAX, "{name} is too large");
        (name, fs::read(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

fn number(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Runs a target; where it panics, says on what.
fn take(target: &Target, input: &[u8], what: &str) {
    let taken = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(taken.is_ok(), "{} does not take {what}: b\"{}\"", target.name, input.escape_ascii());
}

/// The most memory that this process ever held, in kilobytes.
fn resident_peak_kb() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

fn grind(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = seeds(target);
    assert!(seeds.len() >= 3, "a corpus of {} files", seeds.len());
    for (file, input) in &seeds {
        take(target, input, file);
    }
    take(target, b"", "nothing");
    let inputs: Vec<&[u8]> = seeds.iter().map(|(_, input)| input.as_slice()).collect();
    let mutations = number("OPS_FUZZ_MUTATIONS").unwrap_or(target.mutations as u64);
    let mut dice = mutate::Dice::new(number("OPS_FUZZ_SEED").unwrap_or(7));
    for mutation in 0..mutations {
        let input = mutate::mutated(&inputs, &mut dice);
        take(target, &input, &format!("mutation {mutation}"));
    }
    let peak = resident_peak_kb();
    assert!(peak <= RESIDENT_MAX_KB, "{name} came to hold {peak} kB");
}

macro_rules! grind {
    ($($name:ident)*) => {
        $(#[test] fn $name() { grind(stringify!($name)); })*

        #[test]
        fn every_target_is_replayed_and_has_a_program_and_a_corpus() {
            let all: BTreeSet<&str> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(all, BTreeSet::from([$(stringify!($name)),*]));
            let fuzz = corpus().join("..");
            let listed = |folder: &str| -> BTreeSet<String> {
                let listing = fs::read_dir(fuzz.join(folder)).unwrap();
                let name = |entry: fs::DirEntry| {
                    entry.path().file_stem().unwrap().to_string_lossy().into_owned()
                };
                listing.map(|entry| name(entry.unwrap())).collect()
            };
            let all: BTreeSet<String> = all.into_iter().map(str::to_owned).collect();
            assert_eq!(listed("fuzz_targets"), all);
            assert_eq!(listed("corpus"), all);
            let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
            for name in &all {
                let program = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs")));
                assert!(program.unwrap().contains(&format!("ops_fuzz::{name}(")), "{name}");
                assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
            }
        }
    };
}

grind! {
    alerts artifact_archive board_reply daemon_socket deployment_notes edge_http edge_socket journal
    judge keeper_socket log_lines mentions model_answer ops_yaml prometheus recorded_series tickets verdict
}

#[test]
fn the_same_seed_gives_the_same_mutations() {
    let inputs: [&[u8]; 2] = [b"{\"a\": [1, 2]}", b"one\ntwo\n"];
    let all = |seed| -> Vec<Vec<u8>> {
        let mut dice = mutate::Dice::new(seed);
        (0..500).map(|_| mutate::mutated(&inputs, &mut dice)).collect()
    };
    assert_eq!(all(7), all(7));
    assert_ne!(all(7), all(8));
    let distinct: BTreeSet<Vec<u8>> = all(7).into_iter().collect();
    assert!(distinct.len() > 400, "{} of 500", distinct.len());
}
