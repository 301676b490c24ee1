//! What each role may do to a ticket; the table itself is in `role`.

use super::{Member, NewTicket, rows};
use crate::{
    BoardError,
    role::{Field, Role, Status},
    wire::TicketWire,
};

/// Moves a ticket, if the role may or everybody may.
pub(super) fn move_to(
    role: Role,
    permissive: bool,
    ticket: &mut TicketWire,
    to: Status,
) -> Result<(), BoardError> {
    let from = rows::status(ticket)?;
    if from != to && !permissive && !role.may_move(from, to) {
        return Err(BoardError::MoveForbidden { role, from, to });
    }
    to.as_str().clone_into(&mut ticket.status);
    Ok(())
}

/// Whether a member may file this ticket.
pub(super) fn may_file(by: &Member, new: &NewTicket, status: Status) -> Result<(), BoardError> {
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
        (Field::More, !new.more.is_empty()),
    ];
    match given.iter().find(|(field, given)| *given && !role.may_file_with(*field)) {
        Some((field, _)) => {
            forbidden(format!("set `{}` on a new ticket", field.as_str()), "that is for po")
        }
        None => Ok(()),
    }
}

/// Whether a role may make of the one what is the other; a move is not looked at.
pub(super) fn may_write(
    role: Role,
    before: &TicketWire,
    after: &TicketWire,
) -> Result<(), BoardError> {
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
        (Field::More, before.more != after.more),
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
