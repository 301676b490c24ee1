//! How strict the boards are, how fast callers may be, and where the secrets of gateways come from.

use std::{fmt, sync::Arc, time::Duration};

/// Finds the value behind a reference such as `env:NAME` or `file:PATH`. The error says why there
/// is none; it must not hold the value.
pub type ResolveSecret = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// Called with a ticket's number or id.
pub type BeforeVerdict = Arc<dyn Fn(&str) + Send + Sync>;

/// How the boards behave. The default is the strict one.
#[derive(Clone)]
pub struct BoardSettings {
    /// Imitates `DevTeam`'s boards: every token may move and change everything, unknown fields are
    /// stored, a caller of the meeting board without a token is the manager, and followers need
    /// none. Comments and history stay what they are even then.
    pub permissive: bool,
    /// A write that notifies somebody is answered only after their gateways answered, as on
    /// `DevTeam`'s board. By default notices are delivered beside.
    pub blocking_notifications: bool,
    /// Where people reach the boards, for links in notices: `http://boards.example.org:8088`. Empty
    /// gives links without a host.
    pub public_url: String,
    /// How fast callers may be.
    pub rates: Rates,
    /// How often followers of the planning board are pinged; who did not answer is dropped.
    pub ping_every: Duration,
    /// Called with a ticket's number or id right before a comment by CQ or QA is written, so that
    /// the board can be told which candidate it is about (`BoardStore::set_candidate`).
    pub before_verdict: BeforeVerdict,
    /// Where the tokens of gateways come from.
    pub resolve_secret: ResolveSecret,
}

/// How many requests callers may make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Writes of one member.
    pub writes: Rate,
    /// Reads of one member.
    pub reads: Rate,
    /// Requests without a valid token of one peer, wrong tokens and log-ins among them.
    pub anonymous: Rate,
}

/// A bound on requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests per second over a longer time.
    pub per_second: f64,
    /// Requests at once after a rest.
    pub burst: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            writes: Rate { per_second: 50.0, burst: 200.0 },
            reads: Rate { per_second: 1_000.0, burst: 4_000.0 },
            anonymous: Rate { per_second: 20.0, burst: 200.0 },
        }
    }
}

impl Default for BoardSettings {
    fn default() -> Self {
        Self {
            permissive: false,
            blocking_notifications: false,
            public_url: String::new(),
            rates: Rates::default(),
            ping_every: Duration::from_secs(30),
            before_verdict: Arc::new(|_| {}),
            resolve_secret: Arc::new(|reference| {
                Err(format!("this program resolves no secrets, so not {reference} either"))
            }),
        }
    }
}

impl fmt::Debug for BoardSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoardSettings")
            .field("permissive", &self.permissive)
            .field("blocking_notifications", &self.blocking_notifications)
            .field("public_url", &self.public_url)
            .field("rates", &self.rates)
            .finish_non_exhaustive()
    }
}
