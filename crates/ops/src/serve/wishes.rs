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
    governs: Mutex<Option<Arc<Settings>>>,
}

impl CommitWishes {
    /// Reads in this folder; keeps the members of these boards in line with what is read.
    pub(crate) fn new(dir: &Path, boards: Option<Arc<BoardStore>>) -> Self {
        Self { dir: dir.to_owned(), boards, kept: Mutex::default(), governs: Mutex::default() }
    }

    /// The settings that govern, once the engine has said so.
    pub(crate) fn governing(&self) -> Option<Arc<Settings>> {
        self.governs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self, commit: &str) -> Option<Arc<Settings>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|one| one.revision.commit.as_deref() == Some(commit)).cloned()
    }

    fn keep(&self, loaded: Loaded) -> Arc<Settings> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = kept.iter().find(|one| one.revision == loaded.settings.revision) {
            return Arc::clone(same);
        }
        let settings = Arc::new(loaded.settings);
        kept.push_back(Arc::clone(&settings));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        settings
    }

    fn fault(&self, error: &LoadError) -> Fault {
        let what = match error.complaints() {
            Some(complaints) => {
                let first = complaints.list().first();
                let first = first.map_or_else(String::new, |one| {
                    format!(": line {}: {}: {}", one.line, one.path, one.message)
                });
                let more = match complaints.count() {
                    0 | 1 => String::new(),
                    count => format!(" (the first of {count} complaints)"),
                };
                format!("{} cannot be used{first}{more}", complaints.name())
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
    fn newest(&self) -> Look<Arc<Settings>> {
        let loaded = ops_config::load(&self.dir).map_err(|error| self.fault(&error))?;
        if !loaded.from_git {
            return Err(self.no_git());
        }
        Ok(self.keep(loaded))
    }

    fn govern(&self, settings: &Arc<Settings>) {
        let before = {
            let mut governs = self.governs.lock().unwrap_or_else(PoisonError::into_inner);
            governs.replace(Arc::clone(settings))
        };
        let same = before.is_some_and(|before| before.revision == settings.revision);
        if let (false, Some(boards)) = (same, &self.boards)
            && let Err(problem) = members::sync(boards, settings)
        {
            tracing::warn!(%problem, "the team of ops.yaml could not be put on the boards");
        }
    }

    fn holds(&self, newer: &str, older: &str) -> Look<Option<bool>> {
        ops_config::holds(&self.dir, newer, older).map_err(|error| self.fault(&error))
    }

    fn same_tree(&self, one: &str, other: &str) -> Look<Option<bool>> {
        ops_config::same_tree(&self.dir, one, other).map_err(|error| self.fault(&error))
    }

    fn at(&self, commit: &str) -> Look<Arc<Settings>> {
        if commit.len() == FULL_ID
            && let Some(known) = self.known(commit)
        {
            return Ok(known);
        }
        let loaded = ops_config::load_at(&self.dir, commit).map_err(|error| self.fault(&error))?;
        Ok(self.keep(loaded))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    fn git(dir: &Path, args: &[&str]) -> String {
        let done = Command::new("git")
            .current_dir(dir)
            .args(["-c", "user.name=team", "-c", "user.email=team@example.org"])
            .args(args)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    fn commit(dir: &Path, project: &str) -> String {
        write(dir, project);
        git(dir, &["add", "ops.yaml"]);
        git(dir, &["commit", "--quiet", "-m", project]);
        git(dir, &["rev-parse", "HEAD"])
    }

    fn write(dir: &Path, project: &str) {
        let people = "people: { dan@x.org: dev, cleo@x.org: cq, quinn@x.org: qa }";
        let service = "services: { s: { command: [run, \"{port}\"], route: { path: / } } }";
        let text = format!(
            "version: 1\nproject: {project}\n{people}\noperators: [dan@x.org]\n{service}\n"
        );
        fs::write(dir.join("ops.yaml"), text).unwrap();
    }

    #[test]
    fn p3_s4_commits_govern_and_edits_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        let wishes = CommitWishes::new(dir, None);
        write(dir, "zero");
        assert!(wishes.newest().is_err(), "no repository");
        git(dir, &["init", "--quiet"]);
        let first = commit(dir, "one");
        assert_eq!(wishes.newest().unwrap().project, "one");
        write(dir, "edited");
        assert_eq!(wishes.newest().unwrap().project, "one");
        commit(dir, "two");
        assert_eq!(wishes.newest().unwrap().project, "two");
        assert_eq!(wishes.at(&first).unwrap().project, "one");
        assert!(wishes.at("0123456789012345678901234567890123456789").is_err());
        for n in 0..2 * KEPT {
            commit(dir, &format!("p{n}"));
            wishes.newest().unwrap();
        }
        assert!(wishes.kept.lock().unwrap().len() <= KEPT);
    }
}
