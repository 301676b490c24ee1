//! A Compose project of its own, on a real engine, brought about by a real Compose program.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub(crate) use ops_conformance::done;
use ops_conformance::{Break, Breakable, Broken, Errand, Ground, Program};
use ops_core::{
    id::{Digest, ReleaseId, ServiceName, Stamp},
    world::{Compose, Fault, Project, ReleaseSpec, Replica, ReplicaState},
};
use ops_docker::{ComposeProgram, ComposeProjects, DockerTarget, Folder, ProjectFolders};
use ops_engine::ports::{Act, Look, Target};

use crate::{
    broken::broken,
    image::{self, Pushed, REGISTRY},
    stand::Stand,
};

/// Questions between two that are tried, with each of both programs.
const EACH_OF_V1: usize = 25;
const EACH_OF_V2: usize = 6;

/// Where `testbed/compose-up` puts a version of Compose.
pub(crate) fn version(name: &str) -> PathBuf {
    let state = std::env::var_os("TESTBED_STATE").map(PathBuf::from);
    let program = state.unwrap_or_else(|| "/var/tmp/ops-testbed".into()).join("compose").join(name);
    assert!(program.exists(), "no {}: run testbed/compose-up first", program.display());
    program
}

/// Folders kept by content, as ops's own store keeps them.
struct Folders(PathBuf);

/// All files of a folder.
fn content(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let text = fs::read(&path).unwrap();
                all.insert(path.strip_prefix(folder).unwrap().to_owned(), text);
            }
        }
    }
    all
}

fn digest(folder: &Path) -> Digest {
    Digest::of(format!("{:?}", content(folder)).as_bytes())
}

impl ProjectFolders for Folders {
    fn look(&self, reference: &str) -> Look<Folder> {
        let path = PathBuf::from(reference);
        if !path.is_dir() {
            return Err(Fault::new("there is nothing here", reference, "correct the path"));
        }
        let digest = digest(&path);
        let stored = self.0.join(digest.hex()).is_dir();
        Ok(Folder { digest, size: 1, stored, path })
    }

    fn import(&self, reference: &str, expected: &Digest) -> Act {
        let path = Path::new(reference);
        assert_eq!(digest(path), *expected);
        for (name, text) in content(path) {
            let target = self.0.join(expected.hex()).join(name);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, text).unwrap();
        }
        Ok(())
    }

    fn path(&self, digest: &Digest) -> Look<Option<PathBuf>> {
        Ok(Some(self.0.join(digest.hex())).filter(|path| path.is_dir()))
    }

    fn verify(&self, expected: &Digest) -> Look<bool> {
        Ok(digest(&self.0.join(expected.hex())) == *expected)
    }
}

/// Projects as a process of ops opens them on this state.
pub(crate) fn projects(state: &Path, program: ComposeProgram) -> ComposeProjects {
    ComposeProjects::new(program, Arc::new(Folders(state.join("folders"))), state)
}

/// A stand whose service is a project.
pub(crate) struct Yard {
    pub(crate) stand: Stand,
    pub(crate) program: PathBuf,
    /// Another image for services that are not behind the door.
    pub(crate) second: Pushed,
    /// Whether a service of it is behind the door, and which, where it is named.
    door: bool,
    pub(crate) front: Option<String>,
    /// A folder for the team's files.
    team: tempfile::TempDir,
}

/// One container as the engine has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) started: String,
}

impl Yard {
    /// With a program of `testbed/compose-up`: `v1` or `v2`.
    pub(crate) fn with(name: &str) -> Self {
        Self::new(name, true)
    }

    /// The same with nothing behind the door.
    pub(crate) fn without_door(name: &str) -> Self {
        Self::new(name, false)
    }

    fn new(name: &str, door: bool) -> Self {
        let stand = Stand::new();
        let second = image::push(REGISTRY, "other", "two", image::here());
        let team = tempfile::tempdir().unwrap();
        Self { stand, program: version(name), second, door, front: None, team }
    }

    pub(crate) fn projects(&self) -> ComposeProjects {
        projects(self.stand.state(), ComposeProgram::at(&self.program))
    }

    pub(crate) fn target(&self) -> DockerTarget {
        self.stand.target().with_projects(self.projects())
    }

    /// What Compose calls the project.
    pub(crate) fn project(&self) -> String {
        self.stand.name.to_lowercase()
    }

