//! What every journal must do, whatever keeps it. Written once; each implementation runs all
//! [`CASES`] in its own tests, each case on a journal of its own.
#![expect(
    clippy::unwrap_used,
    reason = "this is test code that other crates' tests call; a failed case panics"
)]

mod leases;

use ops_core::{
    id::DeploymentId,
    time::{BootId, Now},
};
use ops_engine::ports::{Journal, JournalError, Record, Summary};
use serde_json::{Value, json};

use crate::{
    anchor::verify_anchors,
    chain::{BATCH_LIMIT, BODY_LIMIT, genesis},
};

/// Opens the journal of one case; called again after the former handle was dropped, it opens the
/// same journal with all that was acknowledged.
pub type Open<'a> = dyn Fn() -> Box<dyn Journal> + 'a;

/// One requirement.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is required.
    pub name: &'static str,
    /// Panics if the requirement is not met.
    pub run: fn(&Open<'_>),
}

/// All requirements.
pub const CASES: &[Case] = &[
    Case { name: "an empty journal has the fixed head", run: empty },
    Case { name: "what is appended is read back as it was", run: read_back },
    Case { name: "p14 records are chained", run: chained },
    Case { name: "p5 what was acknowledged is there after a restart", run: survives },
    Case { name: "p5 a failed append leaves nothing behind", run: all_or_nothing },
    Case { name: "streams are kept apart", run: streams },
    Case { name: "all records can be read in pages", run: pages },
    Case { name: "summaries are listed newest first", run: summaries },
    Case { name: "a number is never given twice", run: numbers },
    Case { name: "p4 a lease keeps others out until it ends", run: leases::lease_ends },
    Case { name: "s18 a lease of another boot is taken over", run: leases::lease_of_another_boot },
    Case { name: "p4 generations only rise", run: leases::generations_rise },
    Case { name: "p4 only its holder gives a lease back", run: leases::lease_released },
    Case { name: "p14 anchors hold", run: anchors },
    Case { name: "s19 records of a newer format are kept as they are", run: newer_format },
    Case { name: "s20 space can be set aside again and again", run: reserve },
];

/// A reading of the clocks `ms` milliseconds after boot `boot`.
pub fn now(boot: &str, ms: u64) -> Now {
    let wall = jiff::Timestamp::from_millisecond(1_750_000_000_000 + ms as i64).unwrap();
    Now { boot: BootId(boot.to_owned()), ms, wall }
}

fn append(journal: &mut dyn Journal, deployment: Option<DeploymentId>, body: Value) -> Record {
    journal.append(deployment, &now("a", 1), &[(1, body)], None).unwrap().pop().unwrap()
}

fn empty(open: &Open<'_>) {
    let mut journal = open();
    assert_eq!(journal.head().unwrap(), (0, genesis()));
    assert_eq!(journal.verify().unwrap(), (0, genesis()));
    assert_eq!(journal.after(0, 10).unwrap(), []);
    assert_eq!(journal.stream(None).unwrap(), []);
    assert_eq!(journal.summaries(false, 10).unwrap(), []);
    assert_eq!(journal.summary(DeploymentId(1)).unwrap(), None);
    assert_eq!(journal.append(None, &now("a", 1), &[], None).unwrap(), []);
    assert_eq!(journal.head().unwrap().0, 0, "an append of nothing writes nothing");
}

fn read_back(open: &Open<'_>) {
    let mut journal = open();
    let bodies: Vec<(u32, Value)> = vec![
        (1, json!({"b": 1, "a": {"z": [1, 2.5, -3], "ä": "ü\u{1F980}\n\"\\\u{0}"}})),
        (2, json!({"share": 0.1 + 0.2, "tiny": 5e-324, "big": u64::MAX, "small": i64::MIN})),
        (1, json!({"p": 0.049_999_999_999_999_996, "q": 1.797_693_134_862_315_7e308})),
        (1, Value::Null),
        (1, json!("")),
    ];
    let at = now("a boot", 77);
    let written = journal.append(None, &at, &bodies, None).unwrap();
    assert_eq!(written.len(), bodies.len());
    for (record, (v, body)) in written.iter().zip(&bodies) {
        assert_eq!((&*record.body, record.v, &record.at), (body, *v, &at));
        assert_eq!(record.deployment, None);
    }
    assert_eq!(journal.stream(None).unwrap(), written);
    assert_eq!(journal.after(0, 100).unwrap(), written);
}

