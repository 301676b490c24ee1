//! The signals of a service, and their defaults.
//!
//! A signal that the rules complain about is left out, and the file refused with it.

use ops_core::settings::{Signal, SignalKind};

use crate::{node::Node, view::View};

const EVERY_SECONDS: u64 = 15;
/// By which share a level may be above the old version's.
const TOLERANCE: f64 = 0.25;

/// Takes the signals over in the order of their names: how a file orders them does not matter.
pub(super) fn signals(service: View<'_>, watch_grace_seconds: u64) -> Vec<Signal> {
    let one = |(name, node): (&str, &Node)| {
        let view: View<'_> = service.over(node);
        Some(Signal {
            name: name.to_owned(),
            prometheus: view.text("prometheus")?,
            kind: kind(view)?,
            every_seconds: view.seconds("every").unwrap_or(EVERY_SECONDS),
            // A default that is written out is the default.
            grace_seconds: view.seconds("grace").filter(|grace| *grace != watch_grace_seconds),
        })
    };
    let mut signals: Vec<Signal> = service.named("signals").into_iter().filter_map(one).collect();
    signals.sort_by(|a, b| a.name.cmp(&b.name));
    signals
}

fn kind(view: View<'_>) -> Option<SignalKind> {
    let kinds = ["rate", "histogram", "level", "done"].into_iter().filter(|key| view.has(key));
    let [kind] = kinds.collect::<Vec<_>>()[..] else {
        return None;
    };
    Some(match kind {
        "rate" => {
            let rate = view.child(kind);
            SignalKind::Rate {
                total: query(rate, "total")?,
                events: query(rate, "events")?,
                limit: rate.share("limit"),
            }
        }
        "histogram" => SignalKind::Histogram { query: query(view, kind)? },
        "level" if view.get(kind)?.scalar().is_some() => {
            SignalKind::Level { query: query(view, kind)?, tolerance: TOLERANCE }
        }
        "level" => {
            let level = view.child(kind);
            let tolerance = level.share("tolerance").unwrap_or(TOLERANCE);
            SignalKind::Level { query: query(level, "query")?, tolerance }
        }
        _ => {
            let done = view.child(kind);
            SignalKind::Done { query: query(done, "query")?, at_least: done.whole("at_least")? }
        }
    })
}

/// A query without the space around it, which a text over several lines brings along.
fn query(view: View<'_>, key: &str) -> Option<String> {
    Some(view.text(key)?.trim().to_owned())
}
