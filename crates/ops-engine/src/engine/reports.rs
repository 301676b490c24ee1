//! What the team is told by the clock: the daily summary and the figures of a week. Each once, by its
//! name, also after a restart; what happened after the time that it is for stands in the next one.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use ops_core::{
    deploy::{Deployment, HoldCause, Phase},
    id::EnvironmentName,
    record::{self, Daily, Day, Waiting},
    settings::{DailyReport, MetricsReport, Settings, TimeOfDay},
    time::Now,
};

use super::{Engine, EngineError};
use crate::{
    DeploymentView,
    jobs::{Job, JobKey},
    knowledge::EngineEvent,
    ports::Journal,
};

/// Pause before a report that could not be posted is tried again.
const AGAIN_MS: u64 = 60_000;
/// Days that a summary goes back at most, where none was told meanwhile.
const BACK_DAYS: usize = 7;
const DAILY: &str = "daily-";

impl<J: Journal> Engine<J> {
    /// Starts the reports that are due.
    pub(super) fn reports(&mut self, now: &Now, jobs: &mut Vec<Job>) -> Result<(), EngineError> {
        let Some(settings) = self.settings().cloned() else { return Ok(()) };
        // What a newer ops has told cannot be read here.
        if self.is_too_old() {
            return Ok(());
        }
        if let Some(report) = &settings.reports.daily {
            self.daily(report, &settings, now, jobs)?;
        }
        if let Some(report) = &settings.reports.metrics {
            self.weekly(report, now, jobs)?;
        }
        Ok(())
    }

    /// The name of a report, if it was not told and may be tried now.
    fn due_report(&self, name: String, now: &Now) -> Option<String> {
        let told = self.knowledge.announced.contains(&name);
        (!told && self.due(&JobKey::Announce(name.clone()), AGAIN_MS, now)).then_some(name)
    }

    fn daily(
        &mut self,
        report: &DailyReport,
        settings: &Settings,
        now: &Now,
        jobs: &mut Vec<Job>,
    ) -> Result<(), EngineError> {
        let Some((day, until)) = report.at.last(now.wall, None) else { return Ok(()) };
        let Some(name) = self.due_report(format!("{DAILY}{day}"), now) else { return Ok(()) };
        let Some(after) = self.told_until(&report.at, day) else { return Ok(()) };
        let summary = self.summary(report, day, (after, until))?;
        if summary.is_empty() && !report.empty {
            return self.note(&EngineEvent::Announced { name }, now);
        }
        let channel = report.channel.as_ref().unwrap_or(&settings.boards.channel).clone();
        // The journal's head stands in every daily post (P14).
        let anchor = self.anchor()?;
        self.announce(name, channel, &format!("{}{anchor}", summary.words()), None, jobs);
        Ok(())
    }

    fn weekly(
        &mut self,
        report: &MetricsReport,
        now: &Now,
        jobs: &mut Vec<Job>,
    ) -> Result<(), EngineError> {
        let Some((day, until)) = report.at.last(now.wall, Some(report.weekday)) else {
            return Ok(());
        };
        let Some(name) = self.due_report(format!("metrics-{day}"), now) else { return Ok(()) };
        let metrics = self.figures(until, report.days)?;
        if metrics.deployments == 0 && metrics.changes == 0 {
            // A team that ships nothing, or does not yet, is not told so every week.
            return self.note(&EngineEvent::Announced { name }, now);
        }
        let text = format!("OPS: deployments on last stages, {}", metrics.words());
        self.announce(name, report.channel.clone(), &text, None, jobs);
        Ok(())
    }

    /// Until when the last summary before a day told, or one day where there was none.
    fn told_until(&self, at: &TimeOfDay, day: Date) -> Option<Timestamp> {
        let mut before = day.yesterday().ok()?;
        let yesterday = before;
        for _ in 0..BACK_DAYS {
            if self.knowledge.announced.contains(&format!("{DAILY}{before}")) {
                return at.on(before);
            }
            before = before.yesterday().ok()?;
        }
        at.on(yesterday)
    }

    fn summary(
        &self,
        report: &DailyReport,
        day: Date,
        (after, until): (Timestamp, Timestamp),
    ) -> Result<Daily, EngineError> {
        let mut days: BTreeMap<EnvironmentName, Day> = BTreeMap::new();
        let mut views = self.briefs(usize::MAX)?;
        views.reverse();
        for view in &views {
            let Some(change) = &view.change else { continue };
            let times = &change.times;
            let within = |at: Option<Timestamp>| at.is_some_and(|at| after < at && at <= until);
            if within(times.passed) {
                of(&mut days, &change.environment).shipped.push(shipped(view));
            }
            if within(times.restored) {
                let why = view.cause.clone().unwrap_or_else(|| view.phase.clone());
                let back = Waiting { name: shipped(view), why };
                of(&mut days, &change.environment).back.push(back);
            }
        }
        for deployment in self.deployments.values() {
            if let Some(waits) = waits(deployment) {
                of(&mut days, &deployment.created.environment).waits.push(waits);
            }
        }
        let open = self.open_incidents().map(|one| &one.incident);
        let incidents =
            open.map(|one| format!("{} ({} on {})", one.id, one.service, one.environment));
        let zone = TimeZone::get(&report.at.zone).unwrap_or(TimeZone::UTC);
        Ok(Daily {
            day: day.to_string(),
            since: after.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
            environments: days.into_values().collect(),
            incidents: incidents.collect(),
            halted_by: self.knowledge.halted.as_ref().map(record::person),
        })
    }
}

/// The day of an environment.
fn of<'a>(
    days: &'a mut BTreeMap<EnvironmentName, Day>,
    environment: &EnvironmentName,
) -> &'a mut Day {
    days.entry(environment.clone()).or_insert_with(|| Day {
        environment: environment.clone(),
        shipped: Vec::new(),
        back: Vec::new(),
        waits: Vec::new(),
    })
}

/// `MNS-7 (D-7) shop v2`.
fn shipped(view: &DeploymentView) -> String {
    let tickets: Vec<_> = view.tickets.iter().map(ToString::to_string).collect();
    let what = if tickets.is_empty() { view.kind.clone() } else { tickets.join(" and ") };
    let version = view.version.as_deref().unwrap_or("");
    format!("{what} ({}) {} {version}", view.id, view.service).trim_end().to_owned()
}

/// What waits for somebody or something, and why.
fn waits(deployment: &Deployment) -> Option<Waiting> {
    let why = match (&deployment.halted, &deployment.phase) {
        (Some(halt), _) => format!("{} halted it", record::person(&halt.by)),
        (None, Phase::Held { cause, .. }) => HoldCause::words(cause),
        (None, Phase::Frozen { words, .. }) => format!("frozen: {words}"),
        (None, Phase::Queued { .. }) => "its turn".into(),
        _ => return None,
    };
    let name = format!("{} ({})", record::asked_by(deployment), deployment.id());
    Some(Waiting { name, why })
}
