//! Who gets a lease: one rule for every journal.

use ops_core::{
    id::Generation,
    time::{Now, Timer},
};
use ops_engine::ports::{JournalError, Lease, LeaseRefused};

/// What somebody asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) group: &'a str,
    pub(crate) holder: &'a str,
    /// A new generation must be above this one.
    pub(crate) above: Generation,
    pub(crate) now: &'a Now,
    pub(crate) length_ms: u64,
}

/// Gives, renews or refuses. `current` is the group's lease as stored, `highest` the highest
/// generation that was ever given.
///
/// A lease that its own holder let run out is a new one with a new generation: in between, nothing
/// protected the group, so acts sent under the old generation must not arrive any more.
pub(crate) fn grant(
    current: Option<&Lease>,
    highest: Generation,
    claim: &Claim<'_>,
) -> Result<Lease, LeaseRefused> {
    let alive =
        current.filter(|lease| lease.until.boot == claim.now.boot && !lease.until.over(claim.now));
    let generation = match alive {
        Some(lease) if lease.holder == claim.holder => lease.generation,
        Some(lease) => return Err(LeaseRefused::Held(lease.holder.clone())),
        None => above(highest.max(claim.above))?,
    };
    Ok(Lease {
        group: claim.group.to_owned(),
        holder: claim.holder.to_owned(),
        generation,
        until: Timer::start(claim.now, claim.length_ms),
    })
}

/// The next generation, unless numbers have run out: what an impossible answer of a broken or
/// hostile target would lead to.
fn above(highest: Generation) -> Result<Generation, JournalError> {
    // SQLite and PostgreSQL hold whole numbers of 63 bits.
    if highest.0 >= i64::MAX as u64 {
        return Err(JournalError::Failed(format!(
            "no generation is above {highest}: something in the world claims a generation that \
             was never given"
        )));
    }
    Ok(highest.next())
}
