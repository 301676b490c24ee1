//! Files tickets, changes them and moves them: the role rules of the planning board.

use ops_core::id::Digest;
use rusqlite::{Connection, OptionalExtension as _, named_params, params};
use serde_json::Map;

use super::{
    BoardStore, Edit, Member, NewTicket, backlog, bounded, edit, millis, random_id, reading,
    rights,
    rows::{self, Stored},
    watch,
};
use crate::{
    BoardError,
    feed::{Feed, Topic},
    limits,
    notice::{self, Happening, Notice},
    role::{Role, Status},
    wire::{ChangesWire, EventWire, TicketWire, json_text},
};

/// A change that was made, or asked for without changing anything.
struct Edited {
    before: TicketWire,
    after: TicketWire,
    changed: bool,
}

impl BoardStore {
    /// Files a ticket.
    pub fn create(&self, by: &Member, new: &NewTicket) -> Result<TicketWire, BoardError> {
        let settings = self.settings();
        let status = new.status.as_deref().filter(|status| !status.is_empty());
        let status = known_status(status.unwrap_or("backlog"))?;
        if !settings.permissive {
            rights::may_file(by, new, status)?;
        }
        let mut wire = blank(by, new, status);
        let assignee = new.assignee.clone().filter(|assignee| !assignee.is_empty());
        let fields = Edit {
            description: new.description.clone().into(),
            priority: new.priority,
            complexity: new.complexity,
            assignee: assignee.into(),
            labels: new.labels.clone().into(),
            release: new.release.clone().into(),
            kind: new.kind.clone().filter(|kind| !kind.is_empty()),
            more: new.more.clone(),
            ..Edit::default()
        };
        edit::check(&fields)?;
        for text in [&wire.title, &wire.name].into_iter().flatten() {
            bounded("a title", text, limits::TITLE_BYTES)?;
        }
        edit::set(&mut wire, &fields);
        self.write_told(
            |db, now| {
                let now = millis(now);
                insert(db, &mut wire, new.board_id.as_deref(), now)?;
                let row = reading::find(db, &wire.id)?;
                note(db, &row, by, "created", "Task created", now)?;
                let ticket = reading::one(db, &wire.id)?;
                let told = match &ticket.assignee {
                    Some(_) => {
                        let url = &settings.public_url;
                        let recipients = watch::recipients(db)?;
                        notice::notices(&recipients, &ticket, by.email(), Happening::Assigned, url)
                    }
                    None => Vec::new(),
                };
                Ok((ticket, told))
            },
            |feed, ticket| {
                let event = EventWire::TaskCreated { task: ticket, user: by.email() };
                feed.tell(Topic::Board(&ticket.board_id), || json_text(&event));
            },
        )
    }

    /// Changes a ticket and tells nobody's gateway. Only what differs needs a right, so a caller
    /// may repeat what stands there.
    pub fn edit(&self, by: &Member, id: &str, change: &Edit) -> Result<TicketWire, BoardError> {
        self.change(by, id, change, false)
    }

    /// Changes a ticket and tells the gateways of those whom it concerns.
    pub fn edit_and_notify(
        &self,
        by: &Member,
        id: &str,
        change: &Edit,
    ) -> Result<TicketWire, BoardError> {
        self.change(by, id, change, true)
    }

    /// Moves a ticket and tells the gateways of those whom it concerns.
    pub fn move_ticket(&self, by: &Member, id: &str, to: &str) -> Result<TicketWire, BoardError> {
        self.change(by, id, &Edit { status: Some(to.to_owned()), ..Edit::default() }, true)
    }

    fn change(
        &self,
        by: &Member,
        id: &str,
        change: &Edit,
        notify: bool,
    ) -> Result<TicketWire, BoardError> {
        edit::check(change)?;
        let settings = self.settings();
        let to = change.status.as_deref().map(known_status).transpose()?;
        let edited = self.write_told(
            |db, now| {
                let edited = apply(db, by, id, (change, to), settings.permissive, millis(now))?;
                let told =
                    if notify { edited.notices(db, by, &settings.public_url)? } else { Vec::new() };
                Ok((edited, told))
            },
            |feed, edited| edited.tell(feed, by),
        )?;
        Ok(edited.after)
    }

