//! Where `ops.yaml` is read from: the commit, so that no edit changes what governs (P3).

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use ops_core::{
    id::Digest,
    settings::{Revision, Settings},
};

use crate::{
    complaint::Complaints,
    git::{self, Blob, GitError},
    parse::{FILE_MAX, parse},
};

/// The name of the configuration file.
pub const FILE_NAME: &str = "ops.yaml";

/// Settings and where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The settings; their revision names the commit.
    pub settings: Settings,
    /// The working copy differs from the commit that governs, or is gone. Always false outside of
    /// git.
    pub uncommitted: bool,
    /// Whether they were read from a commit. Without git only `demo`, `check` and `plan` run (S4).
    pub from_git: bool,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no file.
    #[error("there is no {FILE_NAME} in {0}")]
    NoFile(PathBuf),
    /// The file exists, but no commit holds it.
    #[error("{0} is not committed yet")]
    NotCommitted(PathBuf),
    /// The commit exists, but does not hold the file.
    #[error("commit {commit} has no {FILE_NAME}")]
    NotInCommit {
        /// The commit's full id.
        commit: String,
    },
    /// There is no such commit.
    #[error("there is no commit `{0}`")]
    NoCommit(String),
    /// The folder is no git repository, so that no commit can be read.
    #[error("{0} is no git repository")]
    NoRepository(PathBuf),
    /// The folder is a git repository, but git does not answer.
    #[error("the commit of {FILE_NAME} cannot be read: {what}")]
    Git {
        /// What git, or the attempt to start it, said.
        what: String,
    },
    /// It is larger than any configuration.
    #[error("{FILE_NAME} is larger than {FILE_MAX} bytes")]
    TooLarge,
    /// It is not UTF-8.
    #[error("{FILE_NAME} is not UTF-8 text: byte {byte} in line {line} cannot be read")]
    NotUtf8 {
        /// Which byte, from 1.
        byte: usize,
        /// In which line, from 1.
        line: usize,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// Something is wrong with its content.
    #[error("{0}")]
    Rejected(Complaints),
}

impl LoadError {
    /// What to do next, as one sentence.
    pub fn next(&self) -> String {
        match self {
            Self::NoFile(_) => "run `ops init`, which writes one that fits this folder".to_owned(),
            Self::NotCommitted(_) => format!(
                "commit it: `git add {FILE_NAME} && git commit`; until then only `ops check` reads it"
            ),
            Self::NotInCommit { .. } | Self::NoCommit(_) => {
                "`git log -- ops.yaml` shows the commits that have one".to_owned()
            }
            Self::NoRepository(_) => "run `git init` and commit the file".to_owned(),
            Self::Git { what } if what.contains("dubious ownership") => {
                "the repository belongs to another user: run ops as that user, or name the folder \
                 in git's `safe.directory`"
                    .to_owned()
            }
            Self::Git { .. } => "make `git log` work in this folder, then try again".to_owned(),
            Self::TooLarge => "check whether this is the file that was meant".to_owned(),
            Self::NotUtf8 { .. } => "save the file as UTF-8".to_owned(),
            Self::Unreadable { .. } => "check the file's rights".to_owned(),
            Self::Rejected(_) => "mend the file, then run `ops check`".to_owned(),
        }
    }

    /// The complaints about the content, if it got that far.
    pub fn complaints(&self) -> Option<&Complaints> {
        if let Self::Rejected(complaints) = self { Some(complaints) } else { None }
    }

    /// The form for `--output json`.
    pub fn to_json(&self) -> serde_json::Value {
        let complaints = self.complaints().map(Complaints::to_json);
        let what = match self {
            Self::Rejected(complaints) => format!("{} complaints", complaints.count()),
            other => other.to_string(),
        };
        serde_json::json!({ "error": what, "next": self.next(), "rejected": complaints })
    }
}

impl From<GitError> for LoadError {
    fn from(error: GitError) -> Self {
        Self::Git { what: error.to_string() }
    }
}

impl From<Complaints> for LoadError {
    fn from(complaints: Complaints) -> Self {
        Self::Rejected(complaints)
    }
}

