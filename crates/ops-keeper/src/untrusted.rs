//! What comes from outside, read as it is read in earnest: plain functions over bytes, for those who
//! try to break the reading.

use std::os::unix::net::UnixStream;

use crate::{Request, server::Connection};

/// What a caller who sent this down a stream has asked, until it was hung up on. What is no request
/// is answered on the stream.
pub fn requests(stream: UnixStream) -> Vec<Request> {
    let Ok(mut connection) = Connection::new(stream, 0) else { return Vec::new() };
    let requests = std::iter::from_fn(|| connection.request(0)).collect();
    connection.send();
    requests
}
