//! Asks git for what stands in a commit. The only file that starts the program.

use std::{
    io::{self, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// Longest that one call of git may take.
const DEADLINE: Duration = Duration::from_secs(5);
/// Time between two looks whether a program that closed its output has ended.
const TICK: Duration = Duration::from_millis(2);
/// Most bytes of git's complaints that are kept.
const COMPLAINT_MAX: u64 = 4_096;

/// How a call of git failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    /// The program is not installed.
    #[error("git is not installed or not in PATH")]
    Missing,
    /// It could not be started or read.
    #[error("git could not be started: {0}")]
    Start(#[from] io::Error),
    /// It did not end in time and was killed.
    #[error("git did not answer within {} s", DEADLINE.as_secs())]
    TimeOut,
    /// It refused; its own words.
    #[error("git says: {0}")]
    Refused(String),
}

/// What stands at a path in a commit.
pub(crate) enum Blob {
    /// The bytes; one more than `max` if there are more.
    Bytes(Vec<u8>),
    /// Nothing of that name.
    None,
}

/// The full id of the commit that a name such as `HEAD` leads to; `None` if it leads nowhere.
pub(crate) fn commit(dir: &Path, name: &str) -> Result<Option<String>, GitError> {
    object(dir, name, "commit")
}

/// The id of the tree of a commit, whose full id is given; `None` if it is not here.
pub(crate) fn tree(dir: &Path, commit: &str) -> Result<Option<String>, GitError> {
    object(dir, commit, "tree")
}

/// The full id of the object of a kind to which a name leads; `None` if it leads to none.
fn object(dir: &Path, name: &str, kind: &str) -> Result<Option<String>, GitError> {
    let spec = format!("{name}^{{{kind}}}");
    let args = ["rev-parse", "--verify", "--quiet", "--end-of-options", &spec];
    let answer = run(dir, &args, 256)?;
    let id = String::from_utf8_lossy(&answer.out).trim().to_owned();
    let hex = id.len() >= 40 && id.bytes().all(|b| b.is_ascii_hexdigit());
    match (answer.status.success(), hex) {
        (true, true) => Ok(Some(id)),
        // It is there, but of another kind, such as a file.
        _ if answer.err.contains(&format!("expected {kind} type")) => Ok(None),
        // Quiet: the name leads nowhere. Not quiet: something is wrong with the repository.
        _ if answer.err.trim().is_empty() => Ok(None),
        _ => Err(refused(&answer)),
    }
}

/// The bytes of a file next to or below `dir` as they stand in a commit.
pub(crate) fn show(dir: &Path, commit: &str, file: &str, max: usize) -> Result<Blob, GitError> {
    let spec = format!("{commit}:./{file}");
    let kind = run(dir, &["cat-file", "-t", &spec], 64)?;
    if !kind.status.success() {
        // The commit is known to exist, so that only the file can be missing; whatever else is
        // wrong shows when the commit itself is asked for.
        let there = run(dir, &["cat-file", "-e", commit], 64)?;
        return if there.status.success() { Ok(Blob::None) } else { Err(refused(&kind)) };
    }
    let answer = run(dir, &["cat-file", "blob", &spec], max as u64 + 1)?;
    // A reader that stops at its bound makes git end by a broken pipe: that is no failure.
    if answer.status.success() || answer.out.len() > max {
        Ok(Blob::Bytes(answer.out))
    } else {
        Err(refused(&answer))
    }
}

/// Whether `older` is an ancestor of `newer`, or the same; both are full ids that are here.
pub(crate) fn is_ancestor(dir: &Path, older: &str, newer: &str) -> Result<bool, GitError> {
    let answer = run(dir, &["merge-base", "--is-ancestor", older, newer], 64)?;
    match answer.status.code() {
        Some(0) => Ok(true),
        Some(1) if answer.err.trim().is_empty() => Ok(false),
        _ => Err(refused(&answer)),
    }
}

/// Whether the history ends before its beginning.
pub(crate) fn is_shallow(dir: &Path) -> Result<bool, GitError> {
    let answer = run(dir, &["rev-parse", "--is-shallow-repository"], 64)?;
    match (answer.status.success(), answer.out.trim_ascii()) {
        (true, b"true") => Ok(true),
        (true, b"false") => Ok(false),
        _ => Err(refused(&answer)),
    }
}

struct Answer {
    status: ExitStatus,
    out: Vec<u8>,
    err: String,
}

fn refused(answer: &Answer) -> GitError {
    let line = answer.err.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
    GitError::Refused(line.trim().to_owned())
}

fn run(dir: &Path, args: &[&str], out_max: u64) -> Result<Answer, GitError> {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(["-c", "core.fsmonitor=false"]);
    // Else git warns of any graft file, also of the empty one below.
    command.args(["-c", "advice.graftFileDeprecated=false"]).args(args);
    // Variables of a hook or a shell must not lead to another repository.
    for name in [
        "GIT_DIR",
        "GIT_COMMON_DIR",
        "GIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_NAMESPACE",
        "GIT_SHALLOW_FILE",
    ] {
        command.env_remove(name);
    }
    command
        // A commit means its own content, not what `git replace` put in its place (P3).
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        // Nor what `info/grafts` put in place of its parents.
        .env("GIT_GRAFT_FILE", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => GitError::Missing,
        _ => GitError::Start(error),
    })?;
    collect(child, out_max)
}

fn collect(mut child: Child, out_max: u64) -> Result<Answer, GitError> {
    let started = Instant::now();
    let out = read_aside(child.stdout.take(), out_max);
    let err = read_aside(child.stderr.take(), COMPLAINT_MAX);
    let left = || DEADLINE.saturating_sub(started.elapsed());
    let ended = (|| {
        let out = out.recv_timeout(left()).ok()?;
        let err = err.recv_timeout(left()).ok()?;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(Ok((status, out, err))),
                Ok(None) if left().is_zero() => return None,
                Ok(None) => thread::sleep(TICK),
                Err(error) => return Some(Err(GitError::Start(error))),
            }
        }
    })();
    let Some(ended) = ended else {
        // It may have ended by itself in between; either way it is gone and reaped after this.
        let _ = child.kill();
        let _ = child.wait();
        return Err(GitError::TimeOut);
    };
    let (status, out, err) = ended?;
    Ok(Answer { status, out: out?, err: String::from_utf8_lossy(&err?).into_owned() })
}

/// Reads a pipe to its end or bound in a thread of its own, which ends when the pipe does.
fn read_aside(
    pipe: Option<impl Read + Send + 'static>,
    max: u64,
) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = match pipe {
            Some(pipe) => pipe.take(max).read_to_end(&mut bytes).map(|_| bytes),
            None => Ok(bytes),
        };
        // Nobody listens any more after a time-out.
        let _ = sender.send(read);
    });
    receiver
}
