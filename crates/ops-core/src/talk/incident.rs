//! What somebody saw go wrong.

use serde::{Deserialize, Serialize};

use crate::id::{DeploymentId, EnvironmentName, Identity, IncidentId, ServiceName};

/// Longest words of a report that are kept, in characters.
pub const WORDS_MAX: usize = 500;
/// Fewest: less says nothing to anybody.
pub const WORDS_MIN: usize = 5;

/// An incident as it was reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number.
    pub id: IncidentId,
    /// The service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// What was seen, in the words of whoever reported it.
    pub words: String,
    /// Who.
    pub by: Identity,
    /// When; a label.
    pub at: jiff::Timestamp,
    /// The deployment to which it is attached: the one under way there, or the one that serves.
    pub deployment: Option<DeploymentId>,
}

/// An incident and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// What was reported.
    pub incident: Incident,
    /// Who ended it, and when.
    pub resolved: Option<(Identity, jiff::Timestamp)>,
}
