//! Checks of the engines that run a service's containers, of the image, and of what somebody
//! changed by hand since ops made it.

use super::{
    Check, Verdict,
    around::{Row, together},
    each::{check, error, soon, waits_for},
    judge::Desk,
};
use crate::{
    notes::Artifact,
    settings::{Service, Strategy, TargetKind},
    world::{Changed, Container, EngineView, ImageView},
};

const MB: u64 = 1 << 20;
/// Bytes of an engine's disk that stay free beside what an image needs.
const DISK_MARGIN: u64 = 256 * MB;
/// How often the bytes of an image must be free where an engine lacks it: once as the archive
/// while it is taken, three times unpacked.
const UNPACKED: u64 = 4;
/// Bytes of memory that stay available beside what replicas may take.
const MEMORY_MARGIN: u64 = 64 * MB;

/// What a check says of a service that no engine runs.
fn no_engine(id: &str, at: &str) -> Check {
    check(id, at, Verdict::NotDeclared, "it runs as processes of this machine")
}

/// Whether ops makes its containers itself, one by one.
fn in_containers(service: &Service) -> bool {
    match service.target {
        TargetKind::Process | TargetKind::Compose => false,
        TargetKind::Docker => true,
    }
}

fn on_an_engine(service: &Service) -> bool {
    match service.target {
        TargetKind::Process => false,
        TargetKind::Docker | TargetKind::Compose => true,
    }
}

/// The engines of a service, all of them; `None` if they were not all asked, as the check `engine`
/// tells.
pub(super) fn asked<'a>(desk: &'a Desk<'_>, service: &Service) -> Option<&'a [EngineView]> {
    let views = desk.facts.engines.as_deref().ok()?;
    (!views.is_empty() || !on_an_engine(service)).then_some(views)
}

pub(super) fn engine(desk: &Desk<'_>) -> Check {
    let (id, at) = ("engine", "the engine that runs its containers");
    let Some(service) = &desk.service else {
        return waits_for(id, at, "notes");
    };
    let views = match &desk.facts.engines {
        Ok(views) => views,
        Err(fault) => return error(id, at, fault),
    };
    if !on_an_engine(service) {
        return no_engine(id, at);
    }
    if views.is_empty() {
        return together(id, at, &[Row::unasked("the engine")]);
    }
    let words = |view: &EngineView| format!("answers, version {}", view.version);
    let rows: Vec<_> = views.iter().map(|view| Row::pass(&view.place, &words(view))).collect();
    together(id, at, &rows)
}

pub(super) fn drift(desk: &Desk<'_>) -> Check {
    let (id, at) = ("drift", "what serves, compared with how ops made it");
    let Some(service) = &desk.service else {
        return waits_for(id, at, "notes");
    };
    let Some(views) = asked(desk, service) else {
        return waits_for(id, at, "engine");
    };
    if !on_an_engine(service) {
        return no_engine(id, at);
    }
    let Some(old) = &desk.facts.old else {
        return check(id, at, Verdict::Pass, "nothing serves yet");
    };
    let serves = |one: &&Changed| one.release.as_ref().is_none_or(|of| *of == old.spec.release);
    let changed: Vec<String> = views
        .iter()
        .flat_map(|view| view.changed.iter().filter(serves))
        .map(|one| format!("{}: {}", one.replica, one.how.join(", ")))
        .collect();
    if changed.is_empty() {
        let seen = format!("every replica of {} is as ops made it", old.candidate.version);
        return check(id, at, Verdict::Pass, seen);
    }
    check(id, at, Verdict::Fail, changed.join("; ")).remedy(soon(
        "somebody with access to the engine takes back what was changed by hand (`docker update`, \
         `docker start`), since the new version would not have it and the way back neither; what \
         is meant to stay, DEV puts into ops.yaml with this ticket or another. What is gone comes \
         back by `ops rollback` with the number of what serves",
    ))
}

pub(super) fn image(desk: &Desk<'_>) -> Check {
    let (id, at) = ("image", "the image: its name, its health check, its machine");
    let Some(service) = &desk.service else {
        return waits_for(id, at, "notes");
    };
    match service.target {
        TargetKind::Docker => {}
        TargetKind::Process => return no_engine(id, at),
        TargetKind::Compose => {
            let seen = "the images of a project are those that the check artifact tells of";
            return check(id, at, Verdict::NotDeclared, seen);
        }
    }
    if desk.again() {
        return check(id, at, Verdict::Pass, "the image of what served before");
    }
    if let Some(name) = moving(desk) {
        let seen = format!("{name} is no version: it means another image tomorrow");
        return check(id, at, Verdict::Fail, seen).remedy(format!(
            "DEV posts the block again with the image by its digest, as `docker inspect --format \
             '{{{{index .RepoDigests 0}}}}' {name}` prints it, and CQ and QA pass that one"
        ));
    }
    let Some(Ok(found)) = &desk.facts.artifact else {
        return waits_for(id, at, "artifact");
    };
    let Some(image) = &found.image else {
        let seen = format!("{} is no image", found.digest.short());
        return check(id, at, Verdict::Fail, seen).remedy(soon(
            "DEV names an image by its digest in the notes, or takes `target: docker` out of ops.yaml; CQ and QA pass that",
        ));
    };
    let Some(views) = asked(desk, service) else {
        return waits_for(id, at, "engine");
    };
    let mut rows = vec![Row::pass("name", &named(desk)), health(service, image)];
    rows.extend(views.iter().map(|view| machine(image, view)));
    together(id, at, &rows)
}

