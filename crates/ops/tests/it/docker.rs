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

/// Builds the program of a site's images with these variables and another line, and pushes it by a
/// name; its reference by digest.
pub(crate) fn push(site: &Site, name: &str, variables: &str, line: &str) -> String {
    let folder = site.path().join("image");
    let file = format!(
        "FROM scratch\nCOPY service /service\nENV {variables}\nENTRYPOINT [\"/service\"]\n{line}\n"
    );
    fs::write(folder.join("Dockerfile"), file).unwrap();
    docker(&["build", "--quiet", "--tag", name, folder.to_str().unwrap()]);
    docker(&["push", "--quiet", name]);
    let reference = docker(&["inspect", "--format", "{{index .RepoDigests 0}}", name]);
    // What ops keeps must do: nothing of it stays in the engine.
    docker(&["image", "rm", "--force", name, &reference]);
    reference
}

/// A site whose shop runs as containers, and the repository of its images.
pub(crate) struct Harbour {
    pub(crate) site: Site,
    repository: String,
}

impl Harbour {
    pub(crate) fn new() -> Self {
        Self::with("port: 8080, memory: 64MB", |text| text.replace("replicas: 1", "replicas: 2"))
    }

    /// The shop of `examples/docker/ops.yaml`, but for what only its team's machine has: ports, files,
    /// a door for the world, and the time for a whole watch. Its secret needs a tmpfs at `/run`, which
    /// not every machine has.
    fn of_the_example() -> Self {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/docker/ops.yaml");
        let mut text = fs::read_to_string(example).unwrap();
        let site = Site::shop_with(|ours| {
            let ports = ours.lines().find_map(|line| line.trim().strip_prefix("production: "));
            for (from, to) in [
                ("{ ports: 20000-20999 }", ports.unwrap()),
                ("0.0.0.0:8080", "127.0.0.1:0"),
                ("    secrets: { DATABASE_URL: \"file:/etc/ops/database-url\" }\n", ""),
                ("\"/etc/shop:/etc/shop:ro\"", "\"/etc:/etc/shop:ro\""),
                (
                    "strategy: canary",
                    "strategy: { canary: { steps: [50%], dwell: 1s, min_requests: 5 } }",
                ),
                ("watch: 15m", "watch: { for: 30s, last_stretch: 5s, min_requests: 20 }"),
            ] {
                assert!(text.contains(from), "no {from} in the example");
                text = text.replace(from, to);
            }
            format!("{text}boards:\n  embedded: {{ listen: \"127.0.0.1:0\" }}\n")
        });
        Self::on(site)
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
        Self::on(site)
    }

    fn on(site: Site) -> Self {
        let folder = site.path().join("image");
        fs::create_dir(&folder).unwrap();
        program(&folder);
        let unique = site.path().file_name().unwrap().to_str().unwrap().to_ascii_lowercase();
        Self { site, repository: format!("{REGISTRY}/{unique}/shop") }
    }

    /// Builds and pushes a version; its reference by digest.
    pub(crate) fn push(&self, version: &str, environment: &str) -> String {
        self.push_with(version, environment, "")
    }

    /// The same with another line.
    pub(crate) fn push_with(&self, version: &str, environment: &str, line: &str) -> String {
        let name = format!("{}:{version}", self.repository);
        push(&self.site, &name, &format!("VERSION={version} {environment}"), line)
    }

