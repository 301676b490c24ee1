//! What lets that be adopted which somebody else started (S2).

use super::{
    Check, Verdict,
    each::{SHORTLY_SECONDS, check, error, soon, waits_for},
    judge::Desk,
};
use crate::{
    candidate::Candidate,
    id::Digest,
    plan::Kind,
    settings::{ADOPTION_SECONDS, Adopt, Service},
    world::{Foreign, Proof},
};

/// Seconds for which it counts that a service which cannot run twice was seen to run.
const SEEN_SECONDS: i64 = 24 * 3_600;

impl Desk<'_> {
    pub(super) fn adoption(&self) -> bool {
        self.created.kind == Kind::Adoption
    }

    /// What is to be adopted here, by what governs.
    pub(super) fn adopt(&self) -> Option<&Adopt> {
        self.whole?.adopts_in(&self.environment)
    }
}

/// What is adopted, as a candidate: nobody approved it, and it has no notes but what ops.yaml says.
pub(super) fn candidate(desk: &Desk<'_>) -> Option<Candidate> {
    let (service, adopt) = (desk.whole?, desk.adopt()?);
    Some(Candidate {
        artifact: adopt.artifact.clone(),
        service: service.name.clone(),
        version: adopt.version.clone(),
        commit: adopt.commit.clone(),
        config: service.hash(),
        migrations: Vec::new(),
        // Texts only, so it always serialises.
        notes: Digest::of(&serde_json::to_vec(adopt).unwrap_or_default()),
    })
}

/// The service as an adoption watches it: long enough, and without users, who are not at the door.
pub(super) fn watched(service: Service) -> Service {
    let mut service = service;
    service.watch.seconds = service.watch.seconds.max(ADOPTION_SECONDS);
    service.watch.min_requests = 0;
    service
}

/// Why an adoption has nothing to do any more.
pub(super) fn moot(desk: &Desk<'_>) -> Option<String> {
    if !desk.adoption() {
        return None;
    }
    let settings = desk.settings?;
    if let Some(old) = &desk.facts.old {
        let (version, by) = (&old.candidate.version, old.by);
        return Some(format!("{version} serves there under ops already ({by})"));
    }
    let commit = settings.revision.commit.as_deref().unwrap_or("no commit");
    desk.adopt().is_none().then(|| format!("ops.yaml at {commit} does not ask for it any more"))
}

/// S2: nobody passed what is adopted. It serves already, which ops sees for itself.
pub(super) fn evidence(desk: &Desk<'_>) -> Check {
    let (id, at) = ("evidence", "what runs, and what ops.yaml says of it");
    let (Some(settings), Some(outside)) = (desk.settings, &desk.facts.outside) else {
        return waits_for(id, at, "settings");
    };
    let (Some(adopt), Some(service)) = (desk.adopt(), &desk.service) else {
        return check(id, at, Verdict::Fail, "ops.yaml does not ask for an adoption any more")
            .remedy("nobody needs to do anything: ops looks again and lets it go");
    };
    let place = adopt.listens.as_deref().map_or("on this machine".into(), |at| format!("at {at}"));
    let found = match &outside.found {
        Err(fault) => return error(id, at, fault),
        Ok(found) => found,
    };
    let fail = |seen: String, remedy: &str| check(id, at, Verdict::Fail, seen).remedy(soon(remedy));
    let Some(foreign) = found else {
        return gone(desk, service, adopt, &place);
    };
    if let Proof::Differs { how } = &foreign.proof {
        let seen = format!("process {} {place} is not {}: {how}", foreign.pid, adopt.version);
        return fail(
            seen,
            "somebody with access to this machine runs `ops init --adopt` again, which takes in \
             what runs now, and its line in ops.yaml is committed; or the former version is \
             started again",
        );
    }
    match &outside.health {
        Some(Ok(None)) => {}
        Some(Ok(Some(why))) => {
            let seen = format!("process {} {place} is not healthy: {why}", foreign.pid);
            return fail(
                seen,
                "somebody who knows the service makes it healthy: what is sick is never known good",
            );
        }
        Some(Err(fault)) => return error(id, at, fault),
        None if adopt.listens.is_none() => {}
        None => {
            return check(id, at, Verdict::Error, "its health was not asked")
                .remedy(soon("`ops doctor` says whether this machine can be asked"));
        }
    }
    let seen = proven(foreign, adopt, &place);
    if service.runs_twice {
        let commit = settings.revision.commit.as_deref().unwrap_or("no commit");
        let seen = format!("{seen}; ops.yaml at {commit} adopts it");
        return check(id, at, Verdict::Pass, seen);
    }
    check(id, at, Verdict::Fail, format!("{seen}; only one may run, and it still does"))
        .remedy(format!(
            "somebody with access to this machine stops it at a moment that its users can bear: ops \
             starts its copy within {SHORTLY_SECONDS} s. Should that not become healthy, ops removes \
             it, and the former one must be started again by hand"
        ))
        .shortly(desk)
}

