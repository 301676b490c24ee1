//! Sessions of the web page: in memory, by the hash of a random id, bounded in number and time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{BoardError, limits, secret::random, store};

/// The cookie that holds a session's id.
pub(super) const COOKIE: &str = "ops_board";

const SESSION_MS: u64 = limits::SESSION_HOURS * 60 * 60 * 1000;

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// Id of the member.
    member: String,
    /// Hash of the token with which they came: a token that is replaced or revoked ends the session.
    pub(super) token_hash: Vec<u8>,
    /// What every form of this session holds.
    pub(super) csrf: String,
    until: u64,
}

/// All sessions, by the hash of their id.
#[derive(Default)]
pub(in crate::http) struct Sessions(Mutex<HashMap<Vec<u8>, Session>>);

impl Sessions {
    /// Begins a session and gives its id, which only the cookie holds from then on.
    pub(super) fn begin(
        &self,
        member: &str,
        token_hash: Vec<u8>,
        now: u64,
    ) -> Result<String, BoardError> {
        let id = random()?;
        let csrf = random()?;
        let until = now.saturating_add(SESSION_MS);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.until > now);
        let of_member = |session: &Session| session.member == member;
        if sessions.values().filter(|one| of_member(one)).count() >= limits::SESSIONS_PER_MEMBER {
            forget_oldest(&mut sessions, of_member);
        }
        if sessions.len() >= limits::SESSIONS {
            forget_oldest(&mut sessions, |_| true);
        }
        let session = Session { member: member.to_owned(), token_hash, csrf, until };
        sessions.insert(store::hash(&id), session);
        Ok(id)
    }

    /// The session with this id, if it has not ended.
    pub(super) fn find(&self, id: &str, now: u64) -> Option<Session> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&store::hash(id)).filter(|session| session.until > now).cloned()
    }

    /// Ends a session.
    pub(super) fn end(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&store::hash(id));
    }
}

fn forget_oldest(sessions: &mut HashMap<Vec<u8>, Session>, which: impl Fn(&Session) -> bool) {
    let oldest = sessions
        .iter()
        .filter(|(_, session)| which(session))
        .min_by_key(|(_, session)| session.until)
        .map(|(id, _)| id.clone());
    if let Some(id) = oldest {
        sessions.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_end_and_are_bounded() {
        let sessions = Sessions::default();
        let id = sessions.begin("dan", vec![1], 0).unwrap();
        assert!(sessions.find(&id, SESSION_MS - 1).is_some());
        assert!(sessions.find(&id, SESSION_MS).is_none(), "after twelve hours");
        assert!(sessions.find("other", 0).is_none());
        for n in 0..limits::SESSIONS_PER_MEMBER as u64 {
            sessions.begin("dan", vec![1], n + 1).unwrap();
        }
        assert!(sessions.find(&id, 0).is_none(), "the oldest gave way");
        for n in 0..2 * limits::SESSIONS as u64 {
            sessions.begin(&n.to_string(), vec![1], n).unwrap();
        }
        assert!(sessions.0.lock().unwrap().len() <= limits::SESSIONS);
        let last = sessions.begin("dan", vec![1], 0).unwrap();
        sessions.end(&last);
        assert!(sessions.find(&last, 0).is_none());
    }
}
