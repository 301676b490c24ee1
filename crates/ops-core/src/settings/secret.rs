//! Where a secret's value is found, and how it may change.

use serde::{Deserialize, Serialize};

/// A secret of a service: references only, never a value (P13).
///
/// Where nothing but the reference is declared it is written as that text alone, so that what CQ
/// and QA approved before secrets had options keeps its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Secret {
    /// Where its value is found, such as `env:NAME` or `file:/path`.
    pub from: String,
    /// Where its previous value is found: the way back of a rotation (S16).
    pub previous: Option<String>,
    /// Whether another value is brought to what serves without a ticket (S16).
    pub rotate: bool,
    /// Whether going back brings the reference back that the release had, too (S17).
    pub pinned: bool,
}

impl From<&str> for Secret {
    fn from(reference: &str) -> Self {
        Self { from: reference.to_owned(), previous: None, rotate: false, pinned: false }
    }
}

/// As it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Reference(String),
    Whole {
        from: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<String>,
        #[serde(default)]
        rotate: bool,
        #[serde(default)]
        pinned: bool,
    },
}

impl From<Written> for Secret {
    fn from(written: Written) -> Self {
        match written {
            Written::Reference(from) => from.as_str().into(),
            Written::Whole { from, previous, rotate, pinned } => {
                Self { from, previous, rotate, pinned }
            }
        }
    }
}

impl From<Secret> for Written {
    fn from(secret: Secret) -> Self {
        let Secret { from, previous, rotate, pinned } = secret;
        if previous.is_none() && !rotate && !pinned {
            return Self::Reference(from);
        }
        Self::Whole { from, previous, rotate, pinned }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_alone_is_written_as_it_always_was() {
        let plain = Secret::from("env:DB_URL");
        let json = serde_json::to_string(&plain).unwrap();
        assert_eq!(json, "\"env:DB_URL\"");
        assert_eq!(serde_json::from_str::<Secret>(&json).unwrap(), plain);
    }

    #[test]
    fn options_are_kept() {
        let previous = Some("env:OLD".to_owned());
        let whole = Secret { previous, rotate: true, ..Secret::from("env:DB_URL") };
        let json = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Secret>(&json).unwrap(), whole);
    }
}
