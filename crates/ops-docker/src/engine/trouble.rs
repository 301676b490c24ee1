//! What can go wrong between us and an engine, and what it means for an act.

use std::error::Error as _;

use bollard::{Docker, errors::Error};
use ops_core::world::Fault;
use ops_engine::ports::ActError;

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nobody took the question: it certainly had no effect.
    Away(String),
    /// It is there, and too old to be asked.
    Old(String),
    /// The engine said no.
    Refused {
        /// The status of HTTP.
        status: u16,
        /// Its words.
        words: String,
    },
    /// The question was sent, and no whole answer came: it may have had its effect.
    Lost(String),
}

impl Trouble {
    /// Whether the engine says that there is no such thing.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the engine says that something is in the way.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }

    /// In words for a person.
    pub(crate) fn fault(&self, place: &str) -> Fault {
        match self {
            Self::Away(why) => Fault::new(
                format!("the Docker Engine cannot be reached: {why}"),
                place,
                "start it, and see that ops may use its socket (`docker info` as ops's user)",
            ),
            Self::Old(why) => Fault::new(
                format!("the Docker Engine is too old: {why}"),
                place,
                "upgrade it; containers that run go on meanwhile",
            ),
            Self::Refused { words, .. } if words.contains("no space left") => Fault::new(
                format!("the Docker Engine has no room left: {words}"),
                place,
                "free room on the disk of the engine (`docker system df` shows what takes it)",
            ),
            Self::Refused { words, .. } => Fault::new(
                format!("the Docker Engine refused: {words}"),
                place,
                "correct what it names, then try again",
            ),
            Self::Lost(why) => Fault::new(
                format!("the Docker Engine did not answer: {why}"),
                place,
                "look again; if it stays silent, see its log (`journalctl -u docker`)",
            ),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::DockerResponseServerError { status_code, message } => {
                Self::Refused { status: status_code, words: message }
            }
            Error::DockerStreamError { error } => Self::Refused { status: 500, words: error },
            Error::SocketNotFoundError(path) => Self::Away(format!("there is no socket {path}")),
            Error::HyperLegacyError { ref err } if err.is_connect() => Self::Away(words(&error)),
            other => Self::Lost(words(&other)),
        }
    }
}

/// An error with its causes.
pub(super) fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

/// A connection in the middle of an act, which knows whether something was changed already.
pub(crate) struct Hand {
    place: String,
    pub(crate) docker: Docker,
    changed: bool,
}

impl Hand {
    pub(super) fn new(place: String, docker: Docker) -> Self {
        Self { place, docker, changed: false }
    }

    /// Notes that the world is not what it was before the act.
    pub(crate) fn changed(&mut self) {
        self.changed = true;
    }

    /// An act that ends here: not applied if nothing was changed.
    pub(crate) fn ends(&self, fault: Fault) -> ActError {
        if self.changed { ActError::Unknown(fault) } else { ActError::NotApplied(fault) }
    }

    /// An act that ends because the engine did not do its part.
    pub(crate) fn failed(&self, trouble: &Trouble) -> ActError {
        let fault = trouble.fault(&self.place);
        match trouble {
            Trouble::Lost(_) => ActError::Unknown(fault),
            Trouble::Away(_) | Trouble::Old(_) | Trouble::Refused { .. } => self.ends(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hand() -> Hand {
        let docker =
            Docker::connect_with_http("http://127.0.0.1:1", 1, bollard::API_DEFAULT_VERSION);
        Hand::new("here".to_owned(), docker.unwrap())
    }

    #[test]
    fn p7_what_was_refused_is_not_applied_and_what_was_lost_is_unknown() {
        let refused = Trouble::Refused { status: 500, words: "no".to_owned() };
        let lost = Trouble::Lost("time".to_owned());
        let mut hand = hand();
        assert!(matches!(hand.failed(&refused), ActError::NotApplied(_)));
        assert!(matches!(hand.failed(&lost), ActError::Unknown(_)));
        hand.changed();
        assert!(matches!(hand.failed(&refused), ActError::Unknown(_)), "a part was done");
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
        let words = "write /var/lib/docker/x: no space left on device".to_owned();
        let fault = Trouble::Refused { status: 500, words }.fault("Docker");
        assert!(fault.to_string().contains("docker system df"), "{fault}");
    }
}
