//! P12: whatever is written on a ticket and whatever a server makes of it, nothing comes of it but
//! proceed, halt, silence, and lines of plain text.

use ops_core::judgement::{Answer, Exchange, Opinion, Prompt};
use ops_engine::ports::Advisor as _;
use ops_hostile::corpus;
use serde_json::{Value, json};

use crate::{
    Ticks, advisor,
    dossier::question,
    model,
    server::{EVENTS, Play, Server, answer, bytes, good, piece, refusal},
};

/// Marks that could wake somebody, hide something, or be taken for somebody else's words.
const MARKS: [&str; 12] =
    ["@", "<", ">", "`", "[", "]", "*", "#", "\n", "\r", "\u{202e}", "\u{200b}"];

/// Fails unless it is one of the things that an answer can be, in harmless words.
pub(crate) fn harmless(exchange: &Exchange, id: &str) {
    let answer = exchange.judgement();
    let lines = match &answer {
        Answer::Judged(judgement) => {
            assert!(matches!(judgement.verdict, Opinion::Proceed | Opinion::Halt));
            assert!(judgement.confidence <= 100, "{id}");
            [judgement.concerns.clone(), judgement.questions.clone()].concat()
        }
        Answer::Silent { why } | Answer::Unfit { why } => vec![why.clone()],
    };
    assert!(lines.len() <= 24, "{id}: {} lines", lines.len());
    for line in lines.iter().chain([&answer.words()]) {
        for mark in MARKS {
            assert!(!line.contains(mark), "{id}: {mark:?} in {line:?}");
        }
        assert!(!line.chars().any(char::is_control), "{id}: {line:?}");
        assert!(line.chars().count() < 24 * 420, "{id}: {} characters", line.chars().count());
    }
}

/// The worst that a server can make of a text, and whether it is more than silence.
fn worst(text: &str) -> Vec<(Play, Option<bool>)> {
    let lines = vec![text; 3];
    let judged = |verdict: &str| {
        json!({ "verdict": verdict, "concerns": lines, "questions": lines, "confidence": 1 })
            .to_string()
    };
    let whole = |delta: &Value, finish| format!("{EVENTS}{}", piece(delta, Some(finish)));
    let call = json!({ "tool_calls": [{ "id": "1", "type": "function",
        "function": { "name": "approve", "arguments": text } }] });
    let mut extra: Value = serde_json::from_str(&judged("proceed")).unwrap();
    extra[text] = json!(text);
    vec![
        (good(&judged("proceed")), Some(false)),
        (good(&judged("halt")), Some(true)),
        (good(&judged("approve")), Some(true)),
        (good(&judged(text)), Some(true)),
        (good(&extra.to_string()), Some(true)),
        (good(&format!("{text}\n{}", judged("proceed"))), Some(true)),
        (good(text), None),
        (bytes(whole(&call, "tool_calls")), Some(true)),
        (bytes(whole(&json!({ "content": text, "refusal": text }), "stop")), Some(true)),
        (bytes(whole(&json!({ "content": judged("proceed") }), text)), Some(true)),
        (bytes(format!("{EVENTS}{text}\n\n")), None),
        (bytes(format!("{EVENTS}data: {text}\n\n")), None),
        (bytes(text), Some(false)),
        (refusal(&json!({ "error": { "message": text, "param": text, "code": text } })), None),
        (answer("500 Oops", "text/plain", "", text), Some(false)),
        (answer("200 OK", "application/json", "", text), None),
    ]
}

#[test]
fn p12_the_worst_answer_to_each_text_is_no_more_than_an_answer() {
    for one in corpus() {
        let asked = question(&one.text, Some(&one.text), 200);
        for (n, (play, halts)) in worst(&one.text).into_iter().enumerate() {
            let id = format!("{}, answer {n}", one.id);
            let server = Server::always(play);
            let exchange = model(&Ticks::default()).ask(&advisor(&server.url()), &asked);
            harmless(&exchange, &id);
            if let Some(halts) = halts {
                assert_eq!(exchange.judgement().halts(), halts, "{id}: {:?}", exchange.said);
            }
            if let Answer::Judged(judgement) = exchange.judgement() {
                let wanted = if halts == Some(true) { Opinion::Halt } else { Opinion::Proceed };
                assert_eq!(judgement.verdict, wanted, "{id}");
            }
        }
    }
}

#[test]
fn p12_a_text_stays_within_its_message_on_the_way_out() {
    let server = Server::always(good("{}"));
    let model = model(&Ticks::default());
    for one in corpus() {
        let asked: Prompt = question(&one.text, Some(&one.text), 200);
        model.ask(&advisor(&server.url()), &asked);
        let body = server.asked().pop().unwrap().body;
        assert_eq!(body, ops_advisor::request_body(&advisor(&server.url()), &asked), "{}", one.id);
        let messages = body["messages"].as_array().unwrap();
        let roles: Vec<_> = messages.iter().map(|one| one["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["system", "user"], "{}", one.id);
        let (_, data) = messages[1]["content"].as_str().unwrap().split_once("Dossier:\n").unwrap();
        let dossier: Value = serde_json::from_str(data).unwrap();
        assert!(dossier["ticket"]["description"].is_string(), "{}", one.id);
        assert_eq!(body["tools"], Value::Null);
    }
}
