//! What a deployment leaves for figures.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    deploy::{Deployment, Times},
    id::{DeploymentId, EnvironmentName, ServiceName},
    plan::Kind,
    ticket::Ticket,
};

/// Why it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A ticket asked for it.
    Release,
    /// It takes another one back.
    Rollback {
        /// Which.
        of: DeploymentId,
    },
    /// Anything else: no change of what users get.
    Other,
}

/// A deployment, as figures see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its number.
    pub id: DeploymentId,
    /// Why it was made.
    pub kind: ChangeKind,
    /// Its service.
    pub service: ServiceName,
    /// Where.
    pub environment: EnvironmentName,
    /// Whether it goes no further from there.
    pub last_stage: bool,
    /// When its ticket last came to `rfp`, as the board says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Timestamp>,
    /// When it began.
    pub began: Timestamp,
    /// What happened to it.
    pub times: Times,
    /// Whether it went back because of itself.
    pub failed: bool,
}

/// When a ticket last came to `rfp`.
fn ready(ticket: &Ticket) -> Option<Timestamp> {
    let moved = ticket
        .history
        .iter()
        .rev()
        .find(|change| change.action == "status_change" && change.details.ends_with("→ rfp"))?;
    moved.at.parse().ok()
}

impl Change {
    /// What a deployment leaves.
    pub fn of(deployment: &Deployment) -> Self {
        let plan = deployment.plan.as_deref();
        Self {
            id: deployment.id(),
            kind: match deployment.created.kind {
                Kind::Release => ChangeKind::Release,
                Kind::Rollback { of, .. } => ChangeKind::Rollback { of },
                Kind::Settings { .. } | Kind::Rotation { .. } | Kind::Adoption => ChangeKind::Other,
            },
            service: deployment.created.service.clone(),
            environment: deployment.created.environment.clone(),
            last_stage: plan.is_some_and(|plan| plan.soak.is_none()),
            ready: deployment.ticket.as_deref().and_then(ready),
            began: deployment.began.wall,
            times: deployment.times.clone(),
            failed: deployment.cause().is_some_and(crate::deploy::Cause::condemns),
        }
    }
}
