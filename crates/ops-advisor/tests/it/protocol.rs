//! What servers answer when all is well, each in its own manner.

use std::{fmt::Write as _, io::Write as _};

use ops_core::{
    judgement::{Answer, Exchange, Opinion, Said, estimated_tokens},
    settings,
};
use ops_engine::ports::Advisor as _;
use serde_json::{Value, json};

use crate::{
    HALT, Ticks, advisor, model, prompt,
    server::{EVENTS, Play, Server, answer, bytes, good, piece, refusal, said},
};

fn asked(server: &Server) -> Exchange {
    model(&Ticks::default()).ask(&advisor(&server.url()), &prompt())
}

fn text(play: Play) -> Exchange {
    let exchange = asked(&Server::always(play));
    assert_eq!(exchange.said, Said::Text { text: HALT.into() });
    exchange
}

#[test]
fn a_stream_becomes_an_answer_and_its_tokens_are_counted() {
    let server = Server::always(good(HALT));
    let exchange = asked(&server);
    assert!(matches!(exchange.judgement(), Answer::Judged(j) if j.verdict == Opinion::Halt));
    let tokens = (exchange.asked_tokens, exchange.answered_tokens, exchange.counted);
    assert_eq!((tokens, exchange.tries), ((41, 7, true), 1));
    let asked = server.asked();
    let [request] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(request.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", request.head);
    assert!(!request.head.to_lowercase().contains("authorization"));
    assert_eq!(request.body, ops_advisor::request_body(&advisor(&server.url()), &prompt()));
}

#[test]
fn an_address_may_end_with_a_slash() {
    let server = Server::always(good(HALT));
    model(&Ticks::default()).ask(&advisor(&format!("{}/", server.url())), &prompt());
    assert!(server.asked()[0].head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
}

#[test]
fn pieces_may_be_cut_anywhere() {
    let all = format!("{EVENTS}: alive\r\n\r\n{}", said(HALT).replace('\n', "\r\n"));
    text(Box::new(move |stream| {
        for byte in all.as_bytes() {
            let _ = stream.write_all(&[*byte]);
        }
    }));
}

#[test]
fn an_end_without_done_is_an_end() {
    let exchange = text(bytes(format!("{EVENTS}{}", said(HALT).replace("data: [DONE]\n\n", ""))));
    assert!(exchange.counted);
}

#[test]
fn p9_a_server_that_has_said_all_and_stays_is_not_waited_for() {
    let done = format!("{EVENTS}{}", said(HALT));
    text(Box::new(move |stream| {
        let _ = stream.write_all(done.as_bytes());
        let _ = std::io::Read::read(stream, &mut [0]);
    }));
}

#[test]
fn chunks_of_http_are_no_pieces_of_the_answer() {
    let mut all = String::from(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
    for part in said(HALT).as_bytes().chunks(7) {
        let part = std::str::from_utf8(part).unwrap();
        let _ = write!(all, "{:x}\r\n{part}\r\n", part.len());
    }
    text(bytes(format!("{all}0\r\n\r\n")));
}

#[test]
fn a_server_that_does_not_stream_is_understood() {
    let usage = json!({ "prompt_tokens": 41, "completion_tokens": 7 });
    let choice = json!({ "index": 0, "message": { "role": "assistant", "content": HALT },
        "finish_reason": "stop" });
    let body = json!({ "choices": [choice], "usage": usage }).to_string();
    let exchange = text(answer("200 OK", "application/json; charset=utf-8", "", &body));
    assert_eq!((exchange.asked_tokens, exchange.answered_tokens), (41, 7));
}

#[test]
fn what_is_not_counted_is_estimated() {
    let stream = format!(
        "{EVENTS}{}{}data: [DONE]\n\n",
        piece(&json!({ "content": HALT }), None),
        piece(&json!({}), Some("stop")),
    );
    let exchange = text(bytes(stream));
    let prompt = prompt();
    let wanted = estimated_tokens(&prompt.system) + estimated_tokens(&prompt.user);
    let told = (exchange.asked_tokens, exchange.answered_tokens, exchange.counted);
    assert_eq!(told, (wanted, estimated_tokens(HALT), false));
}

fn unknown(parameter: &str) -> Play {
    refusal(&json!({ "error": {
        "message": format!("Unsupported parameter: '{parameter}' is not supported."),
        "param": parameter, "code": "unsupported_parameter",
    }}))
}

#[test]
fn what_a_server_does_not_know_is_left_out_and_that_is_remembered() {
    let server = Server::playing(vec![
        unknown("max_completion_tokens"),
        unknown("stream_options"),
        unknown("response_format"),
        unknown("temperature"),
        good(HALT),
    ]);
    let clock = Ticks::default();
    let model = model(&clock);
    let to = advisor(&server.url());
    let exchange = model.ask(&to, &prompt());
    assert_eq!((&exchange.said, exchange.tries), (&Said::Text { text: HALT.into() }, 5));
    assert_eq!(clock.waits(), [] as [u64; 0], "it waited although nothing had failed");
    let last = |server: &Server| server.asked().pop().unwrap().body;
    let names = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let wanted = ["max_tokens", "messages", "model", "response_format", "stream"];
    assert_eq!(names(&last(&server)), wanted);
    assert_eq!(last(&server)["response_format"], json!({ "type": "json_object" }));
    let exchange = model.ask(&to, &prompt());
    assert_eq!((names(&last(&server)), exchange.tries), (wanted.map(str::to_owned).to_vec(), 1));
    // Another model may know more.
    let other = settings::Advisor { model: "large".into(), ..to };
    model.ask(&other, &prompt());
    assert_eq!(last(&server), ops_advisor::request_body(&other, &prompt()));
}

#[test]
fn p9_a_server_that_refuses_whatever_is_left_out_is_given_up() {
    let all = "max_completion_tokens max_tokens stream_options response_format temperature";
    let server = Server::always(refusal(&json!({ "error": { "message": all } })));
    let exchange = asked(&server);
    assert!(crate::nothing(&exchange.said).contains("does not take the question"));
    assert_eq!((exchange.tries, exchange.asked_tokens), (7, 0));
}
