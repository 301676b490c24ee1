//! What others do, re-implemented from the rules that their sources and documentation state. None
//! of them gets a scrape interval or the delay of a pipeline added, and latencies are as fine as
//! ours: each is as quick as it can be.

mod argo;
mod flagger;
mod kayenta;
mod minute;
mod two_shares;

pub(super) use self::minute::Minute;
use self::{argo::Argo, flagger::Flagger, kayenta::Kayenta, two_shares::TwoShares};

/// Somebody who decides at the end of a minute whether to roll back.
pub(super) trait Rival {
    /// Takes the minutes so far, the last of them just over. Whether it rolls back now.
    fn decides(&mut self, minutes: &[Minute]) -> bool;
}

/// Short names of all rivals, in the order of [`all`].
pub(super) const NAMES: [&str; 10] =
    ["K5", "K5e", "K1", "K30", "F5", "F1", "A1m", "A5m", "Z30", "Zpeek"];

/// What the short names mean.
pub(super) const LEGEND: &str = "\
K5, K1, K30: Kayenta every 5 min, every minute from the 5th on, once at the end; share of failed \
requests, median and p99 critical, growing window; K5e: K5 with an allowed increase of 1.1. \
F5, F1: Flagger with threshold 5 and 1. A1m: Argo Rollouts, 1 min, success >= 0.99; A5m: its \
documentation's 5 min, >= 0.95; both with a failure limit of 3. Z30, Zpeek: test of two shares at \
the end, and every minute.";

/// All rivals.
pub(super) fn all() -> [Box<dyn Rival>; NAMES.len()] {
    [
        Box::new(Kayenta::new(5, 1.0)),
        Box::new(Kayenta::new(5, 1.1)),
        Box::new(Kayenta::new(1, 1.0)),
        Box::new(Kayenta::new(30, 1.0)),
        Box::new(Flagger::new(5)),
        Box::new(Flagger::new(1)),
        Box::new(Argo::new(1, 0.99, 3)),
        Box::new(Argo::new(5, 0.95, 3)),
        Box::new(TwoShares::new(30..=30)),
        Box::new(TwoShares::new(1..=30)),
    ]
}
