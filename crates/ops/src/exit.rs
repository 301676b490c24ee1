//! Exit codes: part of the interface, so scripts may rely on them.

use std::{fmt::Write as _, process::ExitCode};

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did what was asked.
    Ok,
    /// It was refused, or something that the caller can mend is wrong.
    Refused,
    /// The command line makes no sense.
    Usage,
    /// `ops.yaml` is missing or wrong.
    Configuration,
    /// The deployment went back.
    RolledBack,
    /// The way back failed: the lock group is blocked.
    Frozen,
    /// The deployment was not started and waits.
    Held,
    /// ops itself failed.
    Internal,
    /// The caller left; what was under way goes on.
    Interrupted,
}

impl Exit {
    /// All of them, in the order of their numbers.
    pub(crate) const ALL: [Self; 9] = [
        Self::Ok,
        Self::Refused,
        Self::Usage,
        Self::Configuration,
        Self::RolledBack,
        Self::Frozen,
        Self::Held,
        Self::Internal,
        Self::Interrupted,
    ];

    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::RolledBack => 10,
            Self::Frozen => 11,
            Self::Held => 12,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }

    /// What it means.
    fn words(self) -> &'static str {
        match self {
            Self::Ok => "done; a deployment that was followed is closed",
            Self::Refused => "refused, or something that you can mend is wrong",
            Self::Usage => "the command line makes no sense",
            Self::Configuration => "ops.yaml is missing or wrong",
            Self::RolledBack => "the deployment went back; the old version serves",
            Self::Frozen => "the way back failed; somebody must look now",
            Self::Held => "the deployment was not started; it waits for what it says",
            Self::Internal => "ops itself failed; this is a bug",
            Self::Interrupted => "you left; the daemon goes on without you",
        }
    }

    /// The table for the help text.
    pub(crate) fn table() -> String {
        let mut text = "Exit codes:\n".to_owned();
        for exit in Self::ALL {
            let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.words());
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
