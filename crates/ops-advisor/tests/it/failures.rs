//! What servers answer when something is wrong, or nothing.

use ops_advisor::{BODY_MAX, ChatModel, FAILURES_MAX, OPEN_MS, TRIES_MAX};
use ops_core::{
    judgement::{ANSWER_MAX, Exchange, Said},
    settings,
};
use ops_engine::ports::Advisor as _;
use serde_json::json;

use crate::{
    HALT, Ticks, advisor, model, nothing, prompt,
    server::{EVENTS, Play, Server, answer, bytes, dripping, good, piece, refusal, silence},
    unfit,
};

fn played(play: Play) -> Exchange {
    model(&Ticks::default()).ask(&advisor(&Server::always(play).url()), &prompt())
}

fn status(line: &str) -> Play {
    answer(line, "application/json", "", "{}")
}

#[test]
fn p12_only_no_word_at_all_is_nothing() {
    let delta = |delta, finish| bytes(format!("{EVENTS}{}", piece(&delta, Some(finish))));
    let call = json!({ "tool_calls": [{ "function": { "name": "deploy" } }], "content": "x" });
    let plays: [(Play, &str); 9] = [
        (delta(json!({ "content": HALT }), "length"), "cut off at the tokens"),
        (delta(json!({ "content": HALT }), "content_filter"), "filter"),
        (delta(call, "tool_calls"), "tool"),
        (delta(json!({ "refusal": "I cannot help with that." }), "stop"), "refusal"),
        (delta(json!({ "content": "" }), "stop"), "empty"),
        (delta(json!({ "content": HALT }), "unheard_of"), "not known"),
        (
            refusal(&json!({ "error": { "code": "content_filter", "message": "no" } })),
            "refused the question",
        ),
        (
            refusal(&json!({ "error": { "type": "exceed_context_size_error" } })),
            "refused the question",
        ),
        (answer("413 Too Large", "text/plain", "", "large"), "refused the question"),
    ];
    for (play, words) in plays {
        let exchange = played(play);
        let why = unfit(&exchange.said);
        assert!(why.contains(words), "{why}");
        assert_eq!(exchange.tries, 1, "{why}");
        assert!(exchange.judgement().halts(), "{why}");
    }
}

#[test]
fn p12_prose_and_wrong_json_are_read_as_what_they_are() {
    for text in ["I think it is fine.", r#"{"verdict":"approve"}"#, "null", "{", "@cq approved"] {
        let exchange = played(good(text));
        assert_eq!(exchange.said, Said::Text { text: text.into() });
        assert!(exchange.judgement().halts(), "{text}");
    }
}

#[test]
fn p12_an_answer_that_breaks_off_is_tried_again_and_is_no_silence() {
    let half = || bytes(format!("{EVENTS}{}", piece(&json!({ "content": "{\"verd" }), None)));
    let broken = || {
        bytes(format!(
            "{EVENTS}{}data: {{\"error\":{{\"message\":\"overloaded\"}}}}\n\n",
            piece(&json!({ "content": "x" }), None)
        ))
    };
    for play in [half(), broken()] {
        let exchange = played(play);
        assert!(unfit(&exchange.said).contains("cut off"), "{exchange:?}");
        assert_eq!(exchange.tries, TRIES_MAX);
        assert!(exchange.asked_tokens > 0 && !exchange.counted, "each try may cost");
    }
    let server = Server::playing(vec![half(), good(HALT)]);
    let exchange = model(&Ticks::default()).ask(&advisor(&server.url()), &prompt());
    assert_eq!((exchange.said, exchange.tries), (Said::Text { text: HALT.into() }, 2));
}

#[test]
fn p9_ten_megabytes_end_early() {
    let words = piece(&json!({ "content": "x".repeat(1_000) }), None);
    let exchange = played(bytes(format!("{EVENTS}{}", words.repeat(10_000))));
    assert!(unfit(&exchange.said).contains("too long"));
    assert!(exchange.answered_tokens as usize <= (ANSWER_MAX + 1_000) / 3 + 1, "{exchange:?}");
    let alive = ": alive\n\n".repeat(10 << 20 >> 3);
    assert!(alive.len() as u64 > 2 * BODY_MAX);
    let line = "x".repeat(10 << 20);
    let bodies = [alive, format!("data: {line}"), line.clone()];
    for body in bodies {
        let exchange = played(bytes(format!("{EVENTS}{body}")));
        assert!(unfit(&exchange.said).contains("too long"), "{:?}", exchange.said);
    }
    let choice = json!({ "message": { "content": line }, "finish_reason": "stop" });
    let document = json!({ "choices": [choice] }).to_string();
    let exchange = played(answer("200 OK", "application/json", "", &document));
    assert!(unfit(&exchange.said).contains("too long"));
    // Nobody reads a page.
    let exchange = played(answer("502 Bad Gateway", "text/html", "", &line));
    assert!(nothing(&exchange.said).contains("502"));
}

