//! Real files and real programs.

use std::fs;

use super::*;

fn file(path: &Path) -> Look<Digest> {
    digest(&ReadState::File(path.display().to_string()))
}

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

#[test]
fn a_file_is_its_content_wherever_a_link_leads() {
    let dir = tempfile::tempdir().unwrap();
    let (path, link) = (dir.path().join("main.tf"), dir.path().join("link"));
    fs::write(&path, "one").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert_eq!(file(&path).unwrap(), Digest::of(b"one"));
    assert_eq!(file(&link).unwrap(), Digest::of(b"one"));
    let long = vec![7; PIECE * 3 + 5];
    fs::write(&path, &long).unwrap();
    assert_eq!(file(&link).unwrap(), Digest::of(&long));
    fs::write(&path, "").unwrap();
    assert_eq!(file(&path).unwrap(), Digest::of(b""), "an empty file is a state, too");
}

#[test]
fn p8_what_is_no_readable_file_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let missing = file(&dir.path().join("none")).unwrap_err();
    assert!(missing.place.ends_with("none") && missing.next.contains("regular file"), "{missing}");
    assert!(file(dir.path()).unwrap_err().what.contains("not a regular file"));
    assert!(file(Path::new("/dev/zero")).is_err());
    assert!(file(Path::new("")).is_err());
    let pipe = dir.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert!(file(&pipe).unwrap_err().what.contains("regular"), "it does not wait for a writer");
}

#[test]
fn p9_a_file_counts_up_to_its_limit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    let sparse = fs::File::create(&path).unwrap();
    sparse.set_len(STATE_FILE_LIMIT + 1).unwrap();
    assert!(file(&path).unwrap_err().what.contains("longer"));
    sparse.set_len(STATE_FILE_LIMIT).unwrap();
    assert!(file(&path).is_ok());
}

#[test]
fn a_program_is_what_it_prints() {
    let read = ReadState::Command(shell("printf state; echo noise >&2"));
    assert_eq!(digest(&read).unwrap(), Digest::of(b"state"));
    // Arguments are handed over as they are: no shell looks at them.
    let read = ReadState::Command(["printf", "%s", "$(id) * ; ~"].map(str::to_owned).to_vec());
    assert_eq!(digest(&read).unwrap(), Digest::of(b"$(id) * ; ~"));
}

#[test]
fn p8_a_program_that_fails_is_an_error_whatever_it_printed() {
    let told =
        of_program(&shell("echo fine; echo 'no such zone' >&2; exit 4"), Duration::from_secs(30))
            .unwrap_err();
    assert!(told.what.ends_with("exit status: 4: no such zone"), "{told}");
    assert_eq!(told.place, "/bin/sh");
    assert!(of_program(&shell("kill -9 $$"), Duration::from_secs(30)).is_err());
    let told = of_program(&["/no/such/program".into()], Duration::from_secs(30)).unwrap_err();
    assert!(told.what.contains("could not be started"), "{told}");
    assert!(of_program(&[], Duration::from_secs(30)).is_err());
    let told = of_program(&shell("exec sleep 1000"), Duration::from_millis(100)).unwrap_err();
    assert!(told.what.contains("within 100 ms"), "{told}");
    let told = of_program(&shell("yes"), Duration::from_secs(30)).unwrap_err();
    assert!(told.what.contains("printed more"), "{told}");
}

#[test]
fn p13_nothing_of_the_state_or_the_arguments_is_told() {
    let script = "echo hunter2; exit 1";
    let told = of_program(&shell(script), Duration::from_secs(30)).unwrap_err();
    assert!(!told.to_string().contains("hunter2"), "{told}");
}
