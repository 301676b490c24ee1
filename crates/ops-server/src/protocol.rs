//! Questions and answers of the control socket.

use ops_core::id::DeploymentId;
use ops_engine::{Ask, DeploymentView, Reply, Status};
use serde::{Deserialize, Serialize};

/// A question, such as `{"request":"show","deployment":12}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Who answers here.
    Ping {},
    /// Everything under way.
    Status {},
    /// One deployment, also one that has ended.
    Show {
        /// Which.
        deployment: DeploymentId,
    },
    /// Do what a person asks.
    Ask {
        /// What.
        ask: Ask,
    },
    /// Read the queue now.
    Nudge {},
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// To `ping`.
    About(About),
    /// To `status`.
    Status(Box<Status>),
    /// To `show`; `None` if there is no such deployment.
    Deployment(Option<Box<DeploymentView>>),
    /// To `ask`.
    Reply(Reply),
    /// To `nudge`.
    Done,
    /// It could not be answered: why, and what to do.
    Refused {
        /// In words.
        why: String,
    },
}

/// A daemon about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Its state folder.
    pub state_dir: String,
    /// Where its embedded boards listen, `ip:port`.
    pub boards: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_have_the_documented_form() {
        let ask: Request =
            serde_json::from_str(r#"{"request":"ask","ask":{"ask":"halt","deployment":3}}"#)
                .unwrap();
        let halt = Ask::Halt { deployment: Some(DeploymentId(3)) };
        assert_eq!(ask, Request::Ask { ask: halt });
        let ping = serde_json::to_string(&Request::Ping {}).unwrap();
        assert_eq!(ping, r#"{"request":"ping"}"#);
        for bad in [r#"{"request":"ping","force":true}"#, r#"{"request":"force"}"#, "[]", ""] {
            assert!(serde_json::from_str::<Request>(bad).is_err(), "{bad}");
        }
    }
}
