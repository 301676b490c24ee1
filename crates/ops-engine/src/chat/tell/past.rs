//! What was: the last deployments, and figures of them.

use ops_core::{
    id::{DeploymentId, EnvironmentName, ServiceName, TicketId},
    metrics::{Change, Metrics, Window, metrics},
    talk::{About, Past},
};

use crate::{DeploymentView, Engine, EngineError, ports::Journal};

/// Deployments that a history names.
const NAMED_MAX: usize = 5;
/// Deployments that are searched, counted from the newest.
pub(super) const SEARCHED: usize = 1_000;
/// Days over which figures are counted where `ops.yaml` names none.
const DAYS: u32 = 28;

impl<J: Journal> Engine<J> {
    /// What lists show of the last deployments, the newest first.
    pub(crate) fn briefs(&self, most: usize) -> Result<Vec<DeploymentView>, EngineError> {
        let summaries = self.journal().summaries(false, most)?;
        let read = |body| serde_json::from_value::<DeploymentView>(body).ok();
        Ok(summaries.into_iter().filter_map(|summary| read(summary.body)).collect())
    }

    pub(super) fn past(&self, about: &About) -> Result<Vec<Past>, EngineError> {
        let meant = |view: &DeploymentView| {
            let service = ServiceName::new(view.service.as_str());
            about.means(&service, &EnvironmentName::new(view.environment.as_str()))
        };
        let all = self.briefs(SEARCHED)?.into_iter().filter(meant).take(NAMED_MAX);
        let past = all.map(|view| Past {
            id: view.id,
            tickets: view.tickets.iter().map(ToString::to_string).collect(),
            service: view.service,
            environment: view.environment,
            version: view.version,
            phase: view.phase,
            cause: view.cause,
            last: view.last,
        });
        Ok(past.collect())
    }

    /// The newest deployment of a ticket, also one that has ended.
    pub(super) fn last_of(&self, ticket: &TicketId) -> Result<Option<DeploymentId>, EngineError> {
        if let Some(id) = self.of_ticket(ticket) {
            return Ok(Some(id));
        }
        let of = |body: &serde_json::Value| {
            let tickets = body.get("tickets").and_then(serde_json::Value::as_array);
            tickets.into_iter().flatten().any(|one| one.as_str() == Some(ticket.as_str()))
        };
        let all = self.journal().summaries(false, SEARCHED)?;
        Ok(all.into_iter().find(|summary| of(&summary.body)).map(|summary| summary.id))
    }

    /// Days over which figures are counted.
    pub(crate) fn metrics_days(&self) -> u32 {
        let report = self.settings().and_then(|settings| settings.reports.metrics.as_ref());
        report.map_or(DAYS, |report| report.days)
    }

    /// Figures of the last days before an instant.
    pub(crate) fn figures(
        &self,
        until: jiff::Timestamp,
        days: u32,
    ) -> Result<Metrics, EngineError> {
        let views = self.briefs(usize::MAX)?;
        let changes: Vec<Change> = views.into_iter().filter_map(|view| view.change).collect();
        Ok(metrics(&changes, &self.knowledge().incidents, Window::days(until, days)))
    }
}
