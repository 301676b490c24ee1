//! Where things run: processes of this machine, and containers of its Docker Engine, also as Compose
//! projects. Which of them a release is, its specification says, and afterwards what each of them wrote down of it.

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use ops_core::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    reading::{LogReading, Usage},
    settings::{Adopt, Settings},
    time::Now,
    world::{Fault, Foreign, Project, ReleaseSpec, TargetView},
};
use ops_docker::{
    ComposeProgram, ComposeProjects, DockerImages, DockerTarget, Engine, Folder, Grounds,
    ProjectFolders, Registries,
};
use ops_engine::ports::{Act, ActError, Artifacts, Look, ResolvedArtifact, Senses, Target};
use ops_targets::{ArtifactStore, ProcessTarget};

/// Where values of secrets lie while containers need them.
const SECRETS: &str = "/run/ops/secrets";

/// What a Docker Engine is spoken to with.
#[derive(Clone)]
struct Wanted {
    socket: PathBuf,
    state: PathBuf,
    ports: (u16, u16),
    log_mb: u64,
    store_mb: u64,
}

/// The Docker Engine of this machine, spoken to only where something runs on it.
#[derive(Clone)]
pub(crate) struct Docker {
    wanted: Wanted,
    made: Arc<OnceLock<Look<Arc<Made>>>>,
}

struct Made {
    target: DockerTarget,
    images: DockerImages,
    projects: ComposeProjects,
}

/// Folders of Compose projects: artifacts like others. One that is only looked at lies for a while
/// in a small store of its own, where it can be read unpacked.
struct Folders {
    store: ArtifactStore,
    looked_at: ArtifactStore,
}

impl ProjectFolders for Folders {
    fn look(&self, reference: &str) -> Look<Folder> {
        let found = self.store.measure(reference)?;
        if !found.stored {
            let failed = |error: ActError| match error {
                ActError::NotApplied(why) | ActError::Unknown(why) | ActError::Stale(why) => why,
            };
            self.looked_at.prune(&[]).map_err(failed)?;
            self.looked_at.import(reference, &found.digest).map_err(failed)?;
        }
        let store = if found.stored { &self.store } else { &self.looked_at };
        let path = store.path(&found.digest);
        Ok(Folder { digest: found.digest, size: found.size, stored: found.stored, path })
    }

    fn import(&self, reference: &str, expected: &Digest) -> Act {
        self.store.import(reference, expected)
    }

    fn path(&self, digest: &Digest) -> Look<Option<PathBuf>> {
        Ok(Some(self.store.path(digest)).filter(|path| path.is_dir()))
    }

    fn verify(&self, digest: &Digest) -> Look<bool> {
        self.store.verify(digest)
    }
}

impl Docker {
    /// The engine that `ops.yaml` names. Nothing is asked of it yet.
    pub(crate) fn new(state: &Path, settings: &Settings, ports: (u16, u16)) -> Self {
        let wanted = Wanted {
            socket: PathBuf::from(&settings.docker.socket),
            state: state.to_owned(),
            ports,
            log_mb: settings.retention.log_mb,
            store_mb: settings.retention.store_mb,
        };
        Self { wanted, made: Arc::default() }
    }

    fn made(&self) -> Look<&Made> {
        let made = self.made.get_or_init(|| self.wanted.make().map(Arc::new));
        made.as_deref().map_err(Clone::clone)
    }

    /// The target, where a container was ever made here.
    fn used(&self) -> Look<Option<&DockerTarget>> {
        if !self.wanted.state.join("docker").exists() {
            return Ok(None);
        }
        self.made().map(|made| Some(&made.target))
    }

    /// The images, where any were ever kept.
    fn images(&self) -> Look<Option<&DockerImages>> {
        if !self.wanted.state.join("images").exists() {
            return Ok(None);
        }
        self.made().map(|made| Some(&made.images))
    }

