//! Where things run: processes of this machine, containers of its Docker Engine, also as Compose
//! projects, and containers on other hosts. Which of them a release is, its specification says, and
//! afterwards what each of them wrote down of it.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use ops_core::{
    id::{Digest, Generation, ReleaseId, ServiceName, Stamp},
    reading::{LogReading, Usage},
    settings::{Adopt, DockerHost, Reach, Service, Settings, TargetKind},
    time::Now,
    world::{EngineView, Fault, Foreign, Project, ReleaseSpec, TargetView},
};
use ops_docker::{
    ComposeProgram, ComposeProjects, DockerImages, DockerTarget, Engine, Fleet, Folder, Grounds,
    ProjectFolders, Registries, Restored,
};
use ops_engine::ports::{Act, ActError, Artifacts, Look, ResolvedArtifact, Senses, Target};
use ops_targets::{ArtifactStore, ProcessTarget};

/// Where values of secrets lie while containers need them.
const SECRETS: &str = "/run/ops/secrets";
/// The same on other machines, each by its name: two names may be one machine.
const SECRETS_THERE: &str = "/run/ops/hosts";

/// What Docker Engines are spoken to with.
#[derive(Clone)]
struct Wanted {
    socket: PathBuf,
    hosts: BTreeMap<String, DockerHost>,
    /// Whether a service runs on this machine's own engine.
    here: bool,
    state: PathBuf,
    ports: (u16, u16),
    log_mb: u64,
    store_mb: u64,
}

/// The Docker Engines of this machine and of other hosts, spoken to only where something runs there.
#[derive(Clone)]
pub(crate) struct Docker {
    wanted: Wanted,
    made: Arc<OnceLock<Look<Arc<Made>>>>,
}

struct Made {
    target: DockerTarget,
    fleet: Fleet,
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

/// Where containers run.
trait Containers: Target + Senses {
    /// Whether anything of a service was made there.
    fn knows(&self, service: &ServiceName) -> bool;

    /// Whether a release was made there.
    fn has(&self, service: &ServiceName, release: &ReleaseId) -> bool;
}

impl Containers for DockerTarget {
    fn knows(&self, service: &ServiceName) -> bool {
        Self::knows(self, service)
    }

    fn has(&self, service: &ServiceName, release: &ReleaseId) -> bool {
        Self::has(self, service, release)
    }
}

impl Containers for Fleet {
    fn knows(&self, service: &ServiceName) -> bool {
        Self::knows(self, service)
    }

