//! As much of Prometheus's query language as is needed to put words into a query, and to judge one:
//! where a character stands. The check of `ops.yaml` and the question itself must agree on that.

/// Where in a query a character stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Outside of strings and comments.
    Code,
    /// In a string with escapes, between two of these.
    Quoted(char),
    /// In a string without escapes.
    Raw,
    /// In a comment, which ends with its line.
    Comment,
}

impl Place {
    /// The place after a character that is no part of an escape.
    #[must_use]
    pub fn after(self, c: char) -> Self {
        match (self, c) {
            (Self::Code, '"' | '\'') => Self::Quoted(c),
            (Self::Code, '`') => Self::Raw,
            (Self::Code, '#') => Self::Comment,
            (Self::Quoted(quote), c) if c == quote => Self::Code,
            (Self::Raw, '`') | (Self::Comment, '\n') => Self::Code,
            (place, _) => place,
        }
    }
}
