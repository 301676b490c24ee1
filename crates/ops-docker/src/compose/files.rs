//! Files of a project that containers mount, kept by their content.
//!
//! A container that is not touched goes on to mount what it mounted, whatever becomes of the
//! folder that a release came in; and the same content has the same path in every release.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use ops_core::{id::Digest, world::Fault};
use ops_engine::ports::Look;

use crate::durable::unwritable;

/// Bytes of what one mount may bring.
const BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The digest of a file or folder, with its name.
pub(super) fn digest(source: &Path) -> Look<Digest> {
    let name = source.file_name().unwrap_or_default();
    let (mut text, mut bytes) = (Vec::new(), 0);
    describe(source, Path::new(name), &mut text, &mut bytes)
        .map_err(|error| unreadable(source, &error))?;
    Ok(Digest::of(&text))
}

/// Keeps a copy of a file or folder, and says where it is.
pub(super) fn keep(store: &Path, source: &Path) -> Look<PathBuf> {
    let name = source.file_name().unwrap_or_default();
    let digest = digest(source)?;
    let place = store.join(digest.hex());
    let kept = place.join(name);
    if kept.symlink_metadata().is_ok() {
        return Ok(kept);
    }
    let fresh = store.join(format!(".fresh-{}", digest.short()));
    let write = || -> io::Result<()> {
        if fresh.symlink_metadata().is_ok() {
            fs::remove_dir_all(&fresh)?;
        }
        fs::create_dir_all(&fresh)?;
        copy(source, &fresh.join(name))?;
        fs::rename(&fresh, &place)?;
        File::open(store)?.sync_all()
    };
    write().map_err(|error| unwritable(&place, &error))?;
    Ok(kept)
}

fn unreadable(source: &Path, error: &io::Error) -> Fault {
    Fault::new(
        format!("what the file mounts cannot be read: {error}"),
        source.display().to_string(),
        "let it be part of the artifact: files and folders of at most 256 MiB",
    )
}

/// Puts names, rights and contents into one text.
fn describe(source: &Path, name: &Path, text: &mut Vec<u8>, bytes: &mut u64) -> io::Result<()> {
    let data = source.symlink_metadata()?;
    text.extend_from_slice(format!("{}\0{:o}\0", name.display(), rights(&data)).as_bytes());
    if data.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(source)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            describe(&entry.path(), &name.join(entry.file_name()), text, bytes)?;
        }
    } else if data.is_symlink() {
        text.extend_from_slice(fs::read_link(source)?.as_os_str().as_encoded_bytes());
    } else if data.is_file() {
        *bytes += data.size();
        if *bytes > BYTES_MAX {
            return Err(io::Error::other("it is too large"));
        }
        text.extend_from_slice(Digest::of(&fs::read(source)?).as_str().as_bytes());
    } else {
        return Err(io::Error::other("it is neither a file nor a folder"));
    }
    text.push(0);
    Ok(())
}

/// What counts of the rights: the store of artifacts takes away those to write.
fn rights(data: &fs::Metadata) -> u32 {
    data.permissions().mode() & 0o111
}

fn copy(source: &Path, target: &Path) -> io::Result<()> {
    let data = source.symlink_metadata()?;
    if data.is_dir() {
        fs::create_dir(target)?;
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            copy(&entry.path(), &target.join(entry.file_name()))?;
        }
        return fs::set_permissions(target, fs::Permissions::from_mode(0o755));
    }
    if data.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(source)?, target);
    }
    fs::copy(source, target)?;
    fs::set_permissions(target, fs::Permissions::from_mode(0o644 | rights(&data)))?;
    File::open(target)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_has_the_same_place_and_another_one_another() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("files");
        let made = |release: &str, text: &str| {
            let conf = folder.path().join(release).join("conf");
            fs::create_dir_all(&conf).unwrap();
            fs::write(conf.join("shop.conf"), text).unwrap();
            keep(&store, &conf).unwrap()
        };
        let first = made("one", "a");
        assert_eq!(fs::read_to_string(first.join("shop.conf")).unwrap(), "a");
        assert_eq!(made("two", "a"), first);
        assert_ne!(made("three", "b"), first);
        assert!(keep(&store, &folder.path().join("nothing")).is_err());
    }
}