fn chained(open: &Open<'_>) {
    let mut journal = open();
    let mut records =
        journal.append(None, &now("a", 1), &[(1, json!(1)), (1, json!(2))], None).unwrap();
    records.push(append(&mut *journal, None, json!(3)));
    let mut previous = genesis();
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record.seq, index as u64 + 1);
        assert_eq!(record.previous, previous);
        previous = record.hash.clone();
    }
    assert_eq!(journal.head().unwrap(), (3, previous.clone()));
    assert_eq!(journal.verify().unwrap(), (3, previous));
}

fn survives(open: &Open<'_>) {
    let mut journal = open();
    let id = journal.next_deployment().unwrap();
    let summary = Summary { id, ended: false, body: json!({"state": "queued"}) };
    let written =
        journal.append(Some(id), &now("a", 1), &[(1, json!("x"))], Some(&summary)).unwrap();
    drop(journal);
    let mut journal = open();
    assert_eq!(journal.stream(Some(id)).unwrap(), written);
    assert_eq!(journal.summary(id).unwrap(), Some(summary));
    let next = append(&mut *journal, Some(id), json!("y"));
    assert_eq!(next.previous, written.last().unwrap().hash);
    assert_eq!(journal.verify().unwrap().0, 2);
}

fn all_or_nothing(open: &Open<'_>) {
    let mut journal = open();
    let id = journal.next_deployment().unwrap();
    append(&mut *journal, Some(id), json!("first"));
    let before = journal.head().unwrap();
    let summary = |id| Summary { id, ended: true, body: json!({}) };
    let long = Value::String("x".repeat(BODY_LIMIT));

    let too_long = [(1, json!("fine")), (1, long.clone())];
    let refused = journal.append(Some(id), &now("a", 2), &too_long, Some(&summary(id)));
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");

    let wide = Summary { id, ended: true, body: long };
    let refused = journal.append(Some(id), &now("a", 2), &[(1, json!("fine"))], Some(&wide));
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");

    let many = vec![(1, json!(0)); BATCH_LIMIT + 1];
    let refused = journal.append(Some(id), &now("a", 2), &many, Some(&summary(id)));
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");

    let unknown = DeploymentId(id.0 + 1);
    let fine = [(1, json!("fine"))];
    let refused = journal.append(Some(unknown), &now("a", 2), &fine, None);
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");
    let refused = journal.append(Some(id), &now("a", 2), &fine, Some(&summary(unknown)));
    assert!(matches!(refused, Err(JournalError::Failed(_))), "{refused:?}");

    assert_eq!(journal.head().unwrap(), before);
    assert_eq!(journal.verify().unwrap(), before);
    assert_eq!(journal.summaries(false, 10).unwrap(), []);
    assert_eq!(append(&mut *journal, Some(id), json!("second")).seq, before.0 + 1);
}

fn streams(open: &Open<'_>) {
    let mut journal = open();
    let (one, two) = (journal.next_deployment().unwrap(), journal.next_deployment().unwrap());
    for (deployment, body) in
        [(Some(one), "a"), (None, "b"), (Some(two), "c"), (Some(one), "d"), (None, "e")]
    {
        append(&mut *journal, deployment, json!(body));
    }
    let bodies = |deployment| -> Vec<Value> {
        journal
            .stream(deployment)
            .unwrap()
            .into_iter()
            .map(|record| (*record.body).clone())
            .collect()
    };
    assert_eq!(bodies(Some(one)), [json!("a"), json!("d")]);
    assert_eq!(bodies(Some(two)), [json!("c")]);
    assert_eq!(bodies(None), [json!("b"), json!("e")]);
    assert_eq!(bodies(Some(DeploymentId(99))), [] as [Value; 0]);
    assert_eq!(bodies(Some(DeploymentId(u64::MAX))), [] as [Value; 0]);
}

