//! `ops watch selftest`.

use std::fmt::Write as _;

use ops_core::{
    id::{ReleaseId, ServiceName},
    record::duration,
    settings::{Service, Strategy},
    signal::SignalSecond,
    watch::{
        Baseline, Setup,
        selftest::{self, Found, MUST_TRIP, RUNS, recorded, regressions},
    },
};
use ops_engine::ports::Clock as _;
use ops_signals::SystemClock;
use serde::Serialize;

use crate::{
    context::Context,
    exit::Exit,
    problem::Problem,
    serve,
    ui::Paint,
    words::{self, Table, number},
};

/// Seconds of recorded traffic that are used.
const RECORDED_SECONDS: u64 = 1_800;
/// Least seconds with traffic: half of them are the time before.
const ENOUGH_SECONDS: usize = 60;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    service: ServiceName,
    release: ReleaseId,
    /// Seconds with traffic that the door has recorded of it.
    seconds: usize,
    requests: u64,
    /// Share of the traffic that the new version would have.
    share: f64,
    found: Vec<Found>,
    /// Why the least evidence that `ops.yaml` asks for is no gate.
    weak: Option<String>,
    gate: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    let settings = context.governing()?;
    let name = ServiceName::new(&args.service);
    let service = settings.services.get(&name).ok_or_else(|| {
        let all: Vec<_> = settings.services.keys().map(ServiceName::as_str).collect();
        Problem::refused(format!("there is no service {name}"))
            .hint(format!("ops.yaml has {}", all.join(", ")))
    })?;
    if service.route.is_none() {
        return Err(Problem::refused(format!("no request reaches {name} through the door")).hint(
            "what its declared signals must show is in `watch:` and `signals:` of ops.yaml",
        ));
    }
    let ports = serve::looking_ports(context, &settings)?;
    let after = (SystemClock::new()?.now().ms / 1_000).saturating_sub(RECORDED_SECONDS);
    let seconds = ports.door.signals(&name, after)?;
    let Some(release) = serves(&seconds) else {
        return Err(Problem::refused(format!("the door has recorded no traffic of {name}"))
            .hint("deploy it, let traffic come for some minutes, and try again"));
    };
    let answer = answer(service, &release, &seconds)?;
    context.ui.answer(&answer, |paint| text(&answer, paint))?;
    Ok(if answer.gate { Exit::Ok } else { Exit::Refused })
}

/// The release with the largest share at last.
fn serves(seconds: &[SignalSecond]) -> Option<ReleaseId> {
    let last = seconds.iter().rev().find(|second| !second.weights.is_empty())?;
    last.weights.iter().max_by_key(|(_, weight)| *weight).map(|(id, _)| id.clone())
}

fn answer(
    service: &Service,
    release: &ReleaseId,
    seconds: &[SignalSecond],
) -> Result<Answer, Problem> {
    let arms = seconds.iter().filter_map(|second| second.arm(release));
    let with_traffic = arms.clone().filter(|arm| arm.requests > 0).count();
    if with_traffic < ENOUGH_SECONDS {
        let name = &service.name;
        return Err(Problem::refused(format!(
            "the door has recorded traffic of {name} in {with_traffic} s only"
        ))
        .hint(format!("wait until it is {ENOUGH_SECONDS} s, and try again")));
    }
    let share = share(service);
    let baseline = Baseline::unknown();
    let setup = Setup::door(&baseline, &service.slo, service.watch.alpha, share < 1.0)
        .warm_after(service.watch.warmup_seconds());
    let found: Vec<_> = regressions(service)
        .into_iter()
        .map(|regression| recorded(seconds, release, &setup, share, regression))
        .collect();
    let weak = selftest::weak(service);
    Ok(Answer {
        service: service.name.clone(),
        release: release.clone(),
        seconds: with_traffic,
        requests: arms.map(|arm| arm.requests).sum(),
        share,
        gate: weak.is_none() && found.iter().all(Found::is_gate),
        found,
        weak,
    })
}

/// The share of the traffic during the part of the watch with both versions.
fn share(service: &Service) -> f64 {
    match &service.strategy {
        Strategy::Canary { steps } if service.runs_twice => {
            steps.last().map_or(0.5, |step| f64::from(step.weight) / 100.0)
        }
        _ => 1.0,
    }
}

fn text(answer: &Answer, paint: Paint) -> String {
    let mut text = format!(
        "{}: {} requests to {} in {} were mixed with regressions, {} % of them to the new version\n",
        paint.bold(answer.service.as_str()),
        number(answer.requests),
        answer.release,
        duration(answer.seconds as u64 * 1_000),
        (100.0 * answer.share).round()
    );
    let mut table = Table::default();
    for found in &answer.found {
        let sign = if found.is_gate() { paint.green("✓") } else { paint.red("✗") };
        let caught = format!("caught in {} of {} runs", found.tripped, found.runs);
        let when = match (found.seconds, found.hurt) {
            (Some(seconds), Some(hurt)) => format!(
                "after {} and {} hurt requests, as a median",
                duration(seconds * 1_000),
                number(hurt)
            ),
            _ => "never".into(),
        };
        table.row([sign, found.regression.words(), caught, when]);
    }
    text.push_str(&table.text("  "));
    let least = &answer.weak;
    let _ = match least {
        None => writeln!(text, "  The least evidence that ops.yaml asks for is a gate."),
        Some(why) => writeln!(text, "  {} {why}.", paint.red("No gate:")),
    };
    if !answer.found.iter().all(Found::is_gate) {
        let share = words::percent(MUST_TRIP as f64 / RUNS as f64);
        let _ = writeln!(
            text,
            "  {} a gate catches at least {share}: more of the traffic to the new version, or a \
             longer `watch`, would do.",
            paint.red("No gate with this traffic:")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_caught_and_what_was_not_is_told() {
        let found = |at: usize, tripped, seconds| Found {
            regression: selftest::Regression::USUAL[at],
            runs: 20,
            tripped,
            seconds,
            hurt: seconds.map(|seconds| seconds * 4),
        };
        let mut answer = Answer {
            service: "shop".into(),
            release: "shop-3f2a".into(),
            seconds: 1_740,
            requests: 87_000,
            share: 0.5,
            found: vec![found(0, 20, Some(13)), found(1, 20, Some(7))],
            weak: None,
            gate: true,
        };
        let well = text(&answer, Paint::PLAIN);
        answer.found = vec![found(0, 20, Some(13)), found(1, 3, None)];
        answer.weak = Some("with 5 requests as the least evidence, nothing is found".into());
        insta::assert_snapshot!("selftest", format!("{well}\n{}", text(&answer, Paint::PLAIN)));
    }
}
