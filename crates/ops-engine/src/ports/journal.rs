use std::sync::Arc;

use ops_core::{
    id::{DeploymentId, Digest, Generation},
    time::Now,
};
use serde::{Deserialize, Serialize, Serializer};

/// A record's number, from 1 without gaps.
pub type Seq = u64;

/// One record of the journal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Its number.
    pub seq: Seq,
    /// The deployment it belongs to; `None` for what concerns ops as a whole.
    pub deployment: Option<DeploymentId>,
    /// When it was written.
    pub at: Now,
    /// The least version of the format that can read it (S19).
    pub v: u32,
    /// What happened, as JSON. Shared: it is read more often than anything else and never changed.
    #[serde(serialize_with = "as_it_is")]
    pub body: Arc<serde_json::Value>,
    /// Hash of the record before it.
    pub previous: Digest,
    /// Hash over all of the above.
    pub hash: Digest,
}

fn as_it_is<S: Serializer>(
    body: &Arc<serde_json::Value>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    body.as_ref().serialize(serializer)
}

/// What a list of deployments shows of one, kept beside the journal in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The deployment.
    pub id: DeploymentId,
    /// Whether nothing more will happen to it.
    pub ended: bool,
    /// Free JSON for lists, written and read by the engine.
    pub body: serde_json::Value,
}

/// The right to act in one lock group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The lock group, `environment/group`.
    pub group: String,
    /// Who holds it: the daemon's instance and the deployment.
    pub holder: String,
    /// Its generation, higher than any before.
    pub generation: Generation,
    /// When it ends unless renewed.
    pub until: ops_core::time::Timer,
}

/// Why a lease was not given.
#[derive(Debug, thiserror::Error)]
pub enum LeaseRefused {
    /// Somebody else holds it.
    #[error("{0} holds the lease")]
    Held(String),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What can go wrong with the journal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JournalError {
    /// No room, and the reserve is used up.
    #[error("the journal's disk is full ({0}); free some space there")]
    Full(String),
    /// Another process writes this journal.
    #[error("another ops has this journal open ({0}); stop it first")]
    Locked(String),
    /// It was written by a newer ops.
    #[error("the journal needs ops of format {needs} or newer, this one reads up to {have}")]
    TooNew {
        /// The format it needs.
        needs: u32,
        /// The highest format that this program reads.
        have: u32,
    },
    /// Its content does not fit together.
    #[error(transparent)]
    Tampered(#[from] Tampered),
    /// Anything else.
    #[error("the journal failed: {0}")]
    Failed(String),
}

/// The first record that does not fit the chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("record {seq} of the journal does not fit the chain: {why}")]
pub struct Tampered {
    /// Its number.
    pub seq: Seq,
    /// In words.
    pub why: String,
}

/// The memory of ops: append-only, hash-chained, durable when a call returns.
pub trait Journal: Send {
    /// Appends records in one transaction, with the deployment's new summary, and returns them.
    /// Nothing is written if it fails.
    fn append(
        &mut self,
        deployment: Option<DeploymentId>,
        at: &Now,
        bodies: &[(u32, serde_json::Value)],
        summary: Option<&Summary>,
    ) -> Result<Vec<Record>, JournalError>;

    /// All records of one deployment (or of ops itself), in order.
    fn stream(&self, deployment: Option<DeploymentId>) -> Result<Vec<Record>, JournalError>;

    /// Records of everything after `after`, in order, at most `limit`.
    fn after(&self, after: Seq, limit: usize) -> Result<Vec<Record>, JournalError>;

    /// Number and hash of the last record; 0 and a fixed hash for an empty journal.
    fn head(&self) -> Result<(Seq, Digest), JournalError>;

    /// Summaries, newest deployment first, at most `limit`; only those that have not ended if
    /// `open_only`.
    fn summaries(&self, open_only: bool, limit: usize) -> Result<Vec<Summary>, JournalError>;

    /// One summary.
    fn summary(&self, id: DeploymentId) -> Result<Option<Summary>, JournalError>;

    /// The number for the next deployment, never given twice.
    fn next_deployment(&mut self) -> Result<DeploymentId, JournalError>;

    /// Takes or renews the lease of a group. A new lease has a generation above all earlier ones
    /// and above `above`; renewing keeps the generation. A lease of another holder that has run
    /// out, or was given in another boot, is taken over.
    fn lease(
        &mut self,
        group: &str,
        holder: &str,
        above: Generation,
        now: &Now,
        length_ms: u64,
    ) -> Result<Lease, LeaseRefused>;

    /// Gives a lease back; succeeds if it is not held any more.
    fn release(&mut self, group: &str, holder: &str) -> Result<(), JournalError>;

    /// Sets space aside for the way back, so that a full disk cannot stop a rollback (S20).
    /// Idempotent; tops the reserve up.
    fn reserve(&mut self) -> Result<(), JournalError>;

    /// The least format that can read all records; 0 for an empty journal. An ops that reads only
    /// lower ones brings nothing forward (S19).
    ///
    /// # Errors
    ///
    /// If the journal cannot be read.
    fn needs_format(&self) -> Result<u32, JournalError>;

    /// Checks the whole chain.
    fn verify(&self) -> Result<(Seq, Digest), JournalError>;
}
