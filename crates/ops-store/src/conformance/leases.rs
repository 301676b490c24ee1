//! What is required of leases and their generations.

use ops_core::{id::Generation, time::BootId};
use ops_engine::ports::{JournalError, Lease, LeaseRefused};

use super::{Open, now};

fn held_by(refused: Result<Lease, LeaseRefused>) -> String {
    match refused {
        Err(LeaseRefused::Held(holder)) => holder,
        other => panic!("the lease should be held, not {other:?}"),
    }
}

pub(super) fn lease_ends(open: &Open<'_>) {
    let mut journal = open();
    let none = Generation(0);
    let first = journal.lease("prod/web", "one", none, &now("a", 1000), 30_000).unwrap();
    assert_eq!((first.group.as_str(), first.holder.as_str()), ("prod/web", "one"));
    assert_eq!(first.until.ends(), 31_000);
    assert!(first.generation > none);

    assert_eq!(held_by(journal.lease("prod/web", "two", none, &now("a", 1000), 1)), "one");
    assert_eq!(held_by(journal.lease("prod/web", "two", none, &now("a", 30_999), 1)), "one");
    let other = journal.lease("prod/db", "two", none, &now("a", 1000), 30_000).unwrap();
    assert!(other.generation > first.generation, "generations rise over all groups");

    let renewed = journal.lease("prod/web", "one", none, &now("a", 11_000), 30_000).unwrap();
    assert_eq!(renewed.generation, first.generation);
    assert_eq!(renewed.until.ends(), 41_000);
    let world = Generation(first.generation.0 + 50);
    let renewed = journal.lease("prod/web", "one", world, &now("a", 12_000), 30_000).unwrap();
    assert_eq!(renewed.generation, first.generation, "renewing never gives another generation");
    drop(journal);

    let mut journal = open();
    assert_eq!(held_by(journal.lease("prod/web", "two", none, &now("a", 41_999), 1)), "one");
    let taken = journal.lease("prod/web", "two", none, &now("a", 42_000), 30_000).unwrap();
    assert_eq!(taken.holder, "two");
    assert!(taken.generation > other.generation);
    assert_eq!(held_by(journal.lease("prod/web", "one", none, &now("a", 42_001), 1)), "two");
}

pub(super) fn lease_of_another_boot(open: &Open<'_>) {
    let mut journal = open();
    let none = Generation(0);
    let first = journal.lease("g", "one", none, &now("a", 90_000), 30_000).unwrap();
    let taken = journal.lease("g", "two", none, &now("b", 10), 30_000).unwrap();
    assert_eq!(taken.until.boot, BootId("b".into()));
    assert!(taken.generation > first.generation);
    // Its own lease of an earlier boot has not protected anything since: it is a new one, too.
    let again = journal.lease("g", "two", none, &now("c", 10), 30_000).unwrap();
    assert!(again.generation > taken.generation);
}

pub(super) fn generations_rise(open: &Open<'_>) {
    let mut journal = open();
    let first = journal.lease("g", "one", Generation(7), &now("a", 0), 100).unwrap();
    assert!(first.generation > Generation(7), "it is above what the world has seen");
    journal.release("g", "one").unwrap();
    let second = journal.lease("g", "two", Generation(0), &now("a", 0), 100).unwrap();
    assert!(second.generation > first.generation, "it survives a release");
    journal.release("g", "two").unwrap();
    drop(journal);
    let mut journal = open();
    let third = journal.lease("g", "one", Generation(0), &now("a", 0), 100).unwrap();
    assert!(third.generation > second.generation, "it survives a restart");
    let late = journal.lease("g", "one", Generation(0), &now("a", 100), 100).unwrap();
    assert!(late.generation > third.generation, "its own lease that ran out is a new one");

    let refused = journal.lease("h", "one", Generation(u64::MAX), &now("a", 0), 100);
    assert!(matches!(refused, Err(LeaseRefused::Journal(JournalError::Failed(_)))), "{refused:?}");
    let next = journal.lease("h", "one", Generation(0), &now("a", 0), 100).unwrap();
    assert!(next.generation > late.generation, "an impossible claim changes nothing");
}

pub(super) fn lease_released(open: &Open<'_>) {
    let mut journal = open();
    journal.release("g", "nobody").unwrap();
    journal.lease("g", "one", Generation(0), &now("a", 0), 100).unwrap();
    journal.release("g", "two").unwrap();
    assert_eq!(held_by(journal.lease("g", "two", Generation(0), &now("a", 1), 100)), "one");
    journal.release("g", "one").unwrap();
    journal.release("g", "one").unwrap();
    journal.lease("g", "two", Generation(0), &now("a", 1), 100).unwrap();
}
