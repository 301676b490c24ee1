//! Where a deployment stands, and the names of these places.

use serde::{Deserialize, Serialize};

use super::{
    cause::{Cause, HoldCause},
    state::Run,
};
use crate::{id::Identity, time::Timer};

/// Where a deployment stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// Waits for its turn.
    Queued {
        /// Since when, and until when at most before it is looked at again.
        recheck: Timer,
    },
    /// The checks run.
    Checking {
        /// Until then.
        deadline: Timer,
    },
    /// Waits for something to change.
    Held {
        /// For what.
        cause: HoldCause,
        /// When it looks again by itself.
        recheck: Timer,
    },
    /// All checks passed; lease, announcement, rehearsal.
    Planned {
        /// The steps.
        run: Run,
        /// Set while the preparation is being cleared away.
        failed: Option<Cause>,
    },
    /// Traffic is moving.
    Deploying {
        /// The steps.
        run: Run,
    },
    /// What runs is being proved.
    Verifying {
        /// The steps.
        run: Run,
    },
    /// It is being watched.
    Watching {
        /// The steps.
        run: Run,
    },
    /// On the way back.
    RollingBack {
        /// The steps.
        run: Run,
        /// Why.
        cause: Cause,
    },
    /// The watch passed; the old version leaves, the record is written. Never goes back.
    Documenting {
        /// Steps while the old version leaves, then `None`.
        run: Option<Run>,
    },
    /// Done, recorded, closed.
    Closed,
    /// The previous state serves again.
    RolledBack {
        /// Why.
        cause: Cause,
    },
    /// A way back failed: the lock group is blocked until the world is read back healthy.
    Frozen {
        /// Why it went back.
        cause: Cause,
        /// Why that failed.
        words: String,
        /// Since when one version is healthy.
        healthy: Option<Timer>,
        /// Whether that is the new one.
        new: bool,
        /// Who has taken note.
        acknowledged: Option<Identity>,
        /// Since when it is frozen; a timer without length.
        since: Timer,
    },
    /// Recorded on a stage that is not the last one (S12): it serves there, and goes on to the next
    /// stage when its time is over.
    Soaking {
        /// Until then.
        until: Timer,
    },
    /// Its time on this stage is over; the next stage has a deployment of its own.
    Promoted,
    /// It was frozen, and the world was read back healthy since.
    Thawed {
        /// Why it went back.
        cause: Cause,
        /// Whether the new version serves, because nothing else was healthy.
        new: bool,
    },
    /// The ticket was pulled back; nothing of the candidate serves.
    Withdrawn {
        /// What was seen.
        words: String,
        /// Whether it serves and is being taken back by a deployment of its own.
        serves: bool,
    },
    /// The ticket was pulled back after the watch had passed; the new version serves.
    KeptNotClosed {
        /// What was seen.
        words: String,
    },
}

/// The names of the phases, for tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PhaseName {
    /// See [`Phase::Queued`].
    Queued,
    /// See [`Phase::Checking`].
    Checking,
    /// See [`Phase::Held`].
    Held,
    /// See [`Phase::Planned`].
    Planned,
    /// See [`Phase::Deploying`].
    Deploying,
    /// See [`Phase::Verifying`].
    Verifying,
    /// See [`Phase::Watching`].
    Watching,
    /// See [`Phase::RollingBack`].
    RollingBack,
    /// See [`Phase::Documenting`].
    Documenting,
    /// See [`Phase::Soaking`].
    Soaking,
    /// See [`Phase::Promoted`].
    Promoted,
    /// See [`Phase::Closed`].
    Closed,
    /// See [`Phase::RolledBack`].
    RolledBack,
    /// See [`Phase::Frozen`].
    Frozen,
    /// See [`Phase::Thawed`].
    Thawed,
    /// See [`Phase::Withdrawn`].
    Withdrawn,
    /// See [`Phase::KeptNotClosed`].
    KeptNotClosed,
}

impl PhaseName {
    /// All phases, in the order of a ticket's way.
    pub const ALL: [Self; 17] = [
        Self::Queued,
        Self::Checking,
        Self::Held,
        Self::Planned,
        Self::Deploying,
        Self::Verifying,
        Self::Watching,
        Self::RollingBack,
        Self::Documenting,
        Self::Soaking,
        Self::Promoted,
        Self::Closed,
        Self::RolledBack,
        Self::Frozen,
        Self::Thawed,
        Self::Withdrawn,
        Self::KeptNotClosed,
    ];

    /// As people and JSON read it: `rolling-back`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Checking => "checking",
            Self::Held => "held",
            Self::Planned => "planned",
            Self::Deploying => "deploying",
            Self::Verifying => "verifying",
            Self::Watching => "watching",
            Self::RollingBack => "rolling-back",
            Self::Documenting => "documenting",
            Self::Soaking => "soaking",
            Self::Promoted => "promoted",
            Self::Closed => "closed",
            Self::RolledBack => "rolled-back",
            Self::Frozen => "frozen",
            Self::Thawed => "thawed",
            Self::Withdrawn => "withdrawn",
            Self::KeptNotClosed => "kept-not-closed",
        }
    }
}

impl Phase {
    /// Its name.
    pub fn name(&self) -> PhaseName {
        match self {
            Self::Queued { .. } => PhaseName::Queued,
            Self::Checking { .. } => PhaseName::Checking,
            Self::Held { .. } => PhaseName::Held,
            Self::Planned { .. } => PhaseName::Planned,
            Self::Deploying { .. } => PhaseName::Deploying,
            Self::Verifying { .. } => PhaseName::Verifying,
            Self::Watching { .. } => PhaseName::Watching,
            Self::RollingBack { .. } => PhaseName::RollingBack,
            Self::Documenting { .. } => PhaseName::Documenting,
            Self::Soaking { .. } => PhaseName::Soaking,
            Self::Promoted => PhaseName::Promoted,
            Self::Closed => PhaseName::Closed,
            Self::RolledBack { .. } => PhaseName::RolledBack,
            Self::Frozen { .. } => PhaseName::Frozen,
            Self::Thawed { .. } => PhaseName::Thawed,
            Self::Withdrawn { .. } => PhaseName::Withdrawn,
            Self::KeptNotClosed { .. } => PhaseName::KeptNotClosed,
        }
    }
}
