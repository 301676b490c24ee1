//! The store with real folders and real archives.

use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
    process::Command,
};

use ops_core::id::Digest;
use ops_engine::ports::{ActError, Artifacts as _};
use ops_targets::ArtifactStore;

use crate::stand::script;

struct Shelf {
    folder: tempfile::TempDir,
    store: ArtifactStore,
}

impl Shelf {
    fn new() -> Self {
        Self::with_quota(64)
    }

    fn with_quota(quota_mb: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = ArtifactStore::new(&folder.path().join("state"), quota_mb);
        Self { folder, store }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.at(name).display().to_string()
    }

    /// A folder with a program, data, a nested and an empty folder, and a link.
    fn app(&self) -> PathBuf {
        let app = self.at("app");
        std::fs::create_dir_all(app.join("lib/deep")).unwrap();
        std::fs::create_dir(app.join("empty")).unwrap();
        script(&app.join("run"), "exec sleep 1000");
        std::fs::write(app.join("lib/deep/data"), vec![7; 100_000]).unwrap();
        std::fs::write(app.join("lib.txt"), "sorts between lib and lib/deep\n").unwrap();
        std::os::unix::fs::symlink("../run", app.join("lib/start")).unwrap();
        app
    }

    fn tar(&self, flags: &str, name: &str) -> String {
        let done = Command::new("tar")
            .args(["-C", &self.name("app"), flags, &self.name(name), "."])
            .status()
            .unwrap();
        assert!(done.success());
        self.name(name)
    }

    fn resolve(&self, reference: &str) -> Result<Digest, String> {
        let resolved = self.store.resolve(reference, &command());
        resolved.map(|artifact| artifact.digest).map_err(|fault| fault.to_string())
    }

    fn import(&self, reference: &str) -> Digest {
        let digest = self.resolve(reference).unwrap();
        self.store.import(reference, &digest).unwrap();
        digest
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        unseal(self.folder.path());
    }
}

/// Stored artifacts are read-only, which only root may ignore.
fn unseal(folder: &Path) {
    let done = Command::new("chmod").args(["-R", "u+w"]).arg(folder).status();
    assert!(done.unwrap().success());
}

/// Kind, name, and body or link target.
type Entry<'a> = (tar::EntryType, &'a str, &'a str);

fn command() -> Vec<String> {
    vec!["run".to_owned()]
}

fn archive(path: &Path, fill: impl FnOnce(&mut tar::Builder<std::fs::File>)) {
    let mut builder = tar::Builder::new(std::fs::File::create(path).unwrap());
    fill(&mut builder);
    builder.finish().unwrap();
}

/// Adds an entry under any name, also those that the tar library would refuse to write.
fn add(builder: &mut tar::Builder<std::fs::File>, kind: tar::EntryType, name: &str, body: &str) {
    let mut header = tar::Header::new_old();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    let bytes = header.as_mut_bytes();
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    let linked = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
    if linked {
        bytes[157..157 + body.len()].copy_from_slice(body.as_bytes());
    }
    let body = if linked { "" } else { body };
    header.set_size(body.len() as u64);
    header.set_cksum();
    builder.append(&header, body.as_bytes()).unwrap();
}

#[test]
fn a_folder_and_every_archive_of_it_have_one_digest() {
    let shelf = Shelf::new();
    let app = shelf.app();
    let folder = shelf.resolve(&app.display().to_string()).unwrap();
    for (flags, name) in [("-cf", "a.tar"), ("-czf", "a.tar.gz"), ("-czf", "a.tgz")] {
        let reference = shelf.tar(flags, name);
        assert_eq!(shelf.resolve(&reference).as_ref(), Ok(&folder), "{name}");
    }
    for format in ["--format=gnu", "--format=pax", "--format=ustar"] {
        let path = shelf.name(&format!("{}.tar", &format[9..]));
        let app = shelf.name("app");
        let names = ["run", "lib", "lib.txt", "empty"];
        let tar = Command::new("tar").args([format, "-C", &app, "-cf", &path]).args(names).status();
        assert!(tar.unwrap().success());
        assert_eq!(shelf.resolve(&path).as_ref(), Ok(&folder), "{format}");
    }
    let digest = shelf.import(&shelf.name("a.tgz"));
    assert_eq!(shelf.resolve(digest.as_str()), Ok(folder));
    let resolved = shelf.store.resolve(&shelf.name("app"), &command()).unwrap();
    assert!(resolved.stored && resolved.size > 100_000);
}

