//! Deployments as the journal alone tells them, rebuilt as a reader does.

use std::collections::BTreeMap;

use ops_core::{deploy::Deployment, id::DeploymentId};
use ops_engine::{ports::Journal, replay};
use ops_store::MemoryJournal;

/// All deployments that have not ended.
pub(super) fn open_deployments(journal: &MemoryJournal) -> BTreeMap<DeploymentId, Deployment> {
    let open = journal.summaries(true, usize::MAX).unwrap_or_default();
    open.iter()
        .filter_map(|summary| {
            let told = journal.read(Some(summary.id), |records| replay(records));
            Some((summary.id, told.ok()??))
        })
        .collect()
}
