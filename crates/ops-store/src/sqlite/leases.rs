//! Leases as rows.

use ops_core::{
    id::Generation,
    time::{BootId, Timer},
};
use ops_engine::ports::{JournalError, Lease, LeaseRefused};
use rusqlite::{OptionalExtension as _, Transaction};

use super::write::Trouble;
use crate::grant::{Claim, grant};

/// Takes or renews; the inner result is the answer to the claim, the outer one tells whether the
/// question could be asked.
pub(super) fn take(
    tx: &Transaction<'_>,
    claim: &Claim<'_>,
) -> Result<Result<Lease, LeaseRefused>, Trouble> {
    let current = held(tx, claim.group)?;
    let highest: u64 =
        tx.prepare_cached("SELECT generation FROM meta")?.query_row((), |row| row.get(0))?;
    let lease = match grant(current.as_ref(), Generation(highest), claim) {
        Ok(lease) => lease,
        Err(refused) => return Ok(Err(refused)),
    };
    tx.prepare_cached(
        "INSERT INTO leases (lock_group, holder, generation, boot, since, length)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (lock_group) DO UPDATE
         SET holder = ?2, generation = ?3, boot = ?4, since = ?5, length = ?6",
    )?
    .execute((
        &lease.group,
        &lease.holder,
        lease.generation.0,
        &lease.until.boot.0,
        lease.until.since,
        lease.until.length,
    ))?;
    if lease.generation.0 > highest {
        tx.prepare_cached("UPDATE meta SET generation = ?1")?.execute([lease.generation.0])?;
    }
    Ok(Ok(lease))
}

pub(super) fn release(tx: &Transaction<'_>, group: &str, holder: &str) -> Result<(), Trouble> {
    tx.prepare_cached("DELETE FROM leases WHERE lock_group = ?1 AND holder = ?2")?
        .execute((group, holder))?;
    Ok(())
}

fn held(tx: &Transaction<'_>, group: &str) -> Result<Option<Lease>, JournalError> {
    tx.prepare_cached(
        "SELECT lock_group, holder, generation, boot, since, length FROM leases
         WHERE lock_group = ?1",
    )
    .and_then(|mut statement| {
        statement
            .query_row([group], |row| {
                Ok(Lease {
                    group: row.get(0)?,
                    holder: row.get(1)?,
                    generation: Generation(row.get(2)?),
                    until: Timer {
                        boot: BootId(row.get(3)?),
                        since: row.get(4)?,
                        length: row.get(5)?,
                    },
                })
            })
            .optional()
    })
    .map_err(|e| super::failed(&e))
}
