//! Secrets by reference. Values are read here to make a keyed hash of them, and to show a token to
//! the one system that it is for; no answer of a port and no error holds one (P13).

use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use ops_core::world::Fault;
use ops_engine::ports::{Look, Secrets};
use rustix::fs::OFlags;

use crate::hmac::{KEY_BYTES, hmac};

/// Name of the file in the state folder that keeps the key of the hashes.
pub const KEY_FILE: &str = "secrets.key";

/// Longest value, in bytes.
pub const VALUE_LIMIT: u64 = 64 << 10;

/// What is hashed first, so that this key never hashes anything else that means something.
const PURPOSE: &[u8] = b"ops-secret-version-2\0";

/// Bits of a mode that a secret's file may not have: no writing by its group, nothing for others.
const TOO_OPEN: u32 = 0o027;

const ALLOWED: &str = "write `env:NAME` for a variable of ops's own environment or \
                       `file:/absolute/path` for a file";

/// Secrets in variables of this process and in files of this machine.
///
/// A version is the HMAC-SHA-256 of the value under a key that never leaves this machine: it tells
/// whether a value changed, and whether two references lead to the same one, which proves the way
/// back of a rotation (S16); nothing else. An empty value counts as none.
pub struct ReferenceSecrets {
    key: [u8; KEY_BYTES],
}

impl fmt::Debug for ReferenceSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReferenceSecrets").finish_non_exhaustive()
    }
}

impl ReferenceSecrets {
    /// Reads the key in the state folder, or draws one if there is none.
    pub fn open(state: &Path) -> Result<Self, Fault> {
        let path = state.join(KEY_FILE);
        let failed = |what: &str, e: &dyn fmt::Display| {
            let next = "make the state folder writable for ops";
            Fault::new(format!("{what}: {e}"), path.display().to_string(), next)
        };
        match read_key(&path)? {
            Some(key) => return Ok(Self { key }),
            None => draw_key(state, &path).map_err(|e| failed("cannot keep a new key", &e))?,
        }
        // Read back, because another process may have been faster.
        read_key(&path)?
            .map(|key| Self { key })
            .ok_or_else(|| failed("cannot read the new key", &"it is gone"))
    }

    fn hash(&self, value: &[u8]) -> String {
        use fmt::Write as _;
        let hash = hmac(&self.key, &[PURPOSE, value]);
        hash.iter().fold(String::from("hmac-sha256:"), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl Secrets for ReferenceSecrets {
    fn version(&self, reference: &str) -> Look<Option<String>> {
        Ok(value(reference, "`secrets` in ops.yaml")?.map(|value| self.hash(&value)))
    }
}

/// The text to which a reference leads, for whoever must show it to another system (P13: it goes
/// nowhere else). `wish` says where the reference stands.
///
/// # Errors
///
/// If the reference leads to nothing, or to what is no text.
pub fn secret_text(reference: &str, wish: &str) -> Look<String> {
    let missing = || Fault::new("a secret's reference leads to no value", wish, "set the value");
    let bytes = value(reference, wish)?.ok_or_else(missing)?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Fault::new("a secret's value is no text", wish, "store it as plain text"))?;
    Ok(text.trim_end().to_owned())
}

/// The value to which a reference leads, unless it is empty. `wish` says where the reference
/// stands.
pub(crate) fn value(reference: &str, wish: &str) -> Look<Option<Vec<u8>>> {
    let value = match reference.split_once(':') {
        Some(("env", name)) => from_environment(name, wish)?,
        Some(("file", path)) => from_file(Path::new(path), wish)?,
        // Perhaps somebody wrote the value itself here, so no part of it is repeated.
        _ => {
            let what = "a secret's reference has no scheme that ops knows";
            return Err(Fault::new(what, wish, ALLOWED));
        }
    };
    Ok(value.filter(|value| !value.is_empty()))
}

fn from_environment(name: &str, wish: &str) -> Look<Option<Vec<u8>>> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !first || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        let what = "what follows `env:` is not the name of a variable";
        return Err(Fault::new(what, wish, ALLOWED));
    }
    Ok(std::env::var_os(name).map(|value| value.as_bytes().to_vec()))
}

