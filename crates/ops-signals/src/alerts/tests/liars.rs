//! Whatever is not a sound answer is a fault (P8), and in time (P9).

use std::{io::Write as _, sync::mpsc, time::Instant};

use super::*;
use crate::liar::{Liar, nobody};

const KINDS: [AlertKind; 2] = [AlertKind::Alertmanager, AlertKind::Prometheus];

/// Generous, for slow machines; the lists that are told here are told at once.
const PLENTY: Duration = Duration::from_secs(20);

fn ask(kind: AlertKind, liar: &Liar, limit: Duration) -> Look<Vec<Alert>> {
    HttpAlerts::within(limit).firing(&source(kind, liar.url()))
}

fn fault(kind: AlertKind, liar: &Liar, limit: Duration) -> Fault {
    let told = ask(kind, liar, limit).unwrap_err();
    assert!(told.what.contains("`watch tower` did not tell which alerts fire"), "{told}");
    assert!(told.place.ends_with(&liar.url()) && !told.next.is_empty(), "{told}");
    told
}

#[test]
fn what_is_asked_is_what_was_meant() {
    for (kind, end, body, line) in [
        (
            AlertKind::Alertmanager,
            "",
            "[]",
            "GET /api/v2/alerts?active=true&silenced=false&inhibited=false HTTP/1.1\r\n",
        ),
        (
            AlertKind::Prometheus,
            "/under/a/path/",
            r#"{"status": "success", "data": {"alerts": []}}"#,
            "GET /under/a/path/api/v1/alerts HTTP/1.1\r\n",
        ),
    ] {
        let (tell, told) = mpsc::channel();
        let liar = Liar::once(move |mut stream, request| {
            tell.send(request).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                .unwrap();
        });
        let address = format!("{}{end}", liar.url());
        assert_eq!(HttpAlerts::new().firing(&source(kind, address)), Ok(Vec::new()));
        let request = told.recv().unwrap();
        assert!(request.starts_with(line), "{request}");
    }
}

#[test]
fn p8_odd_answers_are_faults() {
    for kind in KINDS {
        for (answer, why) in [
            (Liar::with("200 OK", "<!DOCTYPE html><p>all is well</p>"), "not JSON"),
            (Liar::with("200 OK", r#"{"status": "success"}"#), "not a list of alerts"),
            (Liar::with("200 OK", ""), "empty"),
            (Liar::with("204 No Content", ""), "answered 204"),
            (Liar::with("500 Internal Server Error", "[]"), "answered 500"),
            (Liar::with("401 Unauthorized", "[]"), "answered 401"),
            (Liar::with("302 Found", ""), "redirects are not followed"),
            (Liar::answering(""), "broke"),
            (Liar::answering("SSH-2.0-OpenSSH_9.6\r\n"), ""),
            (Liar::answering("\0\u{1}\u{2}\n\n\n"), ""),
            (Liar::answering("HTTP/1.1 200 OK\r\nContent-Le"), "broke"),
            (Liar::answering("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n[]"), "broke"),
            (
                Liar::answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n"),
                "",
            ),
        ] {
            let told = fault(kind, &answer, PLENTY);
            assert!(told.what.contains(why), "{why}: {told}");
        }
    }
}

#[test]
fn p8_a_redirect_is_not_followed() {
    let good = Liar::with("200 OK", "[]");
    let liar = Liar::answering(format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        good.url()
    ));
    fault(AlertKind::Alertmanager, &liar, PLENTY);
}

#[test]
fn p8_nobody_there_is_a_fault() {
    let told = HttpAlerts::new().firing(&source(AlertKind::Prometheus, nobody())).unwrap_err();
    assert!(
        told.what.contains("refused") && told.place.starts_with("Prometheus at http://"),
        "{told}"
    );
    for wrong in [
        "",
        "alerts:9093",
        "ftp://a/",
        "http://u:hunter2@a/",
        "http://a/?x=hunter2",
        "http://a/#hunter2",
    ] {
        let told = HttpAlerts::new().firing(&source(AlertKind::Prometheus, wrong)).unwrap_err();
        assert!(told.place.contains("ops.yaml") && !told.to_string().contains("hunter2"), "{told}");
    }
}

#[test]
fn p9_silence_and_drips_end_with_the_time() {
    let limit = Duration::from_millis(200);
    for liar in [
        Liar::silent(),
        Liar::dripping("HTTP/1.1 200 OK\r\nX: "),
        Liar::dripping("HTTP/1.1 200 OK\r\n\r\n[]"),
        Liar::dripping("HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n[]"),
    ] {
        let begin = Instant::now();
        let told = fault(AlertKind::Alertmanager, &liar, limit);
        assert!(told.what.contains("in time"), "{told}");
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    }
}

#[test]
fn p9_an_endless_list_is_read_only_to_its_limit() {
    let liar = Liar::once(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n[");
        while stream.write_all(&[b' '; 8 << 10]).is_ok() {}
    });
    let told = fault(AlertKind::Alertmanager, &liar, PLENTY);
    assert!(told.what.contains("longer than 4194304 bytes"), "{told}");
    let liar = Liar::once(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n");
        while stream.write_all(b"Header: and no end of them\r\n").is_ok() {}
    });
    fault(AlertKind::Alertmanager, &liar, PLENTY);
}

#[test]
fn a_long_list_is_read_whole() {
    let one = r#"{"labels": {"alertname": "Slow", "service": "shop"},
        "startsAt": "2026-11-22T10:00:00Z", "status": {"state": "active"}}"#;
    let list = format!("[{}]", vec![one; 10_000].join(","));
    let liar = Liar::with("200 OK", &list);
    let told = ask(AlertKind::Alertmanager, &liar, PLENTY).unwrap();
    assert_eq!(told.len(), 10_000);
}

#[test]
fn p13_nothing_of_the_answer_is_repeated() {
    let liar = Liar::with("200 OK", r#"[{"labels": "hunter2"}]"#);
    let told = fault(AlertKind::Alertmanager, &liar, PLENTY);
    assert!(!told.to_string().contains("hunter2"), "{told}");
}
