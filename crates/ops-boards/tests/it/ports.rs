//! ops on its own boards, through the ports of the engine.

use std::sync::Arc;

use ops_boards::{BoardError, EmbeddedMeeting, EmbeddedPlanning};
use ops_core::id::{Digest, TicketId};
use ops_engine::ports::{ActError, Meeting as _, Planning as _};

use crate::desk::Desk;

#[test]
fn the_queue_is_read_whole() {
    let desk = Desk::new();
    desk.ticket("A", "rfp");
    desk.ticket("B", "todo");
    let planning = EmbeddedPlanning::new(Arc::clone(&desk.store), "otto").unwrap();
    assert_eq!(planning.me().unwrap().as_str(), "otto@example.org");
    let candidate = Digest::of(b"one");
    desk.store.set_candidate("MNS-1", Some(&candidate)).unwrap();
    desk.store.comment(&desk.member("quinn"), "MNS-1", "## QA PASS").unwrap();
    let ready = planning.ready().unwrap();
    assert_eq!(ready.len(), 1);
    let ticket = &ready[0];
    assert_eq!((ticket.id.as_str(), ticket.title.as_str(), ticket.priority), ("MNS-1", "A", 3));
    assert_eq!((ticket.status.as_str(), ticket.kind.as_str()), ("rfp", "story"));
    assert_eq!(ticket.comments[0].candidate, Some(candidate));
    assert_eq!(ticket.comments[0].author.as_str(), "quinn@example.org");
    assert_eq!(ticket.history.last().unwrap().details, "Comment: ## QA PASS");
    assert_eq!(planning.ticket(&TicketId::from("MNS-1")).unwrap().as_ref(), Some(ticket));
    assert_eq!(planning.ticket(&TicketId::from("MNS-9")).unwrap(), None);
    assert_eq!(planning.ticket(&TicketId::from("what")).unwrap(), None);
}

#[test]
fn p10_ops_comments_and_closes_what_is_ready_and_nothing_else() {
    let desk = Desk::new();
    desk.ticket("A", "rfp");
    desk.ticket("B", "in-qa");
    let planning = EmbeddedPlanning::new(Arc::clone(&desk.store), "otto").unwrap();
    let (ready, other) = (TicketId::from("MNS-1"), TicketId::from("MNS-2"));
    planning.comment(&ready, "## Deployment Complete").unwrap();
    planning.close(&ready).unwrap();
    planning.close(&ready).unwrap();
    let ticket = planning.ticket(&ready).unwrap().unwrap();
    assert_eq!(ticket.status, "closed");
    assert_eq!(ticket.history.last().unwrap().details, "Status: rfp → closed");
    assert_eq!(ticket.history.len(), 3, "closing again changes nothing");
    let Err(ActError::NotApplied(fault)) = planning.close(&other) else { panic!("it was closed") };
    assert!(fault.what.contains("ops may not move a ticket from in-qa to closed"), "{fault}");
    assert!(matches!(
        planning.comment(&TicketId::from("MNS-9"), "x"),
        Err(ActError::NotApplied(_))
    ));
    assert_eq!(planning.ready().unwrap(), []);
}

#[test]
fn p3_only_a_member_with_the_role_ops_is_ops() {
    let desk = Desk::new();
    for id in ["pia", "dan", "nobody"] {
        let answer = EmbeddedPlanning::new(Arc::clone(&desk.store), id).map(drop);
        assert!(
            matches!(answer, Err(BoardError::Forbidden { .. } | BoardError::NoMember(_))),
            "{id}: {answer:?}"
        );
        assert!(EmbeddedMeeting::new(Arc::clone(&desk.store), id).is_err());
    }
}

#[test]
fn messages_are_followed_by_id() {
    let desk = Desk::new();
    let meeting = EmbeddedMeeting::new(Arc::clone(&desk.store), "otto").unwrap();
    let (dan, mia) = (desk.member("dan"), desk.member("mia"));
    let first = desk.store.post(&dan, "standup", "hello @ops", None).unwrap();
    let second = desk.store.post(&mia, "ad-hoc", "@Otto halt", None).unwrap();
    let third = desk.store.post(&dan, "#standup", "nothing", Some(&first.id)).unwrap();
    meeting.post("#standup", "OPS: noted").unwrap();
    let all = meeting.messages("standup", None).unwrap();
    let texts: Vec<_> = all.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["hello @ops", "nothing", "OPS: noted"]);
    assert_eq!((all[0].mentions_ops, all[1].mentions_ops), (true, false));
    assert_eq!(
        (all[0].author.as_str(), all[2].author.as_str()),
        ("dan@example.org", "otto@example.org")
    );
    assert_eq!((all[0].channel.as_str(), &all[1].thread), ("standup", &Some(first.id.clone())));
    let after = meeting.messages("standup", Some(&third.id)).unwrap();
    assert_eq!(after, all[2..]);
    let mentions = meeting.mentions(None).unwrap();
    let ids: Vec<_> = mentions.iter().map(|message| message.id.clone()).collect();
    assert_eq!(ids, [first.id.clone(), second.id.clone()]);
    assert!(mentions.iter().all(|message| message.mentions_ops));
    assert_eq!(meeting.mentions(Some(&first.id)).unwrap(), mentions[1..]);
    assert_eq!(meeting.mentions(Some(&second.id)).unwrap(), []);
    // An unknown place is an error, never a start from the beginning (P8).
    assert!(meeting.mentions(Some("0123456789abcdef01234567")).is_err());
    assert!(meeting.messages("nowhere", None).is_err());
    assert!(matches!(meeting.post("nowhere", "x"), Err(ActError::NotApplied(_))));
}

#[test]
fn a_follower_gets_at_most_500_and_goes_on_from_there() {
    let desk = Desk::new();
    let meeting = EmbeddedMeeting::new(Arc::clone(&desk.store), "otto").unwrap();
    desk.store.post(&desk.member("dan"), "humans", "0", None).unwrap();
    let db = rusqlite::Connection::open(&desk.path).unwrap();
    let numbers: Vec<usize> = (1..=600).collect();
    db.execute(
        "INSERT INTO message (id, channel, author, author_name, author_role, content, mentions, at)
         SELECT 'm' || value, (SELECT seq FROM channel WHERE name = 'humans'), 'dan', 'Dan', 'dev',
             value, '[]', 0 FROM json_each(?) ORDER BY value",
        [serde_json::json!(numbers).to_string()],
    )
    .unwrap();
    let first = meeting.messages("humans", None).unwrap();
    assert_eq!((first.len(), first[499].text.as_str()), (500, "499"));
    let rest = meeting.messages("humans", Some(&first[499].id)).unwrap();
    assert_eq!((rest.len(), rest[100].text.as_str()), (101, "600"));
}
