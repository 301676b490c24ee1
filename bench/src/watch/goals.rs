//! What the comparison must reach: the goals G1 to G7 of the watch's specification.

use super::{cells, detections, good, nulls, nulls::percent};
use crate::answer::Goal;

/// G1: most false rollbacks, as a share of runs.
const FALSE_ALARMS: f64 = 0.01;
/// G6: the same where the change is within the tolerance.
const HARMLESS: f64 = 0.0005;
/// The base error rate of the goals' cells.
const BASE: f64 = 0.005;

/// What was measured, and whether it was everything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured<'a> {
    pub(super) nulls: &'a [nulls::Row],
    pub(super) harmful: &'a [detections::Row],
    pub(super) good: &'a [good::Row],
    /// Whether all cells were asked for. If so, what was not measured is missed; if not, only what
    /// was measured is judged.
    pub(super) whole: bool,
}

/// All goals that can be judged.
pub(super) fn goals(measured: &Measured<'_>) -> Vec<Goal> {
    let Measured { whole, .. } = measured;
    let all = [
        false_alarms(measured),
        unused(measured),
        total_failure(measured),
        sooner(measured, "G3: errors + 10 pp at 50/.1", ("err+10pp", 50.0, 30), [20.0, 20.0]),
        sooner(measured, "G4: errors + 2 pp at 50/.1", ("err+2pp", 50.0, 30), [2.5, 3.0]),
        sooner(measured, "G4: errors + 2 pp at 500/.1", ("err+2pp", 500.0, 30), [20.0, 20.0]),
        sooner(
            measured,
            "G5: latency × 1.5 at 50/.1, no warm-up",
            ("lat1.5", 50.0, 0),
            [10.0, 10.0],
        ),
        sooner(measured, "G5: latency × 1.2 at 50/.1, no warm-up", ("lat1.2", 50.0, 0), [1.4, 1.4]),
        sooner(measured, "G5: tail at 50/.1, no warm-up", ("lat-tail", 50.0, 0), [1.1, 1.1]),
        harmless(measured),
        soon_good(measured),
        margin(measured),
    ];
    all.into_iter()
        .filter_map(|(name, judged)| match judged {
            Some((figure, met)) => Some(Goal::new(name, figure, met)),
            None if *whole => Some(Goal::new(name, "not measured", false)),
            None => None,
        })
        .collect()
}

/// A goal's words; what came out, and whether it is enough, if it was measured.
type Judged = (String, Option<(String, bool)>);

fn false_alarms(measured: &Measured<'_>) -> Judged {
    let name = format!("G1: at most {} % false rollbacks in every cell", percent(FALSE_ALARMS));
    let worst = measured.nulls.iter().max_by(|a, b| a.ours.total_cmp(&b.ours));
    let judged = worst.map(|worst| {
        let bad: Vec<_> = measured.nulls.iter().filter(|row| row.ours > FALSE_ALARMS).collect();
        let cells = measured.nulls.len();
        let figure = match bad.as_slice() {
            [] => format!("at most {} % in {cells} cells", percent(worst.ours)),
            bad => bad.iter().map(|row| told(row)).collect::<Vec<_>>().join(", "),
        };
        (figure, bad.is_empty())
    });
    (name, judged)
}

fn told(row: &nulls::Row) -> String {
    let [name, traffic] = row.cell.as_ref().map(cells::words).unwrap_or_default();
    format!("{name} {traffic} {} % of {}", percent(row.ours), row.runs)
}

fn unused(measured: &Measured<'_>) -> Judged {
    let name = "a version that nobody uses is neither rolled back nor good enough";
    let rows: Vec<_> = measured.nulls.iter().filter(|row| row.good_enough.is_some()).collect();
    let judged = (!rows.is_empty()).then(|| {
        let back: f64 = rows.iter().map(|row| row.ours).sum();
        let said: f64 = rows.iter().filter_map(|row| row.good_enough).sum();
        let figure = format!("{} % and {} % in {} cells", percent(back), percent(said), rows.len());
        (figure, back == 0.0 && said == 0.0)
    });
    (name.into(), judged)
}

