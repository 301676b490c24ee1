//! The ports of the engine directly on the store: ops as one member among others, by the same
//! rules as everybody (it can read, comment, and move from `rfp` to `closed`).

use std::sync::Arc;

use ops_core::{
    id::{Digest, Identity, TicketId},
    ticket::{Change, Comment, Message, Ticket},
    world::Fault,
};
use ops_engine::ports::{Act, ActError, Look, Meeting, Planning};

use crate::{
    BoardError, BoardStore, ListQuery, Member, limits,
    role::{Role, Status},
    store::Posted,
    wire::TicketWire,
};

/// The embedded planning board, as ops.
pub struct EmbeddedPlanning {
    store: Arc<BoardStore>,
    me: String,
}

/// The embedded meeting board, as ops.
pub struct EmbeddedMeeting {
    store: Arc<BoardStore>,
    me: String,
}

impl EmbeddedPlanning {
    /// Acts as the member with this id, which must have the role `ops`.
    pub fn new(store: Arc<BoardStore>, me: &str) -> Result<Self, BoardError> {
        as_ops(&store, me)?;
        Ok(Self { store, me: me.to_owned() })
    }
}

impl EmbeddedMeeting {
    /// Acts as the member with this id, which must have the role `ops`.
    pub fn new(store: Arc<BoardStore>, me: &str) -> Result<Self, BoardError> {
        as_ops(&store, me)?;
        Ok(Self { store, me: me.to_owned() })
    }
}

/// The member is read anew for each call: a role or e-mail that changed counts at once.
fn as_ops(store: &BoardStore, id: &str) -> Result<Member, BoardError> {
    let member = store.member(id)?;
    if member.role() == Role::Ops {
        return Ok(member);
    }
    Err(BoardError::Forbidden {
        role: member.role(),
        what: format!("act as ops (member `{id}`)"),
        allowed: "give ops an identity with the role ops in ops.yaml".to_owned(),
    })
}

impl Planning for EmbeddedPlanning {
    fn me(&self) -> Look<Identity> {
        as_ops(&self.store, &self.me)
            .map(|member| Identity::new(member.email()))
            .map_err(|error| fault(&error, "embedded planning board"))
    }

    fn ready(&self) -> Look<Vec<Ticket>> {
        let query = ListQuery {
            status: Some(Status::Rfp.as_str().to_owned()),
            limit: Some(limits::LIST_MAX),
            ..ListQuery::default()
        };
        let found =
            self.store.list(&query).map_err(|error| fault(&error, "embedded planning board"))?;
        if found.len() == limits::LIST_MAX {
            return Err(Fault::new(
                format!("there are {} tickets in rfp or more", limits::LIST_MAX),
                "embedded planning board",
                "close what was deployed, or ask PO to take tickets back",
            ));
        }
        found.into_iter().map(ticket).collect()
    }

    fn ticket(&self, id: &TicketId) -> Look<Option<Ticket>> {
        match self.store.ticket(id.as_str()) {
            Ok(found) => ticket(found).map(Some),
            Err(BoardError::NoTicket(_) | BoardError::NotAnId(_)) => Ok(None),
            Err(error) => Err(fault(&error, id.as_str())),
        }
    }

    fn comment(&self, id: &TicketId, text: &str) -> Act {
        as_ops(&self.store, &self.me)
            .and_then(|me| self.store.comment(&me, id.as_str(), text))
            .map(drop)
            .map_err(|error| failed(&error, id.as_str()))
    }

    fn close(&self, id: &TicketId) -> Act {
        as_ops(&self.store, &self.me)
            .and_then(|me| self.store.move_ticket(&me, id.as_str(), Status::Closed.as_str()))
            .map(drop)
            .map_err(|error| failed(&error, id.as_str()))
    }
}

impl Meeting for EmbeddedMeeting {
    fn post(&self, channel: &str, text: &str) -> Act {
        as_ops(&self.store, &self.me)
            .and_then(|me| self.store.post(&me, channel, text, None))
            .map(drop)
            .map_err(|error| failed(&error, &place(channel)))
    }

