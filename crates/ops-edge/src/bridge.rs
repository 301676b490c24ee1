//! The way of questions to the admin socket for whoever may run a program beside the edge: in its
//! container or through SSH. Lines come in on one side and answers go out on the other; it opens no
//! port and knows no more than who started it may do anyway.

use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    sync::mpsc::{RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};

use ops_core::world::Fault;
use ops_engine::ports::ActError;

use crate::{
    admin::{Answer, Ask, RefusalKind},
    door::{Socket, Way as _},
};

/// Longest question, in bytes: as the admin socket has it.
const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// Longest wait for a question: who has none for so long has gone without saying so.
const IDLE_MAX: Duration = Duration::from_mins(2);

/// Brings questions to the edge of a state folder until there are no more.
///
/// Each is a connection of its own, so an edge that is replaced in between is no trouble. An edge is
/// never handed over here: that is between two edges of one machine.
///
/// # Errors
///
/// If answers cannot be written any more.
pub fn bridge(
    state_dir: &Path,
    questions: impl Read + Send + 'static,
    answers: impl Write,
) -> std::io::Result<()> {
    carry(state_dir, questions, answers, IDLE_MAX)
}

fn carry(
    state_dir: &Path,
    questions: impl Read + Send + 'static,
    mut answers: impl Write,
    idle: Duration,
) -> std::io::Result<()> {
    let socket = Socket::new(state_dir.join("edge.sock"));
    let (told, hear) = sync_channel(0);
    // It may wait for a question for ever, and ends with this program.
    thread::spawn(move || {
        let mut questions = BufReader::new(questions);
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut questions).take(MAX_LINE_BYTES);
            let read = bounded.read_until(b'\n', &mut line);
            // A line without an end is no question.
            if read.is_err() || line.last() != Some(&b'\n') || told.send(line).is_err() {
                return;
            }
        }
    });
    loop {
        let line = match hear.recv_timeout(idle) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(()),
        };
        answers.write_all(&answer(&socket, &line)?)?;
        answers.flush()?;
    }
}

fn answer(socket: &Socket, line: &[u8]) -> std::io::Result<Vec<u8>> {
    let refused = match serde_json::from_slice(line) {
        Ok(Ask::HandOver {}) => {
            let what = "an edge is not handed over here";
            let next = "run `ops edge --take-over` on its machine";
            (RefusalKind::Malformed, Fault::new(what, "bridge to the edge", next))
        }
        _ => match socket.ask(line) {
            Ok(answer) => return Ok(answer),
            Err(ActError::NotApplied(fault)) => (RefusalKind::NotApplied, fault),
            Err(ActError::Unknown(fault)) => (RefusalKind::Unknown, fault),
            Err(ActError::Stale(fault)) => (RefusalKind::Stale, fault),
        },
    };
    let (kind, fault) = refused;
    let mut line = serde_json::to_vec(&Answer::Refused { kind, fault })?;
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(questions: &'static str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut answers = Vec::new();
        bridge(folder.path(), questions.as_bytes(), &mut answers).unwrap();
        String::from_utf8(answers).unwrap()
    }

    #[test]
    fn p5_where_no_edge_is_nothing_was_done() {
        let said = said("{\"ask\":\"status\"}\n{\"ask\":\"status\"}\n");
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(said.lines().all(|line| line.contains("not_applied")), "{said}");
    }

    #[test]
    fn no_edge_is_handed_over_to_whoever_asks_from_elsewhere() {
        let said = said("{\"ask\":\"hand_over\"}\n");
        assert!(said.contains("malformed") && said.contains("not handed over here"), "{said}");
    }

    #[test]
    fn p9_half_a_line_and_a_silent_guest_end_it() {
        assert_eq!(said("{\"ask\":\"status\"}"), "", "half a question is none");
        let (guest, _kept) = std::io::pipe().unwrap();
        let folder = tempfile::tempdir().unwrap();
        carry(folder.path(), guest, Vec::new(), Duration::from_millis(20)).unwrap();
    }
}
