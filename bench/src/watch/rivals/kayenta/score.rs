//! From metrics to a verdict.

use super::classify::Class;

/// One metric's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) group: &'static str,
    pub(super) class: Class,
    pub(super) critical: bool,
}

/// From which score on a canary passes, and up to which it is ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Thresholds {
    pub(super) pass: f64,
    pub(super) marginal: f64,
}

impl Thresholds {
    /// Whether a judgement ends the canary: any of them at the marginal score or below, the last
    /// one also below the passing score.
    pub(super) fn ends_it(&self, score: f64, last: bool) -> bool {
        score <= self.marginal || (last && score < self.pass)
    }
}

/// The score, 0 to 100. Groups without a weight share what the others leave; a group without data
/// counts as passed; at least half of all metrics without data, or one bad critical one, make 0.
pub(super) fn score(judged: &[Judged], weights: &[(&str, f64)]) -> f64 {
    let missing = judged.iter().filter(|one| one.class == Class::Nodata).count();
    if judged.is_empty() || 2 * missing >= judged.len() {
        return 0.0;
    }
    let bad = |one: &Judged| matches!(one.class, Class::High | Class::Low | Class::NodataFail);
    if judged.iter().any(|one| one.critical && bad(one)) {
        return 0.0;
    }
    let mut groups: Vec<_> = judged.iter().map(|one| one.group).collect();
    groups.sort_unstable();
    groups.dedup();
    let weight = |group: &str| weights.iter().find(|(name, _)| *name == group);
    let without = groups.iter().filter(|group| weight(group).is_none()).count();
    let given: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let shared = (100.0 - given) / without.max(1) as f64;
    let part = |group: &&str| {
        let own = weight(group).map_or(shared, |(_, weight)| *weight);
        let members = judged.iter().filter(|one| one.group == *group);
        let counted: Vec<_> = members.filter(|one| one.class != Class::Nodata).collect();
        let passed = counted.iter().filter(|one| one.class == Class::Pass).count();
        let share = if counted.is_empty() { 1.0 } else { passed as f64 / counted.len() as f64 };
        own * share
    };
    groups.iter().map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(group: &'static str, class: Class) -> Judged {
        Judged { group, class, critical: false }
    }

    /// In hundredths.
    fn rounded(judged: &[Judged], weights: &[(&str, f64)]) -> i64 {
        (score(judged, weights) * 100.0).round() as i64
    }

    #[test]
    fn a_group_scores_what_passed_of_it() {
        use Class::{High, Low, NodataFail, Pass};
        let all = [Pass, High, Low, NodataFail].map(|class| judged("a", class));
        assert_eq!(rounded(&all, &[]), 2500);
        assert_eq!(rounded(&all[..2], &[("a", 100.0)]), 5000);
    }

    #[test]
    fn groups_without_weight_share_the_rest() {
        let all = [
            judged("errors", Class::Pass),
            judged("latency", Class::High),
            judged("system", Class::Pass),
        ];
        assert_eq!(rounded(&all, &[("errors", 50.0)]), 7500);
        assert_eq!(rounded(&all, &[]), 6667);
    }

    #[test]
    fn a_group_without_data_counts_as_passed_and_too_much_of_it_is_nothing() {
        let all = [
            judged("errors", Class::Nodata),
            judged("latency", Class::Pass),
            judged("latency", Class::Pass),
        ];
        assert_eq!(rounded(&all, &[]), 10_000);
        assert_eq!(rounded(&all[..2], &[]), 0, "half of the metrics");
        assert_eq!(rounded(&[], &[]), 0);
    }

    #[test]
    fn one_bad_critical_metric_is_enough() {
        let good = judged("a", Class::Pass);
        let bad = Judged { critical: true, ..judged("a", Class::High) };
        assert_eq!(rounded(&[good, good, good, bad], &[]), 0);
    }

    #[test]
    fn the_last_judgement_must_pass_and_no_other_may_be_marginal() {
        let thresholds = Thresholds { pass: 90.0, marginal: 75.0 };
        assert!(thresholds.ends_it(75.0, false) && !thresholds.ends_it(75.1, false));
        assert!(thresholds.ends_it(89.9, true) && !thresholds.ends_it(90.0, true));
    }
}
