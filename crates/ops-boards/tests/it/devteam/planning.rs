//! The planning board.

use std::{
    net::TcpListener,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use ops_boards::{
    BoardSettings, Edit, EmbeddedPlanning, FieldChange, Gateway, NewMember, NewTicket,
    devteam::{AddressError, DevTeamPlanning},
};
use ops_core::id::TicketId;
use ops_engine::ports::{ActError, Clock, Planning as _};
use serde_json::json;

use super::{
    front::{Fate, Front},
    meeting::Still,
};
use crate::desk::{Desk, Served};

fn clock() -> Arc<dyn Clock> {
    Arc::new(Still::default())
}

struct Site {
    desk: Desk,
    served: Served,
    front: Front,
    clock: Arc<Still>,
    board: DevTeamPlanning,
}

fn site() -> Site {
    let desk = Desk::new();
    let settings = BoardSettings { permissive: true, ..BoardSettings::default() };
    let served = desk.serve_with(settings);
    let front = Front::before(served.address);
    let clock = Arc::new(Still::default());
    let own: Arc<dyn Clock> = Arc::<Still>::clone(&clock);
    let board = DevTeamPlanning::new(&front.base, &served.token("otto"), own).unwrap();
    Site { desk, served, front, clock, board }
}

const HTML: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 20\r\nConnection: close\r\n\r\n\
                    <html>@everyone</htm";
const CUT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 200\r\nConnection: close\r\n\r\n[{\"_id\"";
const ELSEWHERE: &str = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\
                         Content-Length: 0\r\nConnection: close\r\n\r\n";
const OTHER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 26\r\nConnection: close\r\n\r\n\
                     {\"ticketNumber\": \"MNS-99\"}";
const NO_LIST: &str = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n\
                       {\"tickets\":[]}";
const NOTHING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 28\r\nConnection: close\r\n\r\n\
                       {\"error\":\"Ticket not found\"}";

#[test]
fn a_guest_reads_what_ops_reads_at_home() {
    let site = site();
    for (title, status) in [("A", "rfp"), ("B", "todo"), ("C", "rfp")] {
        site.desk.ticket(title, status);
    }
    let store = &site.desk.store;
    store.comment(&site.desk.member("quinn"), "MNS-1", "## QA PASS\n\nall of it").unwrap();
    let home = EmbeddedPlanning::new(Arc::clone(store), "otto").unwrap();
    assert_eq!(site.board.me().unwrap(), home.me().unwrap());
    let mut tickets = home.ready().unwrap();
    assert_eq!(tickets.len(), 2);
    for comment in tickets.iter_mut().flat_map(|ticket| &mut ticket.comments) {
        comment.candidate = None;
    }
    assert_eq!(site.board.ready().unwrap(), tickets);
    assert_eq!(site.board.ticket(&tickets[0].id).unwrap().as_ref(), Some(&tickets[0]));
    assert_eq!(site.board.ticket(&TicketId::from("MNS-9")).unwrap(), None);
}

#[test]
fn at_rest_the_queue_is_not_sent_again() {
    let site = site();
    site.desk.ticket("A", "rfp");
    let first = site.board.ready().unwrap();
    site.front.order([Fate::Pass]);
    assert_eq!(site.board.ready().unwrap(), first);
    site.desk.ticket("B", "rfp");
    assert_eq!(site.board.ready().unwrap().len(), 2, "what is new is seen");
    site.front.order([Fate::Say(HTML)]);
    site.board.ready().unwrap_err();
    assert_eq!(site.board.ready().unwrap().len(), 2);
}

#[test]
fn many_who_only_wait_cost_the_board_one_question_in_half_a_minute() {
    let site = site();
    let ids: Vec<TicketId> = ["A", "B", "C"]
        .map(|title| TicketId::new(site.desk.ticket(title, "rfp").ticket_number))
        .into();
    let glance = || {
        for id in &ids {
            assert_eq!(site.board.glance(id).unwrap().unwrap().id, *id);
        }
        site.front.asked().len()
    };
    assert_eq!(glance(), 1);
    site.clock.0.store(29_999, Ordering::SeqCst);
    assert_eq!(glance(), 0);
    site.clock.0.store(30_000, Ordering::SeqCst);
    assert_eq!(glance(), 1);
    // What has left the queue is looked at itself, and what is read for an act is always fresh.
    site.desk.store.move_ticket(&site.desk.member("pia"), "MNS-1", "todo").unwrap();
    assert_eq!(site.board.ticket(&ids[0]).unwrap().unwrap().status, "todo");
    site.clock.0.store(60_000, Ordering::SeqCst);
    assert_eq!(site.board.glance(&ids[0]).unwrap().unwrap().status, "todo");
}

#[test]
fn p7_a_write_for_which_a_gateway_keeps_the_board_waiting_is_unknown_and_stands_there() {
    let desk = Desk::new();
    // Whoever is to be told takes the call and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway {
        address: format!("http://{}", silent.local_addr().unwrap()),
        token: Some("env:QUINN".to_owned()),
    };
    let quinn = desk.member("quinn");
    desk.store
        .put_member(&NewMember {
            id: "quinn".to_owned(),
            email: quinn.email().to_owned(),
            name: quinn.name().to_owned(),
            role: quinn.role(),
            avatar: String::new(),
            gateway: Some(gateway),
        })
        .unwrap();
    let served = desk.serve_with(BoardSettings {
        permissive: true,
        blocking_notifications: true,
        resolve_secret: Arc::new(|_| Ok("0123".to_owned())),
        ..BoardSettings::default()
    });
    desk.ticket("A", "rfp");
    let assigned = Edit { assignee: FieldChange::To(quinn.email().to_owned()), ..Edit::default() };
    desk.store.edit(&desk.member("pia"), "MNS-1", &assigned).unwrap();
    let board = DevTeamPlanning::new(&served.base(), &served.token("otto"), clock()).unwrap();
    let board = board.waiting(Arc::new(|| Duration::from_millis(200)));
    let answer = board.comment(&TicketId::from("MNS-1"), "noted");
    assert!(matches!(answer, Err(ActError::Unknown(_))), "{answer:?}");
    // The gateway is still being waited for, and the comment stands there.
    let read = EmbeddedPlanning::new(Arc::clone(&desk.store), "otto").unwrap();
    let read = read.ticket(&TicketId::from("MNS-1")).unwrap().unwrap();
    assert_eq!(read.comments.len(), 1);
    drop(silent);
}

#[test]
fn a_ticket_of_five_megabytes_in_3_000_comments_is_read_whole() {
    let site = site();
    site.desk.ticket("A", "rfp");
    let (dan, text) = (site.desk.member("dan"), "x".repeat(1_750));
    for n in 0..3_000 {
        site.desk.store.comment(&dan, "MNS-1", &format!("{n} {text}")).unwrap();
    }
    let read = site.board.ticket(&TicketId::from("MNS-1")).unwrap().unwrap();
    assert_eq!((read.comments.len(), read.history.len()), (3_000, 3_001));
    assert!(read.comments.iter().map(|one| one.text.len()).sum::<usize>() > 5_000_000);
    assert_eq!(site.board.ready().unwrap()[0].comments.len(), 3_000);
}

#[test]
fn more_tickets_than_one_page_are_all_read() {
    let site = site();
    let pia = site.desk.member("pia");
    for n in 0..1_003 {
        let new = NewTicket {
            title: n.to_string(),
            status: Some("rfp".to_owned()),
            ..NewTicket::default()
        };
        site.desk.store.create(&pia, &new).unwrap();
    }
    let ready = site.board.ready().unwrap();
    assert_eq!(ready.len(), 1_003);
    assert!(ready.iter().any(|ticket| ticket.title == "0"), "the oldest is not cut off");
}

#[test]
fn p7_a_write_whose_answer_is_lost_is_unknown_and_stands_there() {
    let site = site();
    site.desk.ticket("A", "rfp");
    let id = TicketId::from("MNS-1");
    for fate in [Fate::LoseAnswer, Fate::Say(CUT), Fate::Say(HTML)] {
        site.front.order([fate]);
        let answer = site.board.comment(&id, "noted");
        assert!(matches!(answer, Err(ActError::Unknown(_))), "{fate:?}: {answer:?}");
    }
    let read = site.board.ticket(&id).unwrap().unwrap();
    assert_eq!(read.comments.len(), 3, "each was written once, none was tried again");
    site.front.order([Fate::LoseAnswer]);
    assert!(matches!(site.board.close(&id), Err(ActError::Unknown(_))));
    assert_eq!(site.board.ticket(&id).unwrap().unwrap().status, "closed");
    site.front.order([Fate::LoseRequest]);
    assert!(matches!(site.board.comment(&id, "lost"), Err(ActError::Unknown(_))));
}

#[test]
fn what_was_certainly_not_done_is_told_as_that() {
    let site = site();
    site.desk.ticket("A", "rfp");
    let id = TicketId::from("MNS-1");
    let not_done = |answer: Result<(), ActError>, words: &str| {
        let Err(ActError::NotApplied(fault)) = answer else { panic!("{words}: {answer:?}") };
        let told = fault.to_string();
        assert!(told.contains(words), "{told}");
    };
    not_done(site.board.comment(&"MNS-9".into(), "x"), "Ticket not found");
    not_done(site.board.comment(&id, &"x".repeat(200 << 10)), "shorten");
    site.front.order([Fate::Say(ELSEWHERE)]);
    not_done(site.board.close(&id), "302");
    let stranger = DevTeamPlanning::new(&site.front.base, "0123", clock()).unwrap();
    not_done(stranger.comment(&id, "x"), "check the token");
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = DevTeamPlanning::new(&format!("http://{gone}"), "0123", clock()).unwrap();
    not_done(nobody.comment(&id, "x"), "does not answer");
}

#[test]
fn p8_nothing_that_is_no_answer_counts_as_one() {
    let site = site();
    site.desk.ticket("A", "rfp");
    let id = TicketId::from("MNS-1");
    for words in [HTML, CUT, ELSEWHERE, NO_LIST, OTHER, NOTHING] {
        site.front.order([Fate::Say(words)]);
        let told = site.board.ready().unwrap_err().to_string();
        assert!(!told.contains("@everyone"), "{told}");
    }
    for words in [HTML, CUT, ELSEWHERE, NO_LIST, OTHER] {
        site.front.order([Fate::Say(words)]);
        site.board.ticket(&id).unwrap_err();
    }
    site.front.order([Fate::Say(NO_LIST)]);
    site.board.me().unwrap_err();
    site.front.order([Fate::LoseAnswer]);
    assert_eq!(site.board.ready().unwrap().len(), 1, "a look may be asked again");
}

#[test]
fn a_ticket_that_somebody_wrote_nonsense_into_is_read_as_far_as_it_can_be() {
    let site = site();
    site.desk.ticket("A", "rfp");
    let dan = site.served.token("dan");
    let nonsense = json!({ "labels": ["x"], "pr_url": 7, "acceptance_criteria": { "a": [] } });
    let edited = site.served.json(&dan, "PATCH /api/tickets/MNS-1", &nonsense.to_string());
    assert_eq!(edited.status, 200);
    assert_eq!(site.board.ready().unwrap()[0].title, "A");
}

#[test]
fn addresses_and_tokens_that_cannot_be_used_are_refused_before_anything_is_sent() {
    for base in
        ["project-board:3000", "ftp://x", "http://", "http://a/b", "http://u@h", "http://a b"]
    {
        let refused = DevTeamPlanning::new(base, "0123", clock()).unwrap_err();
        assert!(matches!(refused, AddressError::Address(_)), "{base}");
    }
    for token in ["", "a b", "a\n", "ä"] {
        let refused =
            DevTeamPlanning::new("http://project-board:3000/", token, clock()).unwrap_err();
        assert!(matches!(refused, AddressError::Token(_)), "{token}");
        assert!(token.is_empty() || !refused.to_string().contains(token));
    }
}
