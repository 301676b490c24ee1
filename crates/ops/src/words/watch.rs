//! What a watch has seen: what is compared, how strong the evidence is, what would trip it.

use std::fmt::Write as _;

use ops_core::{
    record::duration,
    watch::{Contrast, Rate},
};
use ops_engine::{StreamShown, WatchView};

use super::{Table, deployment::time};
use crate::ui::Paint;

/// Odds beyond this say nothing more to anybody.
const ODDS_SAID: f64 = 1e6;
/// Names that are said of each kind of failure.
const NAMES_SAID: usize = 5;

/// The watch as it stands.
pub(super) fn watch(watch: &WatchView, paint: Paint) -> String {
    let mut table = Table::default();
    let (seen, wanted) = (duration(watch.observed_seconds * 1_000), watch.wanted_seconds * 1_000);
    table.row(["Observed".into(), format!("{seen} of {}", duration(wanted))]);
    if watch.compared {
        let Contrast { new, old, difference } = &watch.errors;
        table.row(["New version".into(), rate(new)]);
        table.row(["Old version".into(), rate(old)]);
        table.row(["Difference".into(), points(*difference)]);
    } else {
        let (failed, all) = (watch.totals.canary_errors, watch.totals.canary_requests);
        let alone = format!("{} of {} requests failed", number(failed), number(all));
        table.row(["New version".into(), alone]);
        table.row(["Old version".into(), "takes no requests beside it".into()]);
    }
    table.row(["Evidence".into(), evidence(watch)]);
    for signal in &watch.signals {
        let done = signal.done.map_or_else(String::new, |count| format!(", {count} done"));
        let state = match (&signal.fault, signal.readable) {
            (_, true) => format!("can be read{done}"),
            (Some(fault), false) => format!("cannot be read: {fault}"),
            (None, false) => "cannot be read: nothing is told".into(),
        };
        table.row([format!("Signal {}", signal.name), state]);
    }
    for concern in &watch.concerns {
        table.row(["Looks odd".into(), concern.clone()]);
    }
    format!("{}\n{}", paint.bold("Watch"), table.text("  "))
}

/// Each stream of evidence, the strongest first.
pub(super) fn streams(watch: &WatchView, paint: Paint) -> String {
    if watch.streams.is_empty() {
        return String::new();
    }
    let mut table = Table::default();
    let head = ["stream", "against chance", "of what trips", "of the budget"];
    table.row(head.map(str::to_owned));
    for stream in &watch.streams {
        let weight = if stream.weight > 0.0 { percent(stream.weight) } else { "its own".into() };
        table.row([stream.name.clone(), odds(stream.log_e), percent(stream.share), weight]);
    }
    format!("{}\n{}", paint.bold("Evidence by stream"), table.text("  "))
}

/// What users met, where a detector tripped.
pub(super) fn harm(watch: &WatchView, paint: Paint) -> String {
    let Some(detector) = &watch.detector else { return String::new() };
    let mut table = Table::default();
    table.row(["Detector".into(), detector.clone()]);
    if let Some(first) = watch.first_bad {
        table.row(["From".into(), format!("{}, the first failed request", time(first))]);
    }
    let (failed, all) = (watch.totals.canary_errors, watch.totals.canary_requests);
    let bad = format!("{} of {} requests to the new version", number(failed), number(all));
    table.row(["Bad answers".into(), bad]);
    let hurt = &watch.hurt;
    let parts = [("Answers", &hurt.kinds), ("Routes", &hurt.routes), ("Logged", &hurt.templates)];
    for (name, counts) in parts {
        let mut name = name;
        for (what, count) in counts.iter().take(NAMES_SAID) {
            table.row([name.into(), format!("{} × {what}", number(*count))]);
            name = "";
        }
    }
    format!("{}\n{}", paint.bold("What users met"), table.text("  "))
}

/// The watch in one line, for a line that moves.
pub(crate) fn watch_line(watch: &WatchView) -> String {
    let (failed, all) = (watch.totals.canary_errors, watch.totals.canary_requests);
    let mut line = format!(
        "{} of {} observed, {} of {} requests failed",
        duration(watch.observed_seconds * 1_000),
        duration(watch.wanted_seconds * 1_000),
        number(failed),
        number(all)
    );
    if watch.compared {
        let Rate { requests, events, .. } = watch.errors.old;
        let _ = write!(line, " (old: {} of {})", number(events), number(requests));
    }
    let _ = write!(line, ", evidence of harm {}", evidence(watch));
    line
}

fn evidence(watch: &WatchView) -> String {
    let strongest = watch.streams.first().filter(|stream| stream.log_e > 0.0);
    let by = strongest.map_or_else(String::new, |StreamShown { name, .. }| format!(" ({name})"));
    format!("{}{by}; {} takes it back", odds(watch.log_e), odds(watch.trips_at))
}

