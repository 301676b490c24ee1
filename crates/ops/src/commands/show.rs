//! `ops show`.

use std::path::{Path, PathBuf};

use ops_core::id::DeploymentId;
use ops_engine::{
    DeploymentView,
    ports::{Clock as _, Journal as _},
};
use ops_signals::SystemClock;

use crate::{
    chart::{self, Chart},
    context::Context,
    exit::Exit,
    past,
    problem::Problem,
    words,
};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The deployment, such as D-12
    #[arg(value_name = "D")]
    deployment: DeploymentId,
    /// The journal's own records instead, as JSON
    #[arg(long)]
    records: bool,
    /// Write a chart of each signal with both versions to this file, as SVG
    #[arg(long, value_name = "FILE.svg", conflicts_with = "records")]
    chart: Option<PathBuf>,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let journal = context.journal()?;
    if args.records {
        let records = journal.stream(Some(args.deployment))?;
        if records.is_empty() {
            return Err(past::unknown(args.deployment));
        }
        let text = serde_json::to_string_pretty(&records).unwrap_or_default();
        context.ui.answer(&records, |_| text)?;
        return Ok(Exit::Ok);
    }
    let view = view(context, args.deployment)?;
    let chart = Chart::read(&journal, args.deployment)?;
    if let Some(path) = &args.chart {
        write(context, path, chart.as_ref(), args.deployment)?;
    }
    context.ui.answer(&view, |paint| {
        let mut text = words::record(&view, paint);
        if let Some(chart) = &chart {
            text.push_str(&chart::lines(chart, paint));
        }
        text
    })?;
    Ok(Exit::Ok)
}

fn write(
    context: &Context,
    path: &Path,
    chart: Option<&Chart>,
    id: DeploymentId,
) -> Result<(), Problem> {
    let chart = chart.ok_or_else(|| {
        Problem::refused(format!("the door has seen nothing of {id}"))
            .hint("a chart needs a service with a route, and a deployment that came on traffic")
    })?;
    let picture = chart::svg(chart)?;
    std::fs::write(path, picture).map_err(|error| Problem::file("write", path, &error))?;
    context.ui.status(&format!("the chart is in {}", path.display()));
    Ok(())
}

/// A deployment from the daemon, or from the journal where no daemon runs.
pub(super) fn view(context: &Context, id: DeploymentId) -> Result<DeploymentView, Problem> {
    if let Ok(found) = context.daemon().show(id) {
        return found.ok_or_else(|| past::unknown(id));
    }
    let journal = context.journal()?;
    let found = past::deployment(&journal, id)?.ok_or_else(|| past::unknown(id))?;
    Ok(DeploymentView::full(&found, &SystemClock::new()?.now()))
}
