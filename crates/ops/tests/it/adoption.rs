//! A team begins with ops while its service runs already (S2).

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use ops_demo::shop::ShopConfig;

use crate::{
    customers::visit,
    house::{Site, eventually},
};

/// A shop that somebody started without ops; ended with the test.
struct Former {
    child: Child,
    address: String,
}

impl Former {
    fn start(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("bin")).unwrap();
        let program = folder.join("bin/shop");
        fs::copy(env!("CARGO_BIN_EXE_ops"), &program).unwrap();
        let config = serde_json::to_vec(&ShopConfig::healthy("v7")).unwrap();
        fs::write(folder.join("shop.json"), config).unwrap();
        let mut child = Command::new(&program)
            .args(["--port", "0"])
            .current_dir(folder)
            .env_clear()
            .env("DB_PASSWORD", "amber-4f1c9e27")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.split_whitespace().next_back().unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `ops init --adopt` says of it, as JSON.
fn init(site: &Site, former: &Former) -> serde_json::Value {
    let folder = site.path().join("former").display().to_string();
    let args = ["--output", "json", "init", "--adopt", &former.address, "--artifact", &folder];
    let said = site.ops(&[&args[..], &["--release", "v7", "--name", "shop"]].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    said.json()
}

/// D-1 as it is now; nothing before it exists.
fn shown(site: &Site) -> serde_json::Value {
    let said = site.ops(&["--output", "json", "show", "D-1"]);
    serde_json::from_str(&said.out).unwrap_or_default()
}

#[test]
fn s2_what_runs_is_taken_in_and_a_copy_of_it_is_watched_while_it_goes_on() {
    let mut site = Site::shop_with(|text| text.replace("min_requests: 20", "min_requests: 600"));
    let former = Former::start(&site.path().join("former"));
    let said = init(&site, &former);
    let block = said["text"].as_str().unwrap();
    assert!(block.contains("DB_PASSWORD") && !block.contains("amber"), "P13: {block}");
    assert!(block.contains("command: [bin/shop, --port, \"0\"]"), "{block}");
    let adopt = format!(
        "    adopt: {{ artifact: \"{}\", version: v7, listens: \"{}\" }}\n",
        said["artifact"].as_str().unwrap(),
        former.address
    );
    site.edit(|text| format!("{text}{adopt}"));
    assert_eq!(site.ops(&["check"]).code, 0);
    site.git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);

    site.serve();
    let door = site.door();
    let show = || shown(&site);
    eventually("it is watched", || (show()["phase"] == "watching").then_some(()));
    assert_eq!((&show()["kind"], &show()["version"]), (&"adoption".into(), &"v7".into()));
    eventually("its copy answers at the door", || visit(&door).ok());
    visit(&former.address).unwrap();
    let said = site.ops(&["explain", "D-1"]).out;
    assert!(said.contains("was observed for 1800 s"), "half an hour, whatever its watch: {said}");

    assert_eq!(site.ops(&["abort", "D-1"]).code, 0);
    eventually("it went back", || (show()["phase"] == "rolled-back").then_some(()));
    assert!(visit(&door).is_err(), "its copy is gone");
    visit(&former.address).unwrap();
}

#[test]
fn p3_s2_what_does_not_run_there_is_not_adopted() {
    let mut site = Site::shop();
    let former = Former::start(&site.path().join("former"));
    let artifact = init(&site, &former)["artifact"].as_str().unwrap().to_owned();
    // Somebody names the address of something else.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let adopt = format!(
        "    adopt: {{ artifact: \"{artifact}\", version: v7, listens: \"{}\" }}\n",
        listener.local_addr().unwrap()
    );
    site.edit(|text| format!("{text}{adopt}"));
    site.git(&["commit", "--quiet", "--all", "--amend", "--no-edit"]);
    site.serve();
    let door = site.door();
    let show = || shown(&site);
    eventually("it is held", || (show()["phase"] == "held").then_some(()));
    let said = site.ops(&["explain", "D-1"]).out;
    assert!(said.contains("is not v7"), "{said}");
    assert!(visit(&door).is_err(), "nothing was started");
}

#[test]
fn p3_s4_an_adoption_that_comes_later_waits_for_cq_and_qa() {
    let mut site = Site::shop_with(|text| text.replace("services:", "heartbeat: 10s\nservices:"));
    let former = Former::start(&site.path().join("former"));
    let artifact = init(&site, &former)["artifact"].as_str().unwrap().to_owned();
    site.serve();
    let door = site.door();
    eventually("the first commit governs", || {
        site.ops(&["status"]).out.contains("governs").then_some(())
    });
    let adopt = format!(
        "    adopt: {{ artifact: \"{artifact}\", version: v7, listens: \"{}\" }}\n",
        former.address
    );
    site.edit_and_commit(|text| format!("{text}{adopt}"));
    eventually("it is said that it loosens", || {
        let said = site.ops(&["status"]).out;
        said.contains("services.shop.adopt").then_some(())
    });
    assert!(visit(&door).is_err(), "nothing was started");
}