/// The digest was computed by another program from the written-down form: it must never change.
#[test]
fn the_digest_is_that_of_its_description() {
    let shelf = Shelf::new();
    std::fs::create_dir_all(shelf.at("app/lib")).unwrap();
    script(&shelf.at("app/run"), "exec sleep 1000");
    std::fs::write(shelf.at("app/note"), "hi\n").unwrap();
    std::os::unix::fs::symlink("../run", shelf.at("app/lib/start")).unwrap();
    assert_eq!(
        shelf.resolve(&shelf.name("app")).unwrap().hex(),
        "4cfce1b7ed5662d1f343da852eb2386ce437ed93b66859f9c5a3926c3f9bd101"
    );
}

#[test]
fn no_damage_to_an_archive_makes_a_panic_or_a_file_outside() {
    let shelf = Shelf::new();
    shelf.app();
    let whole = std::fs::read(shelf.tar("-cf", "a.tar")).unwrap();
    let digest = shelf.resolve(&shelf.name("a.tar")).unwrap();
    let mut dice = 42_u64;
    for round in 0..150 {
        let mut bytes = whole.clone();
        for _ in 0..=round % 8 {
            // Marsaglia's xorshift64: the same damage on every machine.
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            // Mostly in headers: those are where the first bytes of each block are.
            let at = (dice as usize >> 16) % bytes.len() / 512 * 512 + (dice as usize % 512);
            bytes[at] = (dice >> 40) as u8;
        }
        std::fs::write(shelf.at("b.tar"), &bytes).unwrap();
        let resolved = shelf.resolve(&shelf.name("b.tar"));
        let imported = shelf.store.import(&shelf.name("b.tar"), &digest);
        assert_eq!(imported.is_ok(), resolved.as_ref() == Ok(&digest), "round {round}");
        let stored = shelf.store.path(&digest);
        if stored.exists() {
            assert_eq!(shelf.store.verify(&digest), Ok(true));
            unseal(&stored);
            std::fs::remove_dir_all(&stored).unwrap();
        }
    }
    let mut names: Vec<_> =
        shelf.folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.tar", "app", "b.tar", "state"]);
}

#[test]
fn whatever_counts_changes_the_digest_and_nothing_else_does() {
    let shelf = Shelf::new();
    let app = shelf.app();
    let reference = app.display().to_string();
    let first = shelf.resolve(&reference).unwrap();
    let touched = Command::new("touch").args(["-d", "2001-01-01"]).arg(app.join("run")).status();
    assert!(touched.unwrap().success());
    std::fs::set_permissions(app.join("lib.txt"), Permissions::from_mode(0o600)).unwrap();
    assert_eq!(shelf.resolve(&reference).as_ref(), Ok(&first));
    let mut seen = vec![first];
    let changes: [&dyn Fn(); 5] = [
        &|| std::fs::set_permissions(app.join("lib.txt"), Permissions::from_mode(0o755)).unwrap(),
        &|| std::fs::write(app.join("lib.txt"), "other\n").unwrap(),
        &|| std::fs::rename(app.join("lib.txt"), app.join("lib.text")).unwrap(),
        &|| std::fs::remove_dir(app.join("empty")).unwrap(),
        &|| {
            std::fs::remove_file(app.join("lib/start")).unwrap();
            std::os::unix::fs::symlink("./../run", app.join("lib/start")).unwrap();
        },
    ];
    for change in changes {
        change();
        let digest = shelf.resolve(&reference).unwrap();
        assert!(!seen.contains(&digest));
        seen.push(digest);
    }
}

#[test]
fn an_import_keeps_content_modes_and_links_and_is_read_only() {
    let shelf = Shelf::new();
    shelf.app();
    let digest = shelf.import(&shelf.tar("-czf", "a.tgz"));
    let stored = shelf.store.path(&digest);
    let mode = |name: &str| stored.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("run"), mode("lib.txt"), mode("lib")), (0o555, 0o444, 0o555));
    assert_eq!(std::fs::read_link(stored.join("lib/start")).unwrap(), Path::new("../run"));
    assert_eq!(std::fs::read(stored.join("lib/deep/data")).unwrap().len(), 100_000);
    assert_eq!(shelf.store.verify(&digest), Ok(true));
    shelf.store.import(&shelf.name("a.tgz"), &digest).unwrap();
    shelf.store.import(digest.as_str(), &digest).unwrap();
}