    /// The target, where it was ever told to run this service.
    fn knows(&self, service: &ServiceName) -> Look<Option<&DockerTarget>> {
        Ok(self.used()?.filter(|target| target.knows(service)))
    }

    /// Brings containers to what they were last told; see [`DockerTarget::restore`].
    pub(crate) fn restore(&self) -> Look<Option<ops_docker::Restored>> {
        self.used()?.map(DockerTarget::restore).transpose()
    }
}

impl Wanted {
    fn make(&self) -> Look<Made> {
        let engine = Engine::local(&self.socket)?;
        let images = DockerImages::new(
            engine.clone(),
            Registries::new(&docker_configuration()),
            &self.state,
            self.store_mb,
        );
        let resolve =
            |reference: &str| ops_keeper::resolve_secret(reference).map_err(|why| why.to_string());
        let grounds = Grounds {
            state_dir: self.state.clone(),
            secrets_dir: PathBuf::from(SECRETS),
            resolve: Arc::new(resolve),
            ports: self.ports,
            publish: Ipv4Addr::LOCALHOST,
            log_quota_mb: self.log_mb,
        };
        let folders = Folders {
            store: ArtifactStore::new(&self.state, self.store_mb),
            looked_at: ArtifactStore::new(&self.state.join("looked-at"), self.store_mb),
        };
        let projects =
            ComposeProjects::new(ComposeProgram::found(), Arc::new(folders), &self.state);
        let target = DockerTarget::new(engine, grounds).with_projects(projects.clone());
        Ok(Made { target, images, projects })
    }
}

/// Where Docker's own client keeps credentials for registries.
fn docker_configuration() -> PathBuf {
    let named = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
    named.or_else(home).unwrap_or_default().join("config.json")
}

/// Everywhere that services run.
pub(crate) struct Places {
    pub(crate) processes: Arc<ProcessTarget>,
    pub(crate) docker: Docker,
}

fn not_applied(fault: Fault) -> ActError {
    ActError::NotApplied(fault)
}

impl Places {
    /// Who has a release, for an act on it.
    fn holder(&self, service: &ServiceName, release: &ReleaseId) -> Look<&dyn Target> {
        let Some(docker) = self.docker.knows(service)? else { return Ok(&*self.processes) };
        let process = || {
            let view = self.processes.look(service)?;
            Ok::<_, Fault>(view.of(release).next().is_some())
        };
        Ok(if !docker.has(service, release) && process()? { &*self.processes } else { docker })
    }
}

impl Target for Places {
    fn look(&self, service: &ServiceName) -> Look<TargetView> {
        let mut view = self.processes.look(service)?;
        if let Some(docker) = self.docker.knows(service)? {
            let containers = docker.look(service)?;
            view.replicas.extend(containers.replicas);
            view.highest = view.highest.max(containers.highest);
        }
        Ok(view)
    }

    fn start(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        if spec.container.is_none() && spec.compose.is_none() {
            return self.processes.start(stamp, spec);
        }
        self.docker.made().map_err(not_applied)?.target.start(stamp, spec)
    }

    fn stop(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.holder(service, release).map_err(not_applied)?.stop(stamp, service, release)
    }

    fn remove(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.holder(service, release).map_err(not_applied)?.remove(stamp, service, release)
    }

    fn highest_generation(&self) -> Look<Generation> {
        let here = self.processes.highest_generation()?;
        let there = self.docker.used()?.map(Target::highest_generation).transpose()?;
        Ok(there.map_or(here, |there| there.max(here)))
    }

    fn free_ports(&self, first: u16, last: u16) -> Look<u32> {
        let here = self.processes.free_ports(first, last)?;
        let there = self.docker.used()?.map(|it| it.free_ports(first, last)).transpose()?;
        // Either counts what nobody listens on; what the other's stopped replicas own is not free.
        Ok(there.map_or(here, |there| there.min(here)))
    }

    fn outside(&self, adopt: &Adopt, command: &[String]) -> Look<Option<Foreign>> {
        self.processes.outside(adopt, command)
    }