/// Odds against chance.
fn odds(log_e: f64) -> String {
    let odds = log_e.exp();
    if odds < 1.05 {
        "none".into()
    } else if odds < 9.95 {
        format!("{odds:.1} : 1")
    } else if odds < ODDS_SAID {
        format!("{} : 1", number(odds.round() as u64))
    } else {
        format!("more than {} : 1", number(ODDS_SAID as u64))
    }
}

fn rate(rate: &Rate) -> String {
    let (events, requests) = (number(rate.events), number(rate.requests));
    let share = rate.events as f64 / rate.requests.max(1) as f64;
    format!(
        "{events} of {requests} requests failed: {}, between {} and {}",
        percent(share),
        percent(rate.low),
        percent(rate.high)
    )
}

fn points((low, high): (f64, f64)) -> String {
    let point = |share: f64| {
        let points = 100.0 * share;
        let sign = if points < 0.0 { "−" } else { "+" };
        format!("{sign}{:.2}", points.abs())
    };
    format!("{} to {} points with 95 % confidence at every instant", point(low), point(high))
}

/// A share in percent, with as many digits as it deserves.
pub(crate) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    match percent {
        p if p.abs() < 0.005 => "0 %".into(),
        p if p.abs() < 1.0 => format!("{p:.2} %"),
        p if p.abs() < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// A count with commas.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use ops_core::watch::Totals;
    use ops_engine::{HurtShown, SignalShown};

    use super::*;

    fn calm() -> WatchView {
        let stream = |name: &str, weight, log_e, share| StreamShown {
            name: name.into(),
            weight,
            log_e,
            share,
        };
        WatchView {
            observed_seconds: 250,
            wanted_seconds: 1_200,
            totals: Totals {
                canary_requests: 1_234,
                canary_errors: 8,
                control_requests: 11_100,
                control_errors: 55,
            },
            errors: Contrast {
                new: Rate { requests: 1_234, events: 8, low: 0.002, high: 0.014 },
                old: Rate { requests: 11_100, events: 55, low: 0.003_4, high: 0.006_9 },
                difference: (-0.004_9, 0.010_6),
            },
            compared: true,
            log_e: 0.9,
            odds: 0.9f64.exp(),
            alpha: 0.01,
            trips_at: 100f64.ln(),
            share: 0.195,
            streams: vec![
                stream("errors", 0.3, 1.9, 0.151),
                stream("answers 401 and 403", 0.05, 0.0, 0.0),
                stream("errors against the time before", 0.0, -0.3, 0.0),
            ],
            signals: vec![
                SignalShown { name: "orders".into(), readable: true, fault: None, done: Some(31) },
                SignalShown {
                    name: "lag".into(),
                    readable: false,
                    fault: Some("the answer came too late".into()),
                    done: None,
                },
            ],
            concerns: vec!["only the new version logs the error `cart <*> is gone`".into()],
            hurt: HurtShown::default(),
            first_bad: None,
            detector: None,
        }
    }

    fn tripped() -> WatchView {
        WatchView {
            totals: Totals { canary_requests: 412, canary_errors: 97, ..calm().totals },
            log_e: 19.0,
            odds: 1e6,
            share: 4.1,
            hurt: HurtShown {
                kinds: vec![("5xx".into(), 90), ("no connection or a broken one".into(), 7)],
                routes: vec![("/carts/{id}".into(), 95), ("/".into(), 2)],
                templates: vec![("cart <*> is gone".into(), 1_090)],
            },
            first_bad: Some(jiff::Timestamp::from_second(1_790_000_000).unwrap()),
            detector: Some("errors".into()),
            signals: Vec::new(),
            concerns: Vec::new(),
            ..calm()
        }
    }

    #[test]
    fn a_watch_says_what_it_compares_how_sure_it_is_and_what_would_trip_it() {
        let text = format!(
            "{}{}{}",
            watch(&calm(), Paint::PLAIN),
            streams(&calm(), Paint::PLAIN),
            harm(&calm(), Paint::PLAIN)
        );
        insta::assert_snapshot!("watch_calm", text);
    }

    #[test]
    fn after_harm_it_says_which_detector_from_when_and_whom_it_hit() {
        let mut alone = tripped();
        alone.compared = false;
        let text = format!(
            "{}{}\n{}",
            watch(&tripped(), Paint::PLAIN),
            harm(&tripped(), Paint::PLAIN),
            watch(&alone, Paint::PLAIN)
        );
        insta::assert_snapshot!("watch_tripped", text);
    }

    #[test]
    fn one_line_says_the_same_short() {
        insta::assert_snapshot!("watch_line", watch_line(&calm()));
    }

    #[test]
    fn odds_are_capped_and_never_odd() {
        let said = [f64::NEG_INFINITY, -3.0, 0.0, 0.7, 3.0, 9.0, 13.0, 14.0, 1e4].map(odds);
        assert_eq!(said[..3], ["none"; 3]);
        assert_eq!(said[3..6], ["2.0 : 1", "20 : 1", "8,103 : 1"]);
        assert_eq!(said[7], "more than 1,000,000 : 1");
        assert_eq!(said[8], said[7]);
    }
}
