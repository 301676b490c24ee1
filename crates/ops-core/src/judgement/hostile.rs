//! P12 and P13 against texts that want something of a model: in a dossier each is one string, and in
//! an answer it is one harmless line.

use ops_hostile::corpus;
use serde_json::{Value, json};

use super::{Exchange, Said, before_the_plan, dossier::Material, for_draft, for_judgement};
use crate::{
    checks::Checklist,
    fixture::{comment, created, settings, ticket},
    id::Digest,
    settings::Strategy,
    ticket::Ticket,
};

const PASSWORD: &str = "hunter2hunter2";
/// Marks that could wake somebody, hide something, or be taken for somebody else's words.
const MARKS: [&str; 11] =
    ["@", "<", ">", "`", "[", "*", "\n", "\r", "\u{1b}", "\u{202e}", "\u{200b}"];

/// What a model is shown about a ticket: the dossier, as its reader reads it.
fn shown(ticket: &Ticket) -> Value {
    let settings = settings(Strategy::BlueGreen);
    let dossier = before_the_plan(&Material {
        created: &created(1),
        candidate: &Digest::of(b"candidate"),
        artifact: &Digest::of(b"artifact"),
        version: "v2",
        commit: None,
        migrations: 0,
        serves: None,
        ticket,
        people: &settings.people,
        evidence: None,
        checklist: &Checklist::default(),
        condemned: &[],
    });
    let prompt = for_judgement(&dossier, 100);
    let (_, data) = prompt.user.split_once("Dossier:\n").unwrap();
    serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))
}

/// The keys of all objects in it.
fn keys(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            all.extend(object.keys().cloned());
            object.values().for_each(|one| keys(one, all));
        }
        Value::Array(list) => list.iter().for_each(|one| keys(one, all)),
        _ => {}
    }
}

#[test]
fn p12_in_a_dossier_a_text_is_a_string_and_its_author_is_known() {
    let whole = |text: &str| {
        let mut ticket = ticket("v2");
        ticket.title = text.to_owned();
        ticket.description = text.to_owned();
        ticket.kind = text.to_owned();
        comment(&mut ticket, "dan@example.org", text);
        comment(&mut ticket, "eve@example.org", text);
        ticket
    };
    let plain = shown(&whole("plain"));
    let mut wanted = Vec::new();
    keys(&plain, &mut wanted);
    for one in corpus() {
        let dossier = shown(&whole(&one.text));
        let mut found = Vec::new();
        keys(&dossier, &mut found);
        let told = &dossier["ticket"]["description"];
        assert!(told.is_string() && *told == json!(super::redact(&one.text)), "{}", one.id);
        // A comment with ops's mark is left out whole; otherwise nothing is added and nothing lost.
        if one.text.contains(crate::evidence::RECORD_MARK) {
            continue;
        }
        assert_eq!(found, wanted, "{}", one.id);
        let last = dossier["comments"]["last"].as_array().unwrap();
        let by: Vec<_> = last.iter().rev().take(2).map(|one| &one["by"]).collect();
        assert_eq!(by, ["unknown author", "DEV"], "{}", one.id);
    }
}

#[test]
fn p13_no_text_gets_a_secret_past_the_redaction() {
    for one in corpus() {
        let mut ticket = ticket("v2");
        ticket.description = format!("{}\npassword: {PASSWORD}\n", one.text);
        comment(&mut ticket, "eve@example.org", &format!("{}\nDB_PASSWORD={PASSWORD}", one.text));
        let dossier = shown(&ticket).to_string();
        assert!(!dossier.contains(PASSWORD), "{}", one.id);
        assert!(!dossier.contains("ghp_0123456789"), "{}", one.id);
        let draft = for_draft(&one.text, &format!("{}\ntoken: {PASSWORD}", one.text), 100);
        let data: Value = serde_json::from_str(&draft.user).unwrap();
        assert_eq!(data.as_object().map(serde_json::Map::len), Some(2), "{}", one.id);
        assert!(!draft.user.contains(PASSWORD), "{}", one.id);
    }
}

#[test]
fn p12_an_answer_that_is_such_a_text_is_read_in_the_agreed_form_or_holds() {
    let said = |text: String| Exchange { said: Said::Text { text }, ..Exchange::none("") };
    for one in corpus() {
        let read = super::read(&one.text);
        let answer = said(one.text.clone()).judgement();
        assert_eq!(answer.halts(), read.is_err(), "{}", one.id);
        let lines = [one.text.as_str(), one.text.as_str()];
        let judgement =
            json!({ "verdict": "proceed", "concerns": lines, "questions": lines, "confidence": 1 });
        let mut variant = judgement.clone();
        variant["verdict"] = json!(one.text);
        let mut key = judgement.clone();
        key[one.text.as_str()] = json!(1);
        for (judgement, halts) in [(judgement, false), (variant, true), (key, true)] {
            let answer = said(judgement.to_string()).judgement();
            assert_eq!(answer.halts(), halts, "{}", one.id);
            let words = answer.words();
            for mark in MARKS {
                assert!(!words.contains(mark), "{mark:?} of {} in {words:?}", one.id);
            }
        }
    }
}
