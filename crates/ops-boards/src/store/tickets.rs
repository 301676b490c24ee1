//! Files tickets, changes them and moves them: the role rules of the planning board.

use ops_core::id::Digest;
use rusqlite::{Connection, OptionalExtension as _, named_params, params};

use super::{
    BoardStore, Edit, Member, NewTicket, bounded, edit, millis, random_id, reading,
    rows::{self, Stored},
};
use crate::{
    BoardError, limits,
    role::{Field, Role, Status},
    wire::TicketWire,
};

impl BoardStore {
    /// Files a ticket.
    pub fn create(&self, by: &Member, new: &NewTicket) -> Result<TicketWire, BoardError> {
        let status = known_status(new.status.as_deref().unwrap_or("backlog"))?;
        may_file(by, new, status)?;
        let mut wire = blank(by, new, status);
        let fields = Edit {
            description: new.description.clone().into(),
            priority: new.priority,
            complexity: new.complexity,
            assignee: new.assignee.clone().into(),
            labels: new.labels.clone().into(),
            release: new.release.clone().into(),
            kind: new.kind.clone(),
            ..Edit::default()
        };
        edit::check(&fields)?;
        bounded("a title", &wire.title.clone().unwrap_or_default(), limits::TITLE_BYTES)?;
        edit::set(&mut wire, &fields);
        self.write(|db, now| {
            let now = millis(now);
            insert(db, &mut wire, new.board_id.as_deref(), now)?;
            let row = reading::find(db, &wire.id)?;
            note(db, &row, by, "created", "Task created", now)?;
            reading::one(db, &wire.id)
        })
    }

    /// Changes a ticket: only what differs needs a right, so a caller may repeat what stands there.
    pub fn edit(&self, by: &Member, id: &str, change: &Edit) -> Result<TicketWire, BoardError> {
        edit::check(change)?;
        let to = change.status.as_deref().map(known_status).transpose()?;
        self.write(|db, now| {
            let now = millis(now);
            let mut row = reading::find(db, id)?;
            let before = row.wire.clone();
            edit::set(&mut row.wire, change);
            if let Some(to) = to {
                move_to(by.role(), &mut row.wire, to)?;
            }
            if row.wire == before {
                return reading::one(db, id);
            }
            may_write(by.role(), &before, &row.wire)?;
            save(db, &row, by, now)?;
            for (action, details) in edit::changes(&before, &row.wire) {
                note(db, &row, by, action, &details, now)?;
                row.changes += 1;
            }
            reading::one(db, id)
        })
    }

