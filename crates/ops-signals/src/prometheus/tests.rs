//! Servers that lie, and the real one.

mod fake;
mod histograms;
mod liars;
mod queries;
mod readings;
mod real;
mod rules;

use ops_core::{
    settings::SignalKind,
    time::{BootId, Now},
};
use ops_engine::ports::Version;

use super::*;

pub(super) fn now(ms: u64) -> Now {
    Now { boot: BootId("b".into()), ms, wall: jiff::Timestamp::UNIX_EPOCH }
}

fn version(release: &str, port: u16) -> Version {
    Version {
        release: release.into(),
        version: format!("version of {release}"),
        instances: vec![format!("127.0.0.1:{port}")],
    }
}

/// A share of failed payments over windows of 15 s, of two versions.
pub(super) fn asked(prometheus: impl Into<String>) -> Asked {
    Asked {
        signal: Signal {
            name: "payments".into(),
            prometheus: prometheus.into(),
            kind: rate(),
            every_seconds: 15,
            grace_seconds: None,
        },
        service: "shop".into(),
        new: version("new", 1),
        old: Some(version("old", 2)),
        after: 0,
    }
}

fn rate() -> SignalKind {
    SignalKind::Rate {
        total: "sum(increase(payments_total{release=\"$release\"}[$window]))".into(),
        events: "sum(increase(failed_total{release=\"$release\"}[$window]))".into(),
        limit: None,
    }
}

fn histogram() -> SignalKind {
    let query = "sum by (le) (increase(request_bucket{release=\"$release\"}[$window]))";
    SignalKind::Histogram { query: query.into() }
}

fn level() -> SignalKind {
    SignalKind::Level { query: "max(queue{release=\"$release\"})".into(), tolerance: 0.25 }
}

fn done() -> SignalKind {
    let query = "sum(increase(jobs_total{release=\"$release\"}[$window]))";
    SignalKind::Done { query: query.into(), at_least: 1 }
}

const KINDS: [fn() -> SignalKind; 4] = [rate, histogram, level, done];
