//! Who may use the boards: identities, their roles, and their tokens as hashes.

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use sha2::{Digest as _, Sha256};

use super::{BoardStore, Gateway, gateway, plain};
use crate::{
    BoardError, limits,
    role::Role,
    secret,
    wire::{AgentWire, MeWire, UserWire},
};

/// A person or agent whom the board knows. Only the store makes one, so holding one means that
/// the store has vouched for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    id: String,
    email: String,
    name: String,
    role: Role,
    avatar: String,
    has_token: bool,
    gateway: Option<Gateway>,
}

/// A person or agent to be put on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMember {
    /// Author on the meeting board, and handle in mentions: lower-case letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// Author on the planning board.
    pub email: String,
    /// Display name; one that reads like an id is a second handle in mentions.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// An emoji, or nothing.
    pub avatar: String,
    /// Where their agent is told of what happens, if anywhere.
    pub gateway: Option<Gateway>,
}

impl Member {
    /// Author on the meeting board.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Author on the planning board.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Display name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What they may do.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Where their agent is told of what happens.
    pub fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }

    /// Who a caller without a token is on a permissive meeting board.
    pub(crate) fn anonymous() -> Self {
        Self {
            id: "manager".to_owned(),
            email: "manager@devteam.local".to_owned(),
            name: "Manager".to_owned(),
            role: Role::Manager,
            avatar: String::new(),
            has_token: false,
            gateway: None,
        }
    }

    /// As `GET /api/me` shows it.
    pub(crate) fn me(&self) -> MeWire {
        MeWire {
            email: self.email.clone(),
            name: self.name.clone(),
            is_agent: self.role.is_agent(),
            has_api_token: self.has_token,
            id: Some(self.id.clone()),
            role: Some(self.role.as_str().to_owned()),
        }
    }

    pub(crate) fn user(self) -> UserWire {
        let is_agent = self.role.is_agent();
        UserWire { name: self.name, email: self.email, avatar: self.avatar, is_agent }
    }

    pub(crate) fn agent(self) -> AgentWire {
        AgentWire {
            id: self.id,
            name: self.name,
            role: self.role.as_str().to_owned(),
            avatar: self.avatar,
        }
    }
}

const COLUMNS: &str =
    "id, email, name, role, avatar, token_hash IS NOT NULL, gateway, gateway_secret";