#[test]
fn one_executable_file_is_an_artifact() {
    let shelf = Shelf::new();
    script(&shelf.at("run"), "exec sleep 1000");
    let digest = shelf.import(&shelf.name("run"));
    assert!(shelf.store.path(&digest).join("run").is_file());
    std::fs::set_permissions(shelf.at("run"), Permissions::from_mode(0o644)).unwrap();
    assert!(shelf.resolve(&shelf.name("run")).unwrap_err().contains("not executable"));
}

#[test]
fn a_damaged_archive_is_refused_wherever_it_was_cut() {
    let shelf = Shelf::new();
    shelf.app();
    for (flags, name) in [("-cf", "a.tar"), ("-czf", "a.tgz")] {
        let whole = std::fs::read(shelf.tar(flags, name)).unwrap();
        // At a block's border, inside one, at the very beginning, and just before the end.
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
        for cut in [512, 1024, 1000, whole.len() / 2, end / 512 * 512, end - 3] {
            let path = shelf.at(&format!("cut-{cut}-{name}"));
            std::fs::write(&path, &whole[..cut.min(end)]).unwrap();
            let refused = shelf.resolve(&path.display().to_string());
            assert!(refused.is_err(), "{name} cut at {cut}");
        }
    }
    let mut flipped = std::fs::read(shelf.at("a.tgz")).unwrap();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    std::fs::write(shelf.at("flipped.tgz"), &flipped).unwrap();
    assert!(shelf.resolve(&shelf.name("flipped.tgz")).is_err());
    std::fs::write(shelf.at("text.tar"), "this is no archive").unwrap();
    assert!(shelf.resolve(&shelf.name("text.tar")).is_err());
    std::fs::write(shelf.at("nothing.tar"), "").unwrap();
    assert!(shelf.resolve(&shelf.name("nothing.tar")).is_err());
}

#[test]
fn hostile_archives_are_refused_and_write_nothing_outside() {
    use tar::EntryType as Kind;
    let cases: [(&str, &[Entry]); 10] = [
        ("leads upwards", &[(Kind::Regular, "../evil", "x")]),
        ("leads upwards", &[(Kind::Regular, "lib/../../evil", "x")]),
        ("absolute", &[(Kind::Regular, "/evil", "x")]),
        ("out of the artifact", &[(Kind::Symlink, "out", "/etc")]),
        ("out of the artifact", &[(Kind::Symlink, "here", "."), (Kind::Symlink, "out", "here/..")]),
        ("something else", &[(Kind::Symlink, "out", ".."), (Kind::Regular, "out/evil", "x")]),
        ("two of this name", &[(Kind::Regular, "a", "x"), (Kind::Regular, "./a", "y")]),
        ("hard link", &[(Kind::Link, "a", "../../etc/passwd")]),
        ("hard link to no file", &[(Kind::Link, "a", "absent")]),
        ("pipe", &[(Kind::Fifo, "pipe", "")]),
    ];
    for (why, entries) in cases {
        let shelf = Shelf::new();
        archive(&shelf.at("a.tar"), |builder| {
            add(builder, Kind::Regular, "run", "#!/bin/sh\n");
            for (kind, name, body) in entries {
                add(builder, *kind, name, body);
            }
        });
        let refused = shelf.resolve(&shelf.name("a.tar")).unwrap_err();
        let upwards = why == "hard link" && refused.contains("leads upwards");
        assert!(refused.contains(why) || upwards, "{why}: {refused}");
        let import = shelf.store.import(&shelf.name("a.tar"), &Digest::of(b"anything"));
        assert!(matches!(import, Err(ActError::NotApplied(_))));
        let left = std::fs::read_dir(shelf.at("state/artifacts")).unwrap().count();
        assert_eq!(left, 1, "{why}: only the lock is left");
        assert!(!shelf.at("evil").exists() && !shelf.at("state/evil").exists());
    }
}

#[test]
fn hard_links_in_an_archive_are_files_of_their_own() {
    let shelf = Shelf::new();
    let app = shelf.app();
    std::fs::hard_link(app.join("run"), app.join("also")).unwrap();
    let folder = shelf.resolve(&app.display().to_string()).unwrap();
    let digest = shelf.import(&shelf.tar("-cf", "a.tar"));
    assert_eq!(digest, folder);
    let stored = shelf.store.path(&digest);
    assert_eq!(
        std::fs::read(stored.join("also")).unwrap(),
        std::fs::read(stored.join("run")).unwrap()
    );
}

