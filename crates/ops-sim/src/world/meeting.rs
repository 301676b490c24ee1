//! The simulated meeting board.

use ops_core::ticket::Message;

/// Messages of all channels, oldest first.
#[derive(Debug, Clone, Default)]
pub struct SimMeeting {
    /// Messages.
    pub messages: Vec<Message>,
    /// Markers of posts whose write came late after an error had been answered.
    pub late: Vec<String>,
}

impl SimMeeting {
    /// Adds a message.
    pub fn post(&mut self, channel: &str, author: &str, text: &str, mentions_ops: bool) {
        let n = self.messages.len() + 1;
        self.messages.push(Message {
            id: format!("m{n:06}"),
            channel: channel.to_owned(),
            thread: None,
            author: author.into(),
            authenticated: true,
            text: text.to_owned(),
            mentions_ops,
            at: format!("2026-09-21T00:00:00.{n:06}Z"),
        });
    }

    /// Messages after the one with this id, at most 500.
    pub fn after(&self, after: Option<&str>, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let later = |message: &&Message| after.is_none_or(|after| message.id.as_str() > after);
        self.messages.iter().filter(later).filter(|one| wanted(one)).take(500).cloned().collect()
    }
}
