//! Which commits another one holds, and which have the same source tree.

use std::fs;

use ops_config::{LoadError, head, holds, same_tree};

use crate::source::{commit, git, repository};

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef01234567";

#[test]
fn s8_a_commit_holds_itself_and_its_ancestors() {
    let folder = repository();
    let dir = folder.path();
    let first = commit(dir);
    let second = commit(dir);
    git(dir, &["checkout", "-q", "-b", "side", &first]);
    fs::write(dir.join("side"), "x").unwrap();
    let side = commit(dir);
    let tells = |newer: &str, older: &str| holds(dir, newer, older).unwrap();

    assert_eq!(tells(&second, &second), Some(true));
    assert_eq!(tells(&second, &first), Some(true));
    assert_eq!(tells(&first, &second), Some(false));
    assert_eq!(tells(&second, &side), Some(false));
    assert_eq!(tells(&second[..9], &first.to_uppercase()), Some(true));
    git(dir, &["merge", "-q", "--no-edit", &second]);
    let merged = git(dir, &["rev-parse", "HEAD"]);
    for older in [&first, &second, &side] {
        assert_eq!(tells(&merged, older), Some(true));
    }
    // Also from a folder below, and on a branch that nobody has checked out.
    let below = dir.join("below");
    fs::create_dir(&below).unwrap();
    assert_eq!(holds(&below, &second, &first).unwrap(), Some(true));
}

#[test]
fn s9_a_merge_has_the_tree_of_what_was_approved_or_another() {
    let folder = repository();
    let dir = folder.path();
    let base = commit(dir);
    git(dir, &["checkout", "-q", "-b", "feature"]);
    fs::write(dir.join("basket"), "1").unwrap();
    let approved = commit(dir);
    let tells = |one: &str, other: &str| same_tree(dir, one, other).unwrap();
    assert_eq!(tells(&approved, &approved), Some(true));
    assert_eq!(tells(&base, &approved), Some(false), "a file more");

    // Nothing happened on the other side meanwhile: the merge is another commit of the same tree.
    git(dir, &["checkout", "-q", "-b", "trunk", &base]);
    git(dir, &["merge", "-q", "--no-ff", "--no-edit", "feature"]);
    let merged = git(dir, &["rev-parse", "HEAD"]);
    assert_ne!(merged, approved);
    assert_eq!(tells(&merged, &approved), Some(true));
    assert_eq!(tells(&approved[..9], &merged.to_uppercase()), Some(true));
    git(dir, &["checkout", "-q", "--orphan", "squashed", "feature"]);
    let squashed = commit(dir);
    assert_eq!(holds(dir, &squashed, &approved).unwrap(), Some(false));
    assert_eq!(tells(&squashed, &approved), Some(true), "without any history in common");

    // Something happened there: the merge holds what nobody has seen together.
    git(dir, &["checkout", "-q", "-b", "busy", &base]);
    fs::write(dir.join("shipping"), "1").unwrap();
    commit(dir);
    git(dir, &["merge", "-q", "--no-ff", "--no-edit", "feature"]);
    let busy = git(dir, &["rev-parse", "HEAD"]);
    assert_eq!(holds(dir, &busy, &approved).unwrap(), Some(true));
    assert_eq!(tells(&busy, &approved), Some(false));

    // The same file names, with one more mode: not the same tree.
    git(dir, &["checkout", "-q", "-b", "mode", "trunk"]);
    git(dir, &["update-index", "--chmod=+x", "basket"]);
    git(dir, &["commit", "-q", "-m", "mode"]);
    assert_eq!(tells(&git(dir, &["rev-parse", "HEAD"]), &approved), Some(false));
}

#[test]
fn p3_s9_nobody_lends_a_commit_another_tree() {
    let folder = repository();
    let dir = folder.path();
    let first = commit(dir);
    fs::write(dir.join("basket"), "1").unwrap();
    let second = commit(dir);
    git(dir, &["replace", &second, &first]);
    let theirs = git(dir, &["rev-parse", &format!("{second}^{{tree}}")]);
    assert_eq!(theirs, git(dir, &["rev-parse", &format!("{first}^{{tree}}")]), "git believes it");
    assert_eq!(same_tree(dir, &first, &second).unwrap(), Some(false));
}