#[test]
fn what_is_missing_special_or_no_program_is_told_clearly() {
    let shelf = Shelf::new();
    let app = shelf.app();
    let reference = app.display().to_string();
    assert!(shelf.resolve(&shelf.name("absent")).unwrap_err().contains("nothing here"));
    let program = |name: &str| {
        let resolved = shelf.store.resolve(&reference, &[name.to_owned()]);
        resolved.map(|_| ()).map_err(|fault| fault.to_string())
    };
    assert_eq!(program("lib/start"), Ok(()), "through a link");
    assert_eq!(program("/bin/sh"), Ok(()));
    assert!(program("absent").unwrap_err().contains("not in the artifact"));
    assert!(program("lib.txt").unwrap_err().contains("chmod +x"));
    assert!(program("/bin/absent").unwrap_err().contains("on this machine"));
    assert!(shelf.resolve("sha256:xyz").unwrap_err().contains("not a digest"));
    let unknown = Digest::of(b"unknown");
    assert!(shelf.resolve(unknown.as_str()).unwrap_err().contains("not in the store"));
    assert!(shelf.store.verify(&unknown).is_err(), "an error is no verdict");
    let _socket = UnixListener::bind(app.join("socket")).unwrap();
    assert!(shelf.resolve(&reference).unwrap_err().contains("socket"));
    std::fs::create_dir(shelf.at("hollow")).unwrap();
    assert!(shelf.resolve(&shelf.name("hollow")).unwrap_err().contains("empty"));
}

#[test]
fn p2_what_changed_under_our_feet_is_not_imported() {
    let shelf = Shelf::new();
    let app = shelf.app();
    let reference = app.display().to_string();
    let approved = shelf.resolve(&reference).unwrap();
    let mut run = std::fs::File::options().append(true).open(app.join("run")).unwrap();
    run.write_all(b"# changed\n").unwrap();
    let Err(ActError::NotApplied(fault)) = shelf.store.import(&reference, &approved) else {
        panic!("it was imported");
    };
    assert!(fault.to_string().contains("it changed"), "{fault}");
    assert!(!shelf.store.path(&approved).exists());
}

#[test]
fn a_damaged_store_is_found_and_mended_by_an_import() {
    let shelf = Shelf::new();
    let reference = shelf.app().display().to_string();
    let digest = shelf.import(&reference);
    let stored = shelf.store.path(&digest).join("lib.txt");
    std::fs::set_permissions(&stored, Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&stored, "damaged").unwrap();
    assert_eq!(shelf.store.verify(&digest), Ok(false));
    assert!(shelf.resolve(digest.as_str()).unwrap_err().contains("damaged"));
    let itself = shelf.store.import(digest.as_str(), &digest);
    assert!(matches!(itself, Err(ActError::NotApplied(_))), "{itself:?}");
    shelf.store.import(&reference, &digest).unwrap();
    assert_eq!(shelf.store.verify(&digest), Ok(true));
}

#[test]
fn the_quota_holds_and_prune_makes_room_but_keeps_what_it_must() {
    let shelf = Shelf::with_quota(3);
    let make = |byte: u8| {
        let name = format!("app-{byte}");
        std::fs::create_dir(shelf.at(&name)).unwrap();
        script(&shelf.at(&name).join("run"), "exec sleep 1000");
        std::fs::write(shelf.at(&name).join("data"), vec![byte; 1_000_000]).unwrap();
        shelf.name(&name)
    };
    let stored: Vec<Digest> = (1..=3).map(|byte| shelf.import(&make(byte))).collect();
    let fourth = make(4);
    let digest = shelf.resolve(&fourth).unwrap();
    let Err(ActError::NotApplied(fault)) = shelf.store.import(&fourth, &digest) else {
        panic!("the quota does not hold");
    };
    assert!(fault.to_string().contains("does not fit"), "{fault}");
    shelf.store.prune(&stored).unwrap();
    assert!(stored.iter().all(|digest| shelf.store.path(digest).exists()));
    shelf.store.prune(&stored[..1]).unwrap();
    let left: Vec<bool> = stored.iter().map(|digest| shelf.store.path(digest).exists()).collect();
    assert_eq!(left, [true, false, true], "the oldest that may go");
    shelf.store.import(&fourth, &digest).unwrap();
    assert_eq!(shelf.store.verify(&digest), Ok(true));
}

#[test]
fn what_a_crashed_import_left_is_cleared_by_the_next_one() {
    let shelf = Shelf::new();
    let reference = shelf.app().display().to_string();
    let half = shelf.at("state/artifacts/.passing-half/lib");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("data"), "half").unwrap();
    shelf.import(&reference);
    assert!(!shelf.at("state/artifacts/.passing-half").exists());
}
