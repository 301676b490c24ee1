//! The client that people at the shell use, against a served board.

use std::{io::Write as _, net::TcpListener};

use ops_boards::{BoardClient, ClientError, Edit, FieldChange, ListQuery, MessageQuery, NewTicket};

use crate::desk::Desk;

#[test]
fn a_ticket_goes_its_way_from_the_shell() {
    let desk = Desk::new();
    let served = desk.serve();
    let [pia, dan, cleo, quinn] = ["pia", "dan", "cleo", "quinn"].map(|id| served.client(id));
    let me = pia.me().unwrap();
    assert_eq!((me.email.as_str(), me.role.as_deref()), ("pia@example.org", Some("po")));
    let new = NewTicket {
        title: "Login form".to_owned(),
        status: Some("todo".to_owned()),
        labels: Some(vec!["web".to_owned()]),
        priority: Some(4),
        ..NewTicket::default()
    };
    let made = pia.create(&new).unwrap();
    assert_eq!(
        (made.ticket_number.as_str(), made.shown(), made.priority),
        ("MNS-1", "Login form", 4)
    );
    dan.move_ticket("MNS-1", "in-progress").unwrap();
    let edit = Edit { description: FieldChange::To("what & why".to_owned()), ..Edit::default() };
    assert_eq!(dan.edit("mns-1", &edit).unwrap().description.as_deref(), Some("what & why"));
    let edit = Edit { description: FieldChange::Clear, ..Edit::default() };
    assert_eq!(dan.edit(&made.id, &edit).unwrap().description, None);
    dan.move_ticket("MNS-1", "in-review").unwrap();
    cleo.comment("MNS-1", "APPROVED").unwrap();
    cleo.move_ticket("MNS-1", "in-qa").unwrap();
    quinn.comment("MNS-1", "## QA PASS").unwrap();
    quinn.move_ticket("MNS-1", "rfp").unwrap();
    let query = ListQuery {
        status: Some("rfp".to_owned()),
        search: Some("LOGIN f".to_owned()),
        label: Some("web".to_owned()),
        ..ListQuery::default()
    };
    let list = pia.list(&query).unwrap();
    assert_eq!(list, [pia.show("MNS-1").unwrap()]);
    assert_eq!(list[0].comments.len(), 2);
    assert_eq!(pia.list(&ListQuery { search: Some("&a=b".into()), ..query }).unwrap(), []);
}

#[test]
fn people_talk_from_the_shell() {
    let desk = Desk::new();
    let served = desk.serve();
    let (mia, otto) = (served.client("mia"), served.client("otto"));
    let names: Vec<_> = mia.channels().unwrap().into_iter().map(|channel| channel.name).collect();
    assert_eq!(names, ["standup", "planning", "review", "retrospective", "ad-hoc", "humans"]);
    let asked = mia.post("#ad-hoc", "@otto is it out? <now> & here", None).unwrap();
    let told = otto.post("ad-hoc", "yes", Some(&asked.id)).unwrap();
    assert_eq!(told.thread_id.as_ref(), Some(&asked.id));
    let read = otto.messages("ad-hoc", &MessageQuery::default()).unwrap();
    assert_eq!(read[0].content, "@otto is it out? <now> & here");
    assert_eq!(otto.mentions().unwrap(), read);
    assert_eq!(otto.agents().unwrap().len(), 7);
}

#[test]
fn every_refusal_says_what_to_do() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "in-qa");
    let dan = served.client("dan");
    let token = served.token("quinn");
    let stranger = BoardClient::new(&served.base(), "nobody").unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let gone = BoardClient::new(&nowhere, &token).unwrap();
    let said = [
        dan.move_ticket("MNS-1", "rfp").unwrap_err().to_string(),
        dan.create(&NewTicket::default()).unwrap_err().to_string(),
        dan.show("MNS-9").unwrap_err().to_string(),
        dan.show("../me").unwrap_err().to_string(),
        dan.show("").unwrap_err().to_string(),
        dan.post("nowhere", "x", None).unwrap_err().to_string(),
        dan.comment("MNS-1", &"x".repeat(200_000)).unwrap_err().to_string(),
        stranger.me().unwrap_err().to_string(),
        gone.me().unwrap_err().to_string(),
        BoardClient::new("https://boards", &token).unwrap_err().to_string(),
        BoardClient::new(&nowhere, "two\nlines").unwrap_err().to_string(),
    ];
    let said: Vec<_> = said
        .iter()
        .map(|text| text.replace(&served.base(), "<served>").replace(&nowhere, "<nowhere>"))
        .collect();
    insta::assert_json_snapshot!(said);
    assert!(!format!("{gone:?}").contains(&token), "a token never shows");
}

#[test]
fn what_is_no_board_is_told_from_a_board_that_is_down() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let other = std::thread::spawn(move || {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
            "HTTP/1.1 302 Found\r\nLocation: /away\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{",
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    let client = BoardClient::new(&base, "token").unwrap();
    assert!(matches!(client.me(), Err(ClientError::NotABoard { .. })));
    assert!(matches!(client.me(), Err(ClientError::Broken { status: 302, .. })));
    assert!(matches!(client.me(), Err(ClientError::NoAnswer { .. })));
    other.join().unwrap();
}