impl BoardStore {
    /// Puts a member on the board, or brings e-mail, name, role, avatar and gateway of a known id up
    /// to date; a token that they have stays theirs.
    pub fn put_member(&self, new: &NewMember) -> Result<Member, BoardError> {
        check(new)?;
        self.write(|db, _| {
            let taken: Option<String> = db
                .query_row(
                    "SELECT id FROM member WHERE email = ? AND id <> ?",
                    params![new.email, new.id],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(other) = taken {
                return Err(BoardError::Refused(format!(
                    "{} is already the e-mail of `{other}`: two members cannot share one",
                    new.email
                )));
            }
            let known: i64 = db.query_row("SELECT count(*) FROM member", [], |row| row.get(0))?;
            if known >= limits::MEMBERS && by_id(db, &new.id)?.is_none() {
                return Err(BoardError::Full(format!(
                    "the board holds at most {} members",
                    limits::MEMBERS
                )));
            }
            let gateway = new.gateway.as_ref();
            let (address, secret) =
                (gateway.map(|one| &one.address), gateway.and_then(|one| one.token.as_ref()));
            db.execute(
                "INSERT INTO member (id, email, name, role, avatar, gateway, gateway_secret)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (id) DO UPDATE SET email = ?2, name = ?3, role = ?4, avatar = ?5,
                     gateway = ?6, gateway_secret = ?7",
                params![
                    new.id,
                    new.email,
                    new.name,
                    new.role.as_str(),
                    new.avatar,
                    address,
                    secret
                ],
            )?;
            gateway::room(db)?;
            by_id(db, &new.id)?.ok_or_else(|| BoardError::NoMember(new.id.clone()))
        })
    }

    /// Gives a member a fresh token of 64 hex digits, which replaces the one they had. Only its
    /// hash is kept: this is the only time that it can be shown.
    pub fn issue_token(&self, id: &str) -> Result<String, BoardError> {
        let token = secret::random()?;
        self.set_hash(id, Some(&hash(&token)))?;
        Ok(token)
    }

    /// Takes a member's token away; what they wrote stays.
    pub fn revoke_token(&self, id: &str) -> Result<(), BoardError> {
        self.set_hash(id, None)
    }

    fn set_hash(&self, id: &str, hash: Option<&[u8]>) -> Result<(), BoardError> {
        self.write(|db, _| {
            let changed =
                db.execute("UPDATE member SET token_hash = ? WHERE id = ?", params![hash, id])?;
            if changed == 0 {
                return Err(BoardError::NoMember(id.to_owned()));
            }
            Ok(())
        })
    }

    /// Whose token this is. The look-up compares hashes, so its duration tells nothing about the
    /// tokens that exist.
    pub fn member_by_token(&self, token: &str) -> Result<Option<Member>, BoardError> {
        self.member_by_hash(&hash(token))
    }

    /// Whose token has this hash.
    pub(crate) fn member_by_hash(&self, hash: &[u8]) -> Result<Option<Member>, BoardError> {
        self.read(|db| {
            let sql = format!("SELECT {COLUMNS} FROM member WHERE token_hash = ?");
            Ok(db.prepare_cached(&sql)?.query_row([hash], member).optional()?)
        })
    }

    /// A member by id.
    pub fn member(&self, id: &str) -> Result<Member, BoardError> {
        self.read(|db| by_id(db, id)?.ok_or_else(|| BoardError::NoMember(id.to_owned())))
    }

    /// All members, in the order in which they joined.
    pub fn members(&self) -> Result<Vec<Member>, BoardError> {
        self.read(all)
    }
}

pub(super) fn all(db: &Connection) -> Result<Vec<Member>, BoardError> {
    let sql = format!("SELECT {COLUMNS} FROM member ORDER BY seq");
    let mut query = db.prepare_cached(&sql)?;
    Ok(query.query_map([], member)?.collect::<Result<_, _>>()?)
}

fn by_id(db: &Connection, id: &str) -> Result<Option<Member>, BoardError> {
    let sql = format!("SELECT {COLUMNS} FROM member WHERE id = ?");
    Ok(db.prepare_cached(&sql)?.query_row([id], member).optional()?)
}

fn member(row: &Row<'_>) -> rusqlite::Result<Member> {
    let role: String = row.get(3)?;
    let unknown = || {
        rusqlite::Error::FromSqlConversionFailure(
            3,
            rusqlite::types::Type::Text,
            format!("`{role}` is no role").into(),
        )
    };
    Ok(Member {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        role: Role::parse(&role).ok_or_else(unknown)?,
        avatar: row.get(4)?,
        has_token: row.get(5)?,
        gateway: row
            .get::<_, Option<String>>(6)?
            .map(|address| Ok::<_, rusqlite::Error>(Gateway { address, token: row.get(7)? }))
            .transpose()?,
    })
}

pub(crate) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn check(new: &NewMember) -> Result<(), BoardError> {
    plain("an id", &new.id)?;
    plain("an e-mail", &new.email)?;
    plain("a name", &new.name)?;
    plain("an avatar", &new.avatar)?;
    new.gateway.as_ref().map_or(Ok(()), gateway::check)?;
    let letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if new.id.is_empty() || !new.id.bytes().all(letter) {
        return Err(BoardError::Refused(format!(
            "`{}` cannot be an id: use lower-case letters, digits, `-`, `_` and `.`",
            new.id
        )));
    }
    for handle in [new.id.clone(), new.name.to_lowercase()] {
        if handle == "everyone" || Role::parse(&handle).is_some_and(|role| role != new.role) {
            return Err(BoardError::Refused(format!(
                "`{handle}` cannot name a {}: it already means others in mentions",
                new.role
            )));
        }
    }
    let parts: Vec<&str> = new.email.split('@').collect();
    if parts.len() != 2 || parts.iter().any(|part| part.is_empty() || part.contains(' ')) {
        return Err(BoardError::Refused(format!("`{}` is no e-mail address", new.email)));
    }
    if new.name.trim().is_empty() {
        return Err(BoardError::Refused(format!("`{}` needs a display name", new.id)));
    }
    Ok(())
}
