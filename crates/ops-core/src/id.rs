//! Names and numbers that identify things. Each kind has its own type, so that none is mistaken
//! for another.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// Wraps a name.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id!(
    /// A ticket's number on its board, such as `MNS-7`.
    TicketId
);
text_id!(
    /// A service as `ops.yaml` names it.
    ServiceName
);
text_id!(
    /// An environment as `ops.yaml` names it, such as `production`.
    EnvironmentName
);
text_id!(
    /// A release: `<first 12 hex digits of the candidate's hash>-<deployment number>`.
    ///
    /// Two deployments of one candidate are two releases, so that the old and the new copy of the
    /// same candidate can never be mistaken for each other.
    ReleaseId
);
text_id!(
    /// The board's identity of a person or agent: an e-mail on planning boards.
    Identity
);

/// A deployment, numbered from 1 in one journal. Written `D-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeploymentId(pub u64);

impl fmt::Display for DeploymentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "D-{}", self.0)
    }
}

/// Text that is not a deployment's id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a deployment: write it like D-12 (`ops history` lists them)")]
pub struct NotADeployment(pub String);

impl std::str::FromStr for DeploymentId {
    type Err = NotADeployment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix("D-").or_else(|| text.strip_prefix("d-")).unwrap_or(text);
        digits.parse().map(Self).map_err(|_| NotADeployment(text.to_owned()))
    }
}

/// An incident that somebody reported, numbered from 1 in one journal. Written `I-3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I-{}", self.0)
    }
}

impl IncidentId {
    /// Reads `I-3`, in either case.
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("I-").or_else(|| text.strip_prefix("i-"))?;
        digits.parse().ok().filter(|n| *n > 0).map(Self)
    }
}

/// The generation of a lease. Whoever holds a lower one may not act any more (P4).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The generation above this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The number of an operation within its deployment, from 1.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct OpId(pub u32);

/// What every act on the world carries. Ordered by generation, then deployment, then operation:
/// whoever receives an act with a stamp below the highest it has seen refuses it (P4).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Generation of the lease under which the act was intended.
    pub generation: Generation,
    /// Number of the deployment that acts.
    pub deployment: u64,
    /// Number of the operation within the deployment.
    pub op: OpId,
}

/// A SHA-256 hash in lower-case hex, written `sha256:<64 hex digits>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

/// Text that is not a digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a digest: it must be `sha256:` and 64 lower-case hex digits")]
pub struct NotADigest(pub String);

impl Digest {
    /// Hashes bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(Sha256::digest(bytes).as_slice())
    }

    /// Takes the 32 bytes of a finished SHA-256.
    pub fn from_hash(hash: &[u8]) -> Self {
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in hash {
            let _ = fmt::Write::write_fmt(&mut text, format_args!("{byte:02x}"));
        }
        Self(text)
    }

    /// `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hex digits without the prefix.
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }

    /// The first 12 hex digits: enough for a person to compare.
    pub fn short(&self) -> &str {
        self.hex().get(..12).unwrap_or(self.hex())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").ok_or_else(|| NotADigest(text.to_owned()))?;
        let lower = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hex.len() == 64 && hex.bytes().all(lower) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotADigest(text.to_owned()))
        }
    }
}