fn total_failure(measured: &Measured<'_>) -> Judged {
    let name = "G2: 100 % errors at 50/.1: p95 at most 5 s, at most 15 failed requests, 100 × fewer \
                than K5 and F5";
    let judged = row(measured, ("err100", 50.0, 30)).map(|row| {
        let bad = row.ours.bad.unwrap_or(f64::INFINITY);
        let p95 = row.ours.p95.unwrap_or(f64::INFINITY);
        let fewer = ["K5", "F5"].map(|name| {
            row.rivals.get(name).and_then(|rival| rival.bad).unwrap_or(f64::INFINITY) / bad
        });
        let met = p95 <= 5.0 && bad <= 15.0 && fewer.iter().all(|times| *times >= 100.0);
        (format!("{p95:.0} s, {bad:.0}, {:.0} × and {:.0} ×", fewer[0], fewer[1]), met)
    });
    (name.into(), judged)
}

/// So many times sooner than K5 and F5, in the median.
fn sooner(measured: &Measured<'_>, what: &str, place: (&str, f64, u64), least: [f64; 2]) -> Judged {
    let name = format!("{what}: {} × sooner than K5, {} × than F5", least[0], least[1]);
    let judged = row(measured, place).map(|row| {
        let ours = row.ours.median.unwrap_or(f64::INFINITY);
        let times = ["K5", "F5"].map(|name| {
            // Who never finds it is infinitely late; whoever does not at all cannot be sooner.
            let rival = row.rivals.get(name).and_then(|rival| rival.median);
            if ours.is_finite() { rival.unwrap_or(f64::INFINITY) / ours } else { 0.0 }
        });
        let met = times.iter().zip(least).all(|(times, least)| *times >= least);
        (format!("{:.1} × and {:.1} ×", times[0], times[1]), met)
    });
    (name, judged)
}

fn harmless(measured: &Measured<'_>) -> Judged {
    let name = "G6: errors × 1.08 and latency × 1.05 never trip (at most 1 of 2,000)";
    let of = |row: &&nulls::Row| row.cell.is_some_and(|cell| cell.scenario.name == "null-harmless");
    let rows: Vec<_> = measured.nulls.iter().filter(of).collect();
    let judged = (!rows.is_empty()).then(|| {
        let worst = rows.iter().map(|row| row.ours).fold(0.0, f64::max);
        (format!("at most {} % in {} cells", percent(worst), rows.len()), worst <= HARMLESS)
    });
    (name.into(), judged)
}

fn soon_good(measured: &Measured<'_>) -> Judged {
    let at = |row: &&good::Row| row.cell.is_some_and(|cell| cells::is(&cell, "null", 50.0, 0.1));
    let judged = measured.good.iter().find(at).map(|row| match row.median {
        Some(median) => (format!("{median:.0} s"), median <= 500.0),
        None => (format!("in {} % of runs", percent(row.said)), false),
    });
    ("G7: good enough within 500 s at 50/.1, in the median".into(), judged)
}

fn margin(measured: &Measured<'_>) -> Judged {
    let of = |name: &str| {
        let fits = |row: &&good::Row| row.cell.is_some_and(|cell| cell.scenario.name == name);
        measured.good.iter().find(fits).map(|row| row.said)
    };
    let judged = of("ni-margin-err").zip(of("ni-margin-lat")).map(|(errors, latency)| {
        let figure = format!("{} % errors, {} % latency", percent(errors), percent(latency));
        (figure, errors <= 0.05 && latency <= 0.05)
    });
    ("G7: wrongly good enough on the margin in at most 5 %".into(), judged)
}

/// The row of a harmful scenario with a tenth of the traffic: name, requests per second, warm-up.
fn row<'a>(
    measured: &Measured<'a>,
    (name, rps, warmup): (&str, f64, u64),
) -> Option<&'a detections::Row> {
    measured.harmful.iter().find(|row| {
        row.cell.is_some_and(|cell| {
            cells::is(&cell, name, rps, 0.1)
                && cell.warmup == warmup
                && cell.base.total_cmp(&BASE).is_eq()
        })
    })
}

#[cfg(test)]
mod tests;
