//! The team's project of `examples/compose/`, as it stands there, through the whole of ops: the real
//! engine of `testbed/docker-up`, the registry of `testbed/registry-up`, both versions of Compose of
//! `testbed/compose-up`.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    customers::{Customers, visit},
    docker::{REGISTRY, docker, program, push},
    house::{Site, eventually, finish},
};

fn example(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/compose");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// The same text with another word, which must stand in it.
fn with(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from} in {text}");
    text.replace(from, to)
}

/// A site whose shop is a Compose project.
struct Harbour {
    site: Site,
    project: String,
}

impl Harbour {
    /// With a version of Compose: `v1` or `v2`.
    fn new(compose: &str) -> Self {
        let mut project = String::new();
        let mut site = Site::shop_with(|ours| {
            let ports = ours.lines().find_map(|line| line.trim().strip_prefix("production: "));
            let first = ports.unwrap().split(['-', ' ']).nth(2).unwrap();
            project = format!("shop-{first}-{}", std::process::id());
            let text = example("ops.yaml");
            let text = with(&text, "{ ports: 20000-20999 }", ports.unwrap());
            let text = with(&text, "0.0.0.0:80", "127.0.0.1:0");
            let text = with(&text, "project: shop  ", &format!("project: {project}  "));
            // The shortest watch that there is; the boards where nobody else's are.
            let text = with(
                &text,
                "strategy: canary",
                "strategy: { canary: { steps: [50%], dwell: 1s, min_requests: 5 } }",
            );
            let text = with(
                &text,
                "watch: 15m",
                "watch: { for: 30s, last_stretch: 5s, min_requests: 20 }",
            );
            format!("{text}boards:\n  embedded: {{ listen: \"127.0.0.1:0\" }}\n")
        });
        let folder = site.path().join("image");
        fs::create_dir(&folder).unwrap();
        program(&folder);
        let folder = site.path().join("dist/shop");
        fs::create_dir_all(&folder).unwrap();
        for file in ["compose.yaml", "worker.env", "db.conf"] {
            fs::write(folder.join(file), example(file)).unwrap();
        }
        // The program that ops finds is the version that is wanted.
        let state = std::env::var_os("TESTBED_STATE").map(PathBuf::from);
        let state = state.unwrap_or_else(|| "/var/tmp/ops-testbed".into());
        let named = state.join("compose").join(compose);
        assert!(named.exists(), "no {}: run testbed/compose-up first", named.display());
        let bin = site.path().join("programs");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(named, bin.join("docker-compose")).unwrap();
        let path = std::env::var("PATH").unwrap();
        site.serve_with(&[("PATH", &format!("{}:{path}", bin.display()))]);
        Self { site, project }
    }

    /// Builds and pushes the image of a service; its reference by digest.
    fn push(&self, service: &str, version: &str, environment: &str) -> String {
        let name = format!("{REGISTRY}/{}/{service}:{version}", self.project);
        push(&self.site, &name, &format!("VERSION={version} {environment}"), "")
    }

    /// A ticket with the notes of the example.
    fn ticket(&self, version: &str, images: &BTreeMap<&str, String>) -> String {
        let mut notes = with(&example("notes.md"), "version: v1", &format!("version: {version}"));
        for (service, digit) in [("web", "1"), ("worker", "2"), ("db", "3")] {
            let named = format!("registry.example.org/shop/{service}@sha256:{}", digit.repeat(64));
            notes = with(&notes, &named, &images[service]);
        }
        let folder = self.site.path().join("dist/shop");
        let notes = with(&notes, "dist/shop", folder.to_str().unwrap());
        self.site.ready_as(version, notes)
    }

    /// A container of the project, by its service: its id and which version it runs.
    fn seen(&self, service: &str) -> Option<(String, String)> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let id = docker(&["ps", "--quiet", "--filter", &project, "--filter", &service]);
        let id = id.lines().next()?.to_owned();
        let env =
            docker(&["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", &id]);
        let version = env.lines().find_map(|line| line.strip_prefix("VERSION="))?.to_owned();
        Some((id, version))
    }

    fn containers(&self) -> usize {
        let project = format!("label=com.docker.compose.project={}", self.project);
        docker(&["ps", "--quiet", "--filter", &project]).lines().count()
    }
}

