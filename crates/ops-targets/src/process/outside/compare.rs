//! Whether a process runs what an artifact holds.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use ops_core::world::{Fault, Proof};
use ops_engine::ports::Look;
use sha2::{Digest as _, Sha256};

use super::running::Process;
use crate::artifacts::{Content, Node};

const CHUNK: usize = 64 * 1024;

/// Whether it is worth looking closer: its program has the right size, or it was started with the
/// artifact's program in its words.
pub(super) fn may_be(process: &Process, content: &Content, command: &[String]) -> bool {
    let size = fs::metadata(process.path("exe")).map(|one| one.len()).ok();
    if program(content, command).is_some_and(|(_, its, _)| Some(its) == size) {
        return true;
    }
    let words = script(command);
    process.arguments().is_ok_and(|arguments| {
        arguments
            .iter()
            .any(|word| words.iter().any(|script| word.as_bytes().ends_with(script.as_bytes())))
    })
}

/// Compares.
///
/// # Errors
///
/// If the process may not be looked at, or has ended.
pub(super) fn proof(process: &Process, content: &Content, command: &[String]) -> Look<Proof> {
    let exe = process.path("exe");
    if let Some((name, _, wanted)) = program(content, command) {
        let is = hash(&exe).map_err(|error| process.hidden(&exe, &error))?;
        if is == wanted {
            return Ok(Proof::Program);
        }
        if !is_script(process, content, &name) {
            return Ok(Proof::Differs {
                how: format!("its program is not {name} of the artifact, byte for byte"),
            });
        }
    }
    files(process, content, command)
}

/// The artifact's own program: its path, its size, its hash.
fn program(content: &Content, command: &[String]) -> Option<(String, u64, [u8; 32])> {
    let name = command.first().filter(|program| !program.starts_with('/'))?;
    let name = name.trim_start_matches("./");
    match content.nodes.get(name.as_bytes())? {
        Node::File { size, hash, .. } => Some((name.to_owned(), *size, *hash)),
        Node::Folder | Node::Link { .. } => None,
    }
}

/// Words of the command by which a process with an interpreter is known.
fn script(command: &[String]) -> Vec<&str> {
    let plain = |word: &&String| !word.starts_with(['-', '/']) && !word.contains('{');
    command.iter().filter(plain).map(|word| word.trim_start_matches("./")).take(2).collect()
}

/// Whether the artifact's program was started through an interpreter.
fn is_script(process: &Process, content: &Content, name: &str) -> bool {
    base(process, content, name).is_some_and(|base| {
        let mut head = [0; 2];
        let read = File::open(base.join(name)).and_then(|mut file| file.read_exact(&mut head));
        read.is_ok() && &head == b"#!"
    })
}

/// The folder that holds what it was started from: its working folder, or the one before the
/// program's path in its words.
fn base(process: &Process, content: &Content, name: &str) -> Option<PathBuf> {
    let folder = fs::read_link(process.path("cwd")).ok()?;
    let here =
        |base: &PathBuf| base.join(name).is_file() && content.nodes.contains_key(name.as_bytes());
    let by_words = process.arguments().ok()?.into_iter().filter_map(|word| {
        let word = word.to_str()?.to_owned();
        let base = word.strip_suffix(name)?;
        Some(folder.join(base))
    });
    by_words.chain([folder.clone()]).find(here)
}

/// Every file of the artifact lies where the process was started from, unchanged since then.
fn files(process: &Process, content: &Content, command: &[String]) -> Look<Proof> {
    let differs = |how: String| Ok(Proof::Differs { how });
    let named = script(command).into_iter().find_map(|name| base(process, content, name));
    let Some(base) = named else {
        let words = script(command).join(", ");
        return differs(format!("it was not started from a folder with {words}"));
    };
    let began = process.since()?.as_second();
    for (path, node) in &content.nodes {
        let Node::File { hash: wanted, .. } = node else { continue };
        let at = base.join(Path::new(std::ffi::OsStr::from_bytes(path)));
        let shown = at.display().to_string();
        let changed = match fs::metadata(&at) {
            Ok(metadata) => metadata.ctime().max(metadata.mtime()),
            Err(error) => return differs(format!("{shown} cannot be read: {error}")),
        };
        // The start is known to a second or two only.
        if changed > began + 2 {
            return differs(format!(
                "{shown} was changed after it started, so nobody knows what it runs: start it again"
            ));
        }
        let is = hash(&at).map_err(|error| {
            Fault::new(format!("this cannot be read: {error}"), &shown, "make it readable for ops")
        })?;
        if is != *wanted {
            return differs(format!("{shown} is not the artifact's"));
        }
    }
    Ok(Proof::Files)
}

fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(path)?;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(length) => hash.update(chunk.get(..length).unwrap_or(&[])),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
