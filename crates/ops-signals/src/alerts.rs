//! Alerts that fire, as Alertmanager and Prometheus tell them.

pub(crate) mod wire;

use std::time::Duration;

use ops_core::{
    checks::Alert,
    settings::{AlertKind, AlertSource},
    world::Fault,
};
use ops_engine::ports::{Alerts, Look};

use crate::web::{Broken, agent, origin};

/// How long a source may take to tell its alerts, in milliseconds.
pub const ALERTS_LIMIT_MS: u64 = 5_000;

/// Longest list of alerts, in bytes.
pub const ALERTS_LIMIT: u64 = 4 << 20;

/// Asks Alertmanager (API version 2) and Prometheus (API version 1) over HTTP.
///
/// Alerts that are silenced or inhibited do not count. The names that a source says to ignore are
/// left to the checks.
#[derive(Debug, Clone)]
pub struct HttpAlerts {
    agent: ureq::Agent,
}

impl HttpAlerts {
    /// A reader of alerts. It keeps nothing between questions.
    pub fn new() -> Self {
        Self::within(Duration::from_millis(ALERTS_LIMIT_MS))
    }

    fn within(limit: Duration) -> Self {
        Self { agent: agent(limit) }
    }

    /// The answer to a question, or why there is none.
    fn get(&self, address: &str) -> Result<Vec<u8>, String> {
        let answer = self.agent.get(address).header("Accept", "application/json").call();
        let mut answer = answer.map_err(|e| Broken::from(e).why)?;
        match answer.status().as_u16() {
            200 => {}
            status @ 300..=399 => {
                return Err(format!("it answered {status}, and redirects are not followed"));
            }
            status => return Err(format!("it answered {status}")),
        }
        let body = answer.body_mut().with_config().limit(ALERTS_LIMIT).read_to_vec();
        body.map_err(|e| Broken::from(e).why)
    }
}

impl Default for HttpAlerts {
    fn default() -> Self {
        Self::new()
    }
}

impl Alerts for HttpAlerts {
    fn firing(&self, source: &AlertSource) -> Look<Vec<Alert>> {
        let (system, path) = match source.kind {
            AlertKind::Alertmanager => {
                ("Alertmanager", "api/v2/alerts?active=true&silenced=false&inhibited=false")
            }
            AlertKind::Prometheus => ("Prometheus", "api/v1/alerts"),
        };
        let origin = origin(&source.url).map_err(|what| {
            let place = format!("alert source `{}` in ops.yaml", source.name);
            let next = "write the address like http://alerts.example:9093, without a user's name";
            Fault::new(what, place, next)
        })?;
        if source.url.contains(['?', '#']) {
            let place = format!("alert source `{}` in ops.yaml", source.name);
            let next = "leave out what begins with `?` or `#`";
            return Err(Fault::new("the address is more than a place", place, next));
        }
        let address = format!("{}/{path}", source.url.trim_end_matches('/'));
        let read = match source.kind {
            AlertKind::Alertmanager => wire::alertmanager,
            AlertKind::Prometheus => wire::prometheus,
        };
        self.get(&address).and_then(|body| read(&body, &source.label)).map_err(|why| {
            Fault::new(
                format!("`{}` did not tell which alerts fire: {why}", source.name),
                format!("{system} at {origin}"),
                format!("see that it runs, can be reached from here, and is {system}"),
            )
        })
    }
}

#[cfg(test)]
mod tests;
