//! What the journal tells without a daemon.

use ops_core::{deploy::Deployment, id::DeploymentId};
use ops_engine::{
    DeploymentView, EngineEvent, Knowledge,
    ports::{Journal, Summary},
    replay,
};
use serde::Deserialize as _;

use crate::problem::Problem;

/// All that is known beside the deployments.
pub(crate) fn knowledge(journal: &dyn Journal) -> Result<Knowledge, Problem> {
    let mut knowledge = Knowledge::default();
    for record in journal.stream(None)? {
        let event = EngineEvent::deserialize(&*record.body).map_err(|why| {
            Problem::refused(format!("record {} cannot be read: {why}", record.seq))
                .hint("use the ops that wrote the journal")
        })?;
        knowledge.apply(&event);
    }
    Ok(knowledge)
}

/// A deployment as it stands in the journal.
pub(crate) fn deployment(
    journal: &dyn Journal,
    id: DeploymentId,
) -> Result<Option<Deployment>, Problem> {
    Ok(replay(&journal.stream(Some(id))?)?)
}

/// Deployments that have not ended.
pub(crate) fn open(journal: &dyn Journal) -> Result<Vec<Deployment>, Problem> {
    let mut open = Vec::new();
    for summary in journal.summaries(true, usize::MAX)? {
        open.extend(deployment(journal, summary.id)?);
    }
    Ok(open)
}

/// A line of the history.
pub(crate) fn brief(summary: Summary) -> Result<DeploymentView, Problem> {
    serde_json::from_value(summary.body).map_err(|why| {
        Problem::refused(format!("{} cannot be read: {why}", summary.id))
            .hint("use the ops that wrote the journal")
    })
}

/// There is no such deployment.
pub(crate) fn unknown(id: DeploymentId) -> Problem {
    Problem::refused(format!("there is no {id}")).hint("`ops history` lists the deployments")
}
