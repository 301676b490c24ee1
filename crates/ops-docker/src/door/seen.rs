//! What an engine says of the edge's containers.

use std::collections::HashMap;

use bollard::{
    Docker,
    container::LogOutput,
    models::ContainerSummaryStateEnum,
    query_parameters::{ListContainersOptionsBuilder, LogsOptionsBuilder},
};
use futures_util::StreamExt as _;

use super::make::{AFTER, NUMBER, SPECIFICATION};
use crate::engine::Trouble;

/// Bytes of what it said last that are told.
const WORDS_MAX: usize = 400;

/// How a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// Its process runs.
    Running,
    /// It ended by itself and the engine will start it again, or has ended and stays so.
    Down,
}

/// A container of ours.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) specification: String,
    pub(super) after: Option<String>,
    pub(super) life: Life,
}

/// Those with a label, the newest first.
pub(super) async fn list(docker: &Docker, label: &str) -> Result<Vec<Seen>, Trouble> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let mut all = Vec::new();
    for container in docker.list_containers(Some(options)).await? {
        let labels = container.labels.unwrap_or_default();
        let number = labels.get(NUMBER).and_then(|text| text.parse().ok());
        let (Some(id), Some(number)) = (container.id, number) else { continue };
        let runs = container.state == Some(ContainerSummaryStateEnum::RUNNING);
        all.push(Seen {
            id,
            number,
            specification: labels.get(SPECIFICATION).cloned().unwrap_or_default(),
            after: labels.get(AFTER).cloned(),
            life: if runs { Life::Running } else { Life::Down },
        });
    }
    all.sort_by_key(|one| std::cmp::Reverse(one.number));
    Ok(all)
}

/// The last line that a container said.
pub(super) async fn last_words(docker: &Docker, id: &str) -> Result<Option<String>, Trouble> {
    let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail("5").build();
    let mut logs = std::pin::pin!(docker.logs(id, Some(options)));
    let mut text = String::new();
    while let Some(piece) = logs.next().await {
        if let LogOutput::StdOut { message } | LogOutput::StdErr { message } = piece? {
            text.push_str(&String::from_utf8_lossy(&message));
        }
    }
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    Ok(last.map(|line| line.trim().chars().take(WORDS_MAX).collect()))
}
