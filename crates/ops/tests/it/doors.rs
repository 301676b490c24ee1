//! A door on each of several hosts: each a Docker Engine in a network of its own, as
//! `testbed/hosts` makes them, through the whole of ops.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    customers::{Customers, visit},
    docker::Harbour,
    hosts::{Hosts, deploy},
    house::{eventually, finish},
};

/// What finds ops's doors among an engine's containers.
const DOORS: &str = "label=ops.door";

impl Hosts {
    /// A harbour whose shop runs on all hosts, with a door on each as these lines say.
    fn harbour_with_doors(&self, names: &str, edge: &str) -> Harbour {
        let container = format!("port: 8080, hosts: [{names}], volumes: [\"flags:/flags\"]");
        Harbour::with(&container, |text| {
            let text = text.replace("    replicas: 1\n", "");
            let edge = format!("edge: {{ hosts: [{names}], {edge} }}");
            let text = text.replace("edge: { listen: [\"127.0.0.1:0\"] }", &edge);
            assert!(text.contains(&edge), "{text}");
            let text = text.replace("in_a_row: 2", "in_a_row: 2, start_deadline: 20s");
            text.replace("min_requests: 20", "min_requests: 20, extensions: 0") + &self.wishes()
        })
    }

    fn door(&self, host: &str) -> String {
        format!("{}:8080", self.address(host))
    }

    /// The containers of a host's door that run.
    fn door_containers(&self, host: &str) -> Vec<String> {
        let said = self.docker(host, &["ps", "--quiet", "--no-trunc", "--filter", DOORS]);
        said.lines().map(str::to_owned).collect()
    }

    /// What a host's door answers to a question at its socket.
    fn ask(&self, host: &str, question: &str) -> serde_json::Value {
        // A container may leave between the look for it and the question.
        eventually("the door answers", || self.try_ask(host, question))
    }

    fn try_ask(&self, host: &str, question: &str) -> Option<serde_json::Value> {
        let socket = format!("unix://{}", self.folder(host).join("docker.sock").display());
        let container = self.door_containers(host).into_iter().next()?;
        let words = ["exec", "-i", &container, "/ops", "edge", "control", "--state", "/state"];
        let mut child = Command::new("docker")
            .env("DOCKER_HOST", socket)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let asked = writeln!(child.stdin.take().unwrap(), "{question}");
        let said = finish(child);
        asked.ok()?;
        serde_json::from_str(&said.out)
            .ok()
            .filter(|answer: &serde_json::Value| answer.get("refused").is_none())
    }

