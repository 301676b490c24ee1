//! The state of something shared, as a digest.

use std::{
    io::{self, Read as _},
    path::Path,
    time::Duration,
};

use ops_core::{id::Digest, settings::ReadState, world::Fault};
use ops_engine::ports::Look;
use sha2::{Digest as _, Sha256};

use crate::{
    program::{Ended, Failure, Program},
    secrets::open_without_waiting,
};

/// Longest file whose state is read, in bytes.
pub const STATE_FILE_LIMIT: u64 = 64 << 20;

/// Most bytes that a program may print of a state.
pub const STATE_OUTPUT_LIMIT: usize = 1 << 20;

/// How long a program may take to tell a state, in milliseconds.
pub const STATE_LIMIT_MS: u64 = 5_000;

/// Bytes that are read of a file at a time.
const PIECE: usize = 64 << 10;

/// The digest of what is there now. Of the content itself nothing is kept or told (P13); of a
/// program that fails the first line of its complaint is told.
pub(super) fn digest(read: &ReadState) -> Look<Digest> {
    match read {
        ReadState::File(path) => of_file(Path::new(path)),
        ReadState::Command(command) => of_program(command, Duration::from_millis(STATE_LIMIT_MS)),
    }
}

fn of_file(path: &Path) -> Look<Digest> {
    let fault = |what: String| {
        let next = "name a regular file that ops's user may read";
        Fault::new(what, path.display().to_string(), next)
    };
    let unreadable = |e: io::Error| fault(format!("cannot read the state of a file: {e}"));
    let file = open_without_waiting(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(fault("the state of this cannot be read: it is not a regular file".into()));
    }
    let mut rest = file.take(STATE_FILE_LIMIT + 1);
    let (mut hash, mut length) = (Sha256::new(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        match rest.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                hash.update(piece.get(..read).unwrap_or_default());
                length += read as u64;
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable(e)),
        }
    }
    if length > STATE_FILE_LIMIT {
        return Err(fault(format!("the file is longer than {STATE_FILE_LIMIT} bytes")));
    }
    Ok(Digest::from_hash(hash.finalize().as_slice()))
}

fn of_program(command: &[String], limit: Duration) -> Look<Digest> {
    // Arguments may hold what is nobody's business.
    let place = command.first().map_or("`infrastructure` in ops.yaml", String::as_str);
    let fault = |why: String, next: &str| {
        Err(Fault::new(format!("a program did not tell a state: {why}"), place, next))
    };
    let program = Program { command, input: None, output: Some(STATE_OUTPUT_LIMIT), limit };
    match program.run() {
        Ok(ended) if ended.status.success() => Ok(Digest::of(&ended.output)),
        Ok(ended) => fault(how_it_failed(&ended), "run it by hand as ops's user and see why"),
        Err(Failure::NotStarted(e)) => {
            fault(format!("it could not be started: {e}"), "install it, or correct ops.yaml")
        }
        Err(Failure::Late) => fault(
            format!("it did not end within {} ms and was killed", limit.as_millis()),
            "name a program that only reads, and is quick",
        ),
        Err(Failure::TooMuch) => fault(
            format!("it printed more than {STATE_OUTPUT_LIMIT} bytes and was killed"),
            "let it print less, such as a checksum",
        ),
        Err(Failure::Unwatched(e)) => {
            fault(format!("it could not be watched: {e}"), "see what this machine has run out of")
        }
    }
}

fn how_it_failed(ended: &Ended) -> String {
    let told = ended.complaint().map(|line| format!(": {line}")).unwrap_or_default();
    format!("it ended with {}{told}", ended.status)
}

#[cfg(test)]
mod tests;
