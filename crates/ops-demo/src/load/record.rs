//! What became of one request.

use std::time::Duration;

use ops_core::time::BootMs;
use serde::Serialize;

use crate::clock::to_ms;

/// How a request was lost: it got no answer from the service itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// No connection could be opened.
    Connect,
    /// The connection broke before the answer was complete.
    Reset,
    /// The connection had served before and was closed from the other side, without a byte of an
    /// answer, while the request was on its way. A browser would repeat a `GET`; a load does not.
    Stale,
    /// The answer was not complete in time, counted from the intended departure.
    Timeout,
    /// Too many requests were outstanding: it was never sent.
    Overflow,
    /// The door answered 502, 503 or 504 in the service's place.
    Door,
    /// Somebody else answered: the version header was missing.
    Foreign,
    /// What came back was no HTTP answer, or was too long.
    Garbled,
}

/// What a request brought back, before it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The service itself answered.
    Answered { status: u16, version: String },
    /// It did not. A status is there if somebody else answered.
    Lost { loss: Loss, status: Option<u16> },
}

impl Outcome {
    pub(super) fn lost(loss: Loss) -> Self {
        Self::Lost { loss, status: None }
    }
}

/// One request as it ended, before it is recorded.
#[derive(Debug, Clone)]
pub(super) struct Ended {
    pub(super) visit: u8,
    pub(super) intended_us: u64,
    pub(super) sent_us: Option<u64>,
    pub(super) finished_us: u64,
    pub(super) outcome: Outcome,
}

/// What became of one request. Times are boot time (`CLOCK_BOOTTIME`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    intended_us: u64,
    sent_after_us: u32,
    finished_after_us: u32,
    status: u16,
    loss: Option<Loss>,
    pub(super) version: u8,
    visit: u8,
}

/// Stands for a request that was never sent.
const NEVER: u32 = u32::MAX;

impl Record {
    pub(super) fn new(ended: &Ended, version: u8) -> Self {
        let after = |us: u64| {
            u32::try_from(us.saturating_sub(ended.intended_us)).unwrap_or(NEVER).min(NEVER - 1)
        };
        let (status, loss) = match ended.outcome {
            Outcome::Answered { status, .. } => (status, None),
            Outcome::Lost { loss, status } => (status.unwrap_or(0), Some(loss)),
        };
        Self {
            intended_us: ended.intended_us,
            sent_after_us: ended.sent_us.map_or(NEVER, after),
            finished_after_us: after(ended.finished_us),
            status,
            loss,
            version,
            visit: ended.visit,
        }
    }

    /// When it was to depart, in milliseconds since boot.
    pub fn intended_ms(&self) -> BootMs {
        to_ms(self.intended_us)
    }

    /// When it was to depart, in microseconds since boot.
    pub fn intended_us(&self) -> u64 {
        self.intended_us
    }

    /// When it was handed to a connection, in microseconds since boot; `None` if it never was.
    pub fn sent_us(&self) -> Option<u64> {
        (self.sent_after_us != NEVER).then(|| self.intended_us + u64::from(self.sent_after_us))
    }

    /// When its answer was complete or it was given up, in milliseconds since boot.
    pub fn finished_ms(&self) -> BootMs {
        to_ms(self.intended_us + u64::from(self.finished_after_us))
    }

    /// From the intended departure to the end.
    pub fn latency(&self) -> Duration {
        Duration::from_micros(self.finished_after_us.into())
    }

    /// Status of the answer, whoever gave it.
    pub fn status(&self) -> Option<u16> {
        (self.status != 0).then_some(self.status)
    }

    /// How it was lost; `None` if the service itself answered.
    pub fn loss(&self) -> Option<Loss> {
        self.loss
    }

    /// Whether the service itself answered.
    pub fn is_answered(&self) -> bool {
        self.loss.is_none()
    }

    /// Whether the service itself answered with 500 or above.
    pub fn is_bad(&self) -> bool {
        self.is_answered() && self.status >= 500
    }

    /// Which visit of the mix it was.
    pub fn visit(&self) -> usize {
        self.visit.into()
    }
}
