//! What can go wrong between the shell and the daemon.

/// What went wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not one that can be used.
    #[error("`{0}` is no address of a board: write it like http://127.0.0.1:8088 (without TLS)")]
    Address(String),
    /// The token cannot be sent.
    #[error("the token holds characters that no token has: copy it again, without line breaks")]
    TokenText,
    /// Nobody listens there.
    #[error("no daemon answers at {base} ({why}): start it with `ops serve`")]
    NoDaemon {
        /// The address.
        base: String,
        /// What the system said.
        why: String,
    },
    /// The exchange broke off.
    #[error(
        "the board at {base} did not finish its answer ({why}): what was asked may have been done, \
         look before trying again"
    )]
    NoAnswer {
        /// The address.
        base: String,
        /// What happened.
        why: String,
    },
    /// 401.
    #[error(
        "the board at {base} does not know this token: whoever runs the daemon gives a new \
         one with `ops board token`"
    )]
    Token {
        /// The address.
        base: String,
    },
    /// 403.
    #[error("{said}{}", open_to(.role.as_deref(), .allowed))]
    Forbidden {
        /// What the board said: what was refused, and who may.
        said: String,
        /// The caller's role, where the board told it.
        role: Option<String>,
        /// What the caller may do instead.
        allowed: Vec<String>,
    },
    /// 404.
    #[error(
        "{what}: {said} (`ops board list` shows the tickets, `ops board channels` the channels)"
    )]
    NotThere {
        /// What was asked for.
        what: String,
        /// What the board said.
        said: String,
    },
    /// 400, 409 or 413, or an id that is none.
    #[error("the board refused {what}: {said}")]
    Refused {
        /// What was asked for.
        what: String,
        /// What the board said.
        said: String,
    },
    /// Any other answer.
    #[error("the board answered {status} to {what}: {said}; see the daemon's log")]
    Broken {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// What the board said.
        said: String,
    },
    /// The answer is not what a board gives.
    #[error("what answers at {base} is not a board ({why}): check the address")]
    NotABoard {
        /// The address.
        base: String,
        /// What did not fit.
        why: String,
    },
}

fn open_to(role: Option<&str>, allowed: &[String]) -> String {
    match (role, allowed) {
        (Some(role), []) => format!("; from here {role} may move it nowhere"),
        (Some(role), some) if !some.is_empty() => format!(" (open to {role}: {})", some.join(", ")),
        _ => String::new(),
    }
}
