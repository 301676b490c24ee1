//! DEV, CQ, QA and PO at the boards, each with one token for a whole test.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use ops_boards::{BoardClient, NewTicket, TicketWire};
use serde_json::Value;

use crate::{
    customers::visit,
    house::{Site, TEAM, eventually},
};

/// Longest wait until a ticket is held for the reason that is expected.
const HELD_WAIT: Duration = Duration::from_secs(20);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// The team at work, and what went wrong so far.
pub(crate) struct Team<'a> {
    pub(crate) site: &'a Site,
    base: String,
    tokens: BTreeMap<String, String>,
    wrong: RefCell<Vec<String>>,
}

impl<'a> Team<'a> {
    /// Everybody with a token.
    pub(crate) fn new(site: &'a Site) -> Self {
        let boards = ops_server::ControlClient::new(site.state()).ping().unwrap().boards;
        let tokens = TEAM.map(|who| (who.to_owned(), site.token(who)));
        Self {
            site,
            base: format!("http://{boards}"),
            tokens: tokens.into(),
            wrong: RefCell::default(),
        }
    }

    pub(crate) fn token(&self, who: &str) -> &str {
        &self.tokens[who]
    }

    pub(crate) fn by(&self, who: &str) -> BoardClient {
        BoardClient::new(&self.base, self.token(who)).unwrap()
    }

    /// A request with any method and body; the status of the answer.
    pub(crate) fn raw(&self, token: &str, method: &str, path: &str, body: &Value) -> u16 {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build()
            .new_agent();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(body.to_string())
            .unwrap();
        agent.run(request).unwrap().status().as_u16()
    }

    /// A ticket that DEV can take up.
    pub(crate) fn todo(&self, title: &str, notes: &str) -> String {
        let new = NewTicket {
            title: title.into(),
            description: Some(notes.into()),
            status: Some("todo".into()),
            ..NewTicket::default()
        };
        self.by("po").create(&new).unwrap().ticket_number
    }

    /// DEV's part of the way.
    pub(crate) fn review(&self, title: &str, notes: &str) -> String {
        let id = self.todo(title, notes);
        self.by("dev").move_ticket(&id, "in-progress").unwrap();
        self.by("dev").move_ticket(&id, "in-review").unwrap();
        id
    }

    /// The same, and CQ's and QA's moves without a word of theirs.
    pub(crate) fn unjudged(&self, title: &str, notes: &str) -> String {
        let id = self.review(title, notes);
        self.by("cq").move_ticket(&id, "in-qa").unwrap();
        self.by("qa").move_ticket(&id, "rfp").unwrap();
        id
    }

    /// The whole way, with what happens between QA's verdict and its move.
    pub(crate) fn judged(&self, title: &str, notes: &str, late: impl FnOnce(&str)) -> String {
        let id = self.review(title, notes);
        self.by("cq").comment(&id, "CQ: PASS").unwrap();
        self.by("cq").move_ticket(&id, "in-qa").unwrap();
        self.by("qa").comment(&id, "QA: PASS").unwrap();
        late(&id);
        self.by("qa").move_ticket(&id, "rfp").unwrap();
        id
    }

    /// Back to DEV and the whole way again, with these words in both verdicts.
    pub(crate) fn again(&self, id: &str, words: &str) {
        self.by("po").move_ticket(id, "in-progress").unwrap();
        self.by("dev").move_ticket(id, "in-review").unwrap();
        self.by("cq").comment(id, &format!("CQ: PASS\n\n{words}")).unwrap();
        self.by("cq").move_ticket(id, "in-qa").unwrap();
        self.by("qa").comment(id, &format!("QA: PASS\n\n{words}")).unwrap();
        self.by("qa").move_ticket(id, "rfp").unwrap();
    }

    pub(crate) fn ticket(&self, id: &str) -> TicketWire {
        self.by("po").show(id).unwrap()
    }

    /// Asks ops something on the meeting board and gives its answer.
    pub(crate) fn chat(&self, who: &str, text: &str) -> String {
        let asked = self.by(who).post("standup", text, None).unwrap();
        eventually(&format!("an answer to {text}"), || {
            let query = ops_boards::MessageQuery { since: None, limit: Some(1_000) };
            let messages = self.by(who).messages("standup", &query).unwrap();
            let marker = format!("<!-- ops:re:{} -->", asked.id);
            messages.into_iter().find(|one| one.content.contains(&marker)).map(|one| one.content)
        })
    }

    /// Asserts that the ticket is held, that `ops explain` and the ticket say why, and that its
    /// version does not serve.
    pub(crate) fn held(&self, way: &str, id: &str, version: &str, why: &str) {
        let mut last = String::new();
        let until = Instant::now() + HELD_WAIT;
        loop {
            last.clone_from(&self.site.ops(&["explain", id]).out);
            if last.contains(" is held.") && last.contains(why) && last.contains("first: ") {
                break;
            }
            if Instant::now() >= until {
                self.wrong(format!("{way}: {id} is not held because of `{why}`:\n{last}"));
                break;
            }
            thread::sleep(POLL);
        }
        self.not_serving(way, id, version);
    }

    /// Asserts that a version does not serve, and that its ticket is not closed.
    pub(crate) fn not_serving(&self, way: &str, id: &str, version: &str) {
        if visit(&self.site.door()).is_ok_and(|answer| answer == version) {
            self.wrong(format!("{way}: {version} answers at the door"));
        }
        let status = self.site.ops(&["status", "--output", "json"]).json();
        let serving = status["serving"].as_array().unwrap();
        if serving.iter().any(|one| one["version"] == version) {
            self.wrong(format!("{way}: ops says that {version} serves"));
        }
        if self.ticket(id).status == "closed" {
            self.wrong(format!("{way}: {id} is closed"));
        }
    }

    fn wrong(&self, what: String) {
        self.wrong.borrow_mut().push(what);
    }

    /// Asserts that no way led through: all of them are named at once.
    pub(crate) fn none_led_through(self) {
        let wrong = self.wrong.into_inner();
        assert!(wrong.is_empty(), "{} ways:\n{}", wrong.len(), wrong.join("\n---\n"));
    }
}

/// Deployment notes for the shop.
pub(crate) fn notes(version: &str, artifact: &Path) -> String {
    more_notes(version, artifact, "")
}

/// The same with further lines.
pub(crate) fn more_notes(version: &str, artifact: &Path, more: &str) -> String {
    format!(
        "```ops\nservice: shop\nartifact: {}\nversion: {version}\nmigrations: none\n\
         rollback: previous\n{more}```\n",
        artifact.display()
    )
}
