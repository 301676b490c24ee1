//! What an engine tells before a deployment, and what somebody changed on it by hand.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixListener,
    path::Path,
    thread,
};

use ops_conformance::{Ground as _, Program, done, eventually, stamp};
use ops_core::world::{
    EngineView, OwnHealth, ReleaseSpec,
    ReplicaState::{Running, Stopped},
};
use ops_engine::ports::{Artifacts as _, Look, Target as _};

use crate::{
    engine::bounded,
    image::{REGISTRY, here, push},
    own::OwnEngine,
    stand::Stand,
};

const MB: u64 = 1024 * 1024;

impl Stand {
    fn survey(&self) -> Look<EngineView> {
        self.target().survey(&self.service(), Some(&self.pushed.digest))
    }

    /// What of the first replica is told to differ.
    fn changes(&self) -> Vec<String> {
        self.survey().unwrap().changed.into_iter().flat_map(|one| one.how).collect()
    }

    /// One replica that runs, with limits, and its container's name.
    fn limited(&self) -> (ReleaseSpec, String) {
        let mut spec = Self::with_container(self.one("abc-1"), |container| {
            container.memory_bytes = Some(64 * MB);
        });
        spec.env = vec![("COLOUR".to_owned(), "blue".to_owned())];
        done(|| self.target().start(stamp(1, 1), &spec));
        self.wait_for(&[Running]);
        let name = format!("ops-{}-abc-1-0", self.name);
        (spec, name)
    }
}

#[test]
fn an_engine_tells_its_version_its_machine_and_its_room() {
    let stand = Stand::new();
    let two = Stand::with_container(stand.release("abc-1", Program::Lives), |container| {
        container.memory_bytes = Some(64 * MB);
    });
    done(|| stand.target().start(stamp(1, 1), &two));
    stand.wait_for(&[Running, Running]);
    let seen = stand.survey().unwrap();
    assert_eq!(seen.version, stand.docker(&["version", "--format", "{{.Server.Version}}"]));
    assert_eq!(seen.architecture, here());
    assert!(seen.memory_free.unwrap() < seen.memory_bytes, "{seen:?}");
    assert!(seen.disk_free.unwrap() > MB, "{seen:?}");
    assert_eq!(seen.memory_promised, 2 * 64 * MB, "the limits of both replicas");
    assert!(seen.holds && seen.changed.is_empty(), "{seen:?}");
    let other = push(REGISTRY, "unique", &stand.name, here());
    let seen = stand.target().survey(&stand.service(), Some(&other.digest)).unwrap();
    assert!(!seen.holds, "nobody has brought that one");
}

#[test]
fn p8_an_engine_that_is_away_or_hangs_tells_nothing() {
    let engine = OwnEngine::new();
    let mut stand = Stand::at(&engine.socket());
    engine.signal("-STOP");
    let hangs = bounded("a survey", || stand.survey());
    engine.signal("-CONT");
    assert!(hangs.is_err(), "{hangs:?}");
    let socket = std::mem::replace(&mut stand.socket, "/nowhere/docker.sock".into());
    let away = stand.survey().unwrap_err();
    assert!(away.what.contains("cannot be reached"), "{away}");
    stand.socket = socket;
}

/// An engine that says of itself that it is older than what we speak to.
#[test]
fn an_engine_that_is_too_old_is_told_as_that_and_nothing_is_asked_of_it() {
    let mut stand = Stand::new();
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
    let serving = thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let read = client.read(&mut [0; 4096]).unwrap();
        let said = r#"{"Version":"19.03.15","ApiVersion":"1.40","Arch":"amd64"}"#;
        let length = said.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
        write!(client, "{head}Content-Length: {length}\r\n\r\n{said}").unwrap();
        read
    });
    let socket = std::mem::replace(&mut stand.socket, folder.path().join("docker.sock"));
    let old = stand.survey().unwrap_err();
    stand.socket = socket;
    assert!(serving.join().unwrap() > 0);
    assert!(old.what.contains("too old") && old.what.contains("1.40"), "{old}");
    assert!(old.next.contains("upgrade"), "{old}");
}

