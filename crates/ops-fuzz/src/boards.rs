//! Answers of boards, and messages on them.

use ops_boards::untrusted::{mentioned, reply};
use ops_boards::{
    AgentWire, ChannelWire, ClientError, CommentWire, MeWire, MessageWire, TicketWire,
};
use ops_core::record::quoted;
use ops_core::talk::{Deed, Names, Request, Standing, parse};
use serde::{Serialize, de::DeserializeOwned};

use crate::bytes::Bytes;

const STATUSES: [u16; 10] = [200, 200, 201, 400, 401, 403, 404, 409, 413, 502];
const ROLES: [&str; 7] = ["po", "dev", "cq", "qa", "ops", "manager", "human"];

/// A board's answer: JSON, HTML, cut short, or anything. The first byte says with which status.
pub fn board_reply(bytes: &[u8]) {
    let mut bytes = Bytes::of(bytes);
    let status = bytes.pick(&STATUSES);
    let text = String::from_utf8_lossy(bytes.rest()).into_owned();
    one::<TicketWire>(status, &text);
    one::<Vec<TicketWire>>(status, &text);
    one::<CommentWire>(status, &text);
    one::<MeWire>(status, &text);
    one::<Vec<AgentWire>>(status, &text);
    one::<Vec<ChannelWire>>(status, &text);
    one::<Vec<MessageWire>>(status, &text);
}

fn one<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(status: u16, text: &str) {
    match reply::<T>(status, text) {
        Ok(read) => {
            assert!((200..300).contains(&status), "{status} was taken for a success");
            let written = serde_json::to_string(&read).expect("what was read can be written");
            let again = reply::<T>(200, &written).expect("what was written can be read");
            assert_eq!(read, again);
        }
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() < 4_000, "{} bytes of words", words.len());
            assert!(!crate::moves_cursors(&words, false), "{words:?}");
            if (200..300).contains(&status) {
                assert!(matches!(error, ClientError::NotABoard { .. }), "{error:?}");
            }
        }
    }
}

/// A message on the meeting board.
pub fn mentions(bytes: &[u8]) {
    let text = String::from_utf8_lossy(crate::cut(bytes)).into_owned();
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    let team = [pair("otto", "Otto"), pair("cleo", "Cleo Q"), pair("ß", "İ"), pair("mia", "")];
    let found = mentioned(&text, &team);
    for (at, name) in found.iter().enumerate() {
        let known = team.iter().any(|(id, _)| id == name) || ROLES.contains(&name.as_str());
        assert!(known && !found[..at].contains(name), "{found:?}");
    }
    assert!(text.contains('@') || found.is_empty());
    // What ops repeats of a message mentions nobody, hides nothing and stays on its line.
    let repeated = quoted(&text, 40);
    assert!(mentioned(&repeated, &team).is_empty() && repeated.chars().count() <= 4 * 40 + 1);
    assert!(!crate::moves_cursors(&repeated, false) && !repeated.contains("<!--"));
    assert!(!repeated.contains("```"), "{repeated:?}");
    let names = Names { services: vec!["shop".into()], environments: vec!["production".into()] };
    let request = parse(&text, &names);
    if let Request::Do(deed) = &request {
        // P3: nothing that is said makes ops go on where a check stands.
        assert!(request.needs() >= Standing::Member);
        let lower = text.to_lowercase().replace(['\'', '’'], "");
        let said = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        assert!(match deed {
            Deed::Halt(..) => said(&["halt", "stop", "pause"]),
            Deed::Resume(_) => said(&["resume", "unhalt", "retry", "continue", "again"]),
            Deed::Rollback(..) => said(&["rollback", "revert", "undo", "back"]),
            Deed::Abort(_) => said(&["abort"]),
            Deed::Lift(..) => said(&["lift"]),
            Deed::Answer(..) => said(&["answer"]),
            Deed::Acknowledge(_) => said(&["ack"]),
            Deed::Look(_) => said(&["look", "check", "reread", "refresh"]),
            Deed::Report { .. } => said(&["incident"]),
            Deed::Resolve(_) => said(&["resolve", "over", "solved"]),
        });
    }
}
