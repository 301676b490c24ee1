//! Which commit stands where: what HEAD is, which commits another one holds (S8), and which have the
//! same source tree (S9).

use std::path::Path;

use crate::{
    git,
    source::{LoadError, in_repository},
};

/// Fewest characters of a commit's id that count as one; git itself shows no fewer.
const SHORT_ID: usize = 7;

/// The full id of HEAD's commit; `None` in a folder without repository, or before the first
/// commit. Starts git once and reads no file.
///
/// # Errors
/// Git is missing, too slow, or refuses the repository.
pub fn head(dir: &Path) -> Result<Option<String>, LoadError> {
    if in_repository(dir) { Ok(git::commit(dir, "HEAD")?) } else { Ok(None) }
}

/// Whether commit `newer` holds commit `older`: they are one, or `older` is an ancestor.
///
/// Both are ids, full or with at least 7 characters. `None` if that cannot be told: one of them is
/// no id or unknown here, or the history was cut off (a shallow clone) before `older` was met. A
/// name such as `HEAD` or a branch is no id: whoever writes it does not say which commit is meant.
///
/// # Errors
/// The folder is no repository; git is missing, too slow, or refuses.
pub fn holds(dir: &Path, newer: &str, older: &str) -> Result<Option<bool>, LoadError> {
    if !in_repository(dir) {
        return Err(LoadError::NoRepository(dir.to_owned()));
    }
    let Some(newer) = known(dir, newer)? else {
        return Ok(None);
    };
    let Some(older) = known(dir, older)? else {
        return Ok(None);
    };
    if newer == older {
        return Ok(Some(true));
    }
    let held = git::is_ancestor(dir, &older, &newer)?;
    if !held && git::is_shallow(dir)? {
        return Ok(None);
    }
    Ok(Some(held))
}

/// Whether two commits have the very same source tree: every file, mode and name of the whole
/// repository, by the tree's id. How the commits came to be does not matter.
///
/// Both are ids as for [`holds`]. `None` if that cannot be told: one of them is no id or unknown
/// here.
///
/// # Errors
/// The folder is no repository; git is missing, too slow, or refuses.
pub fn same_tree(dir: &Path, one: &str, other: &str) -> Result<Option<bool>, LoadError> {
    if !in_repository(dir) {
        return Err(LoadError::NoRepository(dir.to_owned()));
    }
    let Some(one) = tree(dir, one)? else {
        return Ok(None);
    };
    let Some(other) = tree(dir, other)? else {
        return Ok(None);
    };
    Ok(Some(one == other))
}

/// The id of the tree of a commit that is here.
fn tree(dir: &Path, id: &str) -> Result<Option<String>, LoadError> {
    match known(dir, id)? {
        Some(commit) => Ok(git::tree(dir, &commit)?),
        None => Ok(None),
    }
}

/// The full id of a commit that is here.
fn known(dir: &Path, id: &str) -> Result<Option<String>, LoadError> {
    let hex = (SHORT_ID..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_hexdigit());
    if !hex {
        return Ok(None);
    }
    let id = id.to_ascii_lowercase();
    // A branch may be called like an id; what it leads to begins otherwise.
    Ok(git::commit(dir, &id)?.filter(|full| full.starts_with(&id)))
}
