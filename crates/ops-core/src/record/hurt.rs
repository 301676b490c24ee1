//! How large the difference between the versions was, and what kind of failures the new one had.

use std::fmt::Write as _;

use super::quoted;
use crate::deploy::{Hurt, Watching};

/// Kinds, routes and templates that a record lists each.
const LISTED: usize = 5;

/// Which kinds of failure the new version had, on which routes, with which templates in its logs.
pub(super) fn hurt(out: &mut String, watching: &Watching) {
    let contrast = watching.judge.effect().errors();
    let percent = |share: f64| format!("{:.2}", share * 100.0);
    if contrast.new.requests > 0 && contrast.old.requests > 0 {
        let (low, high) = contrast.difference;
        let _ = writeln!(
            out,
            "- beside each other: {} % of {} requests failed on the new version, {} % of {} on the \
             previous one; the difference is between {} and {} points (95 %, at every instant)",
            percent(contrast.new.events as f64 / contrast.new.requests as f64),
            contrast.new.requests,
            percent(contrast.old.events as f64 / contrast.old.requests as f64),
            contrast.old.requests,
            percent(low),
            percent(high)
        );
    }
    if watching.errors == 0 && watching.hurt.templates.is_empty() {
        return;
    }
    let lists = [
        ("kinds of answers", &watching.hurt.kinds),
        ("routes with failures", &watching.hurt.routes),
        ("errors in its logs", &watching.hurt.templates),
    ];
    for (what, counts) in lists {
        let most = Hurt::most(counts, LISTED);
        if !most.is_empty() {
            let all: Vec<_> =
                most.iter().map(|(name, n)| format!("{} {n}", quoted(name, 120))).collect();
            let _ = writeln!(out, "- {what} of the new version: {}", all.join(", "));
        }
    }
}
