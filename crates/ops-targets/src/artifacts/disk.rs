//! Folders of the store on disk: sealing, placing, removing, measuring.

use std::{
    fs::{File, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use ops_core::world::Fault;

/// Takes away the right to write and makes everything durable.
pub(super) fn seal(folder: &Path) -> io::Result<()> {
    for folder in folders(folder)?.iter().rev() {
        std::fs::set_permissions(folder, Permissions::from_mode(0o555))?;
    }
    // One flush of the file system costs less than one for each of perhaps many thousand files.
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Puts a sealed folder in its place; what was there is set aside and removed.
pub(super) fn place(passing: &Path, target: &Path, aside: &Path) -> io::Result<()> {
    let replaced = target.exists();
    if replaced {
        std::fs::rename(target, aside)?;
    }
    std::fs::rename(passing, target)?;
    if let Some(store) = target.parent() {
        File::open(store)?.sync_all()?;
    }
    if replaced { remove(aside) } else { Ok(()) }
}

/// Removes a sealed folder; there may be none.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    for folder in folders(folder)? {
        std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    std::fs::remove_dir_all(folder)
}

/// Bytes of all files below a folder.
pub(super) fn size(folder: &Path) -> io::Result<u64> {
    let mut size = 0;
    for folder in folders(folder)? {
        for entry in std::fs::read_dir(folder)? {
            let metadata = entry?.metadata()?;
            if metadata.is_file() {
                size += metadata.len();
            }
        }
    }
    Ok(size)
}

/// A folder and all below it, those above before those below.
fn folders(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![root.to_owned()];
    let mut next = 0;
    while let Some(folder) = found.get(next).cloned() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                found.push(entry.path());
            }
        }
        next += 1;
    }
    Ok(found)
}

/// What is to be said when the store cannot be written.
pub(super) fn unwritable(place: &Path, error: &io::Error) -> Fault {
    let next = match error.kind() {
        io::ErrorKind::StorageFull => "free room on this disk, then try again",
        _ => "check the folder's owner and the room on its disk, then try again",
    };
    let what = format!("the store cannot be written: {error}");
    Fault::new(what, place.display().to_string(), next)
}