fn from_file(path: &Path, wish: &str) -> Look<Option<Vec<u8>>> {
    if !path.is_absolute() {
        let what = "what follows `file:` is not an absolute path";
        return Err(Fault::new(what, wish, ALLOWED));
    }
    let place = path.display().to_string();
    let failed = |e: io::Error| {
        let next = "let ops's user read it";
        Fault::new(format!("cannot read a secret's file: {e}"), place.clone(), next)
    };
    let file = match open_without_waiting(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(failed)?,
    };
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        let what = "a secret's file is not a regular file";
        return Err(Fault::new(what, place, "put the value into a regular file"));
    }
    let mode = about.permissions().mode();
    if mode & TOO_OPEN != 0 {
        let what = format!("a secret's file is open to others (mode {:03o})", mode & 0o777);
        let next = format!("run `chmod 600 {}`, or 640 for a group of its own", path.display());
        return Err(Fault::new(what, place, next));
    }
    let mut value = Vec::new();
    file.take(VALUE_LIMIT + 1).read_to_end(&mut value).map_err(failed)?;
    if value.len() as u64 > VALUE_LIMIT {
        let what = format!("a secret's file is longer than {VALUE_LIMIT} bytes");
        return Err(Fault::new(what, place, "keep only the value in it"));
    }
    Ok(Some(value))
}

/// Opens a file so that a pipe without a writer cannot hold us up.
pub(crate) fn open_without_waiting(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

fn read_key(path: &Path) -> Result<Option<[u8; KEY_BYTES]>, Fault> {
    let fault = |what: String, next: &str| Fault::new(what, path.display().to_string(), next);
    let restore = "restore it from a backup, or remove it: ops then draws a new one and sees all \
                   secrets as rotated";
    let file = match open_without_waiting(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| fault(format!("cannot read the key: {e}"), restore))?,
    };
    let about = file.metadata().map_err(|e| fault(format!("cannot read the key: {e}"), restore))?;
    let mode = about.permissions().mode();
    if mode & 0o077 != 0 {
        let what =
            format!("the key of secret versions is open to others (mode {:03o})", mode & 0o777);
        return Err(fault(what, "see who read it, then run `chmod 600` on it"));
    }
    let mut bytes = Vec::new();
    file.take(KEY_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| fault(format!("cannot read the key: {e}"), restore))?;
    match bytes.try_into() {
        Ok(key) => Ok(Some(key)),
        Err(_) => Err(fault(format!("the key is not {KEY_BYTES} bytes long"), restore)),
    }
}

/// Puts a new key in its place, whole or not at all, unless one is there already.
fn draw_key(state: &Path, path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    let draft = Draft(state.join(format!("{KEY_FILE}.{}", std::process::id())));
    // A process of the same number may have died before it could clean up.
    match std::fs::remove_file(&draft.0) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft.0)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // A link, because it does not replace what another process has put there meanwhile.
    match std::fs::hard_link(&draft.0, path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
        _ => File::open(state)?.sync_all(),
    }
}

