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
                next_step(why),
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

/// What is to be done so that an engine can be reached.
fn next_step(why: &str) -> &'static str {
    let says = |words: &[&str]| words.iter().any(|word| why.contains(word));
    if says(&["ssh says: ", "Name or service not known", "dns error", "failed to lookup"]) {
        return if says(&["Host key verification failed"]) {
            "compare the host's key with what it says of itself, and put it into the known hosts of \
             the user that runs ops"
        } else if says(&["Permission denied"]) {
            "let the key of the user that runs ops in on the host (`ssh HOST docker version`)"
        } else if says(&["resolve", "not known", "dns error", "failed to lookup"]) {
            "correct the host's name below `docker: hosts` in ops.yaml, or let this machine know it"
        } else {
            "see that `ssh HOST docker version` works as the user that runs ops, without questions"
        };
    }
    if says(&["certificate", "Certificate", "CertUnknown", "tlsv1", "alert"]) {
        return "put certificates in place that are valid now and of one authority, on the host and in \
                the folder that ops.yaml names (`openssl x509 -noout -dates -in cert.pem`)";
    }
    "start it, and see that ops may use its socket (`docker info` as ops's user)"
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
    fn what_is_to_be_done_fits_what_is_wrong() {
        for (why, next) in [
            ("ssh says: Host key verification failed.", "known hosts"),
            ("ssh says: deploy@h: Permission denied (publickey).", "let the key"),
            ("ssh says: Could not resolve hostname h: Name or service not known", "name below"),
            ("client error (Connect): dns error: failed to lookup address", "name below"),
            ("ssh says: Connection refused", "without questions"),
            ("invalid peer certificate: Expired", "valid now"),
            ("there is no socket /run/docker.sock", "start it"),
        ] {
            let fault = Trouble::Away(why.to_owned()).fault("host");
            assert!(fault.next.contains(next), "{why}: {fault}");
        }
    }

    #[test]
    fn a_full_disk_is_told_as_one() {
        let words = "write /var/lib/docker/x: no space left on device".to_owned();
        let fault = Trouble::Refused { status: 500, words }.fault("Docker");
        assert!(fault.to_string().contains("docker system df"), "{fault}");
    }
}
