//! The watch: is the new version worse than the old one?
//!
//! Every detector is an *e-process*: a wealth that can only grow in expectation if the new version
//! is worse than its tolerance allows. By Ville's inequality the chance that it ever reaches
//! `1/alpha` while nothing is wrong is at most `alpha`, however long and however often it is looked
//! at. The two arms are compared within short blocks, so that whatever hits both versions alike
//! cancels out.
//!
//! All numbers are natural logarithms of e-values. All state is plain data that can be journaled
//! and replayed: same seconds in, same bits out.

mod baseline;
mod before;
mod binomial;
mod block;
mod combine;
mod confidence;
mod declared;
mod dice;
mod dispersion;
mod edges;
mod effect;
mod gauge;
mod good_enough;
mod judge;
mod labels;
mod leak;
mod levels;
mod logged;
mod one_arm;
mod peak;
mod portfolio;
pub mod recorded;
pub mod replay;
mod resources;
mod scored;
pub mod selftest;
mod silence;
mod stream;
mod two_arm;
mod verdict;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod vectors;

pub use baseline::Baseline;
pub use before::ALPHA as BASELINE_ALPHA;
pub use binomial::upper_bound;
pub use combine::combine;
pub use confidence::confidence_sequence;
pub use declared::SignalBefore;
pub use dispersion::Dispersion;
pub use edges::Edge;
pub use effect::{Contrast, Effect, Rate};
pub use gauge::Gauge;
pub use judge::{Judge, Setup};
pub use labels::Labels;
pub use levels::{LEVELS, savage_levels};
pub use one_arm::OneArm;
pub use portfolio::Portfolio;
pub use scored::{Scored, ScoredParams};
pub use silence::Silence;
pub use two_arm::{TwoArm, TwoArmParams};
pub use verdict::{ClientClass, StreamName, StreamView, Totals, Verdict};

/// The fractions of the largest safe bet that a portfolio plays at once.
pub const BETS: [f64; 6] = [1.0 / 32.0, 1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 1.0 / 2.0, 9.0 / 10.0];