/// A file that goes away again, whatever happens.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};

    use super::*;

    const VALUE: &str = "correct-horse-battery-staple";

    struct Place {
        dir: tempfile::TempDir,
    }

    impl Place {
        fn new() -> Self {
            Self { dir: tempfile::tempdir().unwrap() }
        }

        fn secrets(&self) -> ReferenceSecrets {
            ReferenceSecrets::open(self.dir.path()).unwrap()
        }

        fn key(&self) -> PathBuf {
            self.dir.path().join(KEY_FILE)
        }

        fn file(&self, value: impl AsRef<[u8]>, mode: u32) -> String {
            let path = self.dir.path().join("secret");
            std::fs::write(&path, value).unwrap();
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            format!("file:{}", path.display())
        }
    }

    #[test]
    fn a_version_follows_the_value_and_the_key() {
        let place = Place::new();
        let reference = place.file(VALUE, 0o600);
        let first = place.secrets().version(&reference).unwrap().unwrap();
        assert_eq!(first.len(), "hmac-sha256:".len() + 64);
        assert_eq!(place.secrets().version(&reference).unwrap().unwrap(), first, "after a restart");
        place.file("another", 0o640);
        let second = place.secrets().version(&reference).unwrap().unwrap();
        assert_ne!(second, first);
        place.file(VALUE, 0o400);
        assert_eq!(place.secrets().version(&reference).unwrap().unwrap(), first);
        std::fs::remove_file(place.key()).unwrap();
        assert_ne!(place.secrets().version(&reference).unwrap().unwrap(), first, "another key");
    }

    #[test]
    fn s16_a_value_kept_in_another_place_has_the_same_version() {
        let place = Place::new();
        let reference = place.file(VALUE, 0o600);
        let path = reference.strip_prefix("file:").unwrap();
        let before = format!("{path}.before");
        std::fs::copy(path, &before).unwrap();
        let version = |reference: &str| place.secrets().version(reference).unwrap().unwrap();
        assert_eq!(version(&reference), version(&format!("file:{before}")));
    }

    #[test]
    fn variables_are_read_and_missing_values_are_none() {
        let place = Place::new();
        let secrets = place.secrets();
        // Cargo sets this one for every test.
        assert!(secrets.version("env:CARGO_MANIFEST_DIR").unwrap().is_some());
        assert_eq!(secrets.version("env:OPS_TEST_NO_SUCH_VARIABLE").unwrap(), None);
        assert_eq!(secrets.version("file:/no/such/file").unwrap(), None);
        assert_eq!(secrets.version(&place.file("", 0o600)).unwrap(), None, "empty counts as none");
    }

    #[test]
    fn p13_no_value_is_told() {
        let place = Place::new();
        let secrets = place.secrets();
        for wrong in [VALUE, "hunter2:secret", "env:my secret!", "env:", "file:my/secret", "file:"]
        {
            let told = format!("{:?}", secrets.version(wrong).unwrap_err());
            for part in [VALUE, "hunter2", "secret!", "my/secret"] {
                assert!(!told.contains(part), "{told}");
            }
            assert!(told.contains("env:NAME") && told.contains("file:/"), "{told}");
        }
        let reference = place.file(VALUE, 0o644);
        let told = format!("{:?}", secrets.version(&reference).unwrap_err());
        assert!(!told.contains(VALUE) && told.contains("chmod 600"), "{told}");
        let version = secrets.version(&place.file(VALUE, 0o600)).unwrap();
        let key = std::fs::read(place.key()).unwrap();
        let debug = format!("{secrets:?} {version:?}");
        assert!(!debug.contains(VALUE) && !debug.contains(&format!("{key:?}")), "{debug}");
    }

    #[test]
    fn p8_what_cannot_be_read_safely_is_an_error() {
        let place = Place::new();
        let secrets = place.secrets();
        for mode in [0o602, 0o604, 0o620, 0o601, 0o666] {
            assert!(secrets.version(&place.file(VALUE, mode)).is_err(), "{mode:o}");
        }
        let long = vec![b'x'; VALUE_LIMIT as usize + 1];
        assert!(secrets.version(&place.file(long, 0o600)).is_err());
        let folder = format!("file:{}", place.dir.path().display());
        assert!(secrets.version(&folder).is_err());
        let pipe = place.dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        let told = secrets.version(&format!("file:{}", pipe.display())).unwrap_err();
        assert!(told.what.contains("regular"), "it does not wait for a writer: {told}");
    }

    #[test]
    fn the_key_is_private_and_never_replaced() {
        let place = Place::new();
        place.secrets();
        let mode = std::fs::metadata(place.key()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(place.dir.path()).unwrap().count(), 1, "no draft is left");

        set_permissions(place.key(), Permissions::from_mode(0o644)).unwrap();
        let told = ReferenceSecrets::open(place.dir.path()).unwrap_err();
        assert!(told.next.contains("chmod 600"), "{told}");
        set_permissions(place.key(), Permissions::from_mode(0o600)).unwrap();
        std::fs::write(place.key(), "short").unwrap();
        let told = ReferenceSecrets::open(place.dir.path()).unwrap_err();
        assert!(told.what.contains("32 bytes"), "{told}");
        assert_eq!(std::fs::read(place.key()).unwrap(), b"short");
    }

    #[test]
    fn two_that_start_at_once_share_one_key() {
        let place = Place::new();
        let reference = place.file(VALUE, 0o600);
        let path = place.dir.path();
        // In one process the drafts would have one name, so the second is put there by hand.
        draw_key(path, &place.key()).unwrap();
        let first = place.secrets().version(&reference).unwrap();
        draw_key(path, &place.key()).unwrap();
        assert_eq!(place.secrets().version(&reference).unwrap(), first);
    }
}