/// Reads what governs in a folder: `ops.yaml` as it stands in HEAD's commit, or, outside of git,
/// the file.
pub fn load(dir: &Path) -> Result<Loaded, LoadError> {
    if !in_repository(dir) {
        return load_working_copy(dir);
    }
    let Some(commit) = git::commit(dir, "HEAD")? else {
        let path = dir.join(FILE_NAME);
        return Err(match working_copy(dir)? {
            Some(_) => LoadError::NotCommitted(path),
            None => LoadError::NoFile(dir.to_owned()),
        });
    };
    read_commit(dir, &commit)
}

/// Reads `ops.yaml` as it stands in a commit: a full or short id, or a name that git knows.
pub fn load_at(dir: &Path, commit: &str) -> Result<Loaded, LoadError> {
    if !in_repository(dir) {
        return Err(LoadError::NoRepository(dir.to_owned()));
    }
    let named = || LoadError::NoCommit(crate::node::shorten(commit));
    let id = git::commit(dir, commit)?.ok_or_else(named)?;
    match read_commit(dir, &id) {
        Err(LoadError::NotCommitted(_) | LoadError::NoFile(_)) => {
            Err(LoadError::NotInCommit { commit: id })
        }
        other => other,
    }
}

/// Reads the file as it stands in the folder, committed or not: for `ops check` and `ops plan`
/// while it is being written. Its revision has no commit, so that it can govern nothing.
pub fn load_working_copy(dir: &Path) -> Result<Loaded, LoadError> {
    let bytes = working_copy(dir)?.ok_or_else(|| LoadError::NoFile(dir.to_owned()))?;
    let settings = read(FILE_NAME, &bytes, None)?;
    let uncommitted = in_repository(dir) && !is_committed(dir, &bytes)?;
    Ok(Loaded { settings, uncommitted, from_git: false })
}

/// Whether HEAD's commit holds the file with this content.
fn is_committed(dir: &Path, bytes: &[u8]) -> Result<bool, LoadError> {
    let Some(commit) = git::commit(dir, "HEAD")? else {
        return Ok(false);
    };
    Ok(match git::show(dir, &commit, FILE_NAME, FILE_MAX)? {
        Blob::Bytes(blob) => same(&blob, bytes),
        Blob::None => false,
    })
}

fn read_commit(dir: &Path, commit: &str) -> Result<Loaded, LoadError> {
    // What lies in the folder is only compared: whatever is wrong with it, the commit governs.
    let copy = working_copy(dir);
    let blob = match git::show(dir, commit, FILE_NAME, FILE_MAX)? {
        Blob::Bytes(blob) => blob,
        Blob::None => {
            return Err(match copy? {
                Some(_) => LoadError::NotCommitted(dir.join(FILE_NAME)),
                None => LoadError::NoFile(dir.to_owned()),
            });
        }
    };
    let uncommitted = !matches!(&copy, Ok(Some(bytes)) if same(bytes, &blob));
    // Lines of a differing working copy are not those of the commit: the name says so.
    let name = if uncommitted {
        format!("{FILE_NAME} at commit {}", commit.get(..12).unwrap_or(commit))
    } else {
        FILE_NAME.to_owned()
    };
    let settings = read(&name, &blob, Some(commit.to_owned()))?;
    Ok(Loaded { settings, uncommitted, from_git: true })
}

fn read(name: &str, bytes: &[u8], commit: Option<String>) -> Result<Settings, LoadError> {
    if bytes.len() > FILE_MAX {
        return Err(LoadError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or(&[]);
        let line = valid.split(|byte| *byte == b'\n').count();
        LoadError::NotUtf8 { byte: error.valid_up_to() + 1, line }
    })?;
    Ok(parse(name, text, Revision { commit, hash: Digest::of(bytes) })?)
}

/// The bytes of the file in the folder, one more than allowed if there are more.
fn working_copy(dir: &Path) -> Result<Option<Vec<u8>>, LoadError> {
    let path = dir.join(FILE_NAME);
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(&path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    match read() {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LoadError::Unreadable { path, error }),
    }
}

/// Whether two files say the same; git may have changed the ends of lines on its way.
fn same(one: &[u8], other: &[u8]) -> bool {
    let lines =
        |bytes: &[u8]| -> Vec<u8> { bytes.iter().copied().filter(|b| *b != b'\r').collect() };
    one == other || lines(one) == lines(other)
}

/// Whether the folder or one above it has a `.git`. Git itself is asked only then, so that a
/// machine without git can still read a folder without a repository.
pub(crate) fn in_repository(dir: &Path) -> bool {
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    full.ancestors().any(|above| above.join(".git").exists())
}