#[test]
fn s8_what_is_no_known_commit_is_not_told() {
    let folder = repository();
    let dir = folder.path();
    let first = commit(dir);
    git(dir, &["branch", "0123456789"]);
    git(dir, &["tag", "-a", "-m", "x", "v1"]);
    let tag = git(dir, &["rev-parse", "v1"]);
    let tree = git(dir, &["rev-parse", "HEAD^{tree}"]);
    let short = &first[..6];
    let names = [
        UNKNOWN,
        "1234567",
        "0123456789",
        &tag,
        &tree,
        short,
        "",
        "HEAD",
        "main",
        "v1",
        "--help",
        "-1",
        "--all",
        "HEAD~1",
        "^HEAD",
        "a..b",
        "no such thing",
        "1234567\0",
        "1234567\n--help",
    ];
    for name in names {
        assert_eq!(holds(dir, &first, name).unwrap(), None, "{name:?} as the older");
        assert_eq!(holds(dir, name, &first).unwrap(), None, "{name:?} as the newer");
        assert_eq!(holds(dir, name, name).unwrap(), None, "{name:?} as both");
        assert_eq!(same_tree(dir, &first, name).unwrap(), None, "{name:?} as the other tree");
        assert_eq!(same_tree(dir, name, &first).unwrap(), None, "{name:?} as the one tree");
        assert_eq!(same_tree(dir, name, name).unwrap(), None, "{name:?} as both trees");
    }
}

#[test]
fn s8_a_history_that_was_cut_off_does_not_say_no() {
    let folder = repository();
    let dir = folder.path();
    let first = commit(dir);
    let second = commit(dir);
    let third = commit(dir);
    let clone = tempfile::tempdir().unwrap();
    let from = format!("file://{}", dir.display());
    git(clone.path(), &["clone", "-q", "--depth", "2", &from, "copy"]);
    let copy = clone.path().join("copy");
    let tells = |newer: &str, older: &str| holds(&copy, newer, older).unwrap();

    assert_eq!(tells(&third, &second), Some(true));
    assert_eq!(tells(&third, &first), None, "it is not there");
    // It is there now, but how it is related was cut off.
    git(dir, &["branch", "old", &first]);
    git(&copy, &["fetch", "-q", "--depth", "1", "origin", "old"]);
    assert_eq!(tells(&first, &first), Some(true));
    assert_eq!(tells(&third, &first), None);
    git(&copy, &["fetch", "-q", "--unshallow"]);
    assert_eq!(tells(&third, &first), Some(true));
    assert_eq!(tells(&first, &third), Some(false));
}

#[test]
fn p3_nobody_invents_an_ancestor() {
    let folder = repository();
    let dir = folder.path();
    let first = commit(dir);
    git(dir, &["checkout", "-q", "--orphan", "other"]);
    fs::write(dir.join("other"), "x").unwrap();
    let other = commit(dir);
    fs::create_dir_all(dir.join(".git/info")).unwrap();
    fs::write(dir.join(".git/info/grafts"), format!("{other} {first}\n")).unwrap();
    let theirs = git(dir, &["rev-list", &other]);
    assert!(theirs.contains(&first), "git itself believes it: {theirs}");
    assert_eq!(holds(dir, &other, &first).unwrap(), Some(false));
    git(dir, &["replace", "--graft", &other, &first]);
    assert_eq!(holds(dir, &other, &first).unwrap(), Some(false));
}

#[test]
fn head_is_told_without_reading_a_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(head(folder.path()).unwrap(), None);
    let error = holds(folder.path(), UNKNOWN, UNKNOWN).unwrap_err();
    assert!(matches!(error, LoadError::NoRepository(_)), "{error}");
    let error = same_tree(folder.path(), UNKNOWN, UNKNOWN).unwrap_err();
    assert!(matches!(error, LoadError::NoRepository(_)), "{error}");
    git(folder.path(), &["init", "-q"]);
    assert_eq!(head(folder.path()).unwrap(), None, "there is no commit yet");
    let first = commit(folder.path());
    assert_eq!(head(folder.path()).unwrap(), Some(first));
}

#[test]
fn a_broken_repository_is_an_error() {
    let folder = repository();
    let dir = folder.path();
    let first = commit(dir);
    let second = commit(dir);
    fs::remove_dir_all(dir.join(".git/objects")).unwrap();
    assert!(matches!(head(dir), Err(LoadError::Git { .. })));
    assert!(!matches!(holds(dir, &second, &first), Ok(Some(_))));
    assert!(!matches!(same_tree(dir, &second, &second), Ok(Some(_))));
}
