//! A secret of a real service changes in its file, and ops brings the new value to it (S16).

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    customers::{Customers, visit},
    house::{Site, eventually, finish},
    told::snapshot,
};

/// Two values that stand nowhere else.
const FIRST: &str = "amber-4f1c9e27";
const SECOND: &str = "cobalt-83d05b6a";

fn put(site: &Site, name: &str, value: &str) {
    // Renamed into place, so that nobody reads half of it.
    let (new, place) = (site.path().join(format!("{name}.new")), site.path().join(name));
    fs::write(&new, value).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(new, place).unwrap();
}

/// A shop whose answers tell by its version which of the two values it has.
fn site() -> Site {
    let site = Site::shop_with(|text| {
        let text = text.replace("services:", "heartbeat: 10s\nservices:");
        format!(
            "{text}    secrets:\n      TOKEN: {{ from: \"file:FOLDER/token\", previous: \
             \"file:FOLDER/token.before\", rotate: true }}\n"
        )
    });
    site.edit(|text| text.replace("FOLDER", &site.path().display().to_string()));
    site.git(&["add", "ops.yaml"]);
    site.git(&["commit", "--quiet", "--amend", "--no-edit"]);
    put(&site, "token", FIRST);
    site
}

/// The artifact whose program chooses what it says by the value.
fn build(site: &Site) -> std::path::PathBuf {
    let (dir, other) = (site.build("v1"), site.build("v1-second"));
    fs::copy(other.join("shop.json"), dir.join("second.json")).unwrap();
    let script = format!(
        "#!/bin/sh\nsaid=shop\ncase \"$TOKEN\" in cobalt-*) said=second;; esac\n\
         exec {} --config \"$(dirname \"$0\")/../$said.json\" \"$@\"\n",
        site.path().join("shop").display()
    );
    fs::write(dir.join("bin/shop"), script).unwrap();
    dir
}

#[test]
fn s16_p6_a_changed_file_is_rolled_to_without_a_lost_request() {
    let mut site = site();
    site.serve();
    let door = site.door();
    let ticket = site.ready("v1", &build(&site));
    let deploy = site.begin(&["deploy", &ticket]);
    eventually("v1 serves", || visit(&door).ok());
    let customers = Customers::come(&door);
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}\n{}", said.out, said.err);
    assert_eq!(visit(&door).unwrap(), "v1");

    put(&site, "token.before", FIRST);
    put(&site, "token", SECOND);
    let closed = |id: &str| {
        let said = site.ops(&["explain", id]);
        // What is told of it waits a moment for others.
        let told = !said.out.contains("words");
        (told && said.out.contains(" is closed.")).then_some(())
    };
    eventually("the rotation passes its watch", || closed("D-2"));
    assert_eq!(visit(&door).unwrap(), "v1-second", "the same version with the new value");
    let visits = customers.go_home();
    assert!(visits.served > 100, "{visits:?}");
    assert_eq!(visits.lost, Vec::<String>::new(), "of {}", visits.served);

    snapshot(&site, "rotation_explain", &site.ops(&["explain", "D-2"]).whole());
    snapshot(&site, "rotation_history", &site.ops(&["history"]).whole());
    let records = site.ops(&["show", "D-2", "--records"]).out;
    assert!(records.contains("secret_versions"), "{records}");
    p13_no_value_is_kept(&site.state());
    site.assert_clean();
}

/// Neither value stands in any file that ops has written.
fn p13_no_value_is_kept(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            p13_no_value_is_kept(&path);
        } else if about.is_file() {
            let text = fs::read(&path).unwrap();
            for value in [FIRST, SECOND] {
                let found = text.windows(value.len()).any(|part| part == value.as_bytes());
                assert!(!found, "a value stands in {}", path.display());
            }
        }
    }
}
