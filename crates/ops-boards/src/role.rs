//! Who may do what on the planning board: a table, enforced by the store.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A role in the team.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Owns the backlog.
    Po,
    /// Writes.
    Dev,
    /// Reviews.
    Cq,
    /// Tests.
    Qa,
    /// Deploys.
    Ops,
    /// Leads the team; reads, writes comments and files tickets.
    Manager,
    /// Another person; like the manager.
    Human,
}

/// A ticket's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Not planned yet.
    Backlog,
    /// Planned.
    Todo,
    /// Being written.
    InProgress,
    /// Waiting for something.
    Blocked,
    /// Being reviewed.
    InReview,
    /// Being tested.
    InQa,
    /// Tested, to be merged.
    Completed,
    /// Ready for production.
    Rfp,
    /// Deployed.
    Closed,
}

/// A field of a ticket that a caller may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Name,
    Title,
    Description,
    Priority,
    Complexity,
    Assignee,
    Labels,
    Release,
    Type,
    More,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 7] =
        [Self::Po, Self::Dev, Self::Cq, Self::Qa, Self::Ops, Self::Manager, Self::Human];

    /// As it is written on the wire and mentioned in a message.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Po => "po",
            Self::Dev => "dev",
            Self::Cq => "cq",
            Self::Qa => "qa",
            Self::Ops => "ops",
            Self::Manager => "manager",
            Self::Human => "human",
        }
    }

    /// Reads a role's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether its members are agents rather than people.
    pub fn is_agent(self) -> bool {
        !matches!(self, Self::Manager | Self::Human)
    }

    /// The columns that `DevTeam`'s board seeds for it to watch.
    pub(crate) fn watches(self) -> &'static [&'static str] {
        match self {
            Self::Po => &["rfp", "backlog", "blocked"],
            Self::Dev => &["todo", "in-progress", "completed"],
            Self::Cq => &["in-review"],
            Self::Qa => &["in-qa"],
            Self::Ops => &["rfp"],
            Self::Manager | Self::Human => &[],
        }
    }

    /// Whether its comments are stamped with the candidate that they judge.
    pub(crate) fn judges(self) -> bool {
        matches!(self, Self::Cq | Self::Qa)
    }

    /// Whether it may move a ticket from one status to another.
    pub fn may_move(self, from: Status, to: Status) -> bool {
        self == Self::Po || self.moves().contains(&(from, to))
    }

    /// The moves that it may make; the product owner may make all, so its list is empty.
    pub fn moves(self) -> &'static [(Status, Status)] {
        use Status::{Closed, Completed, InProgress, InQa, InReview, Rfp, Todo};
        match self {
            Self::Dev => &[
                (Todo, InProgress),
                (InProgress, InReview),
                (InProgress, Todo),
                (InReview, InProgress),
                (Completed, Rfp),
            ],
            Self::Cq => &[(InReview, InQa), (InReview, InProgress)],
            Self::Qa => &[(InQa, Rfp), (InQa, Completed), (InQa, InProgress)],
            Self::Ops => &[(Rfp, Closed)],
            Self::Po | Self::Manager | Self::Human => &[],
        }
    }

    /// The roles that may make a move.
    pub(crate) fn who_may(from: Status, to: Status) -> Vec<&'static str> {
        Self::ALL.iter().filter(|role| role.may_move(from, to)).map(|role| role.as_str()).collect()
    }

    /// Whether it may change a field. Priority and type decide which windows and budgets hold a
    /// ticket, so they are the product owner's alone.
    pub(crate) fn may_write(self, field: Field) -> bool {
        match self {
            Self::Po => true,
            Self::Dev => matches!(
                field,
                Field::Name
                    | Field::Title
                    | Field::Description
                    | Field::Complexity
                    | Field::Labels
                    | Field::Release
                    | Field::More
            ),
            Self::Cq | Self::Qa | Self::Ops | Self::Manager | Self::Human => false,
        }
    }

    /// Whether it may file a ticket with this status.
    pub(crate) fn may_create(self, status: Status) -> bool {
        match self {
            Self::Po => true,
            Self::Cq | Self::Qa | Self::Manager | Self::Human => status == Status::Backlog,
            Self::Dev | Self::Ops => false,
        }
    }

    /// Whether it may set a field while it files a ticket.
    pub(crate) fn may_file_with(self, field: Field) -> bool {
        self == Self::Po
            || !matches!(field, Field::Priority | Field::Type | Field::Assignee | Field::Release)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Status {
    /// All statuses, in the order of the way.
    pub const ALL: [Self; 9] = [
        Self::Backlog,
        Self::Todo,
        Self::InProgress,
        Self::Blocked,
        Self::InReview,
        Self::InQa,
        Self::Completed,
        Self::Rfp,
        Self::Closed,
    ];

    /// As it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Backlog => "backlog",
            Self::Todo => "todo",
            Self::InProgress => "in-progress",
            Self::Blocked => "blocked",
            Self::InReview => "in-review",
            Self::InQa => "in-qa",
            Self::Completed => "completed",
            Self::Rfp => "rfp",
            Self::Closed => "closed",
        }
    }

    /// As a person reads it above a column.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Backlog => "Backlog",
            Self::Todo => "TODO",
            Self::InProgress => "In Progress",
            Self::Blocked => "Blocked",
            Self::InReview => "In Review",
            Self::InQa => "QA",
            Self::Completed => "Completed",
            Self::Rfp => "Ready for Production",
            Self::Closed => "Closed",
        }
    }

    /// Reads a status.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Field {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Title => "title",
            Self::Description => "description",
            Self::Priority => "priority",
            Self::Complexity => "complexity",
            Self::Assignee => "assignee",
            Self::Labels => "labels",
            Self::Release => "release",
            Self::Type => "type",
            Self::More => "parentId",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each role × each move, written out so that a change of the table shows as a change here.
    #[test]
    fn p3_every_role_has_only_its_moves() {
        let table = Role::ALL.map(|role| {
            let moves: Vec<String> = Status::ALL
                .into_iter()
                .flat_map(|from| Status::ALL.map(|to| (from, to)))
                .filter(|(from, to)| from != to && role.may_move(*from, *to))
                .map(|(from, to)| format!("{from} → {to}"))
                .collect();
            let said = if moves.len() == 72 { "all".to_owned() } else { moves.join(", ") };
            format!("{role}: {said}")
        });
        insta::assert_snapshot!(table.join("\n"), @"
        po: all
        dev: todo → in-progress, in-progress → todo, in-progress → in-review, in-review → in-progress, completed → rfp
        cq: in-review → in-progress, in-review → in-qa
        qa: in-qa → in-progress, in-qa → completed, in-qa → rfp
        ops: rfp → closed
        manager: 
        human:
        ");
    }

    #[test]
    fn names_are_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Status::parse("RFP"), None);
    }
}
