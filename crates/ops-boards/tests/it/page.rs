//! The web page, as any HTTP client meets it: sessions, forms, headers, what is shown to whom.

use ops_boards::{BoardSettings, limits};
use serde_json::json;

use crate::desk::{Answer, Desk, Served};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded";

fn get(served: &Served, path: &str, cookie: &str) -> Answer {
    served.send(&format!("GET {path}"), &[&format!("Cookie: {cookie}")], b"")
}

fn post(served: &Served, path: &str, cookie: &str, body: &str) -> Answer {
    served.send(&format!("POST {path}"), &[&format!("Cookie: {cookie}"), FORM], body.as_bytes())
}

fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").expect("a cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Max-Age="] {
        assert!(set.contains(attribute), "{set}");
    }
    set.split(';').next().unwrap().to_owned()
}

/// What the form's hidden field holds.
fn csrf(answer: &Answer) -> String {
    let (_, rest) = answer.body.split_once("name=\"csrf\" value=\"").expect("a form");
    rest.split('"').next().unwrap().to_owned()
}

/// Logs in and gives the session's cookie.
fn log_in(served: &Served, token: &str) -> String {
    let form = get(served, "/login", "");
    let body = format!("csrf={}&next=%2F&token={token}", csrf(&form));
    let answer = post(served, "/login", &cookie(&form), &body);
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")), "{answer:?}");
    cookie(&answer)
}

#[test]
fn p3_pages_are_for_those_who_logged_in_with_their_own_token() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "rfp");
    let sent = get(&served, "/tickets/MNS-1", "");
    assert_eq!((sent.status, sent.header("location")), (303, Some("/login?next=/tickets/MNS-1")));
    let form = get(&served, "/login", "");
    let wrong = format!("csrf={}&token=wrong", csrf(&form));
    let answer = post(&served, "/login", &cookie(&form), &wrong);
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("This token is nobody"), "{answer:?}");
    assert!(!answer.head.contains("ops_board="), "{answer:?}");
    // A form that another site made lacks the cookie or what belongs to it.
    let token = served.token("dan");
    for (shown, field) in [("", csrf(&form)), (cookie(&form).as_str(), "x".to_owned())] {
        let body = format!("csrf={field}&token={token}");
        assert_eq!(post(&served, "/login", shown, &body).status, 403);
    }
    let session = log_in(&served, &token);
    assert_eq!(get(&served, "/", &session).status, 200);
    assert_eq!(get(&served, "/api/me", &session).status, 401, "the page's cookie is no token");
    // A new token ends the sessions of the old one.
    served.token("dan");
    assert_eq!(get(&served, "/", &session).status, 303);
    let session = log_in(&served, &served.token("dan"));
    let leave = format!("csrf={}", csrf(&get(&served, "/", &session)));
    assert_eq!(post(&served, "/logout", &session, "csrf=x").status, 403);
    assert_eq!(post(&served, "/logout", &session, &leave).status, 303);
    assert_eq!(get(&served, "/", &session).status, 303);
    for odd in ["//evil.example", "https://evil.example", "/tickets/../x?y", "/tickets/a%0d%0ab"] {
        let form = get(&served, &format!("/login?next={odd}"), "");
        assert!(form.body.contains("name=\"next\" value=\"/\""), "{odd}: {form:?}");
    }
}

#[test]
fn pages_load_nothing_run_nothing_and_stay_private() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("<script>alert(1)</script>", "rfp");
    desk.store.comment(&desk.member("dan"), "MNS-1", "<img src=x onerror=alert(1)>").unwrap();
    let session = log_in(&served, &served.token("quinn"));
    for path in ["/", "/tickets/MNS-1", "/tickets/mns-1", "/login"] {
        let page = get(&served, path, &session);
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.kind, "text/html; charset=utf-8");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert!(page.body.starts_with("<!DOCTYPE html><html lang=\"en\">"), "{path}");
        for never in ["<script", "<img", "http://", "https://", "style=\"", "javascript:"] {
            assert!(!page.body.contains(never), "{path}: {never}");
        }
    }
    let missing = get(&served, "/tickets/MNS-99", &session);
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("there is no ticket"), "{missing:?}");
}

