//! Journals that earlier versions wrote, in mid-watch, read by this one (S19).
//!
//! `OPS_WRITE_JOURNAL=1` writes that of the current version: once for each version that ships.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rusqlite::Connection;
use rustix::process::Signal;

use crate::{
    customers::open_shop,
    house::{Site, eventually, read_until},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/journals")
}

/// One version closed and the next one in the middle of its watch.
fn write() {
    let mut site = Site::shop();
    let (_, customers) = open_shop(&mut site);
    let second = site.ready("v2", &site.build("v2"));
    let mut deploy = site.begin(&["deploy", &second]);
    read_until(&mut deploy, "watching");
    eventually("some of the watch is over", || {
        site.ops(&["show", "D-2", "--output", "json"]).out.contains("50 %").then_some(())
    });
    site.end_daemon(Signal::KILL);
    drop(customers.go_home());
    let _ = deploy.wait();
    let whole = site.path().join("whole.db");
    let db = Connection::open(site.state().join("journal.db")).unwrap();
    db.execute("VACUUM INTO ?1", [whole.to_str().unwrap()]).unwrap();
    let path = folder().join(format!("{}.db.gz", env!("CARGO_PKG_VERSION")));
    fs::create_dir_all(folder()).unwrap();
    let mut packed = GzEncoder::new(File::create(path).unwrap(), Compression::best());
    packed.write_all(&fs::read(whole).unwrap()).unwrap();
    packed.finish().unwrap();
}

#[test]
fn s19_journals_of_every_version_so_far_are_whole_and_tell_the_same() {
    if std::env::var_os("OPS_WRITE_JOURNAL").is_some() {
        write();
    }
    let mut versions = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().trim_end_matches(".db.gz");
        let site = Site::empty();
        fs::create_dir(site.state()).unwrap();
        fs::set_permissions(site.state(), fs::Permissions::from_mode(0o700)).unwrap();
        let mut journal = Vec::new();
        GzDecoder::new(File::open(&path).unwrap()).read_to_end(&mut journal).unwrap();
        fs::write(site.state().join("journal.db"), journal).unwrap();
        for args in [&["audit", "verify"][..], &["history"], &["show", "D-1"], &["show", "D-2"]] {
            let said = site.ops(args);
            assert_eq!(said.code, 0, "{name}: {args:?}: {}", said.whole());
            // Told word for word: what an old record means does not change. How much time is left
            // does.
            let left = |line: &&str| !line.starts_with("  At most");
            let told = said.out.lines().filter(left).collect::<Vec<_>>().join("\n");
            insta::assert_snapshot!(format!("{name}_{}", args.join("_")), told);
        }
        versions.push(name.to_owned());
    }
    assert!(versions.contains(&env!("CARGO_PKG_VERSION").to_owned()), "{versions:?}");
}
