//! `ops.yaml` as it stands in commits.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ops_boards::BoardStore;
use ops_config::{LoadError, Loaded};
use ops_core::{settings::Settings, world::Fault};
use ops_engine::ports::{Look, Wishes};

use super::members;

/// Commits whose settings are kept: those of the deployments under way and a few before them.
const KEPT: usize = 16;
/// Digits of a full commit id.
const FULL_ID: usize = 40;

/// Reads the settings from the repository, those of HEAD anew each time.
pub(crate) struct CommitWishes {
    dir: PathBuf,
    /// Gets the team of each new revision.
    boards: Option<Arc<BoardStore>>,
    kept: Mutex<VecDeque<Arc<Settings>>>,
}

impl CommitWishes {
    /// Reads in this folder; keeps the members of these boards in line with what is read.
    pub(crate) fn new(dir: &Path, boards: Option<Arc<BoardStore>>) -> Self {
        Self { dir: dir.to_owned(), boards, kept: Mutex::default() }
    }

    fn known(&self, commit: &str) -> Option<Arc<Settings>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|one| one.revision.commit.as_deref() == Some(commit)).cloned()
    }

    fn keep(&self, loaded: Loaded) -> (Arc<Settings>, bool) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = kept.iter().find(|one| one.revision == loaded.settings.revision) {
            return (Arc::clone(same), false);
        }
        let settings = Arc::new(loaded.settings);
        kept.push_back(Arc::clone(&settings));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        (settings, true)
    }

    fn fault(&self, error: &LoadError) -> Fault {
        let what = match error.complaints() {
            Some(complaints) => {
                let first = complaints.list().first();
                let first = first.map_or_else(String::new, |one| {
                    format!("; line {}: {}: {}", one.line, one.path, one.message)
                });
                format!("{} has {} complaints{first}", complaints.name(), complaints.count())
            }
            None => error.to_string(),
        };
        Fault::new(what, self.dir.display().to_string(), error.next())
    }

    fn no_git(&self) -> Fault {
        let next = "run `git init` and commit ops.yaml";
        Fault::new("ops.yaml is in no git repository", self.dir.display().to_string(), next)
    }
}

impl Wishes for CommitWishes {
    fn current(&self) -> Look<Arc<Settings>> {
        let loaded = ops_config::load(&self.dir).map_err(|error| self.fault(&error))?;
        if !loaded.from_git {
            return Err(self.no_git());
        }
        let (settings, new) = self.keep(loaded);
        if let (true, Some(boards)) = (new, &self.boards)
            && let Err(problem) = members::sync(boards, &settings)
        {
            tracing::warn!(%problem, "the team of ops.yaml could not be put on the boards");
        }
        Ok(settings)
    }

    fn at(&self, commit: &str) -> Look<Arc<Settings>> {
        if commit.len() == FULL_ID
            && let Some(known) = self.known(commit)
        {
            return Ok(known);
        }
        let loaded = ops_config::load_at(&self.dir, commit).map_err(|error| self.fault(&error))?;
        Ok(self.keep(loaded).0)
    }
}