#[test]
fn p3_forms_do_what_the_role_may_and_need_the_sessions_secret() {
    let desk = Desk::new();
    let served = desk.serve();
    desk.ticket("A", "in-qa");
    let session = log_in(&served, &served.token("quinn"));
    let page = get(&served, "/tickets/MNS-1", &session);
    for (status, offered) in [("rfp", true), ("completed", true), ("closed", false)] {
        assert_eq!(page.body.contains(&format!("<option value=\"{status}\"")), offered, "{status}");
    }
    let seal = csrf(&page);
    let say =
        |path: &str, body: &str| post(&served, &format!("/tickets/MNS-1/{path}"), &session, body);
    for forged in ["text=x", "text=x&csrf=", "text=x&csrf=0"] {
        assert_eq!(say("comments", forged).status, 403, "{forged}");
    }
    assert_eq!(say("comments", &format!("csrf={seal}&text=++")).status, 400);
    let said = say("comments", &format!("csrf={seal}&text=%23%23+QA+PASS%0D%0A%0D%0Aall+%3Cb%3E"));
    assert_eq!(said.status, 303);
    let comment = desk.store.comments("MNS-1").unwrap().remove(0);
    assert_eq!(comment.text, "## QA PASS\n\nall <b>");
    let place = format!("/tickets/MNS-1#comment-{}", comment.id);
    assert_eq!(said.header("location"), Some(place.as_str()));
    assert_eq!(say("move", &format!("csrf={seal}&status=closed")).status, 403);
    assert_eq!(say("move", &format!("csrf={seal}&status=gone")).status, 400);
    assert_eq!(say("move", &format!("csrf={seal}")).status, 400);
    assert_eq!(say("move", &format!("csrf={seal}&status=rfp")).status, 303);
    let page = get(&served, "/tickets/MNS-1", &session);
    assert!(page.body.contains("From here qa may move it nowhere"), "{}", page.body);
    let order =
        ["Task created", "## QA PASS", "Status: in-qa → rfp"].map(|text| page.body.find(text));
    assert!(order.is_sorted() && order[0].is_some(), "{order:?}");
    let json = served.send(
        "POST /tickets/MNS-1/comments",
        &[&format!("Cookie: {session}"), "Content-Type: application/json"],
        json!({ "text": "x", "csrf": seal }).to_string().as_bytes(),
    );
    assert_eq!(json.status, 400);
    assert_eq!(desk.store.comments("MNS-1").unwrap().len(), 1);
}

#[test]
fn the_board_says_when_it_is_permissive() {
    let desk = Desk::new();
    let strict = get(&desk.serve(), "/login", "");
    assert!(!strict.body.contains("permissive"));
    let open = desk.serve_with(BoardSettings { permissive: true, ..BoardSettings::default() });
    assert!(get(&open, "/login", "").body.contains("This board is permissive"));
    let session = log_in(&open, &open.token("hugo"));
    desk.ticket("A", "in-qa");
    let page = get(&open, "/tickets/MNS-1", &session);
    assert!(page.body.contains("<option value=\"closed\""), "every move is open to everyone");
}

#[test]
fn a_full_column_says_how_much_is_left_out_and_a_long_ticket_is_whole() {
    let desk = Desk::new();
    let served = desk.serve();
    for n in 0..limits::SHOWN_PER_COLUMN + 3 {
        desk.ticket(&format!("t{n}"), "backlog");
    }
    let session = log_in(&served, &served.token("pia"));
    let page = get(&served, "/", &session);
    assert!(page.body.contains("3 more, by the API alone"));
    assert!(page.body.contains("(203)"));
    let db = rusqlite::Connection::open(&desk.path).unwrap();
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
        INSERT INTO comment (ticket, id, author, author_name, text, at)
        SELECT 1, 'c' || i, 'dan@example.org', 'Dan', 'seen ' || i, 0 FROM n";
    assert_eq!(db.execute(fill, []).unwrap(), 3000);
    db.execute(
        "INSERT INTO history (ticket, action, user, details, at)
         SELECT 1, 'comment_added', author, 'Comment: ' || text, 0 FROM comment ORDER BY seq",
        [],
    )
    .unwrap();
    let page = get(&served, "/tickets/MNS-1", &session);
    assert!(page.body.contains("seen 1<") && page.body.contains("seen 3000<"));
    let api = served.json(&served.token("dan"), "GET /api/tickets/MNS-1/comments", "");
    assert_eq!(api.value().as_array().unwrap().len(), 3000);
}