fn pages(open: &Open<'_>) {
    let mut journal = open();
    for number in 0..7 {
        append(&mut *journal, None, json!(number));
    }
    let mut read = Vec::new();
    loop {
        let page = journal.after(read.len() as u64, 3).unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        read.extend(page.into_iter().map(|record| record.seq));
    }
    assert_eq!(read, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(journal.after(2, usize::MAX).unwrap().len(), 5);
    assert_eq!(journal.after(u64::MAX, 3).unwrap(), []);
    assert_eq!(journal.after(0, 0).unwrap(), []);
}

fn summaries(open: &Open<'_>) {
    let mut journal = open();
    let ids: Vec<DeploymentId> = (0..4).map(|_| journal.next_deployment().unwrap()).collect();
    let summary = |id, ended, text: &str| Summary { id, ended, body: json!({ "text": text }) };
    for id in &ids {
        let new = summary(*id, false, "new");
        journal.append(Some(*id), &now("a", 1), &[(1, json!("x"))], Some(&new)).unwrap();
    }
    // A summary alone may change too.
    journal.append(Some(ids[1]), &now("a", 2), &[], Some(&summary(ids[1], true, "old"))).unwrap();

    let listed = |open_only, limit| -> Vec<u64> {
        let list = journal.summaries(open_only, limit).unwrap();
        list.into_iter().map(|summary| summary.id.0).collect()
    };
    assert_eq!(listed(false, 10), [4, 3, 2, 1]);
    assert_eq!(listed(true, 10), [4, 3, 1]);
    assert_eq!(listed(false, 2), [4, 3]);
    assert_eq!(listed(true, 3), [4, 3, 1]);
    assert_eq!(listed(true, 0), [] as [u64; 0]);
    assert_eq!(journal.summary(ids[1]).unwrap(), Some(summary(ids[1], true, "old")));
}

fn numbers(open: &Open<'_>) {
    let mut journal = open();
    assert_eq!(journal.next_deployment().unwrap(), DeploymentId(1));
    assert_eq!(journal.next_deployment().unwrap(), DeploymentId(2));
    drop(journal);
    assert_eq!(open().next_deployment().unwrap(), DeploymentId(3), "also after a restart");
}

fn anchors(open: &Open<'_>) {
    let mut journal = open();
    let mut heads = vec![journal.head().unwrap()];
    for number in 0..4 {
        append(&mut *journal, None, json!(number));
        heads.push(journal.head().unwrap());
    }
    assert_eq!(verify_anchors(&*journal, &heads).unwrap(), heads[4]);
    let swapped = (2, heads[3].1.clone());
    let found = verify_anchors(&*journal, &[heads[1].clone(), swapped]);
    assert!(matches!(found, Err(JournalError::Tampered(t)) if t.seq == 2));
    let beyond = verify_anchors(&*journal, &[(5, heads[4].1.clone())]);
    assert!(matches!(beyond, Err(JournalError::Tampered(t)) if t.seq == 5));
    let other_genesis = verify_anchors(&*journal, &[(0, heads[1].1.clone())]);
    assert!(matches!(other_genesis, Err(JournalError::Tampered(t)) if t.seq == 0));
}

fn newer_format(open: &Open<'_>) {
    let mut journal = open();
    let id = journal.next_deployment().unwrap();
    let strange = json!({"an event": "that nobody knows yet"});
    journal.append(Some(id), &now("a", 1), &[(u32::MAX, strange.clone())], None).unwrap();
    drop(journal);
    let record = open().stream(Some(id)).unwrap().pop().unwrap();
    assert_eq!((record.v, &*record.body), (u32::MAX, &strange));
}

fn reserve(open: &Open<'_>) {
    let mut journal = open();
    journal.reserve().unwrap();
    journal.reserve().unwrap();
    append(&mut *journal, None, json!("x"));
    journal.reserve().unwrap();
    assert_eq!(journal.verify().unwrap().0, 1);
}
