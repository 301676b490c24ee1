//! What comes from outside, read as it is read in earnest: plain functions over bytes, for those who
//! try to break the reading.

use serde::de::DeserializeOwned;

use crate::{BoardClient, ClientError, mention::Handles};

/// What a board answered to a question, with this status.
pub fn reply<T: DeserializeOwned>(status: u16, text: &str) -> Result<T, ClientError> {
    BoardClient::new("http://127.0.0.1:1", "t")?.read("GET /api", status, text)
}

/// Whom a message mentions in a team of `(id, display name)` pairs.
pub fn mentioned(text: &str, team: &[(String, String)]) -> Vec<String> {
    Handles::new(team).find(text)
}
