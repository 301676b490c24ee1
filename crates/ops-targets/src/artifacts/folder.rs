//! Reads an artifact from a folder or a single file.

use std::{
    fs::File,
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use ops_core::world::Fault;
use rustix::fs::OFlags;

use super::{intake::Intake, unreadable};

/// Takes in everything below a folder.
pub(super) fn read(root: &Path, intake: &mut Intake) -> Result<(), Fault> {
    let mut open: Vec<PathBuf> = vec![PathBuf::new()];
    while let Some(folder) = open.pop() {
        let at = root.join(&folder);
        let failed = |error: io::Error| unreadable(&at.display().to_string(), &error);
        for entry in std::fs::read_dir(&at).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                intake.folder(path.as_os_str().as_bytes())?;
                open.push(path);
            } else if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).map_err(failed)?;
                intake.link(path.as_os_str().as_bytes(), target.as_os_str().as_bytes())?;
            } else {
                file(&entry.path(), &path, intake)?;
            }
        }
    }
    Ok(())
}

/// Takes in one file, which must be executable, under its own name.
pub(super) fn read_single(path: &Path, intake: &mut Intake) -> Result<(), Fault> {
    let name = path.file_name().unwrap_or_default();
    let metadata = path.metadata().map_err(|e| unreadable(&path.display().to_string(), &e))?;
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(Fault::new(
            "the file is not executable, and no archive by its name",
            path.display().to_string(),
            "set its mode (`chmod +x`), or name it .tar, .tar.gz or .tgz if it is an archive",
        ));
    }
    let real = path.canonicalize().map_err(|e| unreadable(&path.display().to_string(), &e))?;
    file(&real, Path::new(name), intake)
}

/// Opens without following a link or waiting for a pipe, whatever has come in the file's place.
fn file(at: &Path, path: &Path, intake: &mut Intake) -> Result<(), Fault> {
    let name = path.as_os_str().as_bytes();
    let special = "it is a socket, a pipe or a device";
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32;
    let file = match File::options().read(true).custom_flags(flags).open(at) {
        Ok(file) => file,
        // This is how the kernel refuses to open a socket.
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            return Err(intake.refused(name, special));
        }
        Err(error) => return Err(unreadable(&at.display().to_string(), &error)),
    };
    let metadata = file.metadata().map_err(|e| unreadable(&at.display().to_string(), &e))?;
    if !metadata.is_file() {
        return Err(intake.refused(name, special));
    }
    let executable = metadata.permissions().mode() & 0o111 != 0;
    intake.file(name, executable, file)
}
