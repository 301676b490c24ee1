//! What the team is told by the clock.
//!
//! What the rules complain about is left out, and the file refused with it.

use ops_core::settings::{DailyReport, MetricsReport, Reports, TimeOfDay};

use crate::view::View;

/// Days of the week, from the first.
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const FRIDAY: usize = 4;
const METRICS_DAYS: u32 = 28;

pub(super) fn reports(view: View<'_>) -> Reports {
    Reports {
        daily: view.has("daily").then(|| daily(view.child("daily"))).flatten(),
        metrics: view.has("metrics").then(|| metrics(view.child("metrics"))).flatten(),
    }
}

fn time(view: View<'_>) -> Option<TimeOfDay> {
    TimeOfDay::read(&view.text("at")?, view.text("zone")?)
}

fn daily(view: View<'_>) -> Option<DailyReport> {
    Some(DailyReport {
        at: time(view)?,
        channel: view.text("channel"),
        empty: view.flag("empty").unwrap_or(false),
    })
}

fn metrics(view: View<'_>) -> Option<MetricsReport> {
    let day = view.text("day");
    let day = day.and_then(|day| DAYS.iter().position(|one| *one == day)).unwrap_or(FRIDAY);
    Some(MetricsReport {
        weekday: i8::try_from(day + 1).ok()?,
        at: time(view)?,
        channel: view.text("channel").unwrap_or_else(|| "retrospective".to_owned()),
        days: view.whole("days").unwrap_or(METRICS_DAYS),
    })
}
