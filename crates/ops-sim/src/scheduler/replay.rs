//! Deployments as the journal alone tells them, rebuilt without the engine.

use std::collections::BTreeMap;

use ops_core::{
    deploy::{Deployment, Event},
    id::DeploymentId,
};
use ops_engine::ports::{Journal, Record};
use ops_store::MemoryJournal;

/// All deployments that have not ended.
pub(super) fn open_deployments(journal: &MemoryJournal) -> BTreeMap<DeploymentId, Deployment> {
    let open = journal.summaries(true, usize::MAX).unwrap_or_default();
    open.iter()
        .filter_map(|summary| {
            let records = journal.stream(Some(summary.id)).ok()?;
            Some((summary.id, replay(&records)?))
        })
        .collect()
}

fn replay(records: &[Record]) -> Option<Deployment> {
    let mut deployment: Option<Deployment> = None;
    for record in records {
        let event: Event = serde_json::from_value(record.body.clone()).ok()?;
        match (&mut deployment, event) {
            (None, Event::Created(created)) => {
                deployment = Some(Deployment::begin(*created, &record.at));
            }
            (Some(deployment), event) => deployment.apply(&event, &record.at),
            (None, _) => return None,
        }
    }
    deployment
}
