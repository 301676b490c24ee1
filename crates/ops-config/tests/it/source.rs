//! Which `ops.yaml` governs.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use ops_config::{FILE_NAME, LoadError, load, load_at, load_working_copy};
use ops_core::id::Digest;
use tempfile::TempDir;

use crate::MINIMAL;

pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.org"])
        .args(["-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main"])
        .args(args)
        .env_remove("GIT_DIR")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn write(dir: &Path, text: impl AsRef<[u8]>) {
    fs::write(dir.join(FILE_NAME), text).unwrap();
}

pub(crate) fn commit(dir: &Path) -> String {
    git(dir, &["add", "-A"]);
    git(dir, &["commit", "-q", "--allow-empty", "-m", "change"]);
    git(dir, &["rev-parse", "HEAD"])
}

pub(crate) fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    folder
}

/// The minimal file for a project of this name.
fn project(name: &str) -> String {
    MINIMAL.replace("project: shop", &format!("project: {name}"))
}

#[test]
fn s4_the_commit_governs_not_the_edit() {
    let folder = repository();
    let dir = folder.path();
    write(dir, project("one"));
    let first = commit(dir);

    let loaded = load(dir).unwrap();
    assert_eq!(loaded.settings.project, "one");
    assert_eq!(loaded.settings.revision.commit.as_deref(), Some(first.as_str()));
    assert_eq!(loaded.settings.revision.hash, Digest::of(project("one").as_bytes()));
    assert!(loaded.from_git && !loaded.uncommitted);

    write(dir, project("two"));
    let loaded = load(dir).unwrap();
    assert_eq!(loaded.settings.project, "one");
    assert!(loaded.from_git && loaded.uncommitted);
    // Staging is no commit.
    git(dir, &["add", "-A"]);
    assert_eq!(load(dir).unwrap().settings.project, "one");

    let copy = load_working_copy(dir).unwrap();
    assert_eq!(copy.settings.project, "two");
    assert_eq!(copy.settings.revision.commit, None);
    assert!(copy.uncommitted && !copy.from_git);

    let second = commit(dir);
    assert_eq!(load(dir).unwrap().settings.project, "two");
    assert_eq!(load_at(dir, &first).unwrap().settings.project, "one");
    assert_eq!(load_at(dir, &second[..10]).unwrap().settings.project, "two");
    assert_eq!(load_at(dir, "HEAD~1").unwrap().settings.project, "one");
    assert!(!load_working_copy(dir).unwrap().uncommitted);
}

#[test]
fn p3_a_replaced_object_does_not_govern() {
    let folder = repository();
    let dir = folder.path();
    write(dir, project("two"));
    let two = git(dir, &["hash-object", "-w", FILE_NAME]);
    write(dir, project("one"));
    commit(dir);
    let one = git(dir, &["rev-parse", "HEAD:ops.yaml"]);
    git(dir, &["replace", &one, &two]);
    assert!(git(dir, &["show", "HEAD:ops.yaml"]).contains("two"));
    assert_eq!(load(dir).unwrap().settings.project, "one");
}

#[test]
fn s4_a_broken_or_missing_edit_changes_nothing() {
    let folder = repository();
    let dir = folder.path();
    write(dir, project("one"));
    commit(dir);
    write(dir, [0xff, 0xfe]);
    assert_eq!(load(dir).unwrap().settings.project, "one");
    fs::remove_file(dir.join(FILE_NAME)).unwrap();
    let loaded = load(dir).unwrap();
    assert!(loaded.uncommitted);
    assert!(matches!(load_working_copy(dir), Err(LoadError::NoFile(_))));
}

#[test]
fn a_file_that_no_commit_holds_does_not_govern() {
    let folder = repository();
    let dir = folder.path();
    assert!(matches!(load(dir), Err(LoadError::NoFile(_))));
    write(dir, MINIMAL);
    assert!(matches!(load(dir), Err(LoadError::NotCommitted(_))));
    assert!(load_working_copy(dir).unwrap().uncommitted);
    fs::rename(dir.join(FILE_NAME), dir.join("other")).unwrap();
    let without = commit(dir);
    assert!(matches!(load(dir), Err(LoadError::NoFile(_))));
    write(dir, MINIMAL);
    let error = load(dir).unwrap_err();
    assert!(matches!(error, LoadError::NotCommitted(_)), "{error}");
    assert!(error.next().contains("git commit"));
    assert!(matches!(load_at(dir, &without), Err(LoadError::NotInCommit { .. })));
    assert!(matches!(load_at(dir, "no-such-thing"), Err(LoadError::NoCommit(_))));
    assert!(matches!(load_at(dir, "--help"), Err(LoadError::NoCommit(_))));
    assert!(matches!(
        load_at(dir, "HEAD:other"),
        Err(LoadError::NoCommit(_) | LoadError::Git { .. })
    ));
}

#[test]
fn a_folder_below_the_repository_has_its_own_file() {
    let folder = repository();
    let below = folder.path().join("apps/shop");
    fs::create_dir_all(&below).unwrap();
    write(folder.path(), project("above"));
    write(&below, project("below"));
    commit(folder.path());
    assert_eq!(load(&below).unwrap().settings.project, "below");
    assert_eq!(load(folder.path()).unwrap().settings.project, "above");
}

#[test]
fn s4_without_git_the_file_is_read_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let error = load(dir).unwrap_err();
    assert!(matches!(error, LoadError::NoFile(_)));
    assert!(error.next().contains("ops init"));
    write(dir, MINIMAL);
    let loaded = load(dir).unwrap();
    assert!(!loaded.from_git && !loaded.uncommitted);
    assert_eq!(loaded.settings.revision.commit, None);
    assert!(matches!(load_at(dir, "HEAD"), Err(LoadError::NoRepository(_))));
}

#[test]
fn files_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    write(dir, b"version: 1\nproject: \xff\n");
    let error = load(dir).unwrap_err();
    assert!(matches!(error, LoadError::NotUtf8 { byte: 21, line: 2 }), "{error}");
    write(dir, vec![b'#'; 1_000_001]);
    assert!(matches!(load(dir), Err(LoadError::TooLarge)));
    fs::remove_file(dir.join(FILE_NAME)).unwrap();
    fs::create_dir(dir.join(FILE_NAME)).unwrap();
    assert!(matches!(load(dir), Err(LoadError::Unreadable { .. })));
}

#[test]
fn a_large_file_in_a_commit_is_refused() {
    let folder = repository();
    write(folder.path(), vec![b'#'; 3_000_000]);
    commit(folder.path());
    assert!(matches!(load(folder.path()), Err(LoadError::TooLarge)));
}

#[test]
fn a_broken_repository_is_an_error_not_an_absence() {
    let folder = repository();
    let dir = folder.path();
    write(dir, MINIMAL);
    commit(dir);
    fs::remove_dir_all(dir.join(".git/objects")).unwrap();
    let error = load(dir).unwrap_err();
    assert!(matches!(error, LoadError::Git { .. }), "{error}");
    assert!(error.to_json()["next"].as_str().is_some());
}

#[test]
fn complaints_name_the_commit_if_the_working_copy_differs() {
    let folder = repository();
    let dir = folder.path();
    write(dir, MINIMAL.replace("version: 1", "version: 3"));
    let id = commit(dir);
    let name = |error: LoadError| error.complaints().unwrap().name().to_owned();
    assert_eq!(name(load(dir).unwrap_err()), "ops.yaml");
    write(dir, MINIMAL);
    assert_eq!(name(load(dir).unwrap_err()), format!("ops.yaml at commit {}", &id[..12]));
}
