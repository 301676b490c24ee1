//! The team of the demo: a product owner, a developer, a reviewer and a tester, each with a token
//! of their own, who put a ticket through the pipeline as agents would.

use std::{net::SocketAddr, path::Path};

use ops_boards::{BoardClient, MessageQuery, NewTicket};
use ops_core::id::Digest;

use super::site::SiteError;

/// The channel in which ops speaks, as the stage's `ops.yaml` names it.
const CHANNEL: &str = "standup";

/// The people.
pub struct Team {
    po: BoardClient,
    dev: BoardClient,
    cq: BoardClient,
    qa: BoardClient,
}

/// What a ticket is about.
pub struct Story<'a> {
    /// The ticket's title.
    pub title: &'a str,
    /// The version in the notes.
    pub version: &'a str,
    /// Where the candidate lies.
    pub artifact: &'a Path,
    /// Digest of its content.
    pub digest: &'a Digest,
}

impl Team {
    /// Everybody with their token, by identity.
    ///
    /// # Errors
    ///
    /// If somebody gets no token.
    pub fn new(
        boards: SocketAddr,
        token: impl Fn(&str) -> Result<String, SiteError>,
    ) -> Result<Self, SiteError> {
        let base = format!("http://{boards}");
        let client = |who: &str| {
            BoardClient::new(&base, &token(who)?)
                .map_err(|why| SiteError::other("a board client", why))
        };
        Ok(Self {
            po: client("pia@example.org")?,
            dev: client("dan@example.org")?,
            cq: client("cleo@example.org")?,
            qa: client("quinn@example.org")?,
        })
    }

    /// Puts a ticket through DEV, CQ and QA and returns its number: it is `rfp` then.
    ///
    /// # Errors
    ///
    /// If the board refuses a step.
    pub fn ship(&self, story: &Story<'_>) -> Result<String, SiteError> {
        let board = |why| SiteError::other("the planning board refused a step of the demo", why);
        let new = NewTicket { title: story.title.to_owned(), ..NewTicket::default() };
        let ticket = self.po.create(&new).map_err(board)?.ticket_number;
        let id = ticket.as_str();
        self.po.move_ticket(id, "todo").map_err(board)?;
        self.dev.move_ticket(id, "in-progress").map_err(board)?;
        self.dev.comment(id, &notes(story)).map_err(board)?;
        self.dev.move_ticket(id, "in-review").map_err(board)?;
        let words = format!("APPROVED. Security and quality reviewed, {}.", story.digest.short());
        self.cq.comment(id, &words).map_err(board)?;
        self.cq.move_ticket(id, "in-qa").map_err(board)?;
        let words = format!("## QA PASS\n\n- [x] smoke\n- [x] {}", story.digest.short());
        self.qa.comment(id, &words).map_err(board)?;
        self.qa.move_ticket(id, "rfp").map_err(board)?;
        Ok(ticket)
    }

    /// A ticket's status now.
    ///
    /// # Errors
    ///
    /// If the board does not answer.
    pub fn status(&self, ticket: &str) -> Result<String, SiteError> {
        let shown = self.po.show(ticket);
        shown.map(|shown| shown.status).map_err(|why| SiteError::other("a ticket", why))
    }

    /// The texts of a ticket's comments, oldest first.
    ///
    /// # Errors
    ///
    /// If the board does not answer.
    pub fn comments(&self, ticket: &str) -> Result<Vec<String>, SiteError> {
        let shown = self.po.show(ticket).map_err(|why| SiteError::other("a ticket", why))?;
        Ok(shown.comments.into_iter().map(|comment| comment.text).collect())
    }

    /// The texts of the oldest messages of the team's channel, at most `limit`.
    ///
    /// # Errors
    ///
    /// If the board does not answer.
    pub fn posts(&self, limit: usize) -> Result<Vec<String>, SiteError> {
        let query = MessageQuery { limit: Some(limit), ..MessageQuery::default() };
        let read = self.po.messages(CHANNEL, &query);
        let read = read.map_err(|why| SiteError::other("the meeting board", why))?;
        Ok(read.into_iter().map(|message| message.content).collect())
    }
}

fn notes(story: &Story<'_>) -> String {
    format!(
        "Ready for review.\n\n```ops\nservice: shop\nartifact: {}\ndigest: {}\nversion: {}\n\
         migrations: none\nrollback: previous\n```\n",
        story.artifact.display(),
        story.digest,
        story.version
    )
}
