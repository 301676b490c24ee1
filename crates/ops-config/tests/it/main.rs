//! Reads whole files, good and bad.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its folder has failed")]

mod advisor;
mod ancestry;
mod bad;
mod boards;
mod containers;
mod doors;
mod hosts;
mod parsing;
mod random;
mod schema;
mod signals;
mod source;
mod starter;

use ops_config::{Complaints, parse};
use ops_core::{
    id::Digest,
    settings::{Revision, Settings},
};

fn revision(text: &str) -> Revision {
    Revision { commit: None, hash: Digest::of(text.as_bytes()) }
}

fn read(text: &str) -> Result<Settings, Complaints> {
    parse("ops.yaml", text, revision(text))
}

fn good(text: &str) -> Settings {
    read(text).unwrap_or_else(|complaints| panic!("{complaints}"))
}

const FULL: &str = include_str!("good/full.yaml");
const MINIMAL: &str = include_str!("good/minimal.yaml");
