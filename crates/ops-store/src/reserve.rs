//! Space set aside for the way back: a file that is given up, piece by piece, when the disk is
//! full (S20).

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::PathBuf,
};

use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};

/// Bytes that are set aside: hundreds of appends, where a rollback needs dozens.
pub const RESERVE_BYTES: u64 = 8 << 20;

/// Bytes that are given up at a time. Not all at once, because whatever filled the disk may be
/// still at it and would take the rest.
const PIECE: u64 = 1 << 20;

/// The file that holds the space.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Fills the file up. Leaves it as it was if there is no room for all of it.
    pub(crate) fn top_up(&self) -> io::Result<()> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&self.path)?;
        let before = file.metadata()?;
        // Blocks are counted in units of 512 bytes, whatever the file system uses.
        if before.len() >= RESERVE_BYTES && before.blocks() * 512 >= RESERVE_BYTES {
            return Ok(());
        }
        let filled = match fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => fill(&file),
            other => other.map_err(io::Error::from),
        };
        filled.and_then(|()| file.sync_all()).inspect_err(|_| {
            // A part of it would only take room from those who could use it.
            let _ = file.set_len(before.len());
        })
    }

    /// Gives one piece back to the disk; `false` when nothing is left.
    pub(crate) fn give_up_a_piece(&self) -> io::Result<bool> {
        let file = match OpenOptions::new().write(true).open(&self.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            other => other?,
        };
        let left = file.metadata()?.len();
        if left == 0 {
            return Ok(false);
        }
        file.set_len(left.saturating_sub(PIECE))?;
        // Some file systems hand freed blocks out again only after this.
        file.sync_all()?;
        Ok(true)
    }
}

/// For file systems that cannot set space aside by a call. Where they compress or copy on write,
/// this reserve is worth less; `fallocate` is what protects.
fn fill(mut file: &File) -> io::Result<()> {
    let zeros = [0_u8; 1 << 13];
    for _ in 0..RESERVE_BYTES / zeros.len() as u64 {
        file.write_all(&zeros)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_it_is_given_up_in_pieces_and_topped_up_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal.reserve");
        let reserve = Reserve::at(path.clone());
        assert!(!reserve.give_up_a_piece().unwrap(), "there is none yet");
        reserve.top_up().unwrap();
        let full = std::fs::metadata(&path).unwrap();
        assert_eq!(full.len(), RESERVE_BYTES);
        assert!(full.blocks() * 512 >= RESERVE_BYTES, "the space is really taken");

        let mut pieces = 0;
        while reserve.give_up_a_piece().unwrap() {
            pieces += 1;
        }
        assert_eq!(pieces, RESERVE_BYTES / PIECE);
        assert_eq!(std::fs::metadata(&path).unwrap().blocks(), 0, "all of it was given back");
        reserve.top_up().unwrap();
        reserve.top_up().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), RESERVE_BYTES);
    }
}
