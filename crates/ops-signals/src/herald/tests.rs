//! Webhooks of real servers, and real programs.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    sync::mpsc,
    time::Instant,
};

use super::*;
use crate::liar::{Liar, nobody};

/// Generous, for slow machines; whoever answers here answers at once.
const PLENTY: Duration = Duration::from_secs(20);

const SHORT: Duration = Duration::from_millis(200);

const TOKEN: &str = "correct-horse-battery-staple";

fn who(via: Via) -> Notify {
    Notify { name: "night watch".into(), via, after_seconds: 0, every_seconds: 600 }
}

fn hook(url: impl Into<String>, token: Option<&str>) -> Notify {
    who(Via::Webhook { url: url.into(), token: token.map(str::to_owned) })
}

fn program(script: &str) -> Notify {
    who(Via::Command(["/bin/sh", "-c", script].map(str::to_owned).to_vec()))
}

fn notice() -> Notice {
    Notice::test("shop")
}

fn tell(who: &Notify, limit: Duration) -> Act {
    NoticeHerald::within(limit).tell(who, &notice())
}

/// A server that takes whatever comes, and the request that came.
fn accepting() -> (Liar, mpsc::Receiver<String>) {
    let (keep, requests) = mpsc::channel();
    let server = Liar::once(move |mut stream, request| {
        keep.send(request).unwrap();
        stream.write_all(b"HTTP/1.1 202 Accepted\r\n\r\n").unwrap();
    });
    (server, requests)
}

#[track_caller]
fn not_applied(told: Act) -> Fault {
    match told {
        Err(ActError::NotApplied(fault)) => fault,
        other => panic!("not `not done`: {other:?}"),
    }
}

#[track_caller]
fn unknown(told: Act) -> Fault {
    match told {
        Err(ActError::Unknown(fault)) => fault,
        other => panic!("not `perhaps done`: {other:?}"),
    }
}

