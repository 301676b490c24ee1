//! The hash chain: how a record becomes text, how text becomes a hash. The crate's front page
//! describes the encoding for those who want to check a journal without ops.

use std::{fmt::Write as _, sync::Arc};

use ops_core::{
    id::{DeploymentId, Digest},
    time::{BootId, Now},
};
use ops_engine::ports::{JournalError, Record, Seq, Tampered};

/// Longest body of one record or summary, in bytes of JSON.
pub const BODY_LIMIT: usize = 1 << 20;

/// Most records of one append.
pub const BATCH_LIMIT: usize = 1024;

/// First text of every encoding. A change of the encoding needs another word.
const ENCODING: &str = "ops-journal-1";

/// What stands as the hash before record 1, and as the head of an empty journal.
pub fn genesis() -> Digest {
    Digest::of(ENCODING.as_bytes())
}

/// A record as it is stored: the very texts that are hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) seq: Seq,
    pub(crate) deployment: Option<u64>,
    pub(crate) boot: String,
    pub(crate) ms: u64,
    pub(crate) wall: String,
    pub(crate) v: u32,
    pub(crate) body: String,
    pub(crate) previous: String,
    pub(crate) hash: String,
}

impl Line {
    /// The line of a record.
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            seq: record.seq,
            deployment: record.deployment.map(|id| id.0),
            boot: record.at.boot.0.clone(),
            ms: record.at.ms,
            wall: record.at.wall.to_string(),
            v: record.v,
            body: record.body.to_string(),
            previous: record.previous.to_string(),
            hash: record.hash.to_string(),
        }
    }

    /// The hash that its other fields give.
    fn computed(&self) -> Digest {
        let mut text = String::with_capacity(self.body.len() + 320);
        let mut put = |field: &str| {
            let _ = write!(text, "{}:{field},", field.len());
        };
        put(ENCODING);
        put(&self.seq.to_string());
        put(&self.deployment.map(|id| id.to_string()).unwrap_or_default());
        put(&self.boot);
        put(&self.ms.to_string());
        put(&self.wall);
        put(&self.v.to_string());
        put(&self.body);
        put(&self.previous);
        Digest::of(text.as_bytes())
    }

    /// The record, if its hash is the one that its content gives.
    pub(crate) fn into_record(self) -> Result<Record, Tampered> {
        let seq = self.seq;
        let tampered = |why: String| Tampered { seq, why };
        let hash = self.computed();
        if hash.as_str() != self.hash {
            return Err(tampered(
                "its content does not give its hash: it was changed after it was written".into(),
            ));
        }
        let wall = self.wall.parse().map_err(|e| tampered(format!("no time: {e}")))?;
        let body = serde_json::from_str(&self.body)
            .map_err(|e| tampered(format!("its body is no JSON: {e}")))?;
        let previous = self.previous.parse().map_err(|e| tampered(format!("{e}")))?;
        Ok(Record {
            seq,
            deployment: self.deployment.map(DeploymentId),
            at: Now { boot: BootId(self.boot), ms: self.ms, wall },
            v: self.v,
            body: Arc::new(body),
            previous,
            hash,
        })
    }
}

/// The end of a chain: number and hash of its last record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: Seq,
    pub(crate) hash: Digest,
}

impl Head {
    /// The head of an empty journal.
    pub(crate) fn empty() -> Self {
        Self { seq: 0, hash: genesis() }
    }

    /// Makes the records that follow this head, and moves it behind them.
    pub(crate) fn extend(
        &mut self,
        deployment: Option<DeploymentId>,
        at: &Now,
        bodies: &[(u32, serde_json::Value)],
    ) -> Result<Vec<(Line, Record)>, JournalError> {
        if bodies.len() > BATCH_LIMIT {
            return Err(JournalError::Failed(format!(
                "{} records in one append are more than {BATCH_LIMIT}",
                bodies.len()
            )));
        }
        bodies.iter().map(|(v, body)| self.follow_with(deployment, at, *v, body)).collect()
    }

    fn follow_with(
        &mut self,
        deployment: Option<DeploymentId>,
        at: &Now,
        v: u32,
        body: &serde_json::Value,
    ) -> Result<(Line, Record), JournalError> {
        let mut record = Record {
            seq: self.seq + 1,
            deployment,
            at: at.clone(),
            v,
            body: Arc::new(body.clone()),
            previous: self.hash.clone(),
            hash: self.hash.clone(),
        };
        let mut line = Line::of(&record);
        within_limit(&line.body)?;
        record.hash = line.computed();
        record.hash.as_str().clone_into(&mut line.hash);
        self.seq = record.seq;
        self.hash = record.hash.clone();
        Ok((line, record))
    }

    /// Moves behind a line that was read back, if it is the one that must come next.
    pub(crate) fn follow(&mut self, line: Line) -> Result<Record, Tampered> {
        let expected = self.seq + 1;
        if line.seq != expected {
            let why = format!("record {expected} is missing: the next one is {}", line.seq);
            return Err(Tampered { seq: expected, why });
        }
        if line.previous != self.hash.as_str() {
            let why = "it does not name the hash of the record before it".to_owned();
            return Err(Tampered { seq: expected, why });
        }
        let record = line.into_record()?;
        self.seq = record.seq;
        self.hash = record.hash.clone();
        Ok(record)
    }
}

/// Refuses a body that is too long to be kept.
pub(crate) fn within_limit(body: &str) -> Result<(), JournalError> {
    if body.len() > BODY_LIMIT {
        return Err(JournalError::Failed(format!(
            "a body of {} bytes is longer than {BODY_LIMIT}",
            body.len()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            seq: 1,
            deployment: Some(7),
            boot: "b".into(),
            ms: 12,
            wall: "2026-01-02T03:04:05Z".into(),
            v: 1,
            body: r#"{"a":"é"}"#.into(),
            previous: genesis().to_string(),
            hash: String::new(),
        }
    }

    #[test]
    fn p14_the_encoding_is_the_documented_one() {
        let written = format!(
            "13:ops-journal-1,1:1,1:7,1:b,2:12,20:2026-01-02T03:04:05Z,1:1,10:{{\"a\":\"é\"}},\
             71:{},",
            genesis()
        );
        assert_eq!(line().computed(), Digest::of(written.as_bytes()));
    }

    #[test]
    fn p14_a_text_moved_over_a_border_changes_the_hash() {
        let mut moved = line();
        moved.boot = "b1".into();
        moved.ms = 2;
        assert_ne!(line().computed(), moved.computed());
        let mut none = line();
        none.deployment = None;
        let mut zero = line();
        zero.deployment = Some(0);
        assert_ne!(none.computed(), zero.computed());
    }

    #[test]
    fn a_body_that_is_too_long_is_refused() {
        let at = Now { boot: BootId("b".into()), ms: 1, wall: jiff::Timestamp::UNIX_EPOCH };
        let body = serde_json::Value::String("x".repeat(BODY_LIMIT));
        let mut head = Head::empty();
        assert!(matches!(head.extend(None, &at, &[(1, body)]), Err(JournalError::Failed(_))));
    }
}
