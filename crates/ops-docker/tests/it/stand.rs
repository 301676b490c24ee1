//! A target of its own on a real engine, and a guard that leaves nothing of it behind.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use ops_conformance::{Break, Breakable, Broken, Errand, Ground, Program, eventually};
use ops_core::{
    id::{ReleaseId, ServiceName, Stamp},
    world::{Container, ReleaseSpec, ReplicaState, TargetView},
};
use ops_docker::{DockerImages, DockerTarget, Engine, Grounds, Registries, ResolveSecret};
use ops_engine::ports::{Artifacts as _, Target};

use crate::{
    broken::broken,
    image::{self, Pushed, REGISTRY},
};

/// Where the engine of `testbed/docker-up` answers.
pub(crate) const SOCKET: &str = "/var/run/docker.sock";
/// Each stand draws from its own part of this range.
const PORTS: (u16, u16) = (30_000, 32_700);
const PORTS_EACH: u16 = 20;

/// With these words, this program is the carrier of secrets in a container of its own image.
pub(crate) fn carrier_words() -> Vec<String> {
    ["--exact", "secrets::sent_nothing_the_carrier_does_nothing", "--nocapture"]
        .map(str::to_owned)
        .to_vec()
}

/// Secrets that lie in files.
pub(crate) fn read_file() -> ResolveSecret {
    Arc::new(|reference: &str| {
        let path = reference.strip_prefix("file:").ok_or("write file:/path")?;
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    })
}

pub(crate) struct Stand {
    folder: tempfile::TempDir,
    secrets: tempfile::TempDir,
    pub(crate) socket: PathBuf,
    pub(crate) name: String,
    pub(crate) ports: (u16, u16),
    pub(crate) pushed: Pushed,
}

impl Stand {
    /// On the engine of the testbed.
    pub(crate) fn new() -> Self {
        Self::at(Path::new(SOCKET))
    }

    /// On another engine.
    pub(crate) fn at(socket: &Path) -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let slots = (PORTS.1 - PORTS.0) / PORTS_EACH;
        let slot = (std::process::id() as u16).wrapping_add(next) % slots;
        let first = PORTS.0 + slot * PORTS_EACH;
        let folder = tempfile::tempdir().unwrap();
        let unique = folder.path().file_name().unwrap().to_string_lossy().replace('.', "");
        let stand = Self {
            folder,
            secrets: tempfile::tempdir_in("/dev/shm").unwrap(),
            socket: socket.to_owned(),
            name: format!("shop-{unique}"),
            ports: (first, first + PORTS_EACH - 1),
            pushed: image::push(REGISTRY, "service", "one", image::here()),
        };
        stand.docker(&["version"]);
        stand.import(&stand.pushed);
        stand
    }

    pub(crate) fn state(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn secrets_dir(&self) -> PathBuf {
        self.secrets.path().join("secrets")
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::local(&self.socket).unwrap()
    }

    pub(crate) fn images(&self) -> DockerImages {
        let registries = Registries::new(&self.folder.path().join("config.json"));
        DockerImages::new(self.engine(), registries, self.state(), 512)
    }

    pub(crate) fn import(&self, pushed: &Pushed) {
        self.images().import(&pushed.reference(), &pushed.digest).unwrap();
    }

    pub(crate) fn target(&self) -> DockerTarget {
        open(self.state(), self.secrets_dir(), &self.socket, self.ports)
    }

    /// One replica that serves HTTP.
    pub(crate) fn one(&self, release: &str) -> ReleaseSpec {
        let mut spec = self.release(release, Program::Lives);
        spec.replicas = 1;
        spec
    }

    pub(crate) fn with_container(
        mut spec: ReleaseSpec,
        change: impl FnOnce(&mut Container),
    ) -> ReleaseSpec {
        change(spec.container.as_mut().unwrap());
        spec
    }

    pub(crate) fn view(&self) -> TargetView {
        self.target().look(&self.service()).unwrap()
    }

    pub(crate) fn wait_for(&self, states: &[ReplicaState]) {
        let target = self.target();
        eventually(&format!("{states:?}"), || {
            let view = target.look(&self.service()).unwrap();
            view.replicas.iter().map(|replica| &replica.state).eq(states)
        });
    }

    /// Runs Docker's own client on the stand's engine.
    pub(crate) fn docker(&self, words: &[&str]) -> String {
        let output = self.docker_says(words);
        assert!(
            output.status.success(),
            "docker {words:?}: {}\nIs there an engine? Run testbed/docker-up first.",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn docker_says(&self, words: &[&str]) -> Output {
        Command::new("docker")
            .env("DOCKER_HOST", format!("unix://{}", self.socket.display()))
            .args(words)
            .output()
            .unwrap_or_else(|error| panic!("{error}: run testbed/docker-up first"))
    }

    /// What the first replica answers over HTTP.
    pub(crate) fn ask(&self, path: &str) -> String {
        let address = self.view().replicas[0].address.clone().unwrap();
        fetch(&address, path)
    }

    /// Names of containers that bear the stand's service as label, whoever made them.
    pub(crate) fn containers(&self) -> Vec<String> {
        let label = format!("label=ops.service={}", self.name);
        let said = self.docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &label]);
        let mut names: Vec<String> = said.lines().map(str::to_owned).collect();
        names.sort();
        names
    }
}

