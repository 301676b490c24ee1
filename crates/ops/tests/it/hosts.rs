//! Three hosts, each a Docker Engine in a network of its own, behind one door: what
//! `testbed/hosts` makes, through the whole of ops.

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use crate::{
    customers::{fetch, visit},
    docker::Harbour,
    house::{Said, eventually, finish},
};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testbed/hosts");
const NAMES: [&str; 3] = ["a", "b", "c"];
const SECRET: &str = "correct-horse-battery";
/// Where what containers run tells it.
const TOLD: &str = "/file/run/secrets/TOKEN";

/// The hosts: those that are named last are reached through SSH, the others over TLS.
pub(crate) struct Hosts {
    folder: tempfile::TempDir,
    net: String,
    names: &'static [&'static str],
    ssh: &'static [&'static str],
}

impl Hosts {
    fn up() -> Self {
        Self::of(&NAMES, &["b"])
    }

    pub(crate) fn of(names: &'static [&'static str], ssh: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let net = (std::process::id() % 256).to_string();
        let hosts = Self { folder, net, names, ssh };
        hosts.script("up", names);
        hosts
    }

    /// Its address.
    pub(crate) fn address(&self, host: &str) -> String {
        let at = self.names.iter().position(|name| *name == host).unwrap();
        format!("198.18.{}.{}", self.net, 11 + at)
    }

    pub(crate) fn script(&self, what: &str, more: &[&str]) {
        let folder = self.folder.path().display().to_string();
        let output = Command::new(SCRIPT).args([what, &folder, &self.net]).args(more).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "testbed/hosts {what}: {said}");
    }

    pub(crate) fn folder(&self, host: &str) -> PathBuf {
        self.folder.path().join(host)
    }

    /// The hosts as ops.yaml names them.
    pub(crate) fn wishes(&self) -> String {
        let mut text = "docker:\n  hosts:\n".to_owned();
        for name in self.names {
            let address = self.address(name);
            let folder = self.folder(name).display().to_string();
            let engine = if self.ssh.contains(name) {
                format!("engine: \"ssh://{address}\", ssh_config: {folder}/ssh_config")
            } else {
                format!("engine: \"tcp://{address}:2376\", certificates: {folder}")
            };
            let _ = writeln!(text, "    {name}: {{ {engine}, address: {address} }}");
        }
        text
    }

    /// Starts a program in a host's network.
    pub(crate) fn run(&self, host: &str, words: &[&str]) -> Child {
        let space = format!("--net=/run/netns/ops-h{}-{host}", self.net);
        let mut command = Command::new("nsenter");
        command.arg(space).args(words).current_dir("/").stdout(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Runs Docker's own client on a host.
    pub(crate) fn docker(&self, host: &str, args: &[&str]) -> String {
        let said = self.docker_says(host, args);
        said.unwrap_or_else(|why| panic!("docker {args:?} on {host}: {why}"))
    }

    /// The same; what it complains of where that may be.
    fn docker_says(&self, host: &str, args: &[&str]) -> Result<String, String> {
        let socket = format!("unix://{}", self.folder(host).join("docker.sock").display());
        let done = Command::new("docker").env("DOCKER_HOST", socket).args(args).output().unwrap();
        let said = |text: &[u8]| String::from_utf8_lossy(text).trim().to_owned();
        if done.status.success() { Ok(said(&done.stdout)) } else { Err(said(&done.stderr)) }
    }

    /// The versions that run, by host.
    pub(crate) fn versions(&self) -> Vec<String> {
        let of = |host: &&str| {
            let ids = self.docker(host, &["ps", "--quiet"]);
            let version = |id: &str| {
                let form = "{{range .Config.Env}}{{println .}}{{end}}";
                // What was removed since it was listed runs no more.
                let text = self.docker_says(host, &["inspect", "--format", form, id]).ok()?;
                let mut lines = text.lines();
                lines.find_map(|line| line.strip_prefix("VERSION=").map(str::to_owned))
            };
            let mut all: Vec<String> = ids.lines().filter_map(version).collect();
            all.sort();
            all.join("+")
        };
        self.names.iter().map(of).collect()
    }

    /// A harbour whose shop runs on all of them, and has a secret.
    fn harbour(&self) -> Harbour {
        let container = "port: 8080, hosts: [a, b, c], volumes: [\"flags:/flags\"]";
        let secret = self.folder.path().join("token");
        fs::write(&secret, SECRET).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let secret = format!("    secrets: {{ TOKEN: \"file:{}\" }}\n", secret.display());
        Harbour::with(container, |text| {
            let text = text.replace("    replicas: 1\n", &secret);
            let text = text.replace("in_a_row: 2", "in_a_row: 2, start_deadline: 20s");
            text.replace("min_requests: 20", "min_requests: 20, extensions: 0") + &self.wishes()
        })
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let folder = self.folder.path().display().to_string();
        let _ = Command::new(SCRIPT).args(["down", &folder, &self.net]).output();
    }
}

pub(crate) fn deploy(harbour: &Harbour, version: &str, reference: &str) -> Said {
    let ticket = harbour.site.ready_with(version, reference);
    finish(harbour.site.begin(&["deploy", &ticket]))
}

#[test]
fn p6_p13_three_hosts_are_all_new_or_all_old_and_each_has_its_secrets() {
    let hosts = Hosts::up();
    let mut harbour = hosts.harbour();
    let first = harbour.push("v1", "");
    harbour.site.serve();
    let door = harbour.site.door();
    let customers = harbour.open(&first, &door);
    assert_eq!(hosts.versions(), ["v1", "v1", "v1"]);
    assert_eq!(fetch(&door, TOLD).unwrap(), SECRET);

    // A version that is sick on the second host alone comes to no third one, and goes back.
    fs::write(hosts.folder("b").join("data/volumes/flags/_data/sick-v2"), "").unwrap();
    let second = harbour.push("v2", "");
    let said = deploy(&harbour, "v2", &second);
    assert_ne!(said.code, 0, "{}", said.whole());
    assert!(said.whole().contains("healthy-new-on-2"), "{}", said.whole());
    eventually("all old", || (hosts.versions() == ["v1", "v1", "v1"]).then_some(()));
    assert_eq!(visit(&door).unwrap(), "v1");

    // The host was at fault, and the candidate is not condemned: once it is well, the same one ships.
    fs::remove_file(hosts.folder("b").join("data/volumes/flags/_data/sick-v2")).unwrap();
    let said = deploy(&harbour, "v2", &second);
    assert_eq!(said.code, 0, "{}", said.whole());
    assert_eq!(hosts.versions(), ["v2", "v2", "v2"]);
    let served = customers.go_home();
    assert!(served.lost.is_empty(), "{served:?}");

    // S18: a host that is booted has lost its secrets; its container comes back with them, not without.
    let release = hosts.docker("b", &["ps", "--quiet"]);
    hosts.script("boot", &["b"]);
    eventually("the container of b is back", || {
        (hosts.docker("b", &["ps", "--quiet"]) == release).then_some(())
    });
    let form = "{{(index (index .NetworkSettings.Ports \"8080/tcp\") 0).HostPort}}";
    let port = hosts.docker("b", &["inspect", "--format", form, &release]);
    let address = format!("198.18.{}.12:{port}", hosts.net);
    assert_eq!(eventually("it answers", || fetch(&address, TOLD).ok()), SECRET);
    for host in NAMES {
        let said = hosts.docker(host, &["inspect", &hosts.docker(host, &["ps", "--quiet"])]);
        assert!(!said.contains(SECRET), "{host}: {said}");
    }
}

#[test]
fn p5_a_host_cut_off_in_the_middle_ends_in_a_declared_state_and_heals() {
    let hosts = Hosts::up();
    let mut harbour = hosts.harbour();
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    harbour.site.serve();
    let door = harbour.site.door();
    let customers = harbour.open(&first, &door);

    let ticket = harbour.site.ready_with("v2", &second);
    let both = ["v1+v2", "v1+v2", "v1+v2"];
    eventually("both versions run everywhere", || (hosts.versions() == both).then_some(()));
    let status = || harbour.site.ops(&["status"]).out;
    eventually("v2 is watched", || status().contains("watching  50 % new").then_some(()));
    hosts.script("cut", &["c"]);
    let state = |wanted: &str| {
        eventually(wanted, || {
            let said = harbour.site.ops(&["status", "--output", "json"]).out;
            said.contains(&format!("\"{wanted}\"")).then_some(said)
        })
    };
    state("rolling-back");
    state("frozen");
    // Users are served by what can be reached, all by one version.
    eventually("v1 serves", || (visit(&door).ok()? == "v1").then_some(()));
    hosts.script("heal", &["c"]);
    eventually("all old", || (hosts.versions() == ["v1", "v1", "v1"]).then_some(()));
    drop(customers.go_home());
    let explained = harbour.site.ops(&["explain", &ticket]);
    assert!(explained.out.contains("healthy"), "{}", explained.whole());
}