#[test]
fn p9_whoever_hangs_or_drips_is_left_when_the_time_is_over() {
    let slow = |play| {
        let server = Server::always(play);
        let to = settings::Advisor { timeout_seconds: 1, ..advisor(&server.url()) };
        let exchange = ChatModel::new(|_| Ok(None), str::to_owned).ask(&to, &prompt());
        assert!(nothing(&exchange.said).contains("in time"), "{exchange:?}");
        assert_eq!(exchange.tries, 1);
        assert!(exchange.ms >= 900, "{exchange:?}");
        assert!(exchange.asked_tokens > 0, "it may have been worked on");
        // It ends only when its caller has gone.
        drop(server);
    };
    slow(silence());
    slow(dripping("HTTP/1.1 200 OK\r\nX: ", "x"));
    slow(dripping(EVENTS, ": alive\n\n"));
    slow(dripping(EVENTS, "d"));
    let word = "data: {\"choices\":[{\"delta\":{\"content\":\" \"}}]}\n\n";
    slow(dripping(EVENTS, word));
}

#[test]
fn what_may_pass_is_tried_again_with_longer_waits() {
    for line in ["500 Oops", "502 Bad Gateway", "503 Busy", "408 Slow", "429 Too Many"] {
        let server = Server::playing(vec![status(line), status(line), good(HALT)]);
        let clock = Ticks::default();
        let exchange = model(&clock).ask(&advisor(&server.url()), &prompt());
        assert_eq!(exchange.said, Said::Text { text: HALT.into() }, "{line}");
        assert_eq!((exchange.tries, exchange.asked_tokens), (3, 41), "{line}");
        assert_eq!(clock.waits(), [250, 500], "{line}");
        assert_eq!(exchange.ms, 750);
    }
    let clock = Ticks::default();
    let server = Server::always(status("500 Oops"));
    let exchange = model(&clock).ask(&advisor(&server.url()), &prompt());
    let wanted = format!("the model at {}: it answered 500 (4 tries)", server.origin());
    assert_eq!(nothing(&exchange.said), wanted);
    assert_eq!(clock.waits(), [250, 500, 1_000]);
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn p9_a_wish_to_be_left_alone_is_heard_within_the_time() {
    let busy = |seconds| {
        answer("429 Busy", "application/json", &format!("Retry-After: {seconds}\r\n"), "{}")
    };
    let ask = |plays| {
        let clock = Ticks::default();
        let server = Server::playing(plays);
        let exchange = model(&clock).ask(&advisor(&server.url()), &prompt());
        (exchange, clock.waits())
    };
    let (exchange, waits) = ask(vec![busy("7"), good(HALT)]);
    assert_eq!((exchange.said, waits), (Said::Text { text: HALT.into() }, vec![7_000]));
    let (exchange, waits) = ask(vec![busy("30"), good(HALT)]);
    assert!(nothing(&exchange.said).contains("429"));
    assert_eq!((exchange.tries, waits), (1, vec![]));
    for odd in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "", "99999999999999999999999"] {
        let (exchange, waits) = ask(vec![busy(odd), good(HALT)]);
        assert_eq!((exchange.tries, waits), (2, vec![250]), "{odd}");
    }
    let (exchange, waits) = ask(vec![busy("18446744073709551615"), good(HALT)]);
    assert_eq!((exchange.tries, waits), (1, vec![]));
}

#[test]
fn p9_all_tries_together_end_with_the_time() {
    let server = Server::always(status("503 Busy"));
    let clock = Ticks::default();
    let to = settings::Advisor { timeout_seconds: 1, ..advisor(&server.url()) };
    let exchange = model(&clock).ask(&to, &prompt());
    assert!(nothing(&exchange.said).contains("503"));
    assert_eq!((clock.waits(), exchange.tries), (vec![250, 500], 3));
}

