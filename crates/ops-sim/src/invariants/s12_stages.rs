//! S12: nothing starts in production that has not soaked in staging, and nothing stays in staging
//! that was withdrawn or judged bad later, where something served before.

use ops_core::id::{Digest, ReleaseId};

use super::board::deeds;
use crate::world::{
    World,
    ledger::Deed,
    wishes::{PORTAL, PORTAL_STAGING, SOAK_SECONDS},
};

/// Remembers which acts were checked.
#[derive(Debug, Default)]
pub(super) struct Stages {
    read: usize,
}

/// What a release runs, as its start said.
fn artifact_of<'a>(world: &'a World, release: &ReleaseId) -> Option<&'a Digest> {
    world.ledger.applied.iter().find_map(|one| match &one.deed {
        Deed::Start { release: its, artifact, .. } if its == release => Some(artifact),
        _ => None,
    })
}

/// Everything that took all traffic of staging, and when, since nothing served there.
fn served_staging(world: &World) -> Vec<(u64, &Digest)> {
    let mut served = Vec::new();
    for one in world.ledger.applied.iter().filter(|one| one.service.as_str() == PORTAL_STAGING) {
        match &one.deed {
            Deed::Route { route } => {
                let leg = route.legs.iter().find(|leg| leg.weight == 100);
                let artifact = leg.and_then(|leg| artifact_of(world, &leg.release));
                served.extend(artifact.map(|artifact| (one.t, artifact)));
            }
            Deed::Unroute => served.clear(),
            _ => {}
        }
    }
    served
}

impl Stages {
    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for (at, applied) in world.ledger.applied.iter().enumerate().skip(self.read) {
            let Deed::Start { release, artifact, fresh: true, .. } = &applied.deed else {
                continue;
            };
            if applied.service.as_str() != PORTAL {
                continue;
            }
            let known = world.ledger.applied.iter().take(at).any(|one| {
                one.service == applied.service
                    && matches!(&one.deed, Deed::Start { artifact: ran, .. } if ran == artifact)
            });
            let soaked = served_staging(world)
                .iter()
                .any(|(t, served)| *served == artifact && t + SOAK_SECONDS * 1_000 <= applied.t);
            let adopted = super::p1_evidence::ran_outside(
                world,
                &applied.service,
                artifact,
                applied.t,
                super::p1_evidence::LAST_CHECK_MS,
            );
            if !known && !soaked && !adopted {
                return Err(format!("{release} was started in production and never soaked"));
            }
        }
        self.read = world.ledger.applied.len();
        Ok(())
    }
}

/// Nothing stays in staging that was pulled back or taken back from production for harm, unless it
/// was the first that served there, it serves in production, or it was asked for anew.
pub(super) fn at_rest(world: &World) -> Result<(), String> {
    let history = served_staging(world);
    let Some((_, now)) = history.last() else { return Ok(()) };
    let routed = world.door.served.contains_key(&PORTAL_STAGING.into());
    let first = history.first().is_some_and(|(_, first)| first == now);
    let approved =
        world.planning.approvals.values().any(|one| one.digest == **now && one.ended_at.is_none());
    let production = world.door.served.get(&PORTAL.into()).is_some_and(|served| {
        served.route.legs.iter().any(|leg| artifact_of(world, &leg.release) == Some(*now))
    });
    if !routed || first || production || waits(world) || worse_before(world, &history) {
        return Ok(());
    }
    if !approved && noticed(world, now) {
        return Err(format!("{} was pulled back and still serves staging", now.short()));
    }
    if harmed(world, now) {
        return Err(format!(
            "{} was judged bad in production and still serves staging",
            now.short()
        ));
    }
    Ok(())
}