    fn port_free(&self, port: u16, service: &ServiceName) -> Look<bool> {
        match self.docker.knows(service)? {
            Some(docker) => docker.port_free(port, service),
            None => self.processes.port_free(port, service),
        }
    }
}

impl Senses for Places {
    fn usage(&self, service: &ServiceName) -> Look<Vec<Usage>> {
        let mut usage = self.processes.usage(service)?;
        if let Some(docker) = self.docker.knows(service)? {
            usage.extend(docker.usage(service)?);
        }
        Ok(usage)
    }

    fn logs(&self, service: &ServiceName, now: &Now) -> Look<LogReading> {
        match self.docker.knows(service)? {
            Some(docker) => docker.logs(service, now),
            None => Senses::logs(&*self.processes, service, now),
        }
    }
}

/// Artifacts of both kinds: folders, archives and programs in ops's store, and images.
pub(crate) struct Goods {
    pub(crate) store: ArtifactStore,
    pub(crate) docker: Docker,
}

/// Whether a reference names an image in a registry: by digest, or by a tag where no such file is.
fn is_image(reference: &str) -> bool {
    let path = reference.starts_with(['/', '.']) || Path::new(reference).exists();
    let tagged = reference.rsplit_once('/').is_some_and(|(_, name)| name.contains(':'));
    reference.contains("@sha256:") || !path && tagged
}

impl Goods {
    fn images(&self) -> Look<&DockerImages> {
        self.docker.made().map(|made| &made.images)
    }

    /// The projects, where any were ever kept and a digest is one of them.
    fn project(&self, digest: &Digest) -> Look<Option<&Made>> {
        if self.docker.images()?.is_none() {
            return Ok(None);
        }
        let made = self.docker.made()?;
        Ok(made.projects.has(digest).then_some(made))
    }

    /// The images, where a digest is kept among them.
    fn kept(&self, digest: &Digest) -> Look<Option<&DockerImages>> {
        let Some(images) = self.docker.images()? else { return Ok(None) };
        Ok(images.has(digest)?.then_some(images))
    }
}

impl Artifacts for Goods {
    fn resolve(&self, reference: &str, command: &[String]) -> Look<ResolvedArtifact> {
        if is_image(reference) {
            return self.images()?.resolve(reference, command);
        }
        if let Ok(digest) = reference.parse::<Digest>()
            && let Some(images) = self.kept(&digest)?
        {
            return images.resolve(reference, command);
        }
        self.store.resolve(reference, command)
    }

    fn import(&self, reference: &str, expected: &Digest) -> Act {
        if is_image(reference) || self.kept(expected).map_err(not_applied)?.is_some() {
            return self.images().map_err(not_applied)?.import(reference, expected);
        }
        self.store.import(reference, expected)
    }

    fn resolve_project(&self, reference: &str, project: &Project) -> Look<ResolvedArtifact> {
        let made = self.docker.made()?;
        made.projects.resolve(&made.images, reference, project)
    }

    fn import_project(&self, reference: &str, expected: &Digest, project: &Project) -> Act {
        let made = self.docker.made().map_err(not_applied)?;
        made.projects.import(&made.images, reference, expected, project)
    }

    fn verify(&self, digest: &Digest) -> Look<bool> {
        if let Some(made) = self.project(digest)? {
            return made.projects.verify(&made.images, digest);
        }
        match self.kept(digest)? {
            Some(images) => images.verify(digest),
            None => self.store.verify(digest),
        }
    }

    fn prune(&self, keep: &[Digest]) -> Act {
        if self.docker.images().map_err(not_applied)?.is_none() {
            return self.store.prune(keep);
        }
        let made = self.docker.made().map_err(not_applied)?;
        let keep = made.projects.with_parts(keep).map_err(not_applied)?;
        self.store.prune(&keep)?;
        made.images.prune(&keep)
    }
}
