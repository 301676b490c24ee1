//! What comes from outside, read as it is read in earnest: plain functions over bytes, for those who
//! try to break the reading.

use std::os::unix::net::UnixStream;

use crate::{
    Request,
    line::Lines,
    server::{QUESTION_MAX, QUESTION_WAIT, question},
};

/// What a caller who sends this down a stream has asked, line by line, until it is hung up on.
pub fn questions(stream: UnixStream) -> Vec<Result<Request, String>> {
    let mut lines = Lines::new(stream, QUESTION_MAX);
    std::iter::from_fn(|| lines.read(QUESTION_WAIT).ok().flatten())
        .map(|line| question(&line))
        .collect()
}
