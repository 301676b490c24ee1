//! Archives that artifacts come in.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use ops_engine::ports::Artifacts as _;
use ops_targets::ArtifactStore;
use tar::{EntryType, Header};

use crate::{bytes::Bytes, sockets::in_memory};

/// Room of the store in MiB: what unpacks to more is a bomb.
const QUOTA_MB: u64 = 2;
/// Entries that a script may write.
const ENTRIES: usize = 60;
const NAMES: [&str; 16] = [
    "bin/run",
    "bin",
    "a",
    "a/b",
    "a/b/c",
    "../up",
    "/etc/passwd",
    "a/../../up",
    "./a",
    "a//b",
    "link",
    "link/x",
    "..",
    ".",
    "",
    "a/./b",
];
const KINDS: [EntryType; 9] = [
    EntryType::Regular,
    EntryType::Regular,
    EntryType::Directory,
    EntryType::Symlink,
    EntryType::Link,
    EntryType::Fifo,
    EntryType::Char,
    EntryType::GNUSparse,
    EntryType::XHeader,
];

/// The first byte says what the rest is: a tar archive, a compressed one, one to be compressed, or a
/// script of entries.
pub fn artifact_archive(bytes: &[u8]) {
    let mut bytes = Bytes::of(bytes);
    let dir = in_memory();
    let (name, content) = match bytes.byte() % 4 {
        0 => ("a.tar", bytes.rest().to_vec()),
        1 => ("a.tar.gz", bytes.rest().to_vec()),
        2 => ("a.tgz", compressed(bytes.rest())),
        _ => ("a.tar", scripted(&mut bytes)),
    };
    let reference = dir.path().join(name);
    fs::write(&reference, content).expect("a folder in which files can be");
    let reference = reference.to_str().expect("a path in UTF-8");
    let state = dir.path().join("state");
    let store = ArtifactStore::new(&state, QUOTA_MB);
    // A program of this machine, so that it is the archive alone that decides.
    let command = ["/bin/sh".to_owned()];
    let Ok(found) = store.resolve(reference, &command) else { return untouched(dir.path(), name) };
    match store.import(reference, &found.digest) {
        Ok(()) => {
            assert!(found.size <= QUOTA_MB << 20, "more than there is room for");
            assert!(store.verify(&found.digest).is_ok_and(|whole| whole), "it was not kept whole");
            let folder = store.path(&found.digest);
            let mut size = 0;
            inside(&folder, &folder, &mut size);
            assert_eq!(size, found.size);
            let again = store.resolve(found.digest.as_str(), &command).expect("it is there");
            assert_eq!(again.digest, found.digest);
        }
        Err(_) => assert!(!store.path(&found.digest).exists(), "half an artifact was kept"),
    }
    untouched(dir.path(), name);
    // What was sealed cannot be removed by its owner before it is opened again.
    opened(dir.path());
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(bytes).and_then(|()| gz.finish()).expect("memory to write to")
}

fn scripted(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut archive = Vec::new();
    for _ in 0..ENTRIES {
        if bytes.is_empty() {
            break;
        }
        let mut header = Header::new_gnu();
        let kind = bytes.pick(&KINDS);
        let path = name(bytes);
        let content = if kind == EntryType::Regular { bytes.text() } else { String::new() };
        // Straight into the fields: the library would refuse what is to be tried.
        put(&mut header.as_old_mut().name, path.as_bytes());
        if matches!(kind, EntryType::Symlink | EntryType::Link) {
            put(&mut header.as_old_mut().linkname, name(bytes).as_bytes());
        }
        header.set_entry_type(kind);
        header.set_mode(if bytes.byte() < 128 { 0o755 } else { 0o4644 });
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(content.as_bytes());
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend_from_slice(&[0; 1024]);
    archive
}

fn name(bytes: &mut Bytes<'_>) -> String {
    match bytes.byte() {
        number @ 0..=199 => NAMES[usize::from(number) % NAMES.len()].to_owned(),
        _ => bytes.text(),
    }
}

fn put(field: &mut [u8], text: &[u8]) {
    for (to, from) in field.iter_mut().zip(text) {
        *to = *from;
    }
}

/// Everything below a folder is a folder, a plain file without odd bits, or a link that stays inside.
fn inside(root: &Path, at: &Path, size: &mut u64) {
    for entry in fs::read_dir(at).expect("a stored folder") {
        let entry = entry.expect("a stored folder").path();
        let about = fs::symlink_metadata(&entry).expect("a stored entry");
        let kind = about.file_type();
        if kind.is_symlink() {
            // A link to something that is not there leads nowhere.
            if let Ok(target) = fs::canonicalize(&entry) {
                let root = fs::canonicalize(root).expect("a stored folder");
                assert!(
                    target.starts_with(&root),
                    "{} leads to {}",
                    entry.display(),
                    target.display()
                );
            }
        } else if kind.is_dir() {
            inside(root, &entry, size);
        } else {
            assert!(kind.is_file(), "{} is neither file, folder nor link", entry.display());
            assert_eq!(
                about.permissions().mode() & 0o7222,
                0,
                "{} may be changed",
                entry.display()
            );
            *size += about.len();
        }
    }
}

/// Nothing was written beside the store and the archive.
fn untouched(dir: &Path, archive: &str) {
    let listing = fs::read_dir(dir).expect("the folder");
    let others: Vec<PathBuf> = listing
        .map(|entry| entry.expect("the folder").path())
        .filter(|path| !path.ends_with(archive) && !path.ends_with("state"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

fn opened(at: &Path) {
    let about = fs::symlink_metadata(at).expect("a folder");
    if about.is_dir() {
        let mode = fs::Permissions::from_mode(0o700);
        fs::set_permissions(at, mode).expect("a folder of ours");
        for entry in fs::read_dir(at).expect("a folder") {
            opened(&entry.expect("a folder").path());
        }
    }
}