    fn messages(&self, channel: &str, after: Option<&str>) -> Look<Vec<Message>> {
        let name = channel.strip_prefix('#').unwrap_or(channel);
        let found = self
            .store
            .follow_channel(name, after)
            .map_err(|error| fault(&error, &place(channel)))?;
        self.messages_of(found)
    }

    fn mentions(&self, after: Option<&str>) -> Look<Vec<Message>> {
        let found = self
            .store
            .follow_mentions([&self.me, Role::Ops.as_str()], after)
            .map_err(|error| fault(&error, "embedded meeting board"))?;
        self.messages_of(found)
    }
}

impl EmbeddedMeeting {
    /// Messages with their authors as `ops.yaml` knows people: by e-mail, as on the planning
    /// board, so that one list says who may do what.
    fn messages_of(&self, found: Vec<Posted>) -> Look<Vec<Message>> {
        let members =
            self.store.members().map_err(|error| fault(&error, "embedded meeting board"))?;
        Ok(found.into_iter().map(|posted| message(posted, &self.me, &members)).collect())
    }
}

fn place(channel: &str) -> String {
    format!("#{} of the embedded meeting board", channel.strip_prefix('#').unwrap_or(channel))
}

fn ticket(wire: TicketWire) -> Look<Ticket> {
    let title = wire.shown().to_owned();
    let comments = wire.comments.into_iter().map(|comment| {
        let candidate = comment.candidate.map(|text| text.parse::<Digest>()).transpose();
        candidate
            .map(|candidate| Comment {
                id: comment.id,
                author: Identity(comment.author),
                text: comment.text,
                at: comment.timestamp,
                candidate,
            })
            .map_err(|why| {
                Fault::new(why.to_string(), &wire.ticket_number, "restore the board file")
            })
    });
    Ok(Ticket {
        comments: comments.collect::<Result<_, _>>()?,
        id: TicketId(wire.ticket_number.clone()),
        title,
        description: wire.description.unwrap_or_default(),
        status: wire.status,
        // The store keeps 1 to 5; anything else counts as the lowest.
        priority: u8::try_from(wire.priority).unwrap_or(1),
        kind: wire.kind,
        history: wire
            .history
            .into_iter()
            .map(|entry| Change {
                action: entry.action,
                user: Identity(entry.user),
                details: entry.details,
                at: entry.timestamp,
            })
            .collect(),
    })
}

fn message(posted: Posted, me: &str, members: &[Member]) -> Message {
    let wire = posted.wire;
    let author = members
        .iter()
        .find(|member| member.id() == wire.author)
        .map_or(wire.author.as_str(), Member::email)
        .to_owned();
    let mentions_ops = wire.mentions.iter().any(|who| who == me || who == Role::Ops.as_str());
    // On a permissive board whoever shows no token is the manager.
    let authenticated = wire.author != Member::anonymous().id();
    Message {
        id: wire.id,
        channel: posted.channel,
        thread: wire.thread_id,
        author: Identity(author),
        authenticated,
        text: wire.content,
        mentions_ops,
        at: wire.created_at,
    }
}

fn fault(error: &BoardError, place: &str) -> Fault {
    let next = match error {
        BoardError::Storage { .. } | BoardError::File { .. } => {
            "check the disk under ops's state folder; ops tries again by itself"
        }
        BoardError::Uncertain(_) => "read the board back before trying again",
        BoardError::NoMember(_) | BoardError::Forbidden { .. } => {
            "check the identity of ops in ops.yaml"
        }
        BoardError::MoveForbidden { .. } => "ask the team on the meeting board to move it",
        _ => "change what was asked for; trying again alone does not help",
    };
    Fault::new(error.to_string(), place, next)
}

/// Only a write whose last step failed may have had its effect; every other error came before it.
fn failed(error: &BoardError, place: &str) -> ActError {
    let fault = fault(error, place);
    match error {
        BoardError::Uncertain(_) => ActError::Unknown(fault),
        _ => ActError::NotApplied(fault),
    }
}