fn proven(foreign: &Foreign, adopt: &Adopt, place: &str) -> String {
    let (pid, since, short) = (foreign.pid, foreign.since, adopt.artifact.short());
    let how = match foreign.proof {
        Proof::Files => "has every file of",
        Proof::Program | Proof::Differs { .. } => "runs the very program of",
    };
    format!("process {pid}, since {since} {place}, {how} {} ({short})", adopt.version)
}

/// It does not run. A service that cannot run twice may have been stopped for the adoption.
fn gone(desk: &Desk<'_>, service: &Service, adopt: &Adopt, place: &str) -> Check {
    let (id, at) = ("evidence", "what runs, and what ops.yaml says of it");
    let seen = desk.facts.outside.as_ref().and_then(|outside| outside.seen.as_ref());
    let recent = seen.filter(|(artifact, when)| {
        let age = desk.facts.at.duration_since(*when).as_secs();
        !service.runs_twice && *artifact == adopt.artifact && (0..=SEEN_SECONDS).contains(&age)
    });
    match recent {
        Some((_, when)) => {
            let seen = format!(
                "{} ({}) ran {place} and was healthy when ops looked last, {when}, and has been \
                 stopped since, so that ops can start its copy",
                adopt.version,
                adopt.artifact.short()
            );
            check(id, at, Verdict::Pass, seen)
        }
        None => check(id, at, Verdict::Fail, format!("nothing of it runs {place}")).remedy(soon(
            "somebody with access to this machine starts it where ops.yaml says under `adopt`; or \
             DEV takes `adopt` out of ops.yaml, and its first version comes by a ticket",
        )),
    }
}

/// Whether what runs is proven and healthy: then it counts for a while that it was seen.
pub(super) fn was_seen(desk: &Desk<'_>) -> Option<Digest> {
    let outside = desk.facts.outside.as_ref()?;
    let foreign = outside.found.as_ref().ok()?.as_ref()?;
    let well = match &outside.health {
        Some(Ok(None)) => true,
        None => desk.adopt()?.listens.is_none(),
        Some(_) => false,
    };
    let proven = !matches!(foreign.proof, Proof::Differs { .. });
    (well && proven).then(|| desk.adopt().map(|adopt| adopt.artifact.clone())).flatten()
}

/// A ticket's version would replace what is not known as long as the adoption has not ended.
pub(super) fn awaited(desk: &Desk<'_>) -> Option<Check> {
    let adopt = desk.adopt().filter(|_| desk.created.kind == Kind::Release)?;
    let seen = format!(
        "what runs there now, {}, is to be adopted first, says ops.yaml, and is not known good yet",
        adopt.version
    );
    let remedy = "nobody needs to do anything while the adoption is under way: it goes on by itself \
                  (`ops status` shows it). If it ended badly, a listed person says `resume` with \
                  its number; or DEV takes `adopt` out of ops.yaml";
    Some(check("rollback-plan", "the way back", Verdict::Fail, seen).remedy(remedy))
}
