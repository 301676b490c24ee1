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

/// Puts the values of a replica's secrets where its container finds them; `None` if it has none.
pub(super) fn put(grounds: &Grounds, spec: &ReleaseSpec, name: &str) -> Look<Option<PathBuf>> {
    if spec.secrets.is_empty() {
        return Ok(None);
    }
    let mut values = Vec::new();
    for (secret, reference) in &spec.secrets {
        names::check(secret)?;
        let value = (grounds.resolve)(reference).map_err(|why| {
            let next = "put the value where the reference leads, then try again";
            Fault::new(why, format!("secret {secret} of {name}"), next)
        })?;
        values.push((secret.as_str(), value));
    }
    let folder = folder(grounds, name);
    prepare(&grounds.secrets_dir)?;
    fill(&folder, &values).map_err(|error| unwritable(&folder, &error))?;
    Ok(Some(folder))
}

/// Takes a replica's values away, if there are any.
pub(super) fn take_away(grounds: &Grounds, name: &str) -> Look<()> {
    let folder = folder(grounds, name);
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
pub(super) fn are_there(grounds: &Grounds, name: &str) -> bool {
    folder(grounds, name).is_dir()
}

fn folder(grounds: &Grounds, name: &str) -> PathBuf {
    grounds.secrets_dir.join(name)
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
fn fill(folder: &Path, values: &[(&str, String)]) -> io::Result<()> {
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

    fn grounds(secrets_dir: &Path) -> Grounds {
        Grounds {
            state_dir: PathBuf::new(),
            records_dir: PathBuf::new(),
            secrets_dir: secrets_dir.to_owned(),
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

    #[test]
    fn p13_values_are_on_a_tmpfs_for_ops_alone_and_go_when_they_are_taken_away() {
        let scratch = tempfile::tempdir_in("/dev/shm").unwrap();
        let grounds = grounds(&scratch.path().join("secrets"));
        assert_eq!(put(&grounds, &spec(&[]), "one").unwrap(), None);
        for reference in ["first", "second"] {
            let folder = put(&grounds, &spec(&[("TOKEN", reference)]), "one").unwrap().unwrap();
            let text = std::fs::read_to_string(folder.join("TOKEN")).unwrap();
            assert_eq!(text, format!("value of {reference}"));
        }
        let mode = std::fs::metadata(&grounds.secrets_dir).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(are_there(&grounds, "one"));
        for _ in 0..2 {
            take_away(&grounds, "one").unwrap();
        }
        assert_eq!(std::fs::read_dir(&grounds.secrets_dir).unwrap().count(), 0);
    }

    #[test]
    fn p13_a_folder_on_a_disk_is_refused() {
        let disk = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let fault = put(&grounds(disk.path()), &spec(&[("TOKEN", "x")]), "one").unwrap_err();
        assert!(fault.to_string().contains("no tmpfs"), "{fault}");
        assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 0, "nothing was written");
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let scratch = tempfile::tempdir_in("/dev/shm").unwrap();
        for bad in ["../x", "a/b", ""] {
            assert!(put(&grounds(scratch.path()), &spec(&[(bad, "x")]), "one").is_err(), "{bad}");
        }
    }
}