    /// Says which candidate is to be judged on this ticket: comments by CQ and QA are stamped with
    /// it from now on. Not a change of the ticket: `updatedAt` and history stay.
    pub fn set_candidate(&self, id: &str, candidate: Option<&Digest>) -> Result<(), BoardError> {
        self.write(|db, _| {
            let row = reading::find(db, id)?;
            db.execute(
                "UPDATE ticket SET candidate = ? WHERE seq = ?",
                params![candidate.map(Digest::as_str), row.seq],
            )?;
            Ok(())
        })
    }
}

fn apply(
    db: &Connection,
    by: &Member,
    id: &str,
    (change, to): (&Edit, Option<Status>),
    permissive: bool,
    now: i64,
) -> Result<Edited, BoardError> {
    let mut row = reading::find(db, id)?;
    let before = row.wire.clone();
    edit::set(&mut row.wire, change);
    if let Some(to) = to {
        rights::move_to(by.role(), permissive, &mut row.wire, to)?;
    }
    let changed = row.wire != before;
    if changed {
        if !permissive {
            rights::may_write(by.role(), &before, &row.wire)?;
        }
        save(db, &row, by, now)?;
        for (action, details) in edit::changes(&before, &row.wire) {
            note(db, &row, by, action, &details, now)?;
            row.changes += 1;
        }
    }
    Ok(Edited { before, after: reading::one(db, id)?, changed })
}

impl Edited {
    fn moved(&self) -> bool {
        self.before.status != self.after.status
    }

    fn assigned(&self) -> bool {
        self.before.assignee != self.after.assignee
    }

    fn notices(&self, db: &Connection, by: &Member, url: &str) -> Result<Vec<Notice>, BoardError> {
        if !self.changed {
            return Ok(Vec::new());
        }
        let recipients = watch::recipients(db)?;
        let tell = |what| notice::notices(&recipients, &self.after, by.email(), what, url);
        let mut told = Vec::new();
        if self.assigned() && self.after.assignee.is_some() {
            told.extend(tell(Happening::Assigned));
        }
        if self.moved() {
            told.extend(tell(Happening::Moved { from: &self.before.status }));
        }
        if !self.assigned() && !self.moved() {
            told.extend(tell(Happening::Updated));
        }
        Ok(told)
    }

    fn tell(&self, feed: &Feed, by: &Member) {
        if !self.changed {
            return;
        }
        let moved = self.moved();
        let changes = ChangesWire {
            status_changed: moved,
            assignee_changed: self.assigned(),
            old_status: moved.then_some(&self.before.status),
            new_status: moved.then_some(&self.after.status),
        };
        let event = EventWire::TaskUpdated { task: &self.after, user: by.email(), changes };
        feed.tell(Topic::Board(&self.after.board_id), || json_text(&event));
    }
}

/// Writes a history entry, if the ticket still has room for it.
pub(super) fn note(
    db: &Connection,
    row: &Stored,
    by: &Member,
    action: &str,
    details: &str,
    now: i64,
) -> Result<(), BoardError> {
    let reserve = if by.role() == Role::Ops { limits::RESERVED_FOR_OPS } else { 0 };
    if row.changes >= limits::HISTORY_PER_TICKET + reserve {
        return Err(BoardError::Full(format!(
            "{} holds {} history entries already: go on in a new ticket",
            row.wire.ticket_number, row.changes
        )));
    }
    db.prepare_cached(
        "INSERT INTO history (ticket, action, user, details, at) VALUES (?, ?, ?, ?, ?)",
    )?
    .execute(params![row.seq, action, by.email(), details, now])?;
    db.prepare_cached("UPDATE ticket SET changes = changes + 1 WHERE seq = ?")?
        .execute([row.seq])?;
    Ok(())
}

fn known_status(text: &str) -> Result<Status, BoardError> {
    Status::parse(text).ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        BoardError::Refused(format!("`{text}` is no status: use one of {}", names.join(", ")))
    })
}