    /// The copies that a host's door sends users to, by weight.
    fn legs(&self, host: &str) -> Vec<(u64, Vec<String>)> {
        let view = self.ask(host, r#"{"ask":"look","service":"shop"}"#);
        let legs = view["view"]["served"]["route"]["legs"].as_array().cloned().unwrap_or_default();
        let text = |one: &serde_json::Value| one.as_str().unwrap().to_owned();
        let of = |leg: &serde_json::Value| {
            let backends = leg["backends"].as_array().unwrap().iter().map(text).collect();
            (leg["weight"].as_u64().unwrap(), backends)
        };
        legs.iter().map(of).collect()
    }

    fn instance(&self, host: &str) -> String {
        self.ask(host, r#"{"ask":"status"}"#)["status"]["instance"].as_str().unwrap().to_owned()
    }
}

/// Ships the first version, with customers at each door from the moment in which all serve.
fn open(harbour: &Harbour, first: &str, doors: &[String]) -> Vec<Customers> {
    let ticket = harbour.site.ready_with("v1", first);
    let deploy = harbour.site.begin(&["deploy", &ticket]);
    for door in doors {
        eventually(&format!("v1 serves at {door}"), || visit(door).ok());
    }
    let customers = doors.iter().map(|door| Customers::come(door)).collect();
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}", said.whole());
    customers
}

fn go_home(customers: Vec<Customers>) {
    for customers in customers {
        let served = customers.go_home();
        assert!(served.lost.is_empty(), "{served:?}");
        assert!(served.served > 0, "nobody came");
    }
}

fn all_serve(doors: &[String], version: &str) {
    for door in doors {
        eventually(&format!("{version} at {door}"), || {
            (0..5).all(|_| visit(door).is_ok_and(|seen| seen == version)).then_some(())
        });
    }
}

#[test]
fn p6_a_door_on_each_host_ships_and_goes_back_and_loses_nobody() {
    let hosts = Hosts::of(&["a", "b", "c"], &["b"]);
    let mut harbour = hosts.harbour_with_doors("a, b, c", "listen: [\"0.0.0.0:8080\"]");
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    harbour.site.serve();
    let doors: Vec<String> = ["a", "b", "c"].iter().map(|host| hosts.door(host)).collect();
    let customers = open(&harbour, &first, &doors);

    let ticket = harbour.site.ready_with("v2", &second);
    let deploy = harbour.site.begin(&["deploy", &ticket]);
    for (host, door) in ["a", "b", "c"].iter().zip(&doors) {
        eventually("both versions are met at each door", || {
            let seen: Vec<String> = (0..8).filter_map(|_| visit(door).ok()).collect();
            ["v1", "v2"].iter().all(|wanted| seen.iter().any(|one| one == wanted)).then_some(())
        });
        let legs = eventually("half and half", || {
            let legs = hosts.legs(host);
            legs.iter().map(|(weight, _)| *weight).eq([50, 50]).then_some(legs)
        });
        let address = format!("{}:", hosts.address(host));
        for backend in legs.iter().flat_map(|(_, backends)| backends) {
            assert!(backend.starts_with(&address), "{host} sends users to {backend}");
        }
    }
    let said = finish(deploy);
    assert_eq!(said.code, 0, "{}", said.whole());
    all_serve(&doors, "v2");
    let said = harbour.site.ops(&["rollback", "D-2"]);
    assert_eq!(said.code, 0, "{}", said.whole());
    all_serve(&doors, "v1");
    go_home(customers);
    let said = harbour.site.ops(&["doctor"]).whole();
    for host in ["a", "b", "c"] {
        assert!(said.contains(&format!("door on {host}")), "{said}");
    }
    assert!(said.contains("answers on 0.0.0.0:8080"), "{said}");
}

#[test]
fn p6_a_door_is_replaced_by_another_version_and_drops_nothing() {
    let hosts = Hosts::of(&["a", "b"], &["b"]);
    let mut harbour = hosts.harbour_with_doors("a, b", "listen: [\"0.0.0.0:8080\"]");
    let first = harbour.push("v1", "");
    harbour.site.serve();
    let doors = [hosts.door("a"), hosts.door("b")];
    let customers = open(&harbour, &first, &doors);

    // An answer that goes on at each door.
    let mut long: Vec<TcpStream> = doors.iter().map(|door| begin_long_answer(door)).collect();
    let before = ["a", "b"].map(|host| hosts.instance(host));

    let other = of_tomorrow(&harbour);
    assert_eq!(harbour.site.end_daemon(Signal::TERM), Some(0));
    harbour.site.serve_as(&other, &[]);
    for (host, before) in ["a", "b"].iter().zip(&before) {
        eventually("another edge serves", || (hosts.instance(host) != *before).then_some(()));
        assert_eq!(hosts.door_containers(host).len(), 2, "the old one still has a connection");
    }
    for (host, mut stream) in ["a", "b"].iter().zip(long.drain(..)) {
        fs::write(hosts.folder(host).join("data/volumes/flags/_data/go"), "").unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).unwrap();
        assert!(rest.ends_with("0\r\n\r\n"), "the answer is whole: {rest:?}");
        let all = ["ps", "--all", "--quiet", "--filter", DOORS];
        eventually("the old one has left", || {
            (hosts.docker(host, &all).lines().count() == 1).then_some(())
        });
    }
    all_serve(&doors, "v1");
    go_home(customers);
    // The new one is not replaced again, and comes back when it is gone.
    let instance = hosts.instance("a");
    let container = hosts.door_containers("a").remove(0);
    hosts.docker("a", &["rm", "--force", &container]);
    eventually("it is back, with its routes", || {
        let back = hosts.door_containers("a").len() == 1 && visit(&doors[0]).ok()? == "v1";
        back.then_some(())
    });
    assert_ne!(hosts.instance("a"), instance);
}