#[test]
fn what_is_changed_by_hand_is_named_and_gone_when_it_is_taken_back() {
    let stand = Stand::new();
    let (_, name) = stand.limited();
    assert_eq!(stand.changes(), [""; 0]);
    let memory = |limit: &str| {
        stand.docker(&["update", "--memory", limit, "--memory-swap", limit, &name]);
    };
    memory("128m");
    let told = stand.changes();
    assert!(
        told.contains(&"limit of memory is 134217728, and ops made it with 67108864".to_owned()),
        "{told:?}"
    );
    memory("64m");
    assert_eq!(stand.changes(), [""; 0]);
    stand.docker(&["update", "--restart", "no", &name]);
    assert_eq!(stand.changes(), ["restart policy is no, and ops made it with unless-stopped"]);
    stand.docker(&["update", "--restart", "unless-stopped", &name]);
    let network = format!("{}-net", stand.name);
    let label = format!("ops.test={}", stand.name);
    stand.docker(&["network", "create", "--label", &label, &network]);
    stand.docker(&["network", "connect", &network, &name]);
    assert_eq!(stand.changes(), [format!("network {network} is new")]);
    stand.docker(&["network", "disconnect", &network, &name]);
    stand.docker(&["rename", &name, &format!("{name}-mine")]);
    assert_eq!(stand.changes(), ["name is another one"]);
    stand.docker(&["rename", &format!("{name}-mine"), &name]);
    stand.docker(&["pause", &name]);
    assert_eq!(stand.changes(), ["somebody paused it"]);
    stand.docker(&["unpause", &name]);
    assert_eq!(stand.changes(), [""; 0]);
}