    /// Moves a ticket.
    pub fn move_ticket(&self, by: &Member, id: &str, to: &str) -> Result<TicketWire, BoardError> {
        self.edit(by, id, &Edit { status: Some(to.to_owned()), ..Edit::default() })
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

fn move_to(role: Role, ticket: &mut TicketWire, to: Status) -> Result<(), BoardError> {
    let from = rows::status(ticket)?;
    if from != to && !role.may_move(from, to) {
        return Err(BoardError::MoveForbidden { role, from, to });
    }
    to.as_str().clone_into(&mut ticket.status);
    Ok(())
}

fn may_file(by: &Member, new: &NewTicket, status: Status) -> Result<(), BoardError> {
    let role = by.role();
    let forbidden = |what: String, allowed: &str| {
        Err(BoardError::Forbidden { role, what, allowed: allowed.to_owned() })
    };
    if !role.may_create(status) {
        return forbidden(
            format!("file a ticket in {status}"),
            "po may file anywhere; cq, qa, manager and human may file in backlog",
        );
    }
    let given = [
        (Field::Priority, new.priority.is_some()),
        (Field::Type, new.kind.is_some()),
        (Field::Assignee, new.assignee.is_some()),
        (Field::Release, new.release.is_some()),
    ];
    match given.iter().find(|(field, given)| *given && !role.may_file_with(*field)) {
        Some((field, _)) => {
            forbidden(format!("set `{}` on a new ticket", field.as_str()), "that is for po")
        }
        None => Ok(()),
    }
}

fn may_write(role: Role, before: &TicketWire, after: &TicketWire) -> Result<(), BoardError> {
    let differing = [
        (Field::Name, before.name != after.name),
        (Field::Title, before.title != after.title),
        (Field::Description, before.description != after.description),
        (Field::Priority, before.priority != after.priority),
        (Field::Complexity, before.complexity != after.complexity),
        (Field::Assignee, before.assignee != after.assignee),
        (Field::Labels, before.labels != after.labels),
        (Field::Release, before.release != after.release),
        (Field::Type, before.kind != after.kind),
    ];
    for (field, differs) in differing {
        if differs && !role.may_write(field) {
            let who: Vec<&str> = Role::ALL
                .iter()
                .filter(|other| other.may_write(field))
                .map(|other| other.as_str())
                .collect();
            return Err(BoardError::Forbidden {
                role,
                what: format!("change `{}`", field.as_str()),
                allowed: format!("that is for {}", who.join(", ")),
            });
        }
    }
    Ok(())
}

fn blank(by: &Member, new: &NewTicket, status: Status) -> TicketWire {
    let title = if new.title.is_empty() { "Untitled" } else { &new.title };
    TicketWire {
        id: String::new(),
        title: Some(title.to_owned()),
        name: Some(title.to_owned()),
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
    }
}

fn insert(
    db: &Connection,
    ticket: &mut TicketWire,
    board: Option<&str>,
    now: i64,
) -> Result<(), BoardError> {
    let (number, rank): (i64, i64) = db.query_row(
        "SELECT coalesce(max(number), 0) + 1, coalesce(max(rank), 0) + 1 FROM ticket",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
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
    ticket.board_id = known.ok_or_else(|| BoardError::Refused("boardId is no board".to_owned()))?;
    ticket.id = random_id(now)?;
    ticket.ticket_number = rows::number_text(number);
    ticket.rank = match rows::status(ticket)? {
        Status::Completed | Status::Rfp | Status::Closed => 0,
        _ => rank,
    };
    db.execute(
        "INSERT INTO ticket (id, number, board_id, kind, title, name, description, status,
             priority, complexity, rank, assignee, labels, release, folded,
             created_at, created_by, updated_at, updated_by)
         VALUES (:id, :number, :board, :kind, :title, :name, :description, :status,
             :priority, :complexity, :rank, :assignee, :labels, :release, :folded,
             :now, :by, :now, :by)",
        named_params! {
            ":id": ticket.id, ":number": number, ":board": ticket.board_id,
            ":kind": ticket.kind, ":title": ticket.title, ":name": ticket.name,
            ":description": ticket.description, ":status": ticket.status,
            ":priority": ticket.priority, ":complexity": ticket.complexity, ":rank": ticket.rank,
            ":assignee": ticket.assignee, ":labels": labels(ticket), ":release": ticket.release,
            ":folded": folded(ticket), ":now": now, ":by": ticket.created_by,
        },
    )?;
    Ok(())
}

fn save(db: &Connection, row: &Stored, by: &Member, now: i64) -> Result<(), BoardError> {
    let ticket = &row.wire;
    db.execute(
        "UPDATE ticket SET kind = :kind, title = :title, name = :name, description = :description,
             status = :status, priority = :priority, complexity = :complexity,
             assignee = :assignee, labels = :labels, release = :release, folded = :folded,
             updated_at = :now, updated_by = :by
         WHERE seq = :seq",
        named_params! {
            ":kind": ticket.kind, ":title": ticket.title, ":name": ticket.name,
            ":description": ticket.description, ":status": ticket.status,
            ":priority": ticket.priority, ":complexity": ticket.complexity,
            ":assignee": ticket.assignee, ":labels": labels(ticket), ":release": ticket.release,
            ":folded": folded(ticket), ":now": now, ":by": by.email(), ":seq": row.seq,
        },
    )?;
    Ok(())
}

fn labels(ticket: &TicketWire) -> Option<String> {
    ticket.labels.as_ref().map(|labels| serde_json::json!(labels).to_string())
}

/// What a search looks through, in lower case: `SQLite` itself folds only ASCII.
fn folded(ticket: &TicketWire) -> String {
    let part = |text: &Option<String>| text.as_deref().unwrap_or_default().to_lowercase();
    format!(
        "{}\n{}\n{}\n{}",
        ticket.ticket_number.to_lowercase(),
        part(&ticket.name),
        part(&ticket.title),
        part(&ticket.description)
    )
}
