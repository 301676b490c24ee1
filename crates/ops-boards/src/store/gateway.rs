//! Where members' agents are reached.

use rusqlite::Connection;

use super::plain;
use crate::{BoardError, limits};

/// Where a member's agent is told of what happens on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// `http://host:port`, without a path.
    pub address: String,
    /// Reference to the token that the gateway wants: `env:NAME` or `file:PATH`. Its value is
    /// never kept.
    pub token: Option<String>,
}

/// Refuses one gateway more than the board keeps.
pub(super) fn room(db: &Connection) -> Result<(), BoardError> {
    let known: i64 =
        db.query_row("SELECT count(*) FROM member WHERE gateway IS NOT NULL", [], |r| r.get(0))?;
    if known > limits::GATEWAYS {
        return Err(BoardError::Full(format!(
            "at most {} members have gateways",
            limits::GATEWAYS
        )));
    }
    Ok(())
}

/// Refuses what could send a token elsewhere than meant, or is a secret itself.
pub(super) fn check(gateway: &Gateway) -> Result<(), BoardError> {
    plain("a gateway", &gateway.address)?;
    let host = gateway.address.strip_prefix("http://").unwrap_or_default();
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ', '\\']) {
        return Err(BoardError::Refused(format!(
            "`{}` is no address of a gateway: write it like http://agent:18789",
            gateway.address
        )));
    }
    let named = |reference: &str| {
        let kind = ["env:", "file:"].into_iter().find(|kind| reference.starts_with(kind));
        kind.is_some_and(|kind| reference.len() > kind.len())
    };
    match &gateway.token {
        Some(reference) if !named(reference) => Err(BoardError::Refused(
            "the token of a gateway must be a reference like env:NAME or file:PATH, never the \
             token itself"
                .to_owned(),
        )),
        Some(reference) => plain("a reference", reference),
        None => Ok(()),
    }
}