/// Another version of ops: the same program but for a byte at its end.
fn of_tomorrow(harbour: &Harbour) -> PathBuf {
    let other = harbour.site.path().join("ops-of-tomorrow");
    let mut program = fs::read(env!("CARGO_BIN_EXE_ops")).unwrap();
    program.push(0);
    fs::write(&other, program).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o755)).unwrap();
    other
}

#[test]
fn p5_ops_killed_while_it_replaces_a_door_leaves_one_that_serves() {
    let (hosts, mut harbour) = one_door();
    harbour.site.serve();
    let door = hosts.door("a");
    eventually("the door runs", || (hosts.door_containers("a").len() == 1).then_some(()));
    let before = hosts.instance("a");
    let other = of_tomorrow(&harbour);
    assert_eq!(harbour.site.end_daemon(Signal::TERM), Some(0));
    let mut killed = harbour.site.begin_as(&other, &["serve"]);
    let all = ["ps", "--all", "--quiet", "--filter", DOORS];
    let containers = || hosts.docker("a", &all).lines().count();
    eventually("a second container is made", || (containers() == 2).then_some(()));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert!(TcpStream::connect(&door).is_ok(), "somebody listens");

    harbour.site.serve_as(&other, &[]);
    eventually("one is left", || (containers() == 1).then_some(()));
    assert_ne!(hosts.instance("a"), before, "it is of the new version");
    let container = hosts.door_containers("a").remove(0);
    let form = "{{.HostConfig.RestartPolicy.Name}}";
    let policy = hosts.docker("a", &["inspect", "--format", form, &container]);
    assert_eq!(policy, "unless-stopped");
}

