use ops_core::{
    id::{Identity, TicketId},
    ticket::{Message, Ticket},
};

use super::{Act, Look};

/// A planning board, as ops may use it: read, comment, move from `rfp` to `closed`.
pub trait Planning: Send + Sync {
    /// ops's own identity on the board.
    fn me(&self) -> Look<Identity>;

    /// All tickets in `rfp`, whole.
    fn ready(&self) -> Look<Vec<Ticket>>;

    /// One ticket, whole; `None` if the board says that there is none.
    fn ticket(&self, id: &TicketId) -> Look<Option<Ticket>>;

    /// One ticket as it stood half a minute ago at the earliest, for those who only wait: many of
    /// them may cost a board one question.
    fn glance(&self, id: &TicketId) -> Look<Option<Ticket>> {
        self.ticket(id)
    }

    /// Adds a comment.
    fn comment(&self, id: &TicketId, text: &str) -> Act;

    /// Moves a ticket to `closed`.
    fn close(&self, id: &TicketId) -> Act;
}

/// A meeting board.
pub trait Meeting: Send + Sync {
    /// Posts in a channel.
    fn post(&self, channel: &str, text: &str) -> Act;

    /// Messages of a channel after the one with this id (`None`: from the first), oldest first,
    /// at most 500.
    fn messages(&self, channel: &str, after: Option<&str>) -> Look<Vec<Message>>;

    /// Messages of all channels that mention ops, after the one with this id, oldest first, at
    /// most 500.
    fn mentions(&self, after: Option<&str>) -> Look<Vec<Message>>;
}
