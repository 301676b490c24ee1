//! Real programs, most of them badly behaved.

use std::os::unix::process::ExitStatusExt as _;

use super::*;

/// Generous, for slow machines: a program that behaves ends at once.
const PLENTY: Duration = Duration::from_secs(30);

const SHORT: Duration = Duration::from_millis(200);

fn shell(script: &str) -> Vec<String> {
    ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
}

fn run(script: &str, input: Option<&[u8]>, limit: Duration) -> Result<Ended, Failure> {
    Program { command: &shell(script), input, output: Some(1000), limit }.run()
}

fn printed(script: &str, input: Option<&[u8]>) -> String {
    String::from_utf8(run(script, input, PLENTY).unwrap().output).unwrap()
}

/// Whether a process lives, zombies not counted.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// Asserts that a process is gone soon: a killed one may still be on its way out.
fn assert_ends(pid: &str) {
    let end = Instant::now() + PLENTY;
    while lives(pid) {
        assert!(Instant::now() < end, "{pid} still lives");
        thread::sleep(Duration::from_millis(5));
    }
}

/// The children of this process, zombies included.
fn children() -> Vec<String> {
    let own = std::process::id().to_string();
    let tasks = std::fs::read_dir(format!("/proc/{own}/task")).unwrap();
    let lists = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("children")));
    lists
        .flat_map(|list| list.unwrap_or_default().split(' ').map(str::to_owned).collect::<Vec<_>>())
        .filter(|pid| !pid.trim().is_empty())
        .collect()
}

#[test]
fn what_it_prints_and_how_it_ends_is_told() {
    let ended = run("echo one; echo two >&2; exit 3", None, PLENTY).unwrap();
    assert_eq!(ended.output, b"one\n");
    assert_eq!(ended.complaint().as_deref(), Some("two"));
    assert_eq!(ended.status.code(), Some(3));
    let ended = run("kill -TERM $$", None, PLENTY).unwrap();
    assert_eq!(ended.status.signal(), Some(15));
    assert_eq!(ended.complaint(), None);
}

#[test]
fn p13_it_sees_nothing_of_our_environment() {
    let names = printed("env | sed 's/=.*//' | sort", None);
    let foreign: Vec<_> = names
        .lines()
        .filter(|name| !["LC_ALL", "PATH", "PWD", "SHLVL", "_"].contains(name))
        .collect();
    assert!(
        foreign.is_empty() && names.contains("LC_ALL\n") && names.contains("PATH\n"),
        "{names}"
    );
    assert_eq!(printed("cat", None), "", "its input is empty");
}

#[test]
fn input_is_handed_over_whole_and_ends() {
    let long = vec![b'x'; 3 << 20];
    assert_eq!(printed("wc -c | tr -d ' '", Some(&long)), format!("{}\n", long.len()));
    assert_eq!(printed("cat", Some(b"")), "");
}

#[test]
fn one_that_never_reads_its_input_is_no_trouble() {
    let long = vec![b'x'; 3 << 20];
    assert!(run("exec <&-; exit 0", Some(&long), PLENTY).unwrap().status.success());
    assert!(run("exit 0", Some(&long), PLENTY).unwrap().status.success());
    let told = run("exec sleep 1000", Some(&long), SHORT).unwrap_err();
    assert!(matches!(told, Failure::Late), "{told:?}");
}

#[test]
fn p9_one_that_never_ends_is_killed_and_reaped() {
    for script in ["exec sleep 1000", "trap '' TERM INT HUP; while :; do sleep 1000; done"] {
        let begin = Instant::now();
        let told = run(script, None, SHORT).unwrap_err();
        assert!(matches!(told, Failure::Late), "{told:?}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    }
    assert_eq!(children(), Vec::<String>::new(), "not even a zombie is left");
}

#[test]
fn p9_what_it_leaves_behind_is_killed() {
    // The child keeps the pipes open, which must not hold us up.
    let pid = printed("sleep 1000 & echo $!", None);
    assert_ends(pid.trim());
    let dir = tempfile::tempdir().unwrap();
    let told = run(
        &format!("sleep 1000 & echo $! > {}; wait", dir.path().join("pid").display()),
        None,
        SHORT,
    );
    assert!(matches!(told, Err(Failure::Late)), "{told:?}");
    // It may have been killed before it got so far.
    if let Ok(pid) = std::fs::read_to_string(dir.path().join("pid")) {
        assert_ends(pid.trim());
    }
}

#[test]
fn p9_output_is_bounded() {
    let told = run("yes", None, PLENTY).unwrap_err();
    assert!(matches!(told, Failure::TooMuch), "{told:?}");
    let ended = run("head -c 1000 /dev/zero", None, PLENTY).unwrap();
    assert_eq!(ended.output.len(), 1000, "as much as is allowed");
    assert!(matches!(run("head -c 1001 /dev/zero", None, PLENTY), Err(Failure::TooMuch)));
    let ended = run("head -c 5000000 /dev/zero >&2; exit 1", None, PLENTY).unwrap();
    assert_eq!(ended.complaint.len(), COMPLAINT_LIMIT);
    let told = run("yes >&2", None, SHORT).unwrap_err();
    assert!(matches!(told, Failure::Late), "{told:?}");
    let dropped = Program {
        command: &shell("yes | head -c 5000000; yes | head -c 5000000 >&2"),
        input: None,
        output: None,
        limit: PLENTY,
    };
    assert!(dropped.run().unwrap().output.is_empty());
}

#[test]
fn a_complaint_is_one_line_fit_to_be_shown() {
    let complaint = |script: &str| run(script, None, PLENTY).unwrap().complaint();
    assert_eq!(complaint(r"printf '\n  \033[31mred\007 \nmore\n' >&2").as_deref(), Some("[31mred"));
    let long = complaint("yes | tr -d '\\n' | head -c 3000 >&2").unwrap();
    assert_eq!(long.chars().count(), LINE_LIMIT);
    assert!(complaint(r"printf '\377\376broken' >&2").unwrap().ends_with("broken"));
}

#[test]
fn what_cannot_be_started_is_told_as_such() {
    for command in [
        vec![],
        vec![String::new()],
        vec!["/no/such/program".into()],
        vec!["/".into()],
        vec!["a\0b".into()],
    ] {
        let told =
            Program { command: &command, input: Some(b"x"), output: Some(1), limit: PLENTY }.run();
        assert!(matches!(told, Err(Failure::NotStarted(_))), "{command:?}: {told:?}");
    }
}
