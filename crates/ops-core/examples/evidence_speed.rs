//! How long one judgement takes: `cargo run --release -p ops-core --example evidence_speed`.
//!
//! The whole function runs: history, notes, verdicts, bonds. Printed is the median of many calls,
//! and the slowest twentieth.
#![expect(clippy::print_stdout, reason = "an example tells what it measured")]

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use ops_core::{
    evidence::{NotesAt, judge},
    id::{Digest, Identity},
    notes::Place,
    settings::{People, Role},
    ticket::{Change, Comment, Ticket},
};

/// Who comments, in turn.
const TEAM: [(&str, Option<Role>); 6] = [
    ("dan@devteam.local", Some(Role::Dev)),
    ("cleo@devteam.local", Some(Role::Cq)),
    ("pia@devteam.local", Some(Role::Po)),
    ("quinn@devteam.local", Some(Role::Qa)),
    ("otto@devteam.local", Some(Role::Ops)),
    ("guest@example.org", None),
];

fn people() -> People {
    let roles = TEAM.iter().filter_map(|(who, role)| Some(((*who).into(), vec![(*role)?])));
    People { roles: roles.collect::<BTreeMap<_, _>>(), operators: Vec::new(), solo: false }
}

fn ticket(description: String) -> Ticket {
    Ticket {
        id: "MNS-7".into(),
        title: "Basket".into(),
        description,
        status: "todo".into(),
        priority: 3,
        kind: "story".into(),
        comments: Vec::new(),
        history: Vec::new(),
    }
}

fn log(ticket: &mut Ticket, action: &str, user: &Identity, details: String) {
    let at = "2026-11-22T06:59:11.030Z".into();
    ticket.history.push(Change { action: action.into(), user: user.clone(), details, at });
}

fn says(ticket: &mut Ticket, who: &str, text: &str) {
    let start: String = text.chars().take(100).collect();
    let dots = if text.chars().count() > 100 { "..." } else { "" };
    log(ticket, "comment_added", &who.into(), format!("Comment: {start}{dots}"));
    ticket.comments.push(Comment {
        id: ticket.comments.len().to_string(),
        author: who.into(),
        text: text.into(),
        at: "2026-11-22T06:59:11.030Z".into(),
        candidate: None,
    });
}

fn moves(ticket: &mut Ticket, who: &str, to: &str) {
    let details = format!("Status: {} → {to}", ticket.status);
    log(ticket, "status_change", &who.into(), details);
    ticket.status = to.into();
}

/// Talk of about so many bytes, as agents write it, with what looks like notes and failures in it.
fn talk(n: usize, bytes: usize) -> String {
    let line = "- [x] looked at case, stops at the first failure, ops reads `dist/shop` again\n";
    let mut text = format!("Comment {n}: this is what I saw in the basket and around it.\n\n");
    while text.len() < bytes {
        text.push_str(line);
    }
    text
}

/// A ticket that may ship, with `count` comments: most in the current round, by everybody.
fn discussed(description: &str, count: usize, bytes: usize, only: Option<&str>) -> Ticket {
    let digest = Digest::of(b"artifact");
    let notes = format!(
        "```ops\nservice: shop\nartifact: {digest}\nversion: v2\nmigrations: none\nrollback: previous\n```\n"
    );
    let mut ticket = ticket(format!("{description}\n\n{notes}"));
    log(&mut ticket, "created", &"pia@devteam.local".into(), "Task created".into());
    moves(&mut ticket, "dan@devteam.local", "in-progress");
    moves(&mut ticket, "dan@devteam.local", "in-review");
    for n in 0..count.saturating_sub(2) {
        let who = only.unwrap_or(TEAM[n % TEAM.len()].0);
        let talk = talk(n, bytes);
        let verdict = match who {
            "cleo@devteam.local" => format!("APPROVED. Security review: ok.\n\n{talk}"),
            "quinn@devteam.local" => format!("## QA PASS\n\n{talk}"),
            _ => talk,
        };
        says(&mut ticket, who, &verdict);
        if n == count / 2 {
            moves(&mut ticket, "cleo@devteam.local", "in-qa");
        }
    }
    says(&mut ticket, "cleo@devteam.local", "APPROVED. Security review: ok.");
    if ticket.status != "in-qa" {
        moves(&mut ticket, "cleo@devteam.local", "in-qa");
    }
    says(&mut ticket, "quinn@devteam.local", "## QA PASS\n\n- [x] login");
    moves(&mut ticket, "quinn@devteam.local", "rfp");
    ticket
}

/// QA takes the ticket back and passes it on without a word, so everybody is asked for a verdict.
fn revoke(ticket: &mut Ticket) {
    moves(ticket, "quinn@devteam.local", "in-qa");
    moves(ticket, "quinn@devteam.local", "rfp");
}

fn measure(name: &str, ticket: &Ticket, calls: usize) {
    let (people, candidate) = (people(), Digest::of(b"candidate"));
    let notes = NotesAt { place: Place::Description, bear_digest: true };
    let call = || judge(black_box(ticket), &people, notes, Some(&candidate), &[]);
    let decision = format!("{:?}", call());
    let mut times: Vec<Duration> = (0..calls)
        .map(|_| {
            let start = Instant::now();
            black_box(call());
            start.elapsed()
        })
        .collect();
    times.sort();
    let micros = |at: usize| times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6);
    let bytes: usize = ticket.comments.iter().map(|comment| comment.text.len()).sum();
    println!(
        "{name}: median {:.1} µs, 95 % below {:.1} µs, {} comments, {} kB, {:.6}",
        micros(calls / 2),
        micros(calls * 19 / 20),
        ticket.comments.len(),
        (bytes + ticket.description.len()) / 1024,
        decision
    );
}

fn main() {
    for (name, ticket) in [
        ("200 comments by everybody", discussed("As a buyer", 200, 500, None)),
        ("200 long comments by everybody", discussed("As a buyer", 200, 2_000, None)),
        ("200 comments by DEV", discussed("As a buyer", 200, 500, Some(TEAM[0].0))),
        ("200 passes by CQ", discussed("As a buyer", 200, 500, Some(TEAM[1].0))),
        ("200 comments by strangers", discussed("As a buyer", 200, 500, Some(TEAM[5].0))),
    ] {
        measure(name, &ticket, 5_000);
    }
    let mut held = discussed("As a buyer", 200, 500, Some(TEAM[5].0));
    revoke(&mut held);
    measure("200 comments by strangers, none by QA", &held, 5_000);
    let large = discussed("As a buyer", 3_000, 1_700, None);
    measure("5 MB in 3,000 comments", &large, 200);
    let large = discussed("As a buyer", 3_000, 1_700, Some(TEAM[1].0));
    measure("5 MB in 3,000 passes by CQ", &large, 200);
    let description = "- as a buyer I want ops to stop\n".repeat(5 * 1024 * 1024 / 32);
    measure("5 MB of description", &discussed(&description, 3_000, 500, None), 200);
}
