//! Draws a chart beside the record of each deployment that has ended: `charts/D-12.svg` in the
//! state folder. It is for people only; what goes wrong with it is logged and stops nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
};

use ops_core::id::DeploymentId;
use ops_engine::{Engine, ports::Journal};
use ops_store::SqliteJournal;

use crate::{
    chart::{Chart, svg},
    context::Context,
    problem::Problem,
};

/// Charts that are kept, the newest ones.
const KEPT: usize = 500;

/// The thread that draws.
pub(super) struct Charts(JoinHandle<()>);

impl Charts {
    /// Draws whenever a deployment of this engine ends.
    pub(super) fn begin<J: Journal>(
        context: &Context,
        engine: &mut Engine<J>,
    ) -> Result<Self, Problem> {
        let (sender, ended) = channel();
        engine.watch_decisions(Box::new(move |before, _, after| {
            if after.ended() && !before.ended() && after.watching.is_some() {
                // Without the thread there is no chart, and nothing else is missing.
                let _ = sender.send(after.id());
            }
        }));
        let (journal, folder) = (context.journal_path(), context.state.join("charts"));
        let work = move || work(&ended, &journal, &folder);
        let thread = thread::Builder::new().name("ops-charts".into()).spawn(work);
        thread.map(Self).map_err(|error| {
            Problem::internal(format!("no thread could be started for charts: {error}"))
        })
    }

    /// Waits for the last one, once the engine is gone.
    pub(super) fn end(self) {
        let _ = self.0.join();
    }
}

fn work(ended: &Receiver<DeploymentId>, journal: &Path, folder: &Path) {
    for id in ended {
        if let Err(problem) = draw(id, journal, folder) {
            tracing::warn!(%id, why = %problem, "its chart could not be drawn");
        }
    }
}

fn draw(id: DeploymentId, journal: &Path, folder: &Path) -> Result<(), Problem> {
    let journal = SqliteJournal::open_read_only(journal)?;
    let Some(chart) = Chart::read(&journal, id)? else { return Ok(()) };
    let picture = svg(&chart)?;
    let path = folder.join(format!("{id}.svg"));
    let written = fs::create_dir_all(folder)
        .and_then(|()| fs::write(path.with_extension("part"), picture))
        .and_then(|()| fs::rename(path.with_extension("part"), &path))
        .and_then(|()| tidy(folder));
    written.map_err(|error| Problem::file("write", &path, &error))
}

/// Removes all but the newest ones.
fn tidy(folder: &Path) -> io::Result<()> {
    let mut charts: Vec<(DeploymentId, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let id = path.file_name()?.to_str()?.strip_suffix(".svg")?.parse().ok()?;
            Some((id, path))
        })
        .collect();
    charts.sort();
    let surplus = charts.len().saturating_sub(KEPT);
    charts.iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}
