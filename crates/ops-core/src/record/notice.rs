//! What somebody outside of the boards is told when only a person can go on.

use serde::{Deserialize, Serialize};

/// A notice, as it is sent: one JSON document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Layout of this document; a change of it changes this number.
    pub version: u32,
    /// `frozen`, or `test` for one that only proves that notices arrive.
    pub kind: String,
    /// The project of `ops.yaml`.
    pub project: String,
    /// The deployment, such as `D-12`; none in a test.
    pub deployment: Option<String>,
    /// The service.
    pub service: Option<String>,
    /// Where.
    pub environment: Option<String>,
    /// The tickets.
    pub tickets: Vec<String>,
    /// What happened.
    pub what: String,
    /// What to do next.
    pub next: String,
    /// How often this has been told before.
    pub told: u32,
}

impl Notice {
    /// The layout that this program writes.
    pub const VERSION: u32 = 1;

    /// A notice that only proves that notices arrive.
    pub fn test(project: &str) -> Self {
        Self {
            version: Self::VERSION,
            kind: "test".into(),
            project: project.into(),
            deployment: None,
            service: None,
            environment: None,
            tickets: Vec::new(),
            what: "This is a test: notices of ops arrive here.".into(),
            next: "Nothing.".into(),
            told: 0,
        }
    }
}
