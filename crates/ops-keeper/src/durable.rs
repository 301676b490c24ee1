//! Small JSON files that are replaced as a whole and survive a power cut.
//!
//! Beside `x.json` stands `x.spare` of the same size. A write fills the spare in place and then
//! exchanges the two names, so that on a file system that overwrites in place (ext4, xfs) it needs
//! no free block: an order can be taken down on a full disk too (S20).
//!
//! A reader that was held up may read a file that is the spare by now and being written. So the
//! second line is a checksum of the first, and a reader that finds it wrong reads again.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use serde::{Serialize, de::DeserializeOwned};

/// Files grow in steps of this many bytes and never shrink.
const BLOCK: usize = 4096;
/// Times that a file is read before it is called damaged.
const READS: u32 = 5;
/// Bytes that a file may have.
const FILE_MAX: u64 = 1024 * 1024;

/// Replaces a file by a value as JSON; when this returns, it is on disk. Only one process may
/// write a file at a time.
pub fn save<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let text = serde_json::to_string(value)?;
    let bytes = format!("{text}\n{}\n", checksum(&text)).into_bytes();
    let spare = path.with_extension("spare");
    let had_file = path.exists();
    fill(&spare, &bytes)?;
    if had_file {
        renameat_with(CWD, &spare, CWD, path, RenameFlags::EXCHANGE)
            .or_else(|_| std::fs::rename(&spare, path).map_err(|_| rustix::io::Errno::IO))?;
    } else {
        std::fs::rename(&spare, path)?;
        fill(&spare, &bytes)?;
    }
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Reads a file back; `None` if there is none. Damaged text is an error.
pub fn load<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    for _ in 1..READS {
        if let Ok(value) = read(path) {
            return Ok(value);
        }
    }
    read(path)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text)?;
    let (text, rest) = text.split_once('\n').unwrap_or((&text, ""));
    if rest.trim_end() != checksum(text) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"));
    }
    Ok(Some(serde_json::from_str(text)?))
}

/// The 64-bit FNV-1a hash (draft-eastlake-fnv): it tells torn text, not a forger's.
fn checksum(text: &str) -> String {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, mix);
    format!("{{\"fnv1a\":\"{hash:016x}\"}}")
}

/// Writes the bytes and as many line ends as fill the file's last block, over what was there.
fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let length = bytes.len().max(file.metadata()?.len() as usize).next_multiple_of(BLOCK);
    let mut padded = Vec::with_capacity(length);
    padded.extend_from_slice(bytes);
    padded.resize(length, b'\n');
    file.write_all_at(&padded, 0)?;
    file.sync_all()
}

/// Makes names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_shorter_text_leaves_no_tail() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        assert_eq!(load::<Vec<String>>(&path).unwrap(), None);
        for size in [3, 900, 1, 0, 2] {
            let value = vec!["some text".to_owned(); size];
            save(&path, &value).unwrap();
            assert_eq!(load::<Vec<String>>(&path).unwrap(), Some(value));
        }
    }

    #[test]
    fn s20_a_replaced_file_needs_no_new_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let inodes = || {
            let spare = path.with_extension("spare");
            let mut both = [path.metadata().unwrap().ino(), spare.metadata().unwrap().ino()];
            both.sort_unstable();
            both
        };
        save(&path, &1).unwrap();
        let first = inodes();
        for value in 2..9 {
            save(&path, &value).unwrap();
            assert_eq!(inodes(), first);
        }
        assert_eq!(load::<i32>(&path).unwrap(), Some(8));
    }

    #[test]
    fn garbage_is_an_error_and_never_a_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        save(&path, &"a value").unwrap();
        let good = std::fs::read_to_string(&path).unwrap();
        for bad in ["", "{\"half\":", "7\n", &good.replace("value", "other")] {
            std::fs::write(&path, bad).unwrap();
            assert!(load::<serde_json::Value>(&path).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reader_never_sees_two_writes_mixed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        let value = |n: usize| vec![n % 10; 500];
        save(&path, &value(0)).unwrap();
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| (0..300).try_for_each(|n| save(&path, &value(n))));
            while !writer.is_finished() {
                let read: Vec<usize> = load(&path).unwrap().unwrap();
                assert!(read.windows(2).all(|pair| pair[0] == pair[1]));
            }
            writer.join().unwrap().unwrap();
        });
    }
}
