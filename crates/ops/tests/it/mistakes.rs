//! What ships holds none of the mistakes that the proving ground seeds (adr/0010).

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The names of all mistakes, as the file that only the feature compiles has them.
fn names() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let source = fs::read_to_string(root.join("ops-core/src/mutation/chosen.rs")).unwrap();
    let lines = source.lines().filter(|line| line.trim_start().starts_with("(Mutation::"));
    lines.map(|line| line.split('"').nth(1).unwrap().to_owned()).collect()
}

/// Which of some words are in some bytes, in one pass: a program is large.
fn found<'a>(bytes: &[u8], words: &[&'a str]) -> BTreeSet<&'a str> {
    let mut by_start = vec![Vec::new(); 1 << 16];
    for word in words {
        let start = word.as_bytes();
        by_start[usize::from(u16::from_be_bytes([start[0], start[1]]))].push(*word);
    }
    let mut found = BTreeSet::new();
    for (at, two) in bytes.windows(2).enumerate() {
        for word in &by_start[usize::from(u16::from_be_bytes([two[0], two[1]]))] {
            if bytes[at..].starts_with(word.as_bytes()) {
                found.insert(*word);
            }
        }
    }
    found
}

#[test]
fn p3_the_binary_holds_no_seeded_mistake() {
    let names = names();
    assert!(names.len() > 20, "{names:?}");
    let binary = fs::read(env!("CARGO_BIN_EXE_ops")).unwrap();
    let mut words: Vec<_> = names.iter().map(String::as_str).collect();
    words.push("ops.yaml");
    assert_eq!(found(&binary, &words), BTreeSet::from(["ops.yaml"]), "what is in it is found");
}

#[test]
fn p3_nothing_that_ships_asks_for_the_feature() {
    // Each package once per line, with its features.
    let tree = |args: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--edges", "normal"])
            .args(["--prefix", "none", "--format", "{p} [{f}]"])
            .args(args)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let mistaken = |tree: &str| {
        let core = tree.lines().filter(|line| line.starts_with("ops-core "));
        core.into_iter().any(|line| line.contains("mutations"))
    };
    let asked = tree(&["--package", "ops-sim", "--features", "ops-sim/mutations"]);
    assert!(mistaken(&asked), "a build that asks for it shows it: {asked}");
    // Also where everything is built at once, and features of one crate reach all others.
    for args in [&["--package", "ops"][..], &["--package", "ops-keeper"], &["--workspace"]] {
        assert!(!mistaken(&tree(args)), "{args:?}");
    }
    assert!(tree(&["--package", "ops"]).contains("ops-core v"), "it is looked at");
}
