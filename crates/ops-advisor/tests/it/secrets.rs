//! P13: what must not leave the house does not, and what must not come into the journal neither.

use ops_advisor::ChatModel;
use ops_core::{
    judgement::{Prompt, Said},
    settings,
};
use ops_engine::ports::Advisor as _;
use serde_json::json;

use crate::{
    HALT, Ticks, advisor, nothing, prompt,
    server::{Server, answer, good},
    unfit,
};

const KEY: &str = "k3y-0f-th3-m0d3l";
const PASSWORD: &str = "hun\"ter2";

fn model() -> ChatModel {
    ChatModel::with_clock(
        Ticks::default(),
        |reference| match reference {
            "file:key" => Ok(Some(format!("{KEY}\n"))),
            "file:odd" => Ok(Some("two words".into())),
            "file:broken" => Err("the file of its key cannot be read".into()),
            _ => Ok(None),
        },
        |text| text.replace(PASSWORD, "(redacted)"),
    )
}

fn to(server: &Server, key: &str) -> settings::Advisor {
    settings::Advisor { key: Some(key.into()), ..advisor(&server.url()) }
}

#[test]
fn the_key_goes_into_a_header_and_nowhere_else() {
    let server = Server::always(good(HALT));
    model().ask(&to(&server, "file:key"), &prompt());
    let request = server.asked().remove(0);
    assert!(request.head.lines().any(|line| {
        line.to_lowercase().starts_with("authorization:")
            && line.ends_with(&format!("Bearer {KEY}"))
    }));
    assert!(!request.body.to_string().contains(KEY));
}

#[test]
fn p13_known_secrets_are_taken_out_right_before_the_question_is_sent() {
    let server = Server::always(good(HALT));
    let dossier = json!({ "comment": format!("it is {PASSWORD}, and {KEY}") });
    let asked = Prompt {
        system: format!("rules {PASSWORD}"),
        user: format!("May it?\n\nDossier:\n{dossier:#}"),
        ..prompt()
    };
    model().ask(&to(&server, "file:key"), &asked);
    let body = server.asked().remove(0).body;
    let sent = |n: usize| body["messages"][n]["content"].as_str().unwrap();
    assert_eq!(sent(0), "rules (redacted)");
    let clean = json!({ "comment": "it is (redacted), and (redacted)" });
    assert_eq!(sent(1), format!("May it?\n\nDossier:\n{clean:#}"));
}

#[test]
fn p13_a_secret_that_comes_back_does_not_get_into_the_journal() {
    let plain = format!("your key is {KEY}");
    let server = Server::always(good(&plain));
    let exchange = model().ask(&to(&server, "file:key"), &prompt());
    assert_eq!(exchange.said, Said::Text { text: "your key is (redacted)".into() });
    let hidden = json!({ "verdict": "proceed", "concerns": [PASSWORD] }).to_string();
    let server = Server::always(good(&hidden));
    let exchange = model().ask(&to(&server, "file:key"), &prompt());
    assert!(unfit(&exchange.said).contains("secret"));
}

#[test]
fn p13_the_key_does_not_follow_a_redirect() {
    let other = Server::always(good(HALT));
    let moved = format!("Location: {}/chat/completions\r\n", other.url());
    for line in ["301 Moved", "302 Found", "307 Moved", "308 Moved"] {
        let server = Server::always(answer(line, "text/plain", &moved, ""));
        nothing(&model().ask(&to(&server, "file:key"), &prompt()).said);
    }
    assert!(other.asked().is_empty());
}

#[test]
fn p13_errors_and_debug_tell_nothing() {
    let model = model();
    assert_eq!(format!("{model:?}"), "ChatModel { .. }");
    let echo = format!("{{\"error\":{{\"message\":\"wrong key {KEY}\"}}}}");
    for line in ["400 Bad", "401 No", "500 Oops", "418 Tea"] {
        let server = Server::always(answer(line, "application/json", "", &echo));
        let exchange = model.ask(&to(&server, "file:key"), &prompt());
        let told = format!("{exchange:?}");
        assert!(!told.contains(KEY) && !told.contains("/v1"), "{told}");
    }
    let odd = settings::Advisor { url: format!("http://me:{KEY}@127.0.0.1/"), ..advisor("") };
    assert!(!format!("{:?}", model.ask(&odd, &prompt())).contains(KEY));
}

#[test]
fn p8_without_its_key_a_model_is_not_asked() {
    let server = Server::always(good(HALT));
    for (key, words) in [
        ("file:none", "leads to no value"),
        ("file:odd", "not one word"),
        ("file:broken", "cannot be read"),
    ] {
        // As often as would open the breaker: this is no failure of the server.
        for _ in 0..10 {
            let exchange = model().ask(&to(&server, key), &prompt());
            assert!(nothing(&exchange.said).contains(words), "{exchange:?}");
        }
    }
    assert!(server.asked().is_empty());
}
