//! A verdict that was taken back between two stages (S12, S13).

use super::{
    Check,
    each::{SHORTLY_SECONDS, check},
    judge::Desk,
};
use crate::{
    evidence::{Pulled, pulled_back},
    plan::Kind,
};

/// In words, if somebody took a verdict back after the stage before.
fn revoked(desk: &Desk<'_>) -> Option<String> {
    let promoted = desk.facts.promoted.as_ref().filter(|_| desk.created.kind == Kind::Release)?;
    match pulled_back(&promoted.ticket, desk.ticket, &desk.settings?.people) {
        pulled @ Pulled::Revoked { .. } => Some(pulled.words()),
        // A move is seen by whoever reads the ticket's status.
        _ => None,
    }
}

/// It was read twice: what came to the stages before leaves them again.
pub(super) fn moot(desk: &Desk<'_>) -> Option<String> {
    let again = desk.facts.promoted.as_ref().is_some_and(|promoted| promoted.read_before);
    revoked(desk).filter(|_| again)
}

/// The first reading holds, and says when it is read again.
pub(super) fn first_reading(desk: &Desk<'_>, held: Check) -> Check {
    match revoked(desk) {
        None => held,
        Some(words) => {
            let seen = format!("{words}, after the stage before");
            check("evidence", held.looked_at, held.verdict, seen)
                .remedy(format!(
                    "nobody needs to do anything: ops reads the ticket once more within \
                     {SHORTLY_SECONDS} s, and then takes the candidate back from the stages to which \
                     it came"
                ))
                .shortly(desk)
        }
    }
}