impl Drop for Harbour {
    fn drop(&mut self) {
        self.site.clean();
        let project = format!("label=com.docker.compose.project={}", self.project);
        for (list, remove) in [
            (&["ps", "--all", "--quiet"][..], &["rm", "--force", "--volumes"][..]),
            (&["network", "ls", "--quiet"], &["network", "rm"]),
            (&["volume", "ls", "--quiet"], &["volume", "rm"]),
        ] {
            let said = Command::new("docker").args(list).args(["--filter", &project]).output();
            let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
            for id in said.unwrap_or_default().split_whitespace() {
                let _ = Command::new("docker").args(remove).arg(id).output();
            }
        }
    }
}

fn a_project_ships_hurts_nobody_and_goes_back_whole(compose: &str) {
    let harbour = Harbour::new(compose);
    let db = harbour.push("db", "1", "");
    let images = |version: &str, environment: &str| {
        BTreeMap::from([
            ("web", harbour.push("web", version, environment)),
            ("worker", harbour.push("worker", version, "")),
            ("db", db.clone()),
        ])
    };
    let door = harbour.site.door();
    let first = images("v1", "");
    let deploy = harbour.site.begin(&["deploy", &harbour.ticket("v1", &first)]);
    eventually("v1 serves", || visit(&door).ok());
    let customers = Customers::come(&door);
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}", said.whole());
    let (before, worker) = (harbour.seen("db").unwrap(), harbour.seen("worker").unwrap());
    assert_eq!(worker.1, "v1");

    let ticket = harbour.ticket("v2", &images("v2", ""));
    let said = finish(harbour.site.begin(&["deploy", &ticket]));
    assert_eq!(said.code, 0, "{}", said.whole());
    assert_eq!(visit(&door).unwrap(), "v2");
    assert_eq!(harbour.seen("worker").unwrap().1, "v2");
    assert_eq!(harbour.seen("db").unwrap(), before, "what did not change was not touched");
    let served = customers.go_home();
    assert!(served.lost.is_empty(), "{served:?}");

    // A version that fails its visitors goes back, and the worker with it.
    let ticket = harbour.ticket("v3", &images("v3", "FAILS=yes"));
    let customers = Customers::come(&door);
    let said = finish(harbour.site.begin(&["deploy", &ticket]));
    assert_ne!(said.code, 0, "{}", said.whole());
    eventually("v2 serves alone", || (visit(&door).ok()? == "v2").then_some(()));
    drop(customers.go_home());
    eventually("nothing of v3 is left", || (harbour.containers() == 3).then_some(()));
    assert_eq!(harbour.seen("worker").unwrap().1, "v2");
    assert_eq!(harbour.seen("db").unwrap(), before);

    // What was closed is undone, from what ops keeps alone.
    for image in first.values() {
        let (_, digest) = image.split_once("@sha256:").unwrap();
        let _ = Command::new("docker")
            .args(["image", "rm", "-f", &format!("ops.local/kept:{digest}")])
            .output();
    }
    let said = harbour.site.ops(&["rollback", "D-2"]);
    assert_eq!(said.code, 0, "{}", said.whole());
    eventually("v1 serves again", || (visit(&door).ok()? == "v1").then_some(()));
    eventually("the worker of v1", || (harbour.seen("worker")?.1 == "v1").then_some(()));
    assert_eq!(harbour.seen("db").unwrap(), before);
}

#[test]
fn p2_p6_a_project_ships_hurts_nobody_and_goes_back_whole_with_compose_1() {
    a_project_ships_hurts_nobody_and_goes_back_whole("v1");
}

#[test]
fn p2_p6_a_project_ships_hurts_nobody_and_goes_back_whole_with_compose_2() {
    a_project_ships_hurts_nobody_and_goes_back_whole("v2");
}

#[test]
fn p8_a_ticket_whose_project_is_not_pinned_is_held_with_what_to_write() {
    let harbour = Harbour::new("v2");
    let image = harbour.push("web", "v1", "");
    let images = BTreeMap::from([("web", image.clone()), ("db", image.clone()), ("worker", image)]);
    let notes = harbour.site.path().join("dist/shop/compose.yaml");
    let text = fs::read_to_string(&notes).unwrap();
    let more = "services:\n  mail:\n    image: registry.example.org/mail:7\n";
    fs::write(&notes, with(&text, "services:\n", more)).unwrap();
    let ticket = harbour.ticket("v1", &images);
    let said = eventually("it is held", || {
        let said = harbour.site.ops(&["explain", &ticket]).whole();
        said.contains("`mail` runs").then_some(said)
    });
    let next = "what `mail` runs: registry.example.org/mail by its digest";
    assert!(said.contains(next), "{said}");
    assert_eq!(harbour.containers(), 0);
}