    /// With the first version shipped and the second one pushed: the door, its image, and customers.
    pub(crate) fn opened(&mut self) -> (String, String, Customers) {
        let (first, second) = (self.push("v1", ""), self.push("v2", ""));
        self.site.serve();
        let door = self.site.door();
        let customers = self.open(&first, &door);
        (door, second, customers)
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

    /// What `ops plan` says of one check of a ticket.
    fn check(&self, ticket: &str, id: &str) -> String {
        let said = self.site.ops(&["plan", ticket, "--output", "json"]).json();
        let checks = said["checks"].as_array().unwrap();
        let one = checks.iter().find(|one| one["id"] == id).unwrap();
        let text = |key: &str| one[key].as_str().unwrap().to_owned();
        format!("{}: {} -> {}", text("verdict"), text("evidence"), text("remedy"))
    }

    /// The images in ops's own store, by the digits of their digests, in order.
    pub(crate) fn kept(&self) -> Vec<String> {
        let kept = fs::read_dir(self.site.state().join("images/kept")).unwrap();
        let names = kept.map(|entry| entry.unwrap().path());
        let json = names.filter(|path| path.extension().is_some_and(|name| name == "json"));
        let mut all: Vec<String> =
            json.map(|path| path.file_stem().unwrap().display().to_string()).collect();
        all.sort_unstable();
        all
    }

    /// Containers that this site's ops made, running or not.
    pub(crate) fn containers(&self) -> Vec<String> {
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
    let mut harbour = Harbour::of_the_example();
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
    let (door, second, customers) = harbour.opened();
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

/// What holds a ticket before anything is started, each seen to hold and to let go.
#[test]
fn p1_p2_p8_what_is_wrong_with_image_engine_or_way_back_holds_the_ticket() {
    let mut harbour = Harbour::new();
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    // The engine is told of before ops has served for the first time.
    let doctor = harbour.site.ops(&["doctor"]).whole();
    assert!(doctor.contains("there is no") && doctor.contains("of disk and"), "{doctor}");
    harbour.site.serve();
    let door = harbour.site.door();
    drop(harbour.open(&first, &door).go_home());
    // It is not in `rfp` while this looks at it, so nothing is begun.
    let draft = |artifact: &str| harbour.site.draft_with("v2", artifact);
    let latest = draft(&format!("{}:latest", harbour.repository));
    let said = harbour.check(&latest, "image");
    assert!(said.starts_with("fail: ") && said.contains("another image tomorrow"), "{said}");
    assert!(said.contains("RepoDigests"), "{said}");

    let ticket = draft(&second);
    for (id, words) in [
        ("image", "ops asks /health"),
        ("engine", "answers, version"),
        ("drift", "is as ops made it"),
        ("room", "MB of memory at Docker"),
        ("rollback-plan", "artifact in the store"),
    ] {
        let said = harbour.check(&ticket, id);
        assert!(said.starts_with("pass: ") && said.contains(words), "{id} {said}");
    }

    // Somebody gives one more memory, and takes it back.
    let one = harbour.containers().pop().unwrap();
    let memory = |limit: &str| docker(&["update", "--memory", limit, "--memory-swap", limit, &one]);
    memory("128m");
    let said = harbour.check(&ticket, "drift");
    assert!(said.starts_with("fail: ") && said.contains("limit of memory is 134217728"), "{said}");
    let doctor = harbour.site.ops(&["doctor"]).whole();
    assert!(doctor.contains("limit of memory is 134217728"), "{doctor}");
    assert!(doctor.contains("engine") && doctor.contains("credentials"), "{doctor}");
    memory("64m");
    assert!(harbour.check(&ticket, "drift").starts_with("pass: "));

    // What the engine loses does not matter; what ops's own store loses does.
    let (_, digest) = first.split_once("@sha256:").unwrap();
    docker(&["image", "rm", "--force", &format!("ops.local/kept:{digest}")]);
    assert!(harbour.check(&ticket, "rollback-plan").starts_with("pass: "));
    let kept = harbour.site.state().join("images/kept").join(format!("{digest}.json"));
    let away = harbour.site.path().join("away.json");
    fs::rename(&kept, &away).unwrap();
    let said = harbour.check(&ticket, "rollback-plan");
    assert!(!said.starts_with("pass: "), "{said}");
    fs::rename(&away, &kept).unwrap();
    let blob = harbour.site.state().join("images/blobs").join(digest);
    let whole = fs::read(&blob).unwrap();
    fs::write(&blob, b"damage").unwrap();
    let said = harbour.check(&ticket, "rollback-plan");
    assert!(said.starts_with("fail: ") && said.contains("gone or changed"), "{said}");
    fs::write(&blob, whole).unwrap();
    assert!(harbour.check(&ticket, "rollback-plan").starts_with("pass: "));

    let online = harbour.site.ops(&["check", "--online"]).whole();
    assert!(online.contains("version") && online.contains("credentials"), "{online}");
}

/// Where ops.yaml names no health check, that of the image decides.
#[test]
fn p6_the_images_own_health_check_decides_where_opsyaml_names_none() {
    let mut harbour = Harbour::with("port: 8080, memory: 64MB", |text| {
        let text = text.replace("replicas: 1", "replicas: 2");
        text.replace("health: { path: /health, in_a_row: 2 }\n", "\n")
    });
    let check = |word: &str| {
        format!("HEALTHCHECK --interval=1s --retries=2 CMD [\"/service\", \"{word}\"]")
    };
    let first = harbour.push_with("v1", "", &check("check"));
    let (sick, bare) = (harbour.push_with("v2", "", &check("fail")), harbour.push("v3", ""));
    harbour.site.serve();
    let door = harbour.site.door();
    let customers = harbour.open(&first, &door);

    let ticket = harbour.site.draft_with("v3", &bare);
    let said = harbour.check(&ticket, "image");
    assert!(said.starts_with("fail: ") && said.contains("the image brings none"), "{said}");

    let ticket = harbour.site.ready_with("v2", &sick);
    let said = finish(harbour.site.begin(&["deploy", &ticket]));
    assert_ne!(said.code, 0, "{}", said.whole());
    assert!(said.whole().contains("its own health check"), "{}", said.whole());
    eventually("nothing of v2 is left", || (harbour.containers().len() == 2).then_some(()));
    assert_eq!(visit(&door).unwrap(), "v1");
    let served = customers.go_home();
    assert!(served.lost.is_empty(), "{served:?}");
}
