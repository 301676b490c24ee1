//! P12 and S21 with the real program: a model on loopback that says what it is told to say.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::Command,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::{Value, json};

use crate::{
    customers::Customers,
    house::{Site, eventually},
};

/// What ops must tell nobody.
const SECRET: &str = "correct-horse-battery";

/// How the model behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mind {
    Worried,
    Hanging,
    Endless,
}

/// A model's server. It ends with the test's process.
struct Model {
    url: String,
    mind: Arc<Mutex<Mind>>,
    asked: Arc<Mutex<Vec<Value>>>,
}

impl Model {
    fn begin(mind: Mind) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let mind = Arc::new(Mutex::new(mind));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (says, heard) = (Arc::clone(&mind), Arc::clone(&asked));
        thread::spawn(move || {
            let mut left_open = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                heard.lock().unwrap().push(body(&mut stream));
                let mind = *says.lock().unwrap();
                match mind {
                    Mind::Worried => answer(&mut stream, &halt()),
                    Mind::Endless => answer(&mut stream, &"proceed ".repeat(2 << 20)),
                    Mind::Hanging => left_open.push(stream),
                }
            }
        });
        Self { url, mind, asked }
    }

    fn turns(&self, mind: Mind) {
        *self.mind.lock().unwrap() = mind;
    }

    fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

fn halt() -> String {
    let says = json!({
        "verdict": "halt",
        "concerns": ["the notes name no test of the cart @qa <!-- ops:D-1:1 -->"],
        "questions": ["QA: was the cart tested?"],
        "confidence": 0.7,
    });
    says.to_string()
}

fn body(stream: &mut TcpStream) -> Value {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() > 0 {
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    serde_json::from_slice(&body).unwrap()
}

fn answer(stream: &mut TcpStream, text: &str) {
    let message = json!({ "role": "assistant", "content": text });
    let body = json!({
        "choices": [{ "index": 0, "message": message, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 900, "completion_tokens": 60, "total_tokens": 960 },
    })
    .to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    // Whoever asked may have hung up.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

/// The account under which this runs, as somebody whom ops.yaml lists.
fn account() -> String {
    let said = Command::new("id").arg("-un").output().unwrap();
    format!("{}@example.org", String::from_utf8(said.stdout).unwrap().trim())
}

fn site(model: &Model, operators: &str) -> Site {
    let url = &model.url;
    let mut site = Site::shop_with(|text| {
        let text =
            text.replace("operators: [po@example.org]", &format!("operators: [{operators}]"));
        let own = format!("people:\n  {}: human\n", account());
        let text = text.replace("people:\n", &own);
        let text = text.replace(
            "    replicas: 1\n",
            "    replicas: 1\n    secrets: { SHOP_API: \"env:SHOP_API\" }\n",
        );
        format!("{text}advisor: {{ model: small, url: \"{url}\", timeout: 2s, drafts: false }}\n")
    });
    site.serve_with(&[("SHOP_API", SECRET)]);
    site
}

fn record(site: &Site, ticket: &str, heading: &str) -> String {
    let comments = site.as_member("dev").show(ticket).unwrap().comments;
    let found = comments.into_iter().rev().find(|one| one.text.starts_with(heading));
    found.map(|one| one.text).unwrap_or_default()
}

#[test]
fn p12_a_halt_holds_until_a_named_person_answers_and_nothing_private_is_told() {
    let model = Model::begin(Mind::Worried);
    let mut site = site(&model, &format!("po@example.org, {}", account()));
    let ticket = site.ready_with("v1", &site.build("v1").display().to_string());
    site.as_member("dev").comment(&ticket, &format!("the key is {SECRET}")).unwrap();
    let held = site.ops(&["deploy", &ticket, "--quiet"]);
    assert_eq!(held.code, 12, "{}", held.whole());
    eventually("its question stands on the ticket", || {
        record(&site, &ticket, "## Deployment Held").contains("was the cart tested").then_some(())
    });
    let said = record(&site, &ticket, "## Deployment Held");
    assert!(!said.contains("@qa") && said.matches("<!-- ops:D-1:1").count() <= 1, "{said}");
    let plan = site.ops(&["plan", &ticket]);
    assert_eq!(plan.code, 12, "{}", plan.whole());
    assert!(plan.out.contains("the model says halt, 70 % sure"), "{}", plan.out);

    // What it is told is what `ops advisor show` shows, and nothing private is in it.
    let shown =
        site.ops_with(&["advisor", "show", &ticket, "--output", "json"], "SHOP_API", SECRET);
    let asked = model.asked();
    assert_eq!(asked.len(), 1, "asked once, however often it is looked at");
    assert_eq!(shown.json()["body"]["messages"], asked[0]["messages"]);
    let told = asked[0].to_string();
    for private in [SECRET, "example.org", "@"] {
        assert!(!told.contains(private), "{private} in {told}");
    }

    let short = site.ops(&["answer", &ticket, "fine"]);
    assert_eq!(short.code, 1, "{}", short.whole());
    let customers = Customers::come(&site.door());
    let answered = site.ops(&["answer", &ticket, "QA tested the cart by hand this morning"]);
    assert_eq!(answered.code, 0, "{}", answered.whole());
    let shipped = site.ops(&["deploy", &ticket, "--quiet"]);
    assert_eq!(shipped.code, 0, "{}", shipped.whole());
    assert_eq!(model.asked().len(), 1);
    let planned = record(&site, &ticket, "## Deployment Planned");
    assert!(planned.contains("answered its halt: QA tested the cart"), "{planned}");
    drop(customers.go_home());
    site.assert_clean();
}

#[test]
fn s21_a_model_that_hangs_delays_by_its_time_out_and_one_that_never_ends_holds() {
    let model = Model::begin(Mind::Hanging);
    let mut site = site(&model, "po@example.org");
    let customers = Customers::come(&site.door());
    let ticket = site.ready_with("v1", &site.build("v1").display().to_string());
    let shipped = site.ops(&["deploy", &ticket, "--quiet"]);
    assert_eq!(shipped.code, 0, "{}", shipped.whole());
    let planned = record(&site, &ticket, "## Deployment Planned");
    assert!(planned.contains("- advisor: no judgement"), "{planned}");
    drop(customers.go_home());

    model.turns(Mind::Endless);
    let next = site.ready_with("v2", &site.build("v2").display().to_string());
    let held = site.ops(&["deploy", &next, "--quiet"]);
    assert_eq!(held.code, 12, "{}", held.whole());
    // Whoever owns the account may do much, but nobody answers without a name.
    let answer = site.ops(&["answer", &next, "it is fine, I have looked at it"]);
    assert_eq!(answer.code, 1, "{}", answer.whole());
    assert!(answer.whole().contains("operators"), "{}", answer.whole());
    let explained = site.ops(&["explain", &next]);
    assert!(explained.out.contains("advisor"), "{}", explained.whole());
    site.assert_clean();
}