/// Asks for an answer that ends when somebody says so, and has its beginning.
fn begin_long_answer(door: &str) -> TcpStream {
    let mut stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    write!(stream, "GET /until/flags/go HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    stream
}

#[test]
fn p5_p8_a_door_that_is_cut_off_ends_in_a_declared_state_and_heals() {
    let hosts = Hosts::of(&["a", "b"], &[]);
    let mut harbour = hosts.harbour_with_doors("a, b", "listen: [\"0.0.0.0:8080\"]");
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    harbour.site.serve();
    let doors = [hosts.door("a"), hosts.door("b")];
    let customers = open(&harbour, &first, &doors);

    harbour.site.ready_with("v2", &second);
    let status = || harbour.site.ops(&["status"]).out;
    eventually("v2 is watched", || status().contains("watching  50 % new").then_some(()));
    hosts.script("cut", &["b"]);
    let state = |wanted: &str| {
        eventually(wanted, || {
            let said = harbour.site.ops(&["status", "--output", "json"]).out;
            said.contains(&format!("\"{wanted}\"")).then_some(())
        });
    };
    state("rolling-back");
    state("frozen");
    // Users of the other door are back with the version that was well.
    all_serve(&doors[..1], "v1");
    let doctor = harbour.site.ops(&["doctor"]).whole();
    assert!(doctor.contains("door on b"), "{doctor}");
    hosts.script("heal", &["b"]);
    all_serve(&doors, "v1");
    eventually("all old", || (hosts.versions() == ["v1", "v1"]).then_some(()));
    for host in ["a", "b"] {
        let legs = hosts.legs(host);
        assert!(legs.len() == 1 && legs[0].0 == 100, "{host}: {legs:?}");
    }
    for customers in customers {
        customers.go_home();
    }
}

#[test]
fn p6_a_door_that_the_team_runs_is_spoken_to_through_ssh() {
    let hosts = Hosts::of(&["a"], &["a"]);
    let (ops, state) = (env!("CARGO_BIN_EXE_ops"), hosts.folder("a").join("ops"));
    let state = state.to_str().unwrap();
    let edge = format!("as: process, program: {ops}, state: {state}");
    let mut harbour = hosts.harbour_with_doors("a", &edge);
    let process = hosts.run("a", &[ops, "edge", "--listen", "0.0.0.0:8080", "--state", state]);
    let _process = Ending(process);
    let (first, second) = (harbour.push("v1", ""), harbour.push("v2", ""));
    harbour.site.serve();
    let doors = [hosts.door("a")];
    let customers = open(&harbour, &first, &doors);
    let said = deploy(&harbour, "v2", &second);
    assert_eq!(said.code, 0, "{}", said.whole());
    all_serve(&doors, "v2");
    go_home(customers);
    assert!(hosts.door_containers("a").is_empty(), "ops makes none");
    let said = harbour.site.ops(&["check", "--online"]).whole();
    assert!(said.contains("door on a"), "{said}");
}

/// A process that ends with the test.
struct Ending(std::process::Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A harbour with one host, whose door is a container.
fn one_door() -> (Hosts, Harbour) {
    let hosts = Hosts::of(&["a"], &[]);
    let harbour = hosts.harbour_with_doors("a", "listen: [\"0.0.0.0:8080\"]");
    (hosts, harbour)
}

#[test]
fn p13_a_door_in_a_container_opens_no_port_but_for_users() {
    let (hosts, mut harbour) = one_door();
    harbour.site.serve();
    eventually("the door runs", || (hosts.door_containers("a").len() == 1).then_some(()));
    let status = hosts.ask("a", r#"{"ask":"status"}"#);
    assert_eq!(status["status"]["listen"][0], "0.0.0.0:8080");
    let listening = finish(hosts.run("a", &["ss", "-ltnH"]));
    let mut ports: Vec<&str> = listening
        .out
        .lines()
        .filter_map(|line| line.split_whitespace().nth(3)?.rsplit(':').next())
        .collect();
    ports.sort_unstable();
    // ssh, the engine behind TLS, and the door.
    assert_eq!(ports, ["22", "2376", "8080"]);
    let volumes = fs::read_dir(hosts.folder("a").join("data/volumes")).unwrap();
    let volume = volumes
        .map(|entry| entry.unwrap())
        .find(|entry| entry.file_name().to_string_lossy().starts_with("ops-edge-"));
    let state = volume.unwrap().path().join("_data");
    for path in [state.clone(), state.join("edge"), state.join("edge/edge.sock")] {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others: {mode:o}", path.display());
    }
}

#[test]
fn p9_a_port_that_somebody_has_is_told_and_the_door_comes_when_it_is_free() {
    let (hosts, mut harbour) = one_door();
    let state = hosts.folder("a").join("somebody");
    let words = [
        env!("CARGO_BIN_EXE_ops"),
        "edge",
        "--listen",
        "0.0.0.0:8080",
        "--state",
        state.to_str().unwrap(),
    ];
    let somebody = Ending(hosts.run("a", &words));
    let door = hosts.door("a");
    eventually("somebody has the port", || TcpStream::connect(&door).ok());
    harbour.site.serve();
    let said = eventually("it is told", || {
        let said = harbour.site.ops(&["doctor"]).whole();
        said.contains("0.0.0.0:8080 is in use by another program").then_some(said)
    });
    assert!(said.contains("door on a"), "{said}");
    drop(somebody);
    eventually("the door serves", || {
        let said = harbour.site.ops(&["check", "--online"]).whole();
        said.contains("answers on 0.0.0.0:8080").then_some(())
    });
}
