//! What a watch has seen, and how strong its evidence is.

use std::collections::BTreeMap;

use ops_core::{
    deploy::{Cause, Deployment, Hurt, Watching},
    plan::{Goal, Plan},
    settings::floor,
    watch::{BASELINE_ALPHA, Contrast, StreamView, Totals},
};
use serde::{Deserialize, Serialize};

/// Evidence is shown up to this: more says nothing to anybody.
const LOG_E_MAX: f64 = 1e4;
/// Odds are shown up to this many to one.
const ODDS_MAX: f64 = 1e6;
/// Names that are shown of each kind of harm.
const NAMES_SHOWN: usize = 10;

/// A stream of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamShown {
    /// Its name.
    pub name: String,
    /// Its share of the false-alarm budget; 0 for what has a budget of its own.
    pub weight: f64,
    /// Natural logarithm of its evidence.
    pub log_e: f64,
    /// How much of the evidence for a rollback it brings by itself: 1 is enough.
    pub share: f64,
}

/// A declared signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalShown {
    /// Its name.
    pub name: String,
    /// Whether it can be read.
    pub readable: bool,
    /// Why not, as far as it is known.
    pub fault: Option<String>,
    /// What was done, where it counts that.
    pub done: Option<u64>,
}

/// What kind of failures the new version had, most first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HurtShown {
    /// Kinds of answers.
    pub kinds: Vec<(String, u64)>,
    /// Templates of paths.
    pub routes: Vec<(String, u64)>,
    /// Templates of lines of error level.
    pub templates: Vec<(String, u64)>,
}

/// The watch of one deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchView {
    /// Observed seconds.
    pub observed_seconds: u64,
    /// Observed seconds that the whole plan wants.
    pub wanted_seconds: u64,
    /// Requests and failed requests of both versions.
    pub totals: Totals,
    /// Shares of failed requests while both versions could be compared, with bounds that hold at
    /// every instant.
    pub errors: Contrast,
    /// Whether requests of both versions were compared at all.
    pub compared: bool,
    /// Natural logarithm of the combined evidence of harm.
    pub log_e: f64,
    /// The same as odds against chance, so many to one, at most a million.
    pub odds: f64,
    /// Bound of the chance of a false rollback.
    pub alpha: f64,
    /// Combined evidence that trips, as a natural logarithm: `ln(1/alpha)`.
    pub trips_at: f64,
    /// How much of that is there.
    pub share: f64,
    /// Each stream, the strongest first.
    pub streams: Vec<StreamShown>,
    /// Declared signals.
    pub signals: Vec<SignalShown>,
    /// What proves nothing but asks for a longer look.
    pub concerns: Vec<String>,
    /// What the failures were.
    pub hurt: HurtShown,
    /// When the new version failed a request for the first time; a label.
    pub first_bad: Option<jiff::Timestamp>,
    /// What tripped, if something did.
    pub detector: Option<String>,
}

impl WatchView {
    /// Of a deployment that was on traffic.
    pub fn of(deployment: &Deployment) -> Option<Self> {
        let plan = deployment.plan.as_deref()?;
        let watching = deployment.watching.as_deref()?;
        let judge = &watching.judge;
        let alpha = plan.service.watch.alpha.clamp(f64::MIN_POSITIVE, floor::ALPHA_MAX);
        let trips_at = -alpha.ln();
        let log_e = finite(judge.log_e());
        let errors = judge.effect().errors();
        let mut streams: Vec<_> =
            judge.streams().iter().map(|stream| shown(stream, trips_at)).collect();
        streams.sort_by(|a, b| b.share.total_cmp(&a.share));
        Some(Self {
            observed_seconds: watching.seconds,
            wanted_seconds: wanted(plan),
            totals: judge.totals(),
            compared: errors.new.requests > 0 && errors.old.requests > 0,
            errors,
            log_e,
            odds: log_e.exp().min(ODDS_MAX),
            alpha,
            trips_at,
            share: finite(judge.evidence()),
            streams,
            signals: signals(plan, watching, deployment.last.ms / 1_000),
            concerns: watching.concerns.clone(),
            hurt: hurt(&watching.hurt),
            first_bad: watching.first_error_second.and_then(|at| label(deployment, at)),
            detector: match deployment.cause() {
                Some(Cause::Harm { detector, .. }) => Some(detector.clone()),
                _ => None,
            },
        })
    }
}

fn shown(stream: &StreamView, trips_at: f64) -> StreamShown {
    let log_e = finite(stream.log_e);
    // One stream alone trips when its part of the average does; what has no part has a budget.
    let share = if stream.weight > 0.0 {
        (stream.weight.ln() + log_e) / trips_at
    } else {
        log_e / -BASELINE_ALPHA.ln()
    };
    StreamShown {
        name: stream.name.to_string(),
        weight: stream.weight,
        log_e,
        share: share.max(0.0),
    }
}

/// JSON knows no infinity.
fn finite(number: f64) -> f64 {
    if number.is_nan() { 0.0 } else { number.clamp(-LOG_E_MAX, LOG_E_MAX) }
}

fn wanted(plan: &Plan) -> u64 {
    let observed = plan.steps.iter().map(|step| match step.goal {
        Goal::Observed { seconds, .. } => seconds,
        _ => 0,
    });
    observed.fold(0, u64::saturating_add)
}

fn signals(plan: &Plan, watching: &Watching, second: u64) -> Vec<SignalShown> {
    let one = |signal: &ops_core::settings::Signal| {
        let readable = watching.sensors.readable(std::slice::from_ref(signal), second);
        let sensor = watching.sensors.get(&signal.name);
        SignalShown {
            name: signal.name.clone(),
            readable,
            fault: sensor.and_then(|sensor| sensor.fault.clone()),
            done: watching.done.get(&signal.name).copied(),
        }
    };
    plan.service.signals.iter().map(one).collect()
}

fn hurt(hurt: &Hurt) -> HurtShown {
    let most = |counts: &BTreeMap<String, u64>| {
        let most = Hurt::most(counts, NAMES_SHOWN).into_iter();
        most.map(|(name, count)| (name.to_owned(), count)).collect()
    };
    HurtShown {
        kinds: most(&hurt.kinds),
        routes: most(&hurt.routes),
        templates: most(&hurt.templates),
    }
}

/// The wall clock at a second of the boot in which something happened last.
fn label(deployment: &Deployment, second: u64) -> Option<jiff::Timestamp> {
    let last = &deployment.last;
    let ago = last.ms.checked_sub(second.saturating_mul(1_000))?;
    let ago = jiff::SignedDuration::from_millis(i64::try_from(ago).ok()?);
    last.wall.checked_sub(ago).ok()
}
