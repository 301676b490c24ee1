//! The caller's side.

use std::{
    io,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use ops_core::id::DeploymentId;
use ops_engine::{Ask, DeploymentView, Reply, Status};

use crate::{About, Answer, Request, SOCKET_FILE, line::Lines};

/// Longest wait for an answer: the engine answers between two of its own writes.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Longest wait until a question is taken.
const ASK_WAIT: Duration = Duration::from_secs(5);
/// Longest answer, in bytes: a status of many deployments with all their checks and milestones.
const ANSWER_MAX: usize = 32 * 1024 * 1024;

/// Why the daemon did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Nobody listens.
    #[error("no daemon runs on {}: start it with `ops serve`", state_dir.display())]
    NotRunning {
        /// The state folder.
        state_dir: PathBuf,
    },
    /// Somebody listens whom we may not ask.
    #[error(
        "{} may not be opened by this account: run ops as the account that runs the daemon",
        socket.display()
    )]
    NotAllowed {
        /// The socket.
        socket: PathBuf,
    },
    /// The exchange broke off.
    #[error(
        "the daemon did not finish its answer ({why}): what was asked may have been done, see \
         `ops status`"
    )]
    BrokenOff {
        /// What happened.
        why: String,
    },
    /// The answer is of another version, or no answer at all.
    #[error(
        "the daemon gave an answer that this ops does not know: run `ops` and `ops serve` from \
         the same version"
    )]
    OddAnswer,
    /// The daemon said why not.
    #[error("{0}")]
    Refused(String),
}

/// The daemon of a state folder. Each call is a connection of its own, so that a daemon that was
/// restarted in between is no trouble.
#[derive(Debug, Clone)]
pub struct ControlClient {
    state_dir: PathBuf,
}

impl ControlClient {
    /// The daemon that runs on this state folder, now or later.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self { state_dir: state_dir.into() }
    }

    /// The state folder.
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Who answers.
    pub fn ping(&self) -> Result<About, ControlError> {
        match self.call(&Request::Ping {})? {
            Answer::About(about) => Ok(about),
            _ => Err(ControlError::OddAnswer),
        }
    }

    /// Everything under way.
    pub fn status(&self) -> Result<Status, ControlError> {
        match self.call(&Request::Status {})? {
            Answer::Status(status) => Ok(*status),
            _ => Err(ControlError::OddAnswer),
        }
    }

    /// One deployment; `None` if there is none of this number.
    pub fn show(&self, deployment: DeploymentId) -> Result<Option<DeploymentView>, ControlError> {
        match self.call(&Request::Show { deployment })? {
            Answer::Deployment(found) => Ok(found.map(|found| *found)),
            _ => Err(ControlError::OddAnswer),
        }
    }

    /// Asks the daemon to do something. A refusal by the rules is a reply too.
    pub fn ask(&self, ask: Ask) -> Result<Reply, ControlError> {
        match self.call(&Request::Ask { ask })? {
            Answer::Reply(reply) => Ok(reply),
            _ => Err(ControlError::OddAnswer),
        }
    }

    /// Has the queue read now.
    pub fn nudge(&self) -> Result<(), ControlError> {
        match self.call(&Request::Nudge {})? {
            Answer::Done => Ok(()),
            _ => Err(ControlError::OddAnswer),
        }
    }

    fn call(&self, request: &Request) -> Result<Answer, ControlError> {
        let socket = self.state_dir.join(SOCKET_FILE);
        let stream = UnixStream::connect(&socket).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => ControlError::NotAllowed { socket: socket.clone() },
            _ => ControlError::NotRunning { state_dir: self.state_dir.clone() },
        })?;
        let broken = |why: io::Error| ControlError::BrokenOff { why: why.to_string() };
        let line = serde_json::to_vec(request).map_err(|_| ControlError::OddAnswer)?;
        let mut lines = Lines::new(stream, ANSWER_MAX);
        lines.write(line, ASK_WAIT).map_err(broken)?;
        let answer = lines
            .read(ANSWER_WAIT)
            .map_err(broken)?
            .ok_or_else(|| ControlError::BrokenOff { why: "it hung up".to_owned() })?;
        match serde_json::from_slice(&answer) {
            Ok(Answer::Refused { why }) => Err(ControlError::Refused(why)),
            Ok(answer) => Ok(answer),
            Err(_) => Err(ControlError::OddAnswer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_daemon_the_error_says_how_to_start_one() {
        let folder = tempfile::tempdir().unwrap();
        let client = ControlClient::new(folder.path());
        let error = client.ping().unwrap_err();
        assert!(matches!(error, ControlError::NotRunning { .. }));
        assert!(error.to_string().ends_with("start it with `ops serve`"), "{error}");
        // A socket whose daemon died is no daemon.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join(SOCKET_FILE)).unwrap());
        assert!(matches!(client.status(), Err(ControlError::NotRunning { .. })));
    }
}
