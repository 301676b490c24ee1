//! How a version behaves when it runs.

/// What relapses is sick for so many seconds…
const RELAPSE_S: u64 = 3;
/// … out of so many.
const RELAPSE_EVERY_S: u64 = 10;

/// The conduct of one artifact, known to the simulation only.
#[derive(Debug, Clone, PartialEq)]
pub struct Conduct {
    /// Its kind, for stories.
    pub kind: Kind,
    /// Milliseconds from running until it answers healthy.
    pub healthy_ms: u64,
    /// Share of its answers that are errors.
    pub error_share: f64,
    /// Latency buckets that it is slower than a good one.
    pub slower: u16,
}

/// Kinds of versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// As it should be.
    Good,
    /// A good one that takes long to become healthy.
    Tardy,
    /// Answers errors.
    Errors,
    /// Answers errors for a few seconds now and then, and is well in between.
    Relapses,
    /// Answers slowly.
    Slow,
    /// Never answers healthy.
    Sick,
    /// Ends by itself soon after each start.
    Crashes,
    /// Ends by itself once it has served for a while.
    CrashesLater,
    /// Healthy at first, then not any more.
    Fades,
    /// Healthy and not, in turn.
    Flaps,
    /// Healthy, but smoke requests get wrong answers.
    Broken,
    /// A good one that does not react to TERM.
    Stubborn,
}

impl Kind {
    /// Whether users are well served by it.
    pub fn good(self) -> bool {
        matches!(self, Self::Good | Self::Tardy | Self::Stubborn)
    }
}

impl Conduct {
    /// The usual conduct of a kind.
    pub fn of(kind: Kind) -> Self {
        let good = Self { kind, healthy_ms: 900, error_share: 0.001, slower: 0 };
        match kind {
            Kind::Tardy => Self { healthy_ms: 8_000, ..good },
            Kind::Errors | Kind::Relapses => Self { error_share: 0.35, ..good },
            Kind::Slow => Self { slower: 24, ..good },
            Kind::Sick => Self { healthy_ms: u64::MAX / 4, ..good },
            _ => good,
        }
    }

    /// Share of its answers that are errors at a time of the simulation.
    pub fn error_share_at(&self, t: u64) -> f64 {
        let well = self.kind == Kind::Relapses && t / 1_000 % RELAPSE_EVERY_S >= RELAPSE_S;
        if well { Self::of(Kind::Good).error_share } else { self.error_share }
    }

    /// Milliseconds after becoming healthy until the process ends by itself, if it does.
    pub fn lives_ms(&self) -> Option<u64> {
        match self.kind {
            Kind::Crashes => Some(400),
            Kind::CrashesLater => Some(9_000),
            _ => None,
        }
    }

    /// Milliseconds after becoming healthy until it is not any more.
    pub fn fades_ms(&self) -> Option<u64> {
        (self.kind == Kind::Fades).then_some(12_000)
    }

    /// Milliseconds that it takes to end after TERM.
    pub fn stops_ms(&self, grace_ms: u64) -> u64 {
        if self.kind == Kind::Stubborn { grace_ms } else { grace_ms.min(150) }
    }
}