    fn has(&self, service: &ServiceName, release: &ReleaseId) -> bool {
        Self::has(self, service, release)
    }
}

impl Docker {
    /// The engine that `ops.yaml` names. Nothing is asked of it yet.
    pub(crate) fn new(state: &Path, settings: &Settings, ports: (u16, u16)) -> Self {
        let here = settings.services.values().any(|service| {
            service.compose.is_some()
                || service.container.as_ref().is_some_and(|container| container.hosts.is_empty())
        });
        let wanted = Wanted {
            socket: PathBuf::from(&settings.docker.socket),
            hosts: settings.docker.hosts.clone(),
            here,
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

    /// Where containers were ever made.
    fn used(&self) -> Look<Vec<&dyn Containers>> {
        let mut used: Vec<&dyn Containers> = Vec::new();
        if self.wanted.was("docker") {
            used.push(&self.made()?.target);
        }
        if self.wanted.was("hosts") {
            used.push(&self.made()?.fleet);
        }
        Ok(used)
    }

    /// The images, where any were ever kept.
    fn images(&self) -> Look<Option<&DockerImages>> {
        if !self.wanted.was("images") {
            return Ok(None);
        }
        self.made().map(|made| Some(&made.images))
    }

    /// Where something of this service was ever made.
    fn know(&self, service: &ServiceName) -> Look<Vec<&dyn Containers>> {
        Ok(self.used()?.into_iter().filter(|place| place.knows(service)).collect())
    }

    /// For how many registries Docker's configuration has credentials, in words.
    pub(crate) fn credentials() -> Look<String> {
        Registries::new(&docker_configuration()).credentials()
    }

    /// Brings containers to what they were last told; see [`DockerTarget::restore`].
    pub(crate) fn restore(&self) -> Look<Option<Restored>> {
        let was = |folder: &str| self.wanted.was(folder);
        if !was("docker") && !was("hosts") {
            return Ok(None);
        }
        let made = self.made()?;
        let mut all = if was("hosts") { made.fleet.restore() } else { Restored::default() };
        if was("docker") {
            let mut here = made.target.restore()?;
            all.started.append(&mut here.started);
            all.stopped.append(&mut here.stopped);
            all.failed.append(&mut here.failed);
        }
        Ok(Some(all))
    }
}

impl Docker {
    /// Does what could not be done while other hosts were away; see [`Fleet::catch_up`].
    pub(crate) fn catch_up(&self) -> Look<Restored> {
        if !self.wanted.was("hosts") {
            return Ok(Restored::default());
        }
        Ok(self.made()?.fleet.catch_up())
    }

    /// Replicas that leave when their host is back. No host is asked.
    pub(crate) fn leaving(&self) -> Look<Vec<String>> {
        if !self.wanted.was("hosts") {
            return Ok(Vec::new());
        }
        self.made()?.fleet.leaving()
    }
}

impl Wanted {
    /// Whether anything was ever kept in this folder of the state.
    fn was(&self, folder: &str) -> bool {
        self.state.join(folder).exists()
    }

    fn make(&self) -> Look<Made> {
        let engine = Engine::local(&self.socket)?;
        let mut engines = BTreeMap::new();
        for (name, host) in &self.hosts {
            engines.insert(name.clone(), reach(&host.engine)?);
        }
        // Where nothing runs here, there may be no engine here that could take an image.
        let mut others = engines.values().cloned();
        let first = if self.here { None } else { others.next() };
        let first = first.unwrap_or_else(|| engine.clone());
        let registries = Registries::new(&docker_configuration());
        let images = DockerImages::new(first, registries, &self.state, self.store_mb)
            .with_others(others.collect());
        let folders = Folders {
            store: ArtifactStore::new(&self.state, self.store_mb),
            looked_at: ArtifactStore::new(&self.state.join("looked-at"), self.store_mb),
        };
        let projects =
            ComposeProjects::new(ComposeProgram::found(), Arc::new(folders), &self.state);
        let grounds = self.grounds(self.state.clone(), PathBuf::from(SECRETS), Ipv4Addr::LOCALHOST);
        let target = DockerTarget::new(engine, grounds).with_projects(projects.clone());
        let hosts = engines.into_iter().map(|(name, engine)| {
            let address = self.hosts[&name].address;
            let secrets = Path::new(SECRETS_THERE).join(&name).join("secrets");
            let grounds = self.grounds(Fleet::records(&self.state, &name), secrets, address);
            (name, DockerTarget::new(engine, grounds))
        });
        let fleet = Fleet::new(&self.state, hosts.collect());
        Ok(Made { target, fleet, images, projects })
    }

    fn grounds(&self, records_dir: PathBuf, secrets: PathBuf, publish: Ipv4Addr) -> Grounds {
        let resolve =
            |reference: &str| ops_keeper::resolve_secret(reference).map_err(|why| why.to_string());
        Grounds {
            state_dir: self.state.clone(),
            records_dir,
            secrets_dir: secrets,
            carrier: vec![crate::CARRIER.to_owned()],
            resolve: Arc::new(resolve),
            ports: self.ports,
            publish,
            log_quota_mb: self.log_mb,
        }
    }
}

/// The engine of a host. Nothing is asked of it yet.
pub(crate) fn reach(engine: &Reach) -> Look<Engine> {
    match engine {
        Reach::Socket { path } => Engine::local(Path::new(path)),
        Reach::Tls { host, certificates } => Engine::remote(host, Path::new(certificates)),
        Reach::Ssh { host, config } => Engine::through_ssh(host, config.as_deref().map(Path::new)),
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
        let know = self.docker.know(service)?;
        if let Some(place) = know.iter().find(|place| place.has(service, release)) {
            return Ok(*place);
        }
        let process = self.processes.look(service)?.of(release).next().is_some();
        let first = know.first().filter(|_| !process);
        Ok(first.map_or(&*self.processes as &dyn Target, |place| *place))
    }
}

impl Target for Places {
    fn look(&self, service: &ServiceName) -> Look<TargetView> {
        let mut view = self.processes.look(service)?;
        for place in self.docker.know(service)? {
            let containers = place.look(service)?;
            view.replicas.extend(containers.replicas);
            view.beside.extend(containers.beside);
            view.highest = view.highest.max(containers.highest);
        }
        Ok(view)
    }

    fn start(&self, stamp: Stamp, spec: &ReleaseSpec) -> Act {
        if spec.container.is_none() && spec.compose.is_none() {
            return self.processes.start(stamp, spec);
        }
        let made = self.docker.made().map_err(not_applied)?;
        let elsewhere = !spec.hosts().is_empty();
        if elsewhere { made.fleet.start(stamp, spec) } else { made.target.start(stamp, spec) }
    }

    fn stop(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.holder(service, release).map_err(not_applied)?.stop(stamp, service, release)
    }

    fn remove(&self, stamp: Stamp, service: &ServiceName, release: &ReleaseId) -> Act {
        self.holder(service, release).map_err(not_applied)?.remove(stamp, service, release)
    }

    fn highest_generation(&self) -> Look<Generation> {
        let mut highest = self.processes.highest_generation()?;
        for place in self.docker.used()? {
            highest = highest.max(place.highest_generation()?);
        }
        Ok(highest)
    }

    fn free_ports(&self, first: u16, last: u16, hosts: &[String]) -> Look<u32> {
        if !hosts.is_empty() {
            return self.docker.made()?.fleet.free_ports(first, last, hosts);
        }
        // Each counts what nobody listens on; what the others' stopped replicas own is not free.
        let mut free = self.processes.free_ports(first, last, hosts)?;
        if self.docker.wanted.was("docker") {
            free = free.min(self.docker.made()?.target.free_ports(first, last, hosts)?);
        }
        Ok(free)
    }

    fn outside(&self, adopt: &Adopt, command: &[String]) -> Look<Option<Foreign>> {
        self.processes.outside(adopt, command)
    }

    fn port_free(&self, port: u16, service: &ServiceName, hosts: &[String]) -> Look<bool> {
        if !hosts.is_empty() {
            return self.docker.made()?.fleet.port_free(port, service, hosts);
        }
        if self.docker.wanted.was("docker") && self.docker.made()?.target.knows(service) {
            return self.docker.made()?.target.port_free(port, service, hosts);
        }
        self.processes.port_free(port, service, hosts)
    }

    fn engines(&self, service: &Service, artifact: Option<&Digest>) -> Look<Vec<EngineView>> {
        match service.target {
            TargetKind::Process => self.processes.engines(service, artifact),
            // A project's images are not one artifact, which the engine could have or lack.
            TargetKind::Compose => self.docker.made()?.target.engines(service, None),
            TargetKind::Docker if service.hosts().is_empty() => {
                self.docker.made()?.target.engines(service, artifact)
            }
            TargetKind::Docker => self.docker.made()?.fleet.engines(service, artifact),
        }
    }
}

impl Senses for Places {
    fn usage(&self, service: &ServiceName) -> Look<Vec<Usage>> {
        let mut usage = self.processes.usage(service)?;
        for place in self.docker.know(service)? {
            usage.extend(place.usage(service)?);
        }
        Ok(usage)
    }

    fn logs(&self, service: &ServiceName, now: &Now) -> Look<LogReading> {
        match self.docker.know(service)?.first() {
            Some(place) => place.logs(service, now),
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
