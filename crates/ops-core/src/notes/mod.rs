//! Deployment notes: what DEV tells ops about a change, as a fenced block in the ticket.
//!
//! ````text
//! ```ops
//! service: shop
//! artifact: dist/shop.tar.gz
//! version: v1.2.0
//! migrations: none
//! rollback: previous
//! ```
//! ````

mod complaint;
mod find;
mod parse;
mod question;
mod settings;
mod yaml;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use complaint::{Complaint, ComplaintKind};
pub(crate) use find::may_have_fence;
pub use find::{
    FoundNotes, MAX_EARLIER, NotesFound, Place, earlier_notes, find_notes, find_notes_by,
    has_block, notes_in,
};
pub use parse::{Draft, parse};
pub use question::missing_notes_question;
pub use settings::asked_settings;

use crate::id::{Digest, ServiceName};

/// A description or comment longer than this is not searched for notes.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// A block may have this many bytes.
pub const MAX_BLOCK_BYTES: usize = 64 * 1024;
/// A list in a block may have this many items.
pub const MAX_ITEMS: usize = 100;
/// A version may have this many characters.
pub const MAX_VERSION_CHARS: usize = 64;
/// Any other text in a block may have this many bytes.
pub const MAX_VALUE_BYTES: usize = 4 * 1024;
/// At most so many complaints are made about one block.
pub const MAX_COMPLAINTS: usize = 20;

/// Complete deployment notes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notes {
    /// The service to deploy.
    pub service: ServiceName,
    /// What to deploy.
    pub artifact: Artifact,
    /// The digest that the artifact must have.
    pub digest: Option<Digest>,
    /// What services of a Compose file run, each `registry/repository@sha256:…`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
    /// The version in the team's own words, such as `v1.2.0`.
    pub version: String,
    /// The source commit, as hex digits.
    pub commit: Option<String>,
    /// Migrations that the change needs; empty if it says that there are none.
    pub migrations: Vec<String>,
    /// Names of the variables that the change needs.
    pub variables: Vec<String>,
    /// Names of the secrets that the change needs.
    pub secrets: Vec<String>,
    /// Services that must be healthy before it is deployed.
    pub depends_on: Vec<ServiceName>,
    /// The way back.
    pub rollback: WayBack,
    /// Deployments or incidents that the change repairs, such as `D-12`.
    pub fixes: Vec<String>,
    /// Other tickets whose change is contained in this one.
    pub includes: Vec<String>,
    /// The commit at which the service's configuration is read.
    pub config_commit: Option<String>,
}

/// Where an artifact is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Artifact {
    /// A path or address. Its content can change: only its digest binds.
    Path(String),
    /// An image in a registry, by its digest.
    Image {
        /// `registry/repository`.
        repository: String,
        /// Of its manifest.
        digest: Digest,
    },
    /// Content that is already in the artifact store.
    Digest(Digest),
}

/// How the change is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WayBack {
    /// Return to the version before.
    Previous,
    /// Steps in the author's words.
    Steps(String),
}

impl Artifact {
    /// What the artifact store is asked for.
    pub fn reference(&self) -> String {
        match self {
            Self::Path(path) => path.clone(),
            Self::Digest(digest) => digest.to_string(),
            Self::Image { repository, digest } => format!("{repository}@{digest}"),
        }
    }
}

impl Notes {
    /// The digest that the notes bear. Without one, they say only where something lies, and a
    /// verdict that came after them does not say what was tested.
    pub fn bound_digest(&self) -> Option<&Digest> {
        match &self.artifact {
            Artifact::Digest(digest) | Artifact::Image { digest, .. } => Some(digest),
            Artifact::Path(_) => self.digest.as_ref(),
        }
    }
}