    /// A folder with these files.
    pub(crate) fn folder(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let folder = self.team.path().join(name);
        for (file, text) in files {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    /// The project with these images.
    pub(crate) fn wanted(&self, images: &[(&str, &Pushed)]) -> Project {
        let images = images.iter().map(|(name, image)| ((*name).to_owned(), image.reference()));
        let compose = Compose {
            file: "compose.yaml".to_owned(),
            project: None,
            front: self.front.clone(),
            port: self.front.as_ref().map(|_| 8080),
            without_door: !self.door,
            images: images.collect(),
        };
        Project { compose, env: Vec::new() }
    }

    /// Brings a folder into the store, and a release of one copy that is made of it.
    pub(crate) fn release_of(
        &self,
        name: &str,
        folder: &Path,
        images: &[(&str, &Pushed)],
    ) -> ReleaseSpec {
        let (projects, project) = (self.projects(), self.wanted(images));
        let reference = folder.to_str().unwrap();
        let found = projects.resolve(&self.stand.images(), reference, &project).unwrap();
        let digest = found.digest;
        done(|| projects.import(&self.stand.images(), reference, &digest, &project));
        assert!(projects.verify(&self.stand.images(), &digest).unwrap());
        ReleaseSpec {
            release: ReleaseId::from(name),
            service: self.stand.service(),
            artifact: digest,
            command: Vec::new(),
            env: Vec::new(),
            secrets: Vec::new(),
            replicas: 1,
            fixed_port: None,
            stop_grace_ms: 5_000,
            container: None,
            compose: Some(Box::new(project.compose)),
        }
    }

    /// A container of the project by the name that its service has in the file.
    pub(crate) fn seen(&self, service: &str) -> Option<Seen> {
        let filters = [
            format!("label=com.docker.compose.project={}", self.project()),
            format!("label=com.docker.compose.service={service}"),
        ];
        let said = self.stand.docker(&[
            "ps",
            "-q",
            "--no-trunc",
            "--filter",
            &filters[0],
            "--filter",
            &filters[1],
        ]);
        let id = said.lines().next()?.to_owned();
        let started = self.stand.docker(&["inspect", "-f", "{{.State.StartedAt}}", &id]);
        Some(Seen { id, started })
    }

    /// What the target says of what stands beside replicas, by the name of the service.
    pub(crate) fn beside(&self) -> BTreeMap<String, Replica> {
        let all = self.stand.view().beside.into_iter();
        all.map(|one| (one.id.split(' ').next().unwrap().to_owned(), one)).collect()
    }

    /// Names of all containers of the project, running or not.
    pub(crate) fn containers(&self) -> Vec<String> {
        let filter = format!("label=com.docker.compose.project={}", self.project());
        let said = self.stand.docker(&["ps", "-a", "--format", "{{.Names}}", "--filter", &filter]);
        said.lines().map(str::to_owned).collect()
    }
}

/// Stops a release and waits until it has stopped.
pub(crate) fn stopped(yard: &Yard, target: &DockerTarget, op: u32, spec: &ReleaseSpec) {
    done(|| target.stop(ops_conformance::stamp(1, op), &spec.service, &spec.release));
    ops_conformance::eventually("it has stopped", || {
        let view = target.look(&yard.stand.service()).unwrap();
        view.of(&spec.release).all(|replica| replica.state == ReplicaState::Stopped)
    });
}

impl Ground for Yard {
    fn open(&self) -> Box<dyn Target> {
        Box::new(self.target())
    }

    fn service(&self) -> ServiceName {
        self.stand.service()
    }

    fn release(&self, name: &str, program: Program) -> ReleaseSpec {
        let how = match program {
            Program::Lives => "serve",
            Program::Fails => "fail",
            Program::Stubborn => "stubborn",
        };
        let file = format!(
            "services:\n  web:\n    image: shop\n    command: [{how}]\n    environment: {{ PORT: \
             8080 }}\n    ports: [\"80:8080\"]\n"
        );
        let folder = self.folder(how, &[("compose.yaml", &file)]);
        let spec = self.release_of(name, &folder, &[("web", &self.stand.pushed)]);
        ReleaseSpec { replicas: 2, stop_grace_ms: 10_000, ..spec }
    }

    fn ports(&self) -> (u16, u16) {
        self.stand.ports
    }
}

impl Breakable for Yard {
    /// One copy of a front, and a service beside it.
    fn breakable(&self, name: &str) -> ReleaseSpec {
        let text = "services:
  web:
    image: shop
    command: [serve]
    environment: { PORT: 8080 }
    ports: [\"80:8080\"]
  worker:
    image: shop-worker
    command: [serve]
";
        let folder = self.folder(name, &[("compose.yaml", text)]);
        let one = &self.stand.pushed;
        self.release_of(name, &folder, &[("web", one), ("worker", one)])
    }

    fn fails(&self) -> &'static [Break] {
        &[Break::Fails, Break::Unheard]
    }

    /// An act has dozens of questions, of ops and of Compose, and each try takes seconds.
    fn every(&self) -> (usize, usize) {
        if self.program.ends_with("v1") { (EACH_OF_V1, 2) } else { (EACH_OF_V2, 1) }
    }

    fn broken(&self, at: (Break, usize), errand: &Errand, stamp: Stamp) -> Broken {
        broken((&self.stand, Some(&self.program)), at, (errand, stamp))
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        let filter = format!("label=com.docker.compose.project={}", self.project());
        for (list, remove) in [
            (&["ps", "-aq"][..], &["rm", "-f", "-v"][..]),
            (&["network", "ls", "-q"], &["network", "rm"]),
            (&["volume", "ls", "-q"], &["volume", "rm"]),
        ] {
            let said = self.stand.docker_says(&[list, &["--filter", &filter]].concat());
            for id in String::from_utf8_lossy(&said.stdout).split_whitespace() {
                self.stand.docker_says(&[remove, &[id]].concat());
            }
        }
    }
}
