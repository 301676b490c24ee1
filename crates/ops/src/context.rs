//! What one call works with: folders, settings, the daemon.

mod keeper;

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use ops_boards::BoardStore;
use ops_config::{FILE_NAME, Loaded};
use ops_core::settings::Settings;
use ops_edge::EdgeDoor;
use ops_engine::ports::Clock;
use ops_server::ControlClient;
use ops_signals::SystemClock;
use ops_store::SqliteJournal;
use ops_targets::{ArtifactStore, ProcessTarget};

use crate::{cli::Global, places::Docker, problem::Problem, ui::Ui};

/// Name of the state folder beside `ops.yaml`.
const STATE: &str = ".ops";

/// What one call works with.
pub(crate) struct Context {
    pub(crate) ui: Ui,
    /// Folder of `ops.yaml`.
    pub(crate) config: PathBuf,
    /// Folder of the state.
    pub(crate) state: PathBuf,
}

impl Context {
    /// Finds the folders. Nothing is read or made yet.
    pub(crate) fn new(global: &Global, ui: Ui) -> Result<Self, Problem> {
        let here = match &global.config {
            Some(dir) => {
                if !dir.is_dir() {
                    return Err(Problem::configuration(format!("{} is no folder", dir.display()))
                        .hint("--config names the folder that holds ops.yaml"));
                }
                dir.clone()
            }
            None => nearest(),
        };
        let config =
            fs::canonicalize(&here).map_err(|error| Problem::file("open", &here, &error))?;
        let state = global.state.clone().unwrap_or_else(|| config.join(STATE));
        let state =
            std::path::absolute(&state).map_err(|error| Problem::file("open", &state, &error))?;
        Ok(Self { ui, config, state })
    }

    /// The settings that govern: those of HEAD, or outside of git those of the file.
    pub(crate) fn load(&self) -> Result<Loaded, Problem> {
        Ok(ops_config::load(&self.config)?)
    }

    /// The settings that govern as the journal says, which need not be those of HEAD (S4).
    pub(crate) fn governing(&self) -> Result<Settings, Problem> {
        let governs = if self.journal_path().exists() {
            crate::past::knowledge(&self.journal()?)?.governs
        } else {
            None
        };
        match governs {
            Some(commit) => Ok(ops_config::load_at(&self.config, &commit)?.settings),
            None => Ok(self.load()?.settings),
        }
    }

    /// The daemon, which may or may not run.
    pub(crate) fn daemon(&self) -> ControlClient {
        ControlClient::new(&self.state)
    }

    /// Makes the state folder, for its owner only, and keeps git away from it.
    pub(crate) fn make_state(&self) -> Result<(), Problem> {
        let failed = |error: std::io::Error| Problem::file("make", &self.state, &error);
        if !self.state.is_dir() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.state)
                .map_err(failed)?;
        }
        fs::set_permissions(&self.state, fs::Permissions::from_mode(0o700)).map_err(failed)?;
        let ignore = self.state.join(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n").map_err(failed)?;
        }
        Ok(())
    }

    /// Where the journal lies.
    pub(crate) fn journal_path(&self) -> PathBuf {
        self.state.join("journal.db")
    }

    /// The journal, for reading only.
    pub(crate) fn journal(&self) -> Result<SqliteJournal, Problem> {
        if !self.journal_path().exists() {
            return Err(Problem::refused(format!(
                "there is no journal in {}",
                self.state.display()
            ))
            .hint("`ops serve` makes it; --state and --config name other folders"));
        }
        Ok(SqliteJournal::open_read_only(&self.journal_path())?)
    }

    /// The boards' file, beside the daemon that may have it open too.
    pub(crate) fn boards(&self) -> Result<Arc<BoardStore>, Problem> {
        if !self.boards_path().exists() {
            return Err(Problem::refused(format!(
                "there are no boards in {}",
                self.state.display()
            ))
            .hint("`ops serve` makes them; --state and --config name other folders"));
        }
        self.make_boards()
    }

    /// The same, made if there are none.
    pub(crate) fn make_boards(&self) -> Result<Arc<BoardStore>, Problem> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new()?);
        Ok(Arc::new(BoardStore::open(&self.boards_path(), clock)?))
    }

    /// Whether there are boards.
    pub(crate) fn has_boards(&self) -> bool {
        self.boards_path().exists()
    }

    fn boards_path(&self) -> PathBuf {
        self.state.join("boards.db")
    }

    /// The folder of the edge.
    pub(crate) fn edge_dir(&self) -> PathBuf {
        self.state.join("edge")
    }

    /// The edge, which may or may not run.
    pub(crate) fn door(&self) -> EdgeDoor {
        EdgeDoor::new(self.edge_dir())
    }

    /// The processes of this machine.
    pub(crate) fn target(&self, settings: &Settings) -> Result<ProcessTarget, Problem> {
        let keeper = keeper::command(&own_program()?);
        Ok(ProcessTarget::new(&self.state, keeper, ports(settings), settings.retention.log_mb))
    }

    /// The containers of this machine's engine.
    pub(crate) fn docker(&self, settings: &Settings) -> Docker {
        Docker::new(&self.state, settings, ports(settings))
    }

    /// The store of artifacts.
    pub(crate) fn artifacts(&self, settings: &Settings) -> ArtifactStore {
        ArtifactStore::new(&self.state, settings.retention.store_mb)
    }
}

/// The ports of all environments.
fn ports(settings: &Settings) -> (u16, u16) {
    let each = settings.environments.values().map(|environment| environment.ports);
    each.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).unwrap_or((20_000, 20_999))
}

/// The program that runs, as a path that can be started again.
pub(crate) fn own_program() -> Result<PathBuf, Problem> {
    std::env::current_exe().map_err(|error| {
        Problem::internal(format!("the program does not know its own path: {error}"))
            .hint("mount /proc")
    })
}

/// What tells this program from another version of it at the same path: version, size and time
/// of its file.
pub(crate) fn own_build() -> String {
    let version = env!("CARGO_PKG_VERSION");
    // The file that this process runs, also where another one was put in its place since.
    let Ok(about) = std::fs::metadata("/proc/self/exe") else { return version.to_owned() };
    let seconds = std::os::unix::fs::MetadataExt::mtime(&about);
    format!("{version}-{}-{seconds}", about.len())
}

/// This folder, or the nearest above it that has an `ops.yaml`.
fn nearest() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    here.ancestors()
        .find(|dir| dir.join(FILE_NAME).exists())
        .map_or_else(|| here.clone(), Path::to_owned)
}
