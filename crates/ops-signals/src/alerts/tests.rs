//! Servers that lie, and the real ones.

mod liars;
mod real;

use super::*;

fn source(kind: AlertKind, url: impl Into<String>) -> AlertSource {
    AlertSource {
        name: "watch tower".into(),
        url: url.into(),
        kind,
        label: "service".into(),
        ignore: Vec::new(),
    }
}
