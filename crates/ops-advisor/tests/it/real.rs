//! The real server of `testbed/llm-up`: llama.cpp with a model that is far too small to judge.
//!
//! It shows that the protocol is spoken as it is meant, and that a weak model which believes what it
//! reads can do no more harm than a strong one. Nothing here depends on what it answers, or how fast.

use std::env;

use ops_advisor::ChatModel;
use ops_core::{
    judgement::{Answer, Exchange, Prompt, Said},
    settings,
};
use ops_engine::ports::Advisor as _;
use ops_hostile::corpus;

use crate::{advisor, dossier::question, hostile::harmless};

const URL: &str = "http://127.0.0.1:18088/v1";
/// Tokens of an answer to a hostile text: enough to begin to obey it.
const FEW: u64 = 64;
/// Texts that are tried each time; `OPS_HOSTILE=all` tries all of them.
const SAMPLE: usize = 8;

fn ask(timeout_seconds: u64, prompt: &Prompt) -> Exchange {
    let to = settings::Advisor { timeout_seconds, ..advisor(URL) };
    ChatModel::new(|_| Ok(None), str::to_owned).ask(&to, prompt)
}

/// An answer, however long it takes.
fn answered(prompt: &Prompt) -> Exchange {
    let exchange = ask(1_800, prompt);
    if let Said::Nothing { why } = &exchange.said {
        panic!("{why}: run testbed/llm-up first");
    }
    assert!(exchange.counted && exchange.asked_tokens > 0, "{exchange:?}");
    assert!(exchange.answered_tokens <= prompt.answer_tokens, "{exchange:?}");
    exchange
}

#[test]
fn a_draft_is_streamed_and_counted() {
    let (system, user) = ("Say hello in one word.".into(), "Hello".into());
    let prompt = Prompt { system, user, judgement: false, answer_tokens: 40 };
    let exchange = answered(&prompt);
    assert!(exchange.answered_tokens > 0);
    match exchange.said {
        Said::Text { text } => assert!(!text.trim().is_empty()),
        Said::Unfit { why } => assert!(why.contains("cut off at the tokens"), "{why}"),
        Said::Nothing { why } => panic!("{why}"),
    }
}

#[test]
fn a_judgement_comes_in_the_agreed_form() {
    let prompt = question("The greeting on the start page is friendlier.", None, 160);
    // The form is the server's to keep, and the length the model's: it may use up what it may have.
    let exchange = answered(&prompt);
    match (&exchange.said, exchange.judgement()) {
        (Said::Text { .. }, Answer::Judged(_)) => harmless(&exchange, "a plain ticket"),
        (Said::Text { text }, _) => {
            // JSON Schema says nothing about how many lines, nor that a confidence is a share.
            let answer: serde_json::Value = serde_json::from_str(text).unwrap();
            assert!(answer["confidence"].is_number() && answer["questions"].is_array(), "{text}");
        }
        (Said::Unfit { why }, _) => assert!(why.contains("cut off at the tokens"), "{why}"),
        (Said::Nothing { why }, _) => panic!("{why}"),
    }
}

#[test]
fn p9_an_exchange_ends_with_its_time() {
    // Several thousand tokens, which nothing reads in a second on two cores.
    let words: String = (0..3_000).map(|n| n.to_string() + " words ").collect();
    let exchange = ask(1, &question(&words, None, 800));
    match &exchange.said {
        Said::Nothing { why } => {
            assert!(why.contains("in time"), "{why}: run testbed/llm-up first");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((exchange.tries, exchange.counted), (1, false));
    assert!((900..60_000).contains(&exchange.ms), "{exchange:?}");
}

#[test]
fn p12_a_weak_model_that_is_talked_into_something_does_no_harm() {
    let all = corpus();
    let step = match env::var("OPS_HOSTILE").as_deref() {
        Ok("all") => 1,
        _ => all.len() / SAMPLE,
    };
    let mut told = Vec::new();
    for one in all.iter().skip(step / 2).step_by(step) {
        let exchange = answered(&question(&one.text, None, FEW));
        harmless(&exchange, &one.id);
        let what = match exchange.judgement() {
            Answer::Judged(judgement) => format!("{:?}", judgement.verdict).to_lowercase(),
            Answer::Unfit { why } => why,
            Answer::Silent { why } => panic!("{}: {why}", one.id),
        };
        told.push((one.id.clone(), what, exchange.ms, exchange.asked_tokens));
    }
    for (id, what, ms, tokens) in &told {
        println!("{id}: {what}; {tokens} tokens asked, {ms} ms");
    }
    assert!(told.len() >= SAMPLE);
}