#[test]
fn what_is_stopped_or_removed_by_hand_is_named_and_what_ops_stopped_is_not() {
    let stand = Stand::new();
    let (spec, name) = stand.limited();
    stand.docker(&["stop", "-t", "0", &name]);
    assert_eq!(stand.changes(), ["it does not run, and ops has not stopped it"]);
    stand.docker(&["start", &name]);
    assert_eq!(stand.changes(), [""; 0]);
    stand.docker(&["rm", "-f", &name]);
    assert_eq!(stand.changes(), ["it is gone"]);
    done(|| stand.target().start(stamp(1, 2), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.changes(), [""; 0]);
    done(|| stand.target().stop(stamp(1, 3), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped]);
    assert_eq!(stand.changes(), [""; 0]);
}

/// Tools that "edit" a container make another one under its name, with all its labels.
#[test]
fn p13_a_container_that_was_made_anew_by_hand_is_compared_and_its_values_are_not_told() {
    let stand = Stand::new();
    let (_, name) = stand.limited();
    let token =
        stand.docker(&["inspect", "--format", "{{index .Config.Labels \"ops.token\"}}", &name]);
    stand.docker(&["rm", "-f", &name]);
    let image = format!("ops.local/kept:{}", stand.pushed.digest.hex());
    let labels = [
        format!("ops.test={}", stand.name),
        format!("ops.service={}", stand.name),
        "ops.release=abc-1".to_owned(),
        format!("ops.token={token}"),
    ];
    let mut words = vec!["run", "-d", "--name", &name];
    for label in &labels {
        words.extend(["--label", label]);
    }
    words.extend(["-e", "COLOUR=hush", "-e", "KEY=hush", "-v", "/etc:/etc:ro", &image, "serve"]);
    stand.docker(&words);
    let told = stand.changes();
    for expected in [
        "it is gone, and one that ops has not made has its name",
        "variable COLOUR is another one",
        "variable KEY is new",
        "variable PORT is gone",
        "mount /etc is new",
        "label ops.stamp is gone",
        "limit of memory is none, and ops made it with 67108864",
    ] {
        assert!(told.iter().any(|one| one == expected), "{expected}: {told:#?}");
    }
    assert!(!told.join(" ").contains("hush"), "{told:?}");
}

#[test]
fn what_an_ops_before_this_one_made_is_written_down_when_the_daemon_starts() {
    let stand = Stand::new();
    let (_, name) = stand.limited();
    let file = stand.state().join("docker").join(&stand.name).join("releases/abc-1.json");
    let mut record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    record["places"][0].as_object_mut().unwrap().remove("made").unwrap();
    std::fs::write(&file, record.to_string()).unwrap();
    let told = stand.changes();
    assert!(told[0].contains("not written down"), "what is not known is never well: {told:?}");
    stand.target().restore().unwrap();
    assert_eq!(stand.changes(), [""; 0]);
    stand.docker(&["update", "--restart", "no", &name]);
    assert_eq!(stand.changes().len(), 1);
}

#[test]
fn the_health_check_of_the_image_is_told_where_it_is_wanted() {
    let stand = Stand::new();
    let kept = stand.images().resolve(&stand.pushed.reference(), &[]).unwrap();
    let image = kept.image.unwrap();
    assert!(kept.stored && image.health_check && image.architecture == here(), "{image:?}");
    let spec = Stand::with_container(stand.one("abc-1"), |one| one.image_health = true);
    done(|| stand.target().start(stamp(1, 1), &spec));
    let health = || stand.view().replicas[0].health;
    eventually("the engine says that it is healthy", || health() == Some(OwnHealth::Healthy));
    assert_eq!(stand.ask("/write/sick"), "ok");
    eventually("the engine says that it is not", || health() == Some(OwnHealth::Unhealthy));
    done(|| stand.target().start(stamp(1, 2), &stand.one("def-2")));
    let other = stand.view().replicas.into_iter().find(|one| one.release.as_str() == "def-2");
    assert_eq!(other.unwrap().health, None, "nobody wants to know");
}

/// A small disk of a test's own.
struct Disk(tempfile::TempDir);

impl Disk {
    fn of(size: &str) -> Self {
        let folder = tempfile::tempdir_in("/var/tmp").unwrap();
        let options = format!("size={size}");
        let path = folder.path().to_str().unwrap();
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", path]);
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all room but this much.
    fn fill_but(&self, bytes: u64) {
        let about = rustix::fs::statvfs(self.path()).unwrap();
        let free = about.f_bavail * about.f_frsize;
        let filler = vec![0; usize::try_from(free.saturating_sub(bytes)).unwrap()];
        std::fs::write(self.path().join("filler"), filler).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn run(program: &str, words: &[&str]) {
    let status = std::process::Command::new(program).args(words).status().unwrap();
    assert!(status.success(), "{program} {words:?}");
}

#[test]
fn an_engine_whose_disk_is_full_says_so_before_and_when_it_is_given_an_image() {
    let disk = Disk::of("64m");
    let data = disk.path().join("data");
    let engine = OwnEngine::with(vec![format!("--data-root={}", data.display())]);
    let stand = Stand::at(&engine.socket());
    let other = push(REGISTRY, "unique", &stand.name, here());
    disk.fill_but(128 * 1024);
    let free = stand.survey().unwrap().disk_free.unwrap();
    assert!(free <= 128 * 1024, "{free}");
    let answer = stand.images().import(&other.reference(), &other.digest);
    let fault = format!("{:?}", answer.unwrap_err());
    assert!(fault.contains("no room left"), "{fault}");
    std::fs::remove_file(disk.path().join("filler")).unwrap();
    stand.images().import(&other.reference(), &other.digest).unwrap();
}

#[test]
fn p2_a_store_whose_disk_is_full_says_so_and_brings_nothing() {
    let (stand, disk) = (Stand::new(), Disk::of("32m"));
    let other = push(REGISTRY, "unique", &stand.name, here());
    let narrow = ops_docker::DockerImages::new(
        stand.engine(),
        ops_docker::Registries::new(Path::new("/nowhere/config.json")),
        disk.path(),
        512,
    );
    let fault = format!("{:?}", narrow.import(&other.reference(), &other.digest).unwrap_err());
    assert!(fault.contains("are free") && fault.contains("free room on this disk"), "{fault}");
    assert!(narrow.verify(&other.digest).is_err(), "it is not kept");
}
