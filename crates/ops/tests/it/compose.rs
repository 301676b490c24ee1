//! The team's project of `examples/compose/`, as it stands there, through the whole of ops: the real
//! engine of `testbed/docker-up`, the registry of `testbed/registry-up`, both versions of Compose of
//! `testbed/compose-up`.

use std::{
    cell::OnceCell,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    customers::{Customers, Visits, visit},
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

/// Customers at once, of about fifteen visits a second each.
const CROWD: usize = 6;

/// A site whose shop is a Compose project.
pub(crate) struct Harbour {
    pub(crate) site: Site,
    project: String,
    /// The image of the database: built again, it would be another one.
    database: OnceCell<String>,
}

impl Harbour {
    /// The team's project with a version of Compose: `v1` or `v2`.
    pub(crate) fn new(compose: &str) -> Self {
        Self::with(compose, str::to_owned, &example("compose.yaml"))
    }

    /// The same with another ops.yaml and another file.
    fn with(compose: &str, change: impl FnOnce(&str) -> String, file: &str) -> Self {
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
            change(&format!("{text}boards:\n  embedded: {{ listen: \"127.0.0.1:0\" }}\n"))
        });
        let folder = site.path().join("image");
        fs::create_dir(&folder).unwrap();
        program(&folder);
        let folder = site.path().join("dist/shop");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("compose.yaml"), file).unwrap();
        for file in ["worker.env", "db.conf"] {
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
        site.serve();
        Self { site, project, database: OnceCell::new() }
    }

    /// Builds and pushes the image of a service; its reference by digest.
    fn push(&self, service: &str, version: &str, environment: &str) -> String {
        let name = format!("{REGISTRY}/{}/{service}:{version}", self.project);
        push(&self.site, &name, &format!("VERSION={version} {environment}"), "")
    }

    /// The images of a version of the whole project, of which the database is always the same.
    pub(crate) fn images(&self, version: &str, of_web: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("web", self.push("web", version, of_web)),
            ("worker", self.push("worker", version, "")),
            ("db", self.database.get_or_init(|| self.push("db", "1", "")).clone()),
        ])
    }

    /// A ticket with the notes of the example, for those services that have an image.
    pub(crate) fn ticket(&self, version: &str, images: &BTreeMap<&str, String>) -> String {
        let mut notes = with(&example("notes.md"), "version: v1", &format!("version: {version}"));
        for (service, digit) in [("web", "1"), ("worker", "2"), ("db", "3")] {
            let named = format!("registry.example.org/shop/{service}@sha256:{}", digit.repeat(64));
            notes = match images.get(service) {
                Some(image) => with(&notes, &named, image),
                None => with(&notes, &format!("  {service}: {named}\n"), ""),
            };
        }
        let folder = self.site.path().join("dist/shop");
        let notes = with(&notes, "dist/shop", folder.to_str().unwrap());
        self.site.ready_as(version, notes)
    }

    /// Ships the first version, with customers from the moment in which it serves: the door and they.
    pub(crate) fn open(&self, images: &BTreeMap<&str, String>) -> (String, Customers) {
        let door = self.site.door();
        let deploy = self.site.begin(&["deploy", &self.ticket("v1", images)]);
        eventually("v1 serves", || visit(&door).ok());
        let customers = Customers::crowd(&door, CROWD);
        let said = finish(deploy);
        assert_eq!(said.code, 0, "{}", said.whole());
        (door, customers)
    }

    /// A container of the project, by its service: its id and which version it runs.
    pub(crate) fn seen(&self, service: &str) -> Option<(String, String)> {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service = format!("label=com.docker.compose.service={service}");
        let id = docker(&["ps", "--quiet", "--filter", &project, "--filter", &service]);
        let id = id.lines().next()?.to_owned();
        let env =
            docker(&["inspect", "--format", "{{range .Config.Env}}{{println .}}{{end}}", &id]);
        let version = env.lines().find_map(|line| line.strip_prefix("VERSION="))?.to_owned();
        Some((id, version))
    }

    pub(crate) fn containers(&self) -> usize {
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

/// Customers met both versions, and none of them was lost: what they met.
fn all_served(customers: Customers, versions: [&str; 2]) -> Visits {
    let visits = customers.go_home();
    assert!(visits.lost.is_empty(), "{visits:?}");
    assert_eq!(visits.by.values().sum::<u64>(), visits.served);
    for version in versions {
        assert!(visits.by.get(version).is_some_and(|count| *count >= 100), "{visits:?}");
    }
    visits
}

fn a_project_ships_hurts_nobody_and_goes_back_whole(compose: &str) -> [Visits; 2] {
    let harbour = Harbour::new(compose);
    let first = harbour.images("v1", "");
    let (door, customers) = harbour.open(&first);
    let (before, worker) = (harbour.seen("db").unwrap(), harbour.seen("worker").unwrap());
    assert_eq!(worker.1, "v1");

    let ticket = harbour.ticket("v2", &harbour.images("v2", ""));
    let said = finish(harbour.site.begin(&["deploy", &ticket]));
    assert_eq!(said.code, 0, "{}", said.whole());
    assert_eq!(visit(&door).unwrap(), "v2");
    assert_eq!(harbour.seen("worker").unwrap().1, "v2");
    assert_eq!(harbour.seen("db").unwrap(), before, "what did not change was not touched");
    let out = all_served(customers, ["v1", "v2"]);

    // A version that fails its visitors goes back, and the worker with it.
    let ticket = harbour.ticket("v3", &harbour.images("v3", "FAILS=yes"));
    let customers = Customers::come(&door);
    let said = finish(harbour.site.begin(&["deploy", &ticket]));
    assert_ne!(said.code, 0, "{}", said.whole());
    eventually("v2 serves alone", || (visit(&door).ok()? == "v2").then_some(()));
    drop(customers.go_home());
    eventually("nothing of v3 is left", || (harbour.containers() == 3).then_some(()));
    assert_eq!(harbour.seen("worker").unwrap().1, "v2");
    assert_eq!(harbour.seen("db").unwrap(), before);

    // What was closed is undone, from what ops keeps alone, and nobody is lost by that either.
    for image in first.values() {
        let (_, digest) = image.split_once("@sha256:").unwrap();
        let _ = Command::new("docker")
            .args(["image", "rm", "-f", &format!("ops.local/kept:{digest}")])
            .output();
    }
    let customers = Customers::crowd(&door, CROWD);
    let said = harbour.site.ops(&["rollback", "D-2"]);
    assert_eq!(said.code, 0, "{}", said.whole());
    eventually("v1 serves alone", || {
        (visit(&door).ok()? == "v1" && harbour.containers() == 3).then_some(())
    });
    assert_eq!(harbour.seen("worker").unwrap().1, "v1");
    assert_eq!(harbour.seen("db").unwrap(), before);
    [out, all_served(customers, ["v1", "v2"])]
}

#[test]
fn p2_p6_a_project_ships_hurts_nobody_and_goes_back_whole_with_compose_1() {
    println!("{:?}", a_project_ships_hurts_nobody_and_goes_back_whole("v1"));
}

#[test]
fn p2_p6_a_project_ships_hurts_nobody_and_goes_back_whole_with_compose_2() {
    println!("{:?}", a_project_ships_hurts_nobody_and_goes_back_whole("v2"));
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

/// A project of workers alone. `health` is what the worker's file says of that.
fn workers(health: &str) -> String {
    format!(
        "services:\n  worker:\n    image: registry.example.org/shop/worker\n    restart: \
         unless-stopped\n    depends_on: [db]\n    healthcheck: {{ test: [CMD, /service, {health}], \
         interval: 1s, retries: 1 }}\n    mem_limit: 64m\n    memswap_limit: 64m\n  db:\n    image: registry.example.org/shop/db\n    restart: \
         unless-stopped\n"
    )
}

fn of_workers() -> Harbour {
    let change = |text: &str| {
        let text = with(
            text,
            "      front: web                # the one that is replaced without a gap\n",
            "",
        );
        let text = with(&text, "      port: 8080\n", "");
        let route = "    route: { path: / }\n    health: { path: /healthz }\n";
        let text = with(&text, route, "    health: { start_deadline: 20s }\n");
        let text = with(&text, "    smoke: [{ get: /, status: 200 }]\n", "");
        let canary = "    strategy: { canary: { steps: [50%], dwell: 1s, min_requests: 5 } }\n";
        let text = with(&text, canary, "");
        with(&text, "min_requests: 20", "min_heartbeats: 10")
    };
    Harbour::with("v2", change, &workers("check"))
}

#[test]
fn p2_s22_a_project_without_a_door_ships_and_goes_back_where_its_worker_is_sick() {
    let harbour = of_workers();
    let images = |version: &str| {
        let mut all = harbour.images(version, "");
        all.remove("web");
        all
    };
    let ship = |version: &str| {
        let ticket = harbour.ticket(version, &images(version));
        finish(harbour.site.begin(&["deploy", &ticket]))
    };
    let said = ship("v1");
    assert_eq!(said.code, 0, "{}", said.whole());
    let before = harbour.seen("db").unwrap();
    assert_eq!(harbour.seen("worker").unwrap().1, "v1");

    // What somebody changed by hand holds the next one, until it is taken back.
    let worker = harbour.seen("worker").unwrap().0;
    let memory = |limit: &str| {
        docker(&["update", "--memory", limit, "--memory-swap", limit, &worker]);
    };
    memory("128m");
    let ticket = harbour.ticket("v1-held", &images("v1-held"));
    let drift = || {
        let said = harbour.site.ops(&["plan", &ticket, "--output", "json"]).json();
        let drift = said["checks"].as_array()?.iter().find(|one| one["id"] == "drift")?.clone();
        Some((drift["verdict"] == "pass", drift["evidence"].as_str()?.to_owned()))
    };
    let (passes, said) = drift().unwrap();
    assert!(!passes && said.contains("worker (") && said.contains("is 134217728"), "{said}");
    memory("64m");
    assert!(drift().unwrap().0, "{:?}", drift());

    let said = ship("v2");
    assert_eq!(said.code, 0, "{}", said.whole());
    assert_eq!(harbour.seen("worker").unwrap().1, "v2");
    assert_eq!(harbour.seen("db").unwrap(), before, "what did not change was not touched");

    // A worker that is never healthy does not stay.
    let file = harbour.site.path().join("dist/shop/compose.yaml");
    fs::write(&file, workers("fail")).unwrap();
    let said = ship("v3");
    assert_ne!(said.code, 0, "{}", said.whole());
    let why = harbour.site.ops(&["show", "D-4"]).whole();
    assert!(why.contains("worker (") && why.contains("its own health check fails"), "{why}");
    eventually("v2 is back", || (harbour.seen("worker")?.1 == "v2").then_some(()));

    // One that gets sick while it is watched neither.
    fs::write(&file, workers("check")).unwrap();
    let ticket = harbour.ticket("v4", &images("v4"));
    let deploy = harbour.site.begin(&["deploy", &ticket]);
    let watched = eventually("v4 is watched", || {
        let said = harbour.site.ops(&["show", "D-5", "--output", "json"]);
        let watching = said.code == 0 && said.json()["phase"] == "watching";
        let (id, version) = harbour.seen("worker").filter(|_| watching)?;
        (version == "v4").then_some(id)
    });
    docker(&["cp", file.to_str().unwrap(), &format!("{watched}:/sick")]);
    let said = finish(deploy);
    assert_ne!(said.code, 0, "{}", said.whole());
    let why = harbour.site.ops(&["show", "D-5"]).whole();
    assert!(why.contains("worker (") && why.contains("its own health check fails"), "{why}");
    assert_eq!(harbour.seen("worker").unwrap().1, "v2");

    let said = harbour.site.ops(&["rollback", "D-3"]);
    assert_eq!(said.code, 0, "{}", said.whole());
    eventually("v1 is back", || (harbour.seen("worker")?.1 == "v1").then_some(()));
    assert_eq!(harbour.seen("db").unwrap(), before);
}
