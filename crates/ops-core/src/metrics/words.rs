//! Figures in words: with their counts and window, and where they are too few, with these alone.

use super::{FEW, FEW_CHANGES, Metrics, Spread};
use crate::record::duration;

const TOO_FEW: &str = "too few to tell";

fn middle(spread: &Spread) -> String {
    let length = |seconds: u64| duration(seconds.saturating_mul(1_000));
    match (spread.median_seconds, spread.longest_seconds) {
        (Some(median), Some(longest)) if spread.count >= FEW => format!(
            "{} in the middle, {} at most (of {})",
            length(median),
            length(longest),
            spread.count
        ),
        (_, Some(longest)) => {
            format!("{TOO_FEW} ({} known, {} at most)", spread.count, length(longest))
        }
        _ => format!("{TOO_FEW} (none known)"),
    }
}

impl Metrics {
    /// Each figure with its name.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let frequency = if self.deployments < FEW {
            format!("{TOO_FEW} ({} in all)", self.deployments)
        } else {
            format!("{:.1} per week ({} in all)", self.per_week, self.deployments)
        };
        let rate = if self.changes < FEW_CHANGES {
            format!("{TOO_FEW} ({} of {} changes)", self.failed, self.changes)
        } else {
            let share = self.failed as f64 / self.changes as f64 * 100.0;
            format!("{share:.0} % ({} of {} changes)", self.failed, self.changes)
        };
        vec![
            ("Deployment frequency", frequency),
            ("Lead time, rfp to closed", middle(&self.lead)),
            ("Change failure rate", rate),
            ("Time to restore", middle(&self.restore)),
        ]
    }

    /// The window, in words.
    pub fn window_words(&self) -> String {
        let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %H:%M").to_string();
        format!("{} to {} UTC", day(self.window.after), day(self.window.until))
    }

    /// As a list, for a channel.
    pub fn words(&self) -> String {
        let lines = self.lines().into_iter().map(|(name, value)| format!("- {name}: {value}"));
        let lines: Vec<_> = lines.collect();
        format!("{}\n{}", self.window_words(), lines.join("\n"))
    }
}
