//! What any token may do on `DevTeam`'s planning board and on no embedded one: write over the
//! comments and the history of a ticket. What is written later comes behind.

use std::collections::BTreeMap;

use axum::body::Bytes;
use serde_json::Value;

/// The arrays of tickets that were written over, by number.
#[derive(Debug, Default)]
pub(crate) struct Overwrites(BTreeMap<String, BTreeMap<&'static str, (Vec<Value>, usize)>>);

impl Overwrites {
    /// Whether there are any.
    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Writes over an array of a ticket that truly has `known` entries now.
    pub(crate) fn put(&mut self, ticket: &str, array: &'static str, new: Vec<Value>, known: usize) {
        self.0.entry(ticket.to_owned()).or_default().insert(array, (new, known));
    }

    /// Whether a ticket was written over.
    pub(crate) fn of(&self, ticket: &str) -> bool {
        self.0.contains_key(ticket)
    }

    /// Puts a ticket back as it truly is.
    pub(crate) fn restore(&mut self, ticket: &str) {
        self.0.remove(ticket);
    }

    /// An answer of the board as it is now.
    pub(crate) fn shown(&self, body: &Bytes) -> Bytes {
        let Ok(mut told) = serde_json::from_slice::<Value>(body) else { return body.clone() };
        match &mut told {
            Value::Array(tickets) => tickets.iter_mut().for_each(|ticket| self.show(ticket)),
            ticket => self.show(ticket),
        }
        Bytes::from(told.to_string())
    }

    /// A ticket as it is now.
    pub(crate) fn show(&self, ticket: &mut Value) {
        let Some(number) = ticket.get("ticketNumber").and_then(Value::as_str) else { return };
        let Some(arrays) = self.0.get(number) else { return };
        for (array, (new, known)) in arrays {
            if let Some(Value::Array(all)) = ticket.get_mut(*array) {
                let later = all.iter().skip(*known).cloned();
                *all = new.iter().cloned().chain(later).collect();
            }
        }
    }
}