#[test]
fn a_webhook_gets_the_notice_and_the_token() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    fs::write(&path, format!("{TOKEN}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let (server, requests) = accepting();
    let url = format!("{}/hook/a?b=c", server.url());
    tell(&hook(url, Some(&format!("file:{}", path.display()))), PLENTY).unwrap();
    let request = requests.recv().unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook/a?b=c HTTP/1.1\r\n"), "{head}");
    let head = head.to_lowercase();
    assert!(head.contains(&format!("\r\nauthorization: bearer {TOKEN}")), "{head}");
    assert!(head.contains("\r\ncontent-type: application/json"), "{head}");
    assert_eq!(serde_json::from_str::<Notice>(body).unwrap(), notice());
}

#[test]
fn without_a_token_none_is_sent() {
    let (server, requests) = accepting();
    tell(&hook(server.url(), None), PLENTY).unwrap();
    assert!(!requests.recv().unwrap().to_lowercase().contains("authorization"));
}

#[test]
fn p7_only_a_status_of_success_counts() {
    for status in [
        "301 Moved Permanently",
        "307 Temporary Redirect",
        "400 Bad Request",
        "401 Unauthorized",
        "404 Not Found",
        "429 Too Many Requests",
    ] {
        let server = Liar::with(status, "");
        let fault = not_applied(tell(&hook(server.url(), None), PLENTY));
        assert!(
            fault.what.contains(&status[..3]) && fault.place.ends_with(&server.url()),
            "{fault}"
        );
    }
    for status in ["500 Internal Server Error", "502 Bad Gateway", "504 Gateway Timeout"] {
        let server = Liar::with(status, "");
        let fault = unknown(tell(&hook(server.url(), None), PLENTY));
        assert!(fault.what.contains(&status[..3]), "{fault}");
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Liar::once(|_, request| assert!(request.is_empty(), "somebody came: {request}"));
    let answer = format!("HTTP/1.1 308 Permanent Redirect\r\nLocation: {}\r\n\r\n", other.url());
    let server = Liar::answering(answer);
    not_applied(tell(&hook(server.url(), Some("env:CARGO_PKG_NAME")), PLENTY));
}

#[test]
fn p5_what_was_never_sent_is_not_applied_and_what_may_have_been_is_unknown() {
    let fault = not_applied(tell(&hook(nobody(), None), PLENTY));
    assert!(fault.what.contains("refused"), "{fault}");
    let fault = not_applied(tell(&hook("http://no-such-host.invalid/x", None), PLENTY));
    assert!(fault.what.contains("name"), "{fault}");
    let fault = unknown(tell(&hook(Liar::silent().url(), None), SHORT));
    assert!(fault.what.contains("in time"), "{fault}");
    for answer in ["", "HTTP/1.1 2", "SSH-2.0-OpenSSH_9.6\r\n", "\0\0\n\n"] {
        unknown(tell(&hook(Liar::answering(answer).url(), None), PLENTY));
    }
}

#[test]
fn p9_an_answer_that_does_not_end_does_not_hold_us_up() {
    let begin = Instant::now();
    unknown(tell(&hook(Liar::dripping("HTTP/1.1 200 OK\r\nX: ").url(), None), SHORT));
    // Its status is clear, and its body is nobody's business.
    tell(&hook(Liar::dripping("HTTP/1.1 200 OK\r\n\r\n").url(), None), PLENTY).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}

#[test]
fn p13_no_token_and_no_path_of_an_address_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    fs::write(&path, format!("{TOKEN} {TOKEN}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let url = format!("{}/services/{TOKEN}?key={TOKEN}", nobody());
    for (url, token) in [
        (url.as_str(), None),
        (url.as_str(), Some(format!("file:{}", path.display()))),
        (url.as_str(), Some(TOKEN.to_owned())),
        (url.as_str(), Some("env:OPS_TEST_NO_SUCH_VARIABLE".to_owned())),
        (&format!("http://me:{TOKEN}@chat.example/"), None),
        (TOKEN, None),
    ] {
        let told = tell(&hook(url, token.as_deref()), PLENTY);
        let told = format!("{told:?}");
        assert!(told.contains("NotApplied") && !told.contains(TOKEN), "{told}");
    }
    let server = Liar::with("403 Forbidden", TOKEN);
    let told = format!("{:?}", tell(&hook(server.url(), Some("env:CARGO_PKG_NAME")), PLENTY));
    assert!(!told.contains(TOKEN) && !told.contains(env!("CARGO_PKG_NAME")), "{told}");
}

#[test]
fn a_program_gets_the_notice_as_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    tell(&program(&format!("read -r line; printf %s \"$line\" > {}", kept.display())), PLENTY)
        .unwrap();
    let mut text = String::new();
    fs::File::open(&kept).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(serde_json::from_str::<Notice>(&text).unwrap(), notice());
}

#[test]
fn p7_only_exit_status_0_counts() {
    let fault = not_applied(tell(&program("cat > /dev/null; echo done; exit 1"), PLENTY));
    assert!(fault.what.contains("exit status: 1") && fault.place == "/bin/sh", "{fault}");
    unknown(tell(&program("kill -9 $$"), PLENTY));
    let missing = who(Via::Command(vec!["/no/such/program".into()]));
    assert!(not_applied(tell(&missing, PLENTY)).what.contains("could not be started"));
    not_applied(tell(&who(Via::Command(Vec::new())), PLENTY));
    // It did what it was made for without looking at the notice.
    tell(&program("exit 0"), PLENTY).unwrap();
    let mut long = notice();
    long.what = "x".repeat(1 << 20);
    NoticeHerald::within(PLENTY).tell(&program("exit 0"), &long).unwrap();
}

#[test]
fn p9_a_program_that_does_not_end_is_killed() {
    let begin = Instant::now();
    for script in
        ["exec sleep 1000", "trap '' TERM; sleep 1000", "sleep 1000 & wait", "yes", "yes >&2"]
    {
        let fault = unknown(tell(&program(script), SHORT));
        assert!(fault.what.contains("within 200 ms"), "{fault}");
    }
    let mut long = notice();
    long.what = "x".repeat(1 << 20);
    unknown(NoticeHerald::within(SHORT).tell(&program("exec sleep 1000"), &long));
    // What it leaves running does not hold us up.
    tell(&program("sleep 1000 & exit 0"), PLENTY).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
}