fn blank(by: &Member, new: &NewTicket, status: Status) -> TicketWire {
    let given = Some(new.title.clone()).filter(|title| !title.is_empty());
    let (title, name) = if new.as_sent {
        (given, new.name.clone())
    } else {
        let title = given.unwrap_or_else(|| "Untitled".to_owned());
        (Some(title.clone()), Some(title))
    };
    TicketWire {
        id: String::new(),
        title,
        name,
        description: None,
        status: status.as_str().to_owned(),
        priority: 3,
        kind: "story".to_owned(),
        board_id: String::new(),
        ticket_number: String::new(),
        rank: 0,
        complexity: 3,
        assignee: None,
        labels: None,
        release: None,
        candidate: None,
        comments: Vec::new(),
        history: Vec::new(),
        created_at: String::new(),
        created_by: by.email().to_owned(),
        updated_at: String::new(),
        updated_by: by.email().to_owned(),
        more: Map::new(),
    }
}

fn insert(
    db: &Connection,
    ticket: &mut TicketWire,
    board: Option<&str>,
    now: i64,
) -> Result<(), BoardError> {
    // The sequence never goes back, so the number of a deleted ticket is not given again.
    let number: i64 = db.query_row(
        "SELECT max((SELECT coalesce(max(number), 0) FROM ticket),
             coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'ticket'), 0)) + 1",
        [],
        |row| row.get(0),
    )?;
    if number > limits::TICKETS {
        return Err(BoardError::Full(format!(
            "the board holds {} tickets, which is its bound: begin a new board file",
            limits::TICKETS
        )));
    }
    let known: Option<String> = match board {
        Some(id) => db.query_row("SELECT id FROM board WHERE id = ?", [id], |row| row.get(0)),
        None => db.query_row("SELECT id FROM board ORDER BY seq LIMIT 1", [], |row| row.get(0)),
    }
    .optional()?;
    ticket.board_id =
        known.ok_or_else(|| BoardError::Refused("Invalid boardId - board not found".to_owned()))?;
    ticket.id = random_id(now)?;
    ticket.ticket_number = rows::number_text(number);
    ticket.rank = match rows::status(ticket)? {
        Status::Completed | Status::Rfp | Status::Closed => 0,
        _ => backlog::place(db, ticket.priority)?,
    };
    let more = edit::free_fields(ticket)?;
    db.execute(
        "INSERT INTO ticket (id, number, board_id, kind, title, name, description, status,
             priority, complexity, rank, assignee, labels, release, more,
             created_at, created_by, updated_at, updated_by)
         VALUES (:id, :number, :board, :kind, :title, :name, :description, :status,
             :priority, :complexity, :rank, :assignee, :labels, :release, :more,
             :now, :by, :now, :by)",
        named_params! {
            ":id": ticket.id, ":number": number, ":board": ticket.board_id,
            ":kind": ticket.kind, ":title": ticket.title, ":name": ticket.name,
            ":description": ticket.description, ":status": ticket.status,
            ":priority": ticket.priority, ":complexity": ticket.complexity, ":rank": ticket.rank,
            ":assignee": ticket.assignee, ":labels": labels(ticket), ":release": ticket.release,
            ":more": more, ":now": now, ":by": ticket.created_by,
        },
    )?;
    Ok(())
}

fn save(db: &Connection, row: &Stored, by: &Member, now: i64) -> Result<(), BoardError> {
    let ticket = &row.wire;
    db.execute(
        "UPDATE ticket SET kind = :kind, title = :title, name = :name, description = :description,
             status = :status, priority = :priority, complexity = :complexity,
             assignee = :assignee, labels = :labels, release = :release, more = :more, updated_at = :now, updated_by = :by
         WHERE seq = :seq",
        named_params! {
            ":kind": ticket.kind, ":title": ticket.title, ":name": ticket.name,
            ":description": ticket.description, ":status": ticket.status,
            ":priority": ticket.priority, ":complexity": ticket.complexity,
            ":assignee": ticket.assignee, ":labels": labels(ticket), ":release": ticket.release,
            ":more": edit::free_fields(ticket)?,
            ":now": now, ":by": by.email(), ":seq": row.seq,
        },
    )?;
    Ok(())
}

fn labels(ticket: &TicketWire) -> Option<String> {
    ticket.labels.as_ref().map(json_text)
}
