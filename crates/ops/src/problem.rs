//! Why a call failed, told so that a person can act on it.

use std::{error::Error, fmt, io};

use ops_config::LoadError;
use ops_core::world::Fault;
use ops_server::ControlError;

use crate::exit::Exit;

/// A failed call: what happened, what to do next, and how the call ends.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) exit: Exit,
    pub(crate) what: String,
    pub(crate) hints: Vec<String>,
    /// Complaints about `ops.yaml`, which are shown with their lines.
    pub(crate) complaints: Option<Box<ops_config::Complaints>>,
    /// The reader of our output went away: nobody is left to be told anything.
    pub(crate) quiet: bool,
}

impl Problem {
    fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), hints: Vec::new(), complaints: None, quiet: false }
    }

    /// Something that the caller can mend.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::new(Exit::Refused, what)
    }

    /// Something wrong with `ops.yaml`.
    pub(crate) fn configuration(what: impl Into<String>) -> Self {
        Self::new(Exit::Configuration, what)
    }

    /// Something wrong with ops.
    pub(crate) fn internal(what: impl Into<String>) -> Self {
        Self::new(Exit::Internal, what)
    }

    /// With what to do next.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// What happened when standard output could not be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { quiet: true, ..Self::new(Exit::Ok, "") };
        }
        Self::refused(format!("the answer cannot be written: {error}"))
            .hint("check where standard output leads, and the room there")
    }

    /// A failed act on a file or folder.
    pub(crate) fn file(doing: &str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::refused(format!("cannot {doing} {}: {error}", path.display()))
            .hint("check the path, its owner and its permissions")
    }

    /// The form for `--output json`.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": self.what,
            "hints": self.hints,
            "exit": self.exit.code(),
            "complaints": self.complaints.as_ref().map(|complaints| complaints.to_json()),
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        let next = error.next();
        let what = match error.complaints() {
            Some(complaints) => format!("{} cannot be used", complaints.name()),
            None => error.to_string(),
        };
        let mut problem = Self::configuration(what).hint(next);
        problem.complaints = error.complaints().cloned().map(Box::new);
        problem
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::refused(format!("{} ({})", fault.what, fault.place)).hint(fault.next)
    }
}

/// Splits «what: what to do» as the errors of the rooms write it.
fn told(error: &dyn Error) -> Problem {
    let text = error.to_string();
    let mut problem = match text.rsplit_once(": ") {
        Some((what, next)) if next.contains('`') => Problem::refused(what).hint(next),
        _ => Problem::refused(text),
    };
    if let Some(source) = error.source() {
        let source = source.to_string();
        if !problem.what.contains(&source) {
            problem.what = format!("{}: {source}", problem.what);
        }
    }
    problem
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        told(&error)
    }
}

impl From<ops_boards::ClientError> for Problem {
    fn from(error: ops_boards::ClientError) -> Self {
        if let ops_boards::ClientError::NotThere { said, .. } = &error {
            return Self::refused(format!("the board says: {said}"))
                .hint("`ops board list` shows the tickets, `ops board channels` the channels");
        }
        told(&error)
    }
}

impl From<ops_boards::BoardError> for Problem {
    fn from(error: ops_boards::BoardError) -> Self {
        told(&error)
    }
}

impl From<ops_engine::EngineError> for Problem {
    fn from(error: ops_engine::EngineError) -> Self {
        told(&error)
    }
}

impl From<ops_engine::ports::JournalError> for Problem {
    fn from(error: ops_engine::ports::JournalError) -> Self {
        use ops_engine::ports::JournalError as E;
        let problem = told(&error);
        match error {
            E::Full(_) => problem.hint("free some space, then try again"),
            E::Locked(_) => problem.hint("one daemon per state folder; `ops status` asks that one"),
            E::TooNew { .. } => problem.hint("use the newer ops that wrote it"),
            E::Tampered(_) => problem.hint(
                "keep the file as it is, and compare it with the heads on tickets: somebody or \
                 something changed it",
            ),
            E::Failed(_) => problem,
        }
    }
}