/// A target as a process of ops opens it on this state.
pub(crate) fn open(
    state: &Path,
    secrets_dir: PathBuf,
    socket: &Path,
    ports: (u16, u16),
) -> DockerTarget {
    DockerTarget::new(
        Engine::local(socket).unwrap(),
        Grounds {
            state_dir: state.to_owned(),
            records_dir: state.to_owned(),
            secrets_dir,
            carrier: carrier_words(),
            resolve: read_file(),
            ports,
            publish: Ipv4Addr::LOCALHOST,
            log_quota_mb: 2,
        },
    )
}

/// What an address answers over HTTP, once it does.
pub(crate) fn fetch(address: &str, path: &str) -> String {
    let mut said = String::new();
    eventually("it answers", || {
        said.clear();
        let Ok(mut stream) = TcpStream::connect(address) else { return false };
        // At once: the program reads a request in one piece.
        let request = format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        stream.read_to_string(&mut said).is_ok() && said.contains("\r\n\r\n")
    });
    said.split_once("\r\n\r\n").unwrap().1.to_owned()
}

impl Ground for Stand {
    fn open(&self) -> Box<dyn Target> {
        Box::new(self.target())
    }

    fn service(&self) -> ServiceName {
        ServiceName(self.name.clone())
    }

    fn release(&self, name: &str, program: Program) -> ReleaseSpec {
        let how = match program {
            Program::Lives => "serve",
            Program::Fails => "fail",
            Program::Stubborn => "stubborn",
        };
        ReleaseSpec {
            release: ReleaseId::from(name),
            service: self.service(),
            artifact: self.pushed.digest.clone(),
            command: vec![how.to_owned()],
            env: Vec::new(),
            secrets: Vec::new(),
            replicas: 2,
            fixed_port: None,
            stop_grace_ms: 10_000,
            container: Some(Box::new(Container {
                image: self.pushed.reference(),
                port: Some(8080),
                ..Container::default()
            })),
            compose: None,
        }
    }

    fn ports(&self) -> (u16, u16) {
        self.ports
    }
}

impl Breakable for Stand {
    fn breakable(&self, name: &str) -> ReleaseSpec {
        self.one(name)
    }

    fn fails(&self) -> &'static [Break] {
        &[Break::Fails, Break::Unheard]
    }

    fn broken(&self, at: (Break, usize), errand: &Errand, stamp: Stamp) -> Broken {
        broken((self, None), at, (errand, stamp))
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.remove_labelled();
        // The image that all stands share stays; those of this test alone go.
        let kept = std::fs::read_dir(self.state().join("images/kept"));
        for entry in kept.into_iter().flatten().flatten() {
            let file = entry.file_name().to_string_lossy().into_owned();
            let hex = file.trim_end_matches(".json");
            if hex != self.pushed.digest.hex() {
                self.docker_says(&["rmi", &format!("ops.local/kept:{hex}")]);
            }
        }
    }
}

impl Stand {
    fn remove_labelled(&self) {
        // Only what this stand made bears its name, which no other run has.
        for label in [format!("ops.service={}", self.name), format!("ops.test={}", self.name)] {
            let filter = format!("label={label}");
            let said = self.docker_says(&["ps", "-aq", "--filter", &filter]);
            for id in String::from_utf8_lossy(&said.stdout).split_whitespace() {
                self.docker_says(&["rm", "-f", "-v", id]);
            }
            let said = self.docker_says(&["volume", "ls", "-q", "--filter", &filter]);
            for id in String::from_utf8_lossy(&said.stdout).split_whitespace() {
                self.docker_says(&["volume", "rm", id]);
            }
            let said = self.docker_says(&["network", "ls", "-q", "--filter", &filter]);
            for id in String::from_utf8_lossy(&said.stdout).split_whitespace() {
                self.docker_says(&["network", "rm", id]);
            }
        }
    }
}
