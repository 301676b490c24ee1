//! What a board told, read with patience: any token may write anything into any field there, so a
//! field of another type is read as far as it can be and never stops the rest. What a gate needs and
//! cannot find in it holds the ticket there.

use ops_core::{
    id::{Identity, TicketId},
    ticket::{Change, Comment, Ticket},
};
use serde_json::Value;

/// The lowest and the highest priority.
const PRIORITIES: (u64, u64) = (1, 5);

/// A ticket; `None` if it has neither number nor id.
pub(super) fn ticket(told: &Value) -> Option<Ticket> {
    let number = known(told, "ticketNumber").or_else(|| known(told, "_id"))?;
    let title = known(told, "title").or_else(|| known(told, "name")).unwrap_or_default();
    let priority = told.get("priority").and_then(whole).unwrap_or(PRIORITIES.0);
    Some(Ticket {
        id: TicketId::new(number),
        title,
        description: text(told, "description"),
        status: text(told, "status"),
        priority: u8::try_from(priority.clamp(PRIORITIES.0, PRIORITIES.1)).unwrap_or(1),
        kind: known(told, "type").unwrap_or_else(|| "story".to_owned()),
        comments: list(told, "comments").map(comment).collect(),
        history: list(told, "history").map(change).collect(),
    })
}

/// Whether a ticket that was told is the one that was asked for.
pub(super) fn is_ticket(told: &Value, id: &TicketId) -> bool {
    let is =
        |name: &str| known(told, name).is_some_and(|one| one.eq_ignore_ascii_case(id.as_str()));
    is("ticketNumber") || is("_id")
}

fn comment(told: &Value) -> Comment {
    Comment {
        id: text(told, "id"),
        author: Identity::new(text(told, "author")),
        text: known(told, "text").unwrap_or_else(|| text(told, "body")),
        at: text(told, "timestamp"),
        candidate: None,
    }
}

fn change(told: &Value) -> Change {
    Change {
        action: text(told, "action"),
        user: Identity::new(text(told, "user")),
        details: text(told, "details"),
        at: text(told, "timestamp"),
    }
}

fn list<'a>(told: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    told.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Text that is there and not empty.
pub(super) fn known(told: &Value, name: &str) -> Option<String> {
    let found = told.get(name)?.as_str()?;
    (!found.is_empty()).then(|| found.to_owned())
}

/// What stands in a field, as text: a status of `123` is the status "123", and none is none.
pub(super) fn text(told: &Value, name: &str) -> String {
    match told.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_any_type_are_read_as_far_as_they_can_be() {
        let read = ticket(&json!({
            "_id": "6b0292be0000000000000001", "ticketNumber": "MNS-7", "name": "A", "title": null,
            "status": 123, "priority": "9", "type": ["x"], "comments": [
                { "id": "c", "author": "q@devteam.local", "body": "## QA PASS" }, 7, null,
            ],
            "history": { "0": "overwritten" },
        }));
        let read = read.unwrap();
        assert_eq!((read.id.as_str(), read.title.as_str()), ("MNS-7", "A"));
        assert_eq!((read.status.as_str(), read.priority, read.kind.as_str()), ("123", 5, "story"));
        let said: Vec<_> = read.comments.iter().map(|comment| comment.text.as_str()).collect();
        assert_eq!(said, ["## QA PASS", "", ""], "a comment keeps its place");
        assert_eq!(read.history, []);
        assert_eq!(ticket(&json!({ "title": "nameless" })), None);
        assert_eq!(ticket(&json!("MNS-7")), None);
    }

    #[test]
    fn p8_a_board_that_tells_of_another_ticket_is_noticed() {
        let told = json!({ "_id": "6b0292be0000000000000001", "ticketNumber": "MNS-7" });
        assert!(is_ticket(&told, &TicketId::from("mns-7")));
        assert!(is_ticket(&told, &TicketId::from("6b0292be0000000000000001")));
        assert!(!is_ticket(&told, &TicketId::from("MNS-8")));
    }
}