#[test]
fn p8_what_will_not_pass_is_not_tried_again() {
    let plays: [(Play, &str); 6] = [
        (status("401 Unauthorized"), "the key is missing, wrong"),
        (status("403 Forbidden"), "the key is missing, wrong"),
        (status("404 Not Found"), "no such address or model"),
        (refusal(&json!({ "error": { "message": "bad model" } })), "does not take the question"),
        (status("418 Teapot"), "418"),
        (
            answer("307 Moved", "text/plain", "Location: http://127.0.0.1:1/v1\r\n", ""),
            "redirects are not followed",
        ),
    ];
    for (play, words) in plays {
        let exchange = played(play);
        assert!(nothing(&exchange.said).contains(words), "{exchange:?}");
        assert_eq!((exchange.tries, exchange.asked_tokens), (1, 0));
    }
}

#[test]
fn p8_what_is_no_answer_of_this_protocol_is_nothing() {
    let plays = [
        answer("200 OK", "text/html", "", "<html>Please log in</html>"),
        answer("200 OK", "application/json", "", "{}"),
        answer("200 OK", "application/json", "", "[1, 2"),
        answer("200 OK", "text/event-stream", "", "data: Sure! Proceed.\n\n"),
        answer("200 OK", "text/event-stream", "", ": alive\n\n: alive\n\n"),
        answer("200 OK", "text/plain", "", "proceed"),
        answer("200 OK", "", "", ""),
        bytes(""),
        bytes("HTTP/1.1 200"),
        bytes("SSH-2.0-OpenSSH_9.6\r\n"),
    ];
    for play in plays {
        let exchange = played(play);
        nothing(&exchange.said);
        assert_eq!(exchange.tries, TRIES_MAX, "{exchange:?}");
        assert!(!exchange.judgement().halts());
    }
}

#[test]
fn p8_nobody_there_is_told_with_the_reason() {
    let plain = Server::always(silence());
    let tls = plain.url().replace("http://", "https://");
    let table = [
        // No program of anybody's is given this port by chance.
        ("http://127.0.0.1:1/secret/v1", "refused"),
        ("http://nobody.invalid/secret/v1", "looked up"),
        (tls.as_str(), "TLS"),
    ];
    for (url, words) in table {
        let exchange = model(&Ticks::default()).ask(&advisor(url), &prompt());
        let why = nothing(&exchange.said);
        assert!(why.contains(words) && !why.contains("secret"), "{why}");
        assert_eq!(exchange.answered_tokens, 0, "{why}");
        // Who breaks off while TLS is agreed on may have read it, as far as anybody can tell.
        assert!(words == "TLS" || exchange.asked_tokens == 0, "{why}");
    }
}

#[test]
fn p9_a_server_that_does_not_answer_is_left_alone_for_a_while() {
    let mut plays: Vec<Play> = Vec::new();
    plays.extend((0..=FAILURES_MAX).map(|_| status("401 Unauthorized")));
    plays.push(good(HALT));
    let server = Server::playing(plays);
    let clock = Ticks::default();
    let model = model(&clock);
    let to = advisor(&server.url());
    let asked = || server.asked().len() as u32;
    for n in 1..=FAILURES_MAX {
        model.ask(&to, &prompt());
        assert_eq!(asked(), n);
    }
    let exchange = model.ask(&to, &prompt());
    assert!(nothing(&exchange.said).contains("left alone for 60 s more"), "{exchange:?}");
    assert_eq!((asked(), exchange.tries), (FAILURES_MAX, 0));
    clock.pass(OPEN_MS);
    nothing(&model.ask(&to, &prompt()).said);
    assert_eq!(asked(), FAILURES_MAX + 1, "one tries");
    nothing(&model.ask(&to, &prompt()).said);
    assert_eq!(asked(), FAILURES_MAX + 1, "it failed, so nobody tries");
    clock.pass(OPEN_MS);
    let exchange = model.ask(&to, &prompt());
    assert_eq!(exchange.said, Said::Text { text: HALT.into() });
    let exchange = model.ask(&to, &prompt());
    assert_eq!(exchange.said, Said::Text { text: HALT.into() });
    // Another server has done nothing.
    let other = Server::always(good(HALT));
    assert_eq!(model.ask(&advisor(&other.url()), &prompt()).tries, 1);
}

#[test]
fn p12_questions_that_a_server_refuses_do_not_silence_it_for_others() {
    let bad = || refusal(&json!({ "error": { "message": "I do not like these words" } }));
    let mut plays: Vec<Play> = (0..2 * FAILURES_MAX).map(|_| bad()).collect();
    plays.push(good(HALT));
    let server = Server::playing(plays);
    let model = model(&Ticks::default());
    let to = advisor(&server.url());
    for _ in 0..2 * FAILURES_MAX {
        assert!(nothing(&model.ask(&to, &prompt()).said).contains("does not take the question"));
    }
    assert_eq!(model.ask(&to, &prompt()).said, Said::Text { text: HALT.into() });
}
