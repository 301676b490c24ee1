//! Every form in which the boards say that something is wrong, as ops takes it: a look that was not
//! answered tells nothing, a write that was refused was not done, and of any other one nobody knows.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread,
};

use ops_boards::devteam::{Convention, DevTeamMeeting, DevTeamPlanning};
use ops_core::id::TicketId;
use ops_engine::ports::{Act, ActError, Clock, Meeting as _, Planning as _};

use super::meeting::Still;

const JSON: &str = "application/json";
const HTML: &str = "text/html; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// What ops makes of an answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Write {
    NotDone,
    Unknown,
}

/// Status, type and body of an answer, and what it means for a write.
type Shape = (&'static str, &'static str, &'static str, Write);

/// Of both boards, and of what may stand before them.
const SHAPES: &[Shape] = &[
    // The planning board's handlers.
    (
        "401 Unauthorized",
        JSON,
        r#"{"error":"Unauthorized. Use session cookie or Bearer token."}"#,
        Write::NotDone,
    ),
    ("400 Bad Request", JSON, r#"{"error":"status is required"}"#, Write::NotDone),
    ("403 Forbidden", JSON, r#"{"error":"only PO may"}"#, Write::NotDone),
    ("409 Conflict", JSON, r#"{"error":"moved meanwhile"}"#, Write::NotDone),
    ("429 Too Many Requests", JSON, r#"{"error":"too fast"}"#, Write::NotDone),
    (
        "500 Internal Server Error",
        JSON,
        r#"{"error":"input must be a 24 character hex string"}"#,
        Write::Unknown,
    ),
    // What Express says itself.
    (
        "400 Bad Request",
        HTML,
        "<!DOCTYPE html><pre>SyntaxError: Unexpected token</pre>",
        Write::NotDone,
    ),
    ("404 Not Found", HTML, "<!DOCTYPE html><pre>Cannot POST /api/x</pre>", Write::NotDone),
    (
        "413 Payload Too Large",
        HTML,
        "<!DOCTYPE html><pre>PayloadTooLargeError</pre>",
        Write::NotDone,
    ),
    ("500 Internal Server Error", HTML, "<!DOCTYPE html><pre>Error</pre>", Write::Unknown),
    // The meeting board.
    (
        "401 Unauthorized",
        JSON,
        r#"{"error":"invalid authorization header format"}"#,
        Write::NotDone,
    ),
    ("401 Unauthorized", JSON, r#"{"error":"invalid token"}"#, Write::NotDone),
    (
        "400 Bad Request",
        JSON,
        r#"{"error":"message content is required (use \"content\" or \"body\" field)"}"#,
        Write::NotDone,
    ),
    (
        "400 Bad Request",
        JSON,
        r#"{"error":"invalid since parameter, use RFC3339 format"}"#,
        Write::NotDone,
    ),
    ("404 Not Found", PLAIN, "404 page not found\n", Write::NotDone),
    // What may stand before a board.
    ("502 Bad Gateway", HTML, "<html>@everyone</html>", Write::Unknown),
    ("503 Service Unavailable", PLAIN, "", Write::Unknown),
    ("504 Gateway Timeout", HTML, "<html></html>", Write::Unknown),
    ("302 Found", PLAIN, "", Write::NotDone),
    // No answers at all.
    ("200 OK", HTML, "<html>log in</html>", Write::Unknown),
    ("200 OK", JSON, "", Write::Unknown),
    ("200 OK", JSON, r#"{"_id": "6b02"#, Write::Unknown),
];

/// Gives everybody the same answer, and remembers how often it was asked.
fn says(shape: &Shape) -> (String, Arc<Mutex<usize>>) {
    let (status, kind, body, _) = *shape;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked: Arc<Mutex<usize>> = Arc::default();
    let count = Arc::clone(&asked);
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    thread::spawn(move || {
        for mut caller in listener.incoming().map_while(Result::ok) {
            let mut bytes = [0; 4096];
            if caller.read(&mut bytes).is_ok_and(|read| read > 0) {
                *count.lock().unwrap() += 1;
                let _ = caller.write_all(answer.as_bytes());
            }
        }
    });
    (base, asked)
}

fn boards(base: &str) -> (DevTeamPlanning, DevTeamMeeting) {
    let clock: Arc<dyn Clock> = Arc::new(Still::default());
    let planning = DevTeamPlanning::new(base, "0123", Arc::clone(&clock)).unwrap();
    let meeting = DevTeamMeeting::new(base, "0123", "otto", Convention::default(), clock);
    (planning, meeting.unwrap())
}

#[track_caller]
fn is(shape: &Shape, answer: Act) {
    let told = match (shape.3, answer) {
        (Write::NotDone, Err(ActError::NotApplied(fault)))
        | (Write::Unknown, Err(ActError::Unknown(fault))) => fault.to_string(),
        (_, answer) => panic!("{shape:?}: {answer:?}"),
    };
    assert!(!told.contains('@') && !told.contains('<') && told.len() < 600, "{told}");
}

#[test]
fn p8_no_form_of_an_error_counts_as_an_answer() {
    for shape in SHAPES {
        let (base, _) = says(shape);
        let (planning, meeting) = boards(&base);
        let id = TicketId::from("MNS-1");
        planning.me().expect_err(shape.2);
        planning.ready().expect_err(shape.2);
        planning.ticket(&id).expect_err(shape.2);
        planning.glance(&id).expect_err(shape.2);
        meeting.messages("standup", None).expect_err(shape.2);
        meeting.mentions(None).expect_err(shape.2);
    }
}

#[test]
fn p7_a_refused_write_was_not_done_and_of_any_other_one_nobody_knows() {
    for shape in SHAPES {
        let (base, asked) = says(shape);
        let (planning, meeting) = boards(&base);
        let id = TicketId::from("MNS-1");
        is(shape, planning.comment(&id, "noted"));
        is(shape, planning.close(&id));
        is(shape, meeting.post("standup", "noted"));
        assert_eq!(*asked.lock().unwrap(), 3, "each was sent once: {shape:?}");
    }
}

#[test]
fn a_ticket_that_the_board_says_it_does_not_have_is_none() {
    for words in [r#"{"error":"Ticket not found"}"#, r#"{"error":"Task not found"}"#] {
        let (base, _) = says(&("404 Not Found", JSON, words, Write::NotDone));
        let (planning, _) = boards(&base);
        assert_eq!(planning.ticket(&TicketId::from("MNS-1")).unwrap(), None);
    }
}