/// Whether a rollback in staging waits for what is around it, or for a person who stopped it: its last
/// word, on its ticket or on the meeting board, says so.
fn waits(world: &World) -> bool {
    let posts = || world.meeting.messages.iter().map(|message| message.text.as_str());
    let on_tickets = world.planning.tickets.values().flat_map(|ticket| &ticket.comments);
    let comments: Vec<_> = on_tickets.map(|one| one.text.as_str()).collect();
    let from_staging = |of: &str| {
        let here = world.ledger.applied.iter().filter(|one| one.service.as_str() == PORTAL_STAGING);
        here.map(|one| one.stamp.deployment.to_string()).any(|deployment| deployment == of)
    };
    let last = posts().rev().find_map(|text| {
        let (number, rest) = text.split_once("(D-")?.1.split_once("), which takes D-")?;
        rest.split(' ').next().is_some_and(from_staging).then_some(number)
    });
    let Some(number) = last else { return false };
    let marker = format!("<!-- ops:D-{number}:");
    let held = posts()
        .rfind(|text| text.contains(&format!("(D-{number})")))
        .is_some_and(|text| text.contains(" is held: "));
    let again = ["ops tries again in", "to try again"];
    held || comments
        .iter()
        .any(|text| text.contains(&marker) && again.iter().any(|words| text.contains(words)))
}

/// Whether the way back was tried, and what served before was worse: the last thing that was started
/// in staging had served there before, was taken away again, and is none that serves users well.
fn worse_before(world: &World, history: &[(u64, &Digest)]) -> bool {
    let all = deeds(world);
    let mut here = all.iter().filter(|(number, _)| {
        let mut applied = world.ledger.applied.iter();
        applied
            .any(|one| one.stamp.deployment == **number && one.service.as_str() == PORTAL_STAGING)
    });
    here.next_back().is_some_and(|(_, deeds)| {
        let artifact = artifact_of(world, &deeds.release);
        let artifact = artifact.filter(|one| history.iter().any(|(_, served)| served == one));
        let conduct = artifact.and_then(|artifact| world.conducts.get(artifact));
        deeds.took_back && conduct.is_some_and(|conduct| !conduct.kind.good())
    })
}

/// Whether ops has written that a ticket for it is withdrawn, or every ticket that asks for it was
/// taken out of the queue. One whose verdict was revoked between two stages is only held, and so is
/// one whose place another took while it soaked.
fn noticed(world: &World, artifact: &Digest) -> bool {
    let asking = world.planning.asks.iter().filter(|(_, digest)| *digest == artifact);
    let tickets: Vec<_> = asking.filter_map(|(id, _)| world.planning.tickets.get(id)).collect();
    let gone = |status: &str| !["rfp", "closed"].contains(&status);
    if !tickets.is_empty() && tickets.iter().all(|ticket| gone(&ticket.status)) {
        return true;
    }
    // What came to the stage again after that was approved anew.
    tickets.iter().any(|ticket| {
        let withdrawn = |text: &str| text.starts_with("## Deployment Withdrawn");
        let texts = ticket.comments.iter().rev().map(|one| one.text.as_str());
        let mut told = texts.filter(|text| {
            let tells = withdrawn(text) || text.starts_with("## Deployment Complete");
            tells && !text.contains("took its place")
        });
        told.next().is_some_and(withdrawn)
    })
}

/// Whether a deployment to production took it back and says on its ticket that it is not deployed
/// again.
fn harmed(world: &World, artifact: &Digest) -> bool {
    deeds(world).iter().any(|(number, deeds)| {
        let its = artifact_of(world, &deeds.release) == Some(artifact);
        let here = world
            .ledger
            .applied
            .iter()
            .any(|one| one.stamp.deployment == *number && one.service.as_str() == PORTAL);
        let marker = format!("<!-- ops:D-{number}:");
        let said = world.planning.tickets.values().flat_map(|ticket| &ticket.comments).any(|one| {
            one.text.contains(&marker) && one.text.contains("This candidate is not deployed again")
        });
        its && here && deeds.took_back && said
    })
}
