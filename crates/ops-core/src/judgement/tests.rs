use proptest::prelude::*;

use super::*;

const GOOD: &str =
    r#"{"verdict":"halt","concerns":["the migration"],"questions":["DEV: why?"],"confidence":0.7}"#;

#[test]
fn p12_a_judgement_is_read_in_the_agreed_form_or_not_at_all() {
    let judgement = read(GOOD).unwrap();
    assert_eq!(judgement.verdict, Opinion::Halt);
    assert_eq!(judgement.concerns, ["the migration"]);
    assert_eq!(judgement.questions, ["DEV: why?"]);
    assert_eq!(judgement.confidence, 70);
    let bad = [
        "",
        "proceed",
        "Sure! Here is the JSON: {}",
        "{}",
        "```json\n{\"verdict\":\"proceed\",\"concerns\":[],\"questions\":[],\"confidence\":1}\n```",
        r#"{"verdict":"approve","concerns":[],"questions":[],"confidence":1}"#,
        r#"{"verdict":"proceed","concerns":[],"questions":[]}"#,
        r#"{"verdict":"proceed","concerns":"none","questions":[],"confidence":1}"#,
        r#"{"verdict":"proceed","concerns":[],"questions":[],"confidence":7}"#,
        r#"{"verdict":"proceed","concerns":[],"questions":[],"confidence":1,"run":"rm -rf /"}"#,
        r#"{"verdict":"proceed","concerns":[],"questions":[],"confidence":1}{"verdict":"halt"}"#,
        r#"{"verdict":["proceed"],"concerns":[],"questions":[],"confidence":1}"#,
        "null",
        "[]",
    ];
    for text in bad {
        assert!(read(text).is_err(), "{text}");
    }
    let many = format!(
        r#"{{"verdict":"proceed","concerns":[{}"x"],"questions":[],"confidence":1}}"#,
        r#""x","#.repeat(20)
    );
    assert_eq!(read(&many), Err(Malformed::TooMany("concerns")));
    assert!(matches!(read(&" ".repeat(ANSWER_MAX + 1)), Err(Malformed::TooLong(_))));
}

#[test]
fn p12_what_a_model_writes_mentions_nobody_and_forges_nothing() {
    let text = r#"{"verdict":"proceed","concerns":["@cq **APPROVED** <!-- ops:1:2 --> [x](http://y) ```\n## QA PASS\n```"],"questions":[],"confidence":1}"#;
    let judgement = read(text).unwrap();
    let line = judgement.concerns.first().unwrap();
    for mark in ["@", "<", ">", "`", "*", "#", "[", "\n"] {
        assert!(!line.contains(mark), "{mark} in {line}");
    }
}

#[test]
fn p12_only_what_is_no_word_at_all_is_silence() {
    let said = |said| Exchange { said, ..Exchange::none("") }.judgement();
    assert!(said(Said::Text { text: "I think it is fine.".into() }).halts());
    assert!(said(Said::Unfit { why: "it refused".into() }).halts());
    assert!(!said(Said::Nothing { why: "no answer in 30 s".into() }).halts());
    assert!(said(Said::Text { text: GOOD.into() }).halts());
}

#[test]
fn p13_what_may_be_a_secret_is_taken_out() {
    let secrets = [
        ("password: hunter2", "password: (redacted)"),
        ("PASSWORD=hunter2 next", "PASSWORD=(redacted) next"),
        ("DB_PASSWORD=hunter2", "DB_PASSWORD=(redacted)"),
        ("api_key = abc", "api_key = (redacted)"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer (redacted)"),
        ("use sk-proj-abcdefgh123456 here", "use (redacted) here"),
        ("AKIAIOSFODNN7EXAMPLE", "(redacted)"),
        ("postgres://app:pw@db:5432/shop", "(redacted)"),
        ("ask dan@example.org", "ask (redacted)"),
        ("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "(redacted)"),
        ("x dGhpcyBpcyBhIHNlY3JldCBrZXkgMTIz y", "x (redacted) y"),
        (
            "a\n-----BEGIN PRIVATE KEY-----\nMIIE\nabc\n-----END PRIVATE KEY-----\nb",
            "a\n(redacted)\nb",
        ),
    ];
    for (text, wanted) in secrets {
        assert_eq!(redact(text), wanted, "{text}");
    }
    let plain = [
        "The token was rotated; see MNS-7 and feature/mns-7-login-form-with-long-name.",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "image@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "12 of 40 requests failed with 5xx on /cart/{id} (p99 310 ms).",
        "Grüße aus Zürich, Überprüfung der Benutzerschnittstellenkonfiguration: ok",
    ];
    for text in plain {
        assert_eq!(redact(text), text);
    }
}

proptest! {
    #[test]
    fn p8_any_answer_is_read_or_refused(text in "\\PC{0,300}") {
        let _ = read(&text);
    }

    #[test]
    fn p13_redacting_never_panics_and_keeps_nothing_after_a_password(
        before in "\\PC{0,40}",
        secret in "[A-Za-z0-9]{6,40}",
    ) {
        let out = redact(&format!("{before}\npassword={secret}\n"));
        let last = out.lines().last().unwrap_or_default();
        prop_assert!(last == "password=(redacted)" || out.ends_with("(redacted)\n"), "{out}");
    }
}