/// The name in the notes, if it means another image tomorrow: `latest`, said or left out.
pub(super) fn moving<'a>(desk: &'a Desk<'_>) -> Option<&'a str> {
    let containers = desk.service.as_ref().is_some_and(in_containers);
    let Artifact::Path(name) = &desk.notes().filter(|_| containers)?.artifact else { return None };
    // A path of this machine is no image at all, and is told so.
    if name.starts_with(['/', '.']) || name.contains('@') {
        return None;
    }
    match tag(name) {
        None | Some("latest") => Some(name),
        Some(_) => None,
    }
}

/// The tag of an image's name; the colon of a registry's port begins none.
fn tag(name: &str) -> Option<&str> {
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    last.split_once(':').map(|(_, tag)| tag)
}

/// How the notes name the image. A tag that is given once is a name as good as any: whether CQ and
/// QA passed what it means now is told by the check `evidence`, since the digest is the candidate's.
fn named(desk: &Desk<'_>) -> String {
    let found = desk.facts.artifact.as_ref().and_then(|found| found.as_ref().ok());
    let digest = found.map(|found| found.digest.short().to_owned()).unwrap_or_default();
    match desk.notes().map(|notes| (&notes.artifact, notes.bound_digest())) {
        Some((Artifact::Path(name), Some(_))) => format!("{name}, bound to {digest} by the notes"),
        Some((Artifact::Path(name), None)) => {
            format!("{name}, which means {digest} now: only verdicts that name the candidate count")
        }
        Some((Artifact::Image { .. } | Artifact::Digest(_), _)) | None => {
            format!("{digest}, by its digest")
        }
    }
}

/// What tells whether a replica is well.
fn health(service: &Service, image: &ImageView) -> Row {
    let name = "health check";
    let wanted = service.container.as_ref().is_some_and(|container| container.image_health);
    let path = service.health.path.as_deref();
    match (wanted, image.health_check) {
        (true, true) => Row::pass(name, "the image's own, which the engine runs"),
        (true, false) => {
            let seen = "the image brings none, and ops.yaml declares none";
            let remedy = format!(
                "DEV declares one for {} in ops.yaml, such as `health: {{ path: /healthz }}`, or \
                 adds a HEALTHCHECK to the image; CQ and QA pass that",
                service.name
            );
            Row::new(Verdict::Fail, name, seen, remedy)
        }
        (false, _) => match path {
            Some(path) => Row::pass(name, &format!("ops asks {path}")),
            None => Row::pass(name, "ops.yaml wants no more than an open port or a live process"),
        },
    }
}

fn machine(image: &ImageView, view: &EngineView) -> Row {
    let (is, wanted) = (&image.architecture, &view.architecture);
    if is == wanted {
        return Row::pass("machine", &format!("{is}, as {}", view.place));
    }
    let seen = format!("the image is for {is}, and {} is {wanted}", view.place);
    let remedy = format!(
        "DEV builds the image for {wanted} (`docker buildx build --platform linux/{wanted}`) and \
         posts notes with its digest, and CQ and QA pass that one"
    );
    Row::new(Verdict::Fail, "machine", &seen, remedy)
}

/// What engines lack for both versions; what was seen of them; what cannot be told because nobody
/// declared it, or not from here.
#[derive(Default)]
pub(super) struct Room {
    pub(super) lacks: Vec<String>,
    pub(super) seen: Vec<String>,
    pub(super) untold: Vec<String>,
}

impl Room {
    /// Of the engines that run a service, for an image of this size.
    pub(super) fn of(desk: &Desk<'_>, service: &Service, views: &[EngineView], size: u64) -> Self {
        let mut room = Self::default();
        if in_containers(service) {
            for view in views {
                room.disk(view, size);
                room.memory(view, desk, service);
            }
        }
        room
    }

    fn disk(&mut self, view: &EngineView, size: u64) {
        let place = &view.place;
        let Some(free) = view.disk_free else {
            self.untold.push(format!("the disk of {place}, which cannot be asked from here"));
            return;
        };
        let image = if view.holds { 0 } else { size.saturating_mul(UNPACKED) };
        let needed = image.saturating_add(DISK_MARGIN);
        let words = format!("{} MB of disk free at {place}", free / MB);
        if free < needed {
            self.lacks.push(format!("{words}, {} MB needed", needed.div_ceil(MB)));
        } else {
            self.seen.push(words);
        }
    }

    fn memory(&mut self, view: &EngineView, desk: &Desk<'_>, service: &Service) {
        // One engine has its share of the replicas.
        let limit = |container: &Option<Box<Container>>, replicas: u32| {
            let container = container.as_ref()?;
            Some(container.memory_bytes?.saturating_mul(container.each_host(replicas).into()))
        };
        let Some(new) = limit(&service.container, service.replicas) else {
            self.untold.push(
                "the memory that its containers may take, for which ops.yaml declares no \
                 `container.memory`"
                    .into(),
            );
            return;
        };
        let old = desk.facts.old.as_ref();
        let old = old.and_then(|old| limit(&old.spec.container, old.spec.replicas)).unwrap_or(0);
        // The old version leaves before the new one comes.
        let leaves = if service.strategy == Strategy::Recreate { old } else { 0 };
        let (place, all) = (&view.place, view.memory_bytes);
        let both = view.memory_promised.saturating_add(new).saturating_sub(leaves);
        let words = format!(
            "{} MB of memory at {place}, of which both versions and the others may take {} MB",
            all / MB,
            both.div_ceil(MB)
        );
        if both > all {
            self.lacks.push(words);
        } else {
            self.seen.push(words);
        }
        let needed = new.saturating_sub(leaves).saturating_add(MEMORY_MARGIN);
        if let Some(free) = view.memory_free.filter(|free| *free < needed) {
            self.lacks.push(format!(
                "{} MB of memory available at {place}, {} MB needed",
                free / MB,
                needed.div_ceil(MB)
            ));
        }
    }
}
