//! Values of secrets, while containers need them: files on a tmpfs, one folder per replica (P13).
//!
//! The folder of all of them is for ops alone, so nobody else of the host comes to a replica's
//! files; inside the container whoever its service runs as may read them.

use std::{
    fs::{DirBuilder, File},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use ops_core::world::{Fault, ReleaseSpec};
use ops_engine::ports::Look;

use super::{Grounds, names};

/// What statfs(2) calls a tmpfs.
const TMPFS: i64 = 0x0102_1994;

/// The values of a replica's secrets, by name.
pub(super) type Values = Vec<(String, String)>;

/// Finds the values of a replica's secrets.
pub(super) fn values(grounds: &Grounds, spec: &ReleaseSpec, name: &str) -> Look<Values> {
    let mut values = Vec::new();
    for (secret, reference) in &spec.secrets {
        values.push((secret.clone(), value(grounds, secret, reference, name)?));
    }
    Ok(values)
}

/// Puts values where a replica's container finds them, in a folder of all of them.
pub(super) fn put(all: &Path, name: &str, values: &[(String, String)]) -> Look<PathBuf> {
    names::check(name)?;
    let folder = all.join(name);
    prepare(all)?;
    for (secret, _) in values {
        names::check(secret)?;
    }
    fill(&folder, values).map_err(|error| unwritable(&folder, &error))?;
    Ok(folder)
}

/// A folder is called as a replica is, or, for a value of a project, with a `~` that no replica has.
fn check_folder(name: &str) -> Look<()> {
    names::check(&name.replace('~', "-"))
}

/// The value of a secret, found by its reference.
pub(super) fn value(grounds: &Grounds, secret: &str, reference: &str, whose: &str) -> Look<String> {
    names::check(secret)?;
    (grounds.resolve)(reference).map_err(|why| {
        let next = "put the value where the reference leads, then try again";
        Fault::new(why, format!("secret {secret} of {whose}"), next)
    })
}

/// Puts one value into a folder of its own, and says which file it is.
pub(super) fn put_one(grounds: &Grounds, name: &str, secret: &str, value: String) -> Look<PathBuf> {
    check_folder(name)?;
    let folder = grounds.secrets_dir.join(name);
    prepare(&grounds.secrets_dir)?;
    let file = folder.join(secret);
    if !file.is_file() {
        fill(&folder, &[(secret.to_owned(), value)])
            .map_err(|error| unwritable(&folder, &error))?;
    }
    Ok(file)
}

/// Names of all folders with values that begin so.
pub(super) fn folders(grounds: &Grounds, begin: &str) -> Vec<String> {
    let listing = std::fs::read_dir(&grounds.secrets_dir).into_iter().flatten().flatten();
    let names = listing.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(begin)).collect()
}

/// Takes a replica's values away, if there are any.
pub(super) fn take_away(all: &Path, name: &str) -> Look<()> {
    check_folder(name)?;
    let folder = all.join(name);
    for path in [with_dot(&folder, "new"), with_dot(&folder, "old"), folder] {
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(unwritable(&path, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a replica's values are where its container looks for them.
pub(super) fn are_there(all: &Path, name: &str) -> bool {
    all.join(name).is_dir()
}

fn with_dot(folder: &Path, what: &str) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.{what}"))
}

/// Makes the folder of all secrets and proves that nothing in it reaches a disk.
fn prepare(folder: &Path) -> Look<()> {
    let failed = |error: io::Error| unwritable(folder, &error);
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let kind = rustix::fs::statfs(folder).map_err(|error| failed(error.into()))?.f_type;
    if kind == TMPFS {
        return Ok(());
    }
    Err(Fault::new(
        "secrets would reach a disk here: this is no tmpfs",
        folder.display().to_string(),
        "let the folder for secrets be below /run or /dev/shm",
    ))
}

/// Exchanges a replica's folder as a whole. A container that runs keeps the one that it has.
fn fill(folder: &Path, values: &[(String, String)]) -> io::Result<()> {
    let (fresh, old) = (with_dot(folder, "new"), with_dot(folder, "old"));
    for left in [&fresh, &old] {
        match std::fs::remove_dir_all(left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    DirBuilder::new().mode(0o755).create(&fresh)?;
    for (name, value) in values {
        let path = fresh.join(name);
        let mut file = File::options().write(true).create_new(true).mode(0o444).open(path)?;
        file.write_all(value.as_bytes())?;
    }
    if folder.exists() {
        std::fs::rename(folder, &old)?;
    }
    std::fs::rename(&fresh, folder)?;
    if old.exists() { std::fs::remove_dir_all(&old) } else { Ok(()) }
}

fn unwritable(place: &Path, error: &io::Error) -> Fault {
    Fault::new(
        format!("secrets cannot be put here: {error}"),
        place.display().to_string(),
        "let the user that runs ops write to this folder, then try again",
    )
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, os::unix::fs::PermissionsExt as _, sync::Arc};

    use super::*;

    fn grounds() -> Grounds {
        Grounds {
            state_dir: PathBuf::new(),
            records_dir: PathBuf::new(),
            secrets_dir: PathBuf::new(),
            carrier: Vec::new(),
            resolve: Arc::new(|reference| Ok(format!("value of {reference}"))),
            ports: (1, 1),
            publish: Ipv4Addr::LOCALHOST,
            log_quota_mb: 1,
        }
    }

    fn spec(references: &[(&str, &str)]) -> ReleaseSpec {
        ReleaseSpec {
            release: "r".into(),
            service: "s".into(),
            artifact: ops_core::id::Digest::of(b""),
            command: Vec::new(),
            env: Vec::new(),
            secrets: references.iter().map(|(n, r)| ((*n).to_owned(), (*r).to_owned())).collect(),
            replicas: 1,
            fixed_port: None,
            stop_grace_ms: 0,
            container: None,
            compose: None,
        }
    }

    fn one(reference: &str) -> Values {
        values(&grounds(), &spec(&[("TOKEN", reference)]), "one").unwrap()
    }

    #[test]
    fn p13_values_are_on_a_tmpfs_for_ops_alone_and_go_when_they_are_taken_away() {
        let scratch = tempfile::tempdir_in("/dev/shm").unwrap();
        let all = scratch.path().join("secrets");
        for reference in ["first", "second"] {
            let folder = put(&all, "one", &one(reference)).unwrap();
            let text = std::fs::read_to_string(folder.join("TOKEN")).unwrap();
            assert_eq!(text, format!("value of {reference}"));
        }
        let mode = std::fs::metadata(&all).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(are_there(&all, "one"));
        for _ in 0..2 {
            take_away(&all, "one").unwrap();
        }
        assert_eq!(std::fs::read_dir(&all).unwrap().count(), 0);
    }

    #[test]
    fn p13_a_folder_on_a_disk_is_refused() {
        let disk = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let fault = put(disk.path(), "one", &one("x")).unwrap_err();
        assert!(fault.to_string().contains("no tmpfs"), "{fault}");
        assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0, "nothing was written");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let scratch = tempfile::tempdir_in("/dev/shm").unwrap();
        for bad in ["../x", "a/b", "", ".."] {
            assert!(values(&grounds(), &spec(&[(bad, "x")]), "one").is_err(), "{bad}");
            let secret = [(bad.to_owned(), "x".to_owned())];
            assert!(put(scratch.path(), "one", &secret).is_err(), "{bad}");
            assert!(put(scratch.path(), bad, &one("x")).is_err(), "{bad}");
            assert!(take_away(scratch.path(), bad).is_err(), "{bad}");
        }
    }
}
