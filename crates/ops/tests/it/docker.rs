//! Containers of the real engine that `testbed/docker-up` starts, from the real registry of
//! `testbed/registry-up`, through the whole of ops.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;

use crate::{
    customers::{Customers, visit},
    house::{Site, eventually, finish},
};

/// The registry of `testbed/registry-up`.
pub(crate) const REGISTRY: &str = "127.0.0.1:5000";

/// Runs Docker's own client to its end.
pub(crate) fn docker(args: &[&str]) -> String {
    let done = Command::new("docker").args(args).output();
    let done = done.expect("Docker's client: run testbed/docker-up");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "docker {args:?}: {said} (run testbed/docker-up)");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

/// The program that containers run: static, so that its image holds nothing else.
pub(crate) fn program(folder: &Path) -> PathBuf {
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops-docker/tests/program/service.rs");
    let made = folder.join("service");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args(["--edition=2024", "-Ctarget-feature=+crt-static", "-Copt-level=s", "-o"])
        .args([&made, &source])
        .status();
    assert!(status.unwrap().success(), "the program for containers cannot be compiled");
    made
}

/// A site whose shop runs as containers, and the repository of its images.
pub(crate) struct Harbour {
    pub(crate) site: Site,
    repository: String,
}

impl Harbour {
    fn new() -> Self {
        Self::with("port: 8080, memory: 64MB", |text| text.replace("replicas: 1", "replicas: 2"))
    }

    /// Containers of this kind, and other changes of ops.yaml.
    pub(crate) fn with(container: &str, change: impl FnOnce(String) -> String) -> Self {
        let site = Site::shop_with(|text| {
            let command = "command: [bin/shop, --port, \"{port}\"]";
            let container = format!("target: docker\n    container: {{ {container} }}");
            assert!(text.contains(command));
            let text = text.replace(command, &container);
            change(text.replace("path: /healthz", "path: /health"))
        });
        let folder = site.path().join("image");
        fs::create_dir(&folder).unwrap();
        program(&folder);
        let unique = site.path().file_name().unwrap().to_str().unwrap().to_ascii_lowercase();
        Self { site, repository: format!("{REGISTRY}/{unique}/shop") }
    }

    /// Builds and pushes a version; its reference by digest.
    pub(crate) fn push(&self, version: &str, environment: &str) -> String {
        let folder = self.site.path().join("image");
        let file = format!(
            "FROM scratch\nCOPY service /service\nENV VERSION={version} {environment}\n\
             ENTRYPOINT [\"/service\"]\n"
        );
        fs::write(folder.join("Dockerfile"), file).unwrap();
        let name = format!("{}:{version}", self.repository);
        docker(&["build", "--quiet", "--tag", &name, folder.to_str().unwrap()]);
        docker(&["push", "--quiet", &name]);
        let reference = docker(&["inspect", "--format", "{{index .RepoDigests 0}}", &name]);
        // What ops keeps must do: nothing of it stays in the engine.
        docker(&["image", "rm", "--force", &name, &reference]);
        reference
    }

    /// Ships the first version, with customers from the moment in which it serves.
    pub(crate) fn open(&self, first: &str, door: &str) -> Customers {
        let ticket = self.site.ready_with("v1", first);
        let deploy = self.site.begin(&["deploy", &ticket]);
        eventually("v1 serves", || visit(door).ok());
        let customers = Customers::come(door);
        let said = finish(deploy);
        assert_eq!(said.code, 0, "{}", said.whole());
        customers
    }

    /// Containers that this site's ops made, running or not.
    fn containers(&self) -> Vec<String> {
        let known = self.site.state().join("docker/shop/releases");
        let Ok(records) = fs::read_dir(known) else { return Vec::new() };
        let each = records.filter_map(|record| {
            let text = fs::read_to_string(record.ok()?.path()).ok()?;
            let record: serde_json::Value = serde_json::from_str(&text).ok()?;
            Some(record["spec"]["release"].as_str()?.to_owned())
        });
        each.flat_map(|release| {
            let filter = format!("label=ops.release={release}");
            docker(&["ps", "--all", "--quiet", "--filter", &filter])
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
    }
}

impl Drop for Harbour {
    fn drop(&mut self) {
        for container in self.containers() {
            let _ = Command::new("docker").args(["rm", "--force", &container]).output();
        }
    }
}

#[test]
fn p2_p6_a_container_ships_hurts_nobody_and_comes_back_from_what_ops_keeps() {
    let mut harbour = Harbour::new();
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    harbour.site.serve();
    let door = harbour.site.door();
    let customers = harbour.open(&first, &door);
    assert_eq!(visit(&door).unwrap(), "v1");
    assert_eq!(harbour.containers().len(), 2);

    let ticket = harbour.site.ready_with("v2", &second);
    let said = finish(harbour.site.begin(&["deploy", &ticket]));
    assert_eq!(said.code, 0, "{}", said.whole());
    assert_eq!(visit(&door).unwrap(), "v2");
    let served = customers.go_home();
    assert!(served.lost.is_empty(), "{served:?}");

    // A version that fails its visitors goes back, and nothing of it stays.
    let bad = harbour.push("v3", "FAILS=yes");
    let customers = Customers::come(&door);
    let ticket = harbour.site.ready_with("v3", &bad);
    let said = finish(harbour.site.begin(&["deploy", &ticket]));
    assert_ne!(said.code, 0, "{}", said.whole());
    eventually("v2 serves alone", || (visit(&door).ok()? == "v2").then_some(()));
    drop(customers.go_home());
    eventually("nothing of v3 is left", || (harbour.containers().len() == 2).then_some(()));

    // The engine loses the image: the way back is ops's own.
    let (_, digest) = first.split_once("@sha256:").unwrap();
    docker(&["image", "rm", "--force", &format!("ops.local/kept:{digest}")]);
    let said = harbour.site.ops(&["rollback", "D-2"]);
    assert_eq!(said.code, 0, "{}", said.whole());
    eventually("v1 serves again", || (visit(&door).ok()? == "v1").then_some(()));
}

#[test]
fn p5_a_daemon_killed_in_mid_deployment_finds_its_containers_again() {
    let mut harbour = Harbour::new();
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    harbour.site.serve();
    let door = harbour.site.door();
    let customers = harbour.open(&first, &door);
    harbour.site.ready_with("v2", &second);
    eventually("both versions run", || (harbour.containers().len() == 4).then_some(()));
    harbour.site.end_daemon(Signal::KILL);
    harbour.site.serve();
    eventually("v2 alone", || {
        (visit(&door).ok()? == "v2" && harbour.containers().len() == 2).then_some(())
    });
    let served = customers.go_home();
    assert!(served.lost.is_empty(), "{served:?}");
}
