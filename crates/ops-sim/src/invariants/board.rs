//! What stands on the boards, by deployment.

use std::collections::BTreeMap;

use ops_core::id::{ReleaseId, TicketId};

use crate::world::{World, ledger::Deed, marker, markers, planning::ME};

/// What a deployment really did, as the world saw it.
#[derive(Debug, Clone)]
pub(super) struct Deeds {
    /// The release that it brought.
    pub(super) release: ReleaseId,
    /// Whether it took that release away itself.
    pub(super) took_back: bool,
}

/// Whether a release's name ends in the number of a deployment, which then brought it. A rehearsal
/// copy's name does not consist of two parts.
fn brought(release: &ReleaseId, deployment: u64) -> bool {
    let mut parts = release.as_str().split('-');
    let number = parts.nth(1).and_then(|part| part.parse::<u64>().ok());
    number == Some(deployment) && parts.next().is_none()
}

/// The release that a deployment brought, if it started one.
pub(super) fn started(world: &World, deployment: u64) -> Option<&ReleaseId> {
    let own = world.ledger.applied.iter().filter(|one| one.stamp.deployment == deployment);
    own.into_iter().find_map(|one| match &one.deed {
        Deed::Start { release, .. } if brought(release, deployment) => Some(release),
        _ => None,
    })
}

/// Each deployment that started a release of its own.
pub(super) fn deeds(world: &World) -> BTreeMap<u64, Deeds> {
    let mut all = BTreeMap::new();
    for applied in &world.ledger.applied {
        let deployment = applied.stamp.deployment;
        let own = |release: &ReleaseId| brought(release, deployment);
        match &applied.deed {
            Deed::Start { release, .. } if own(release) => {
                let release = release.clone();
                all.entry(deployment).or_insert(Deeds { release, took_back: false });
            }
            Deed::Stop { release, ran: true } if own(release) => {
                all.entry(deployment).and_modify(|deeds| deeds.took_back = true);
            }
            _ => {}
        }
    }
    all
}

/// The first line of a comment, its marker, its ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) heading: String,
    pub(super) marker: String,
    pub(super) ticket: TicketId,
}

/// Comments by ops with a marker of one deployment.
pub(super) fn comments(world: &World, deployment: u64) -> Vec<Written> {
    let prefix = format!("<!-- ops:D-{deployment}:");
    let mut all = Vec::new();
    for (id, ticket) in &world.planning.tickets {
        for comment in ticket.comments.iter().filter(|one| one.author.as_str() == ME) {
            if let Some(marker) = marker(&comment.text).filter(|mark| mark.starts_with(&prefix)) {
                all.push(Written {
                    heading: comment.text.lines().next().unwrap_or_default().to_owned(),
                    marker: marker.to_owned(),
                    ticket: id.clone(),
                });
            }
        }
    }
    all
}

/// What a post says of each deployment that it bears a marker of: the whole text, or of several posts
/// in one message the line that bears it, and what the message says of all of them.
pub(super) fn pieces(text: &str) -> Vec<(String, &str)> {
    let all = markers(text);
    if let [one] = all[..] {
        return vec![(text.to_owned(), one)];
    }
    let of_all = text.lines().find(|line| line.starts_with("All of them: ")).unwrap_or("");
    let line = |marker: &str| {
        let line = text.lines().find(|line| line.contains(marker)).unwrap_or("");
        format!("OPS: {}\n{of_all}", line.trim_start_matches("- "))
    };
    all.into_iter().map(|marker| (line(marker), marker)).collect()
}

/// Posts by ops with a marker of one deployment.
pub(super) fn posts(world: &World, deployment: u64) -> Vec<(String, String)> {
    let prefix = format!("<!-- ops:D-{deployment}:");
    let ours = world.meeting.messages.iter().filter(|one| one.author.as_str() == ME);
    let pieces = ours.flat_map(|message| pieces(&message.text));
    pieces
        .filter(|(_, marker)| marker.starts_with(&prefix))
        .map(|(text, marker)| (text, marker.to_owned()))
        .collect()
}

/// Letters that stand twice although the board never wrote them late.
pub(super) fn twice<'a>(markers: impl Iterator<Item = &'a str>, late: &[String]) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for marker in markers {
        *counts.entry(marker).or_default() += 1;
    }
    let allowed = |marker: &str| 1 + late.iter().filter(|one| *one == marker).count();
    let found = counts.into_iter().find(|(marker, count)| *count > allowed(marker));
    found.map(|(marker, count)| format!("{marker} stands {count} times"))
}
