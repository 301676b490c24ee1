//! The real Prometheus, as Debian packages it.

mod exporter;
mod protobuf;

use super::*;
use crate::daemon::Daemon;
use exporter::Exporter;

/// Where the boot clock of these tests begins, in milliseconds: far from Prometheus's own clock.
const BOOT_MS: u64 = 5_000_000;

/// Seconds of the boot clock before the first window.
const BOOT: u64 = BOOT_MS / 1000;

/// A Prometheus that scrapes exporters, each of a release of its own.
struct Scene {
    prometheus: Daemon,
    begun: Instant,
}

impl Scene {
    /// Scrapes these every so many seconds.
    fn scraping(every: u64, releases: &[(&str, &Exporter)], arguments: &[&str]) -> Self {
        let targets = releases.iter().map(|(release, exporter)| {
            let address = exporter.address();
            format!("      - {{targets: ['{address}'], labels: {{release: {release}}}}}\n")
        });
        let config = format!(
            "global: {{scrape_interval: {every}s, scrape_timeout: {every}s}}\n\
             scrape_configs:\n  - job_name: shop\n    static_configs:\n{}",
            targets.collect::<String>()
        );
        let mut all = vec!["--config.file=config.yml", "--storage.tsdb.path=data"];
        all.extend(arguments);
        let prometheus = Daemon::start("prometheus", &[("config.yml", &config)], &all);
        Self { prometheus, begun: Instant::now() }
    }

    /// A question about `new` and `old`, over windows of 3 s.
    fn asked(&self, kind: SignalKind) -> Asked {
        let mut asked = asked(self.prometheus.url.as_str());
        asked.signal.kind = kind;
        asked.signal.every_seconds = 3;
        asked.after = BOOT;
        asked
    }

    fn now(&self) -> Now {
        now(BOOT_MS + self.begun.elapsed().as_millis() as u64)
    }

    fn read(&self, asked: &Asked) -> Look<Vec<Reading>> {
        PrometheusMetrics::new().read(asked, &self.now())
    }

    /// Reads on until all readings so far are as wished. Before it is ready, Prometheus answers
    /// 503, which is a fault.
    fn until(
        &mut self,
        asked: &Asked,
        what: &str,
        good: impl Fn(&[Reading]) -> bool,
    ) -> Vec<Reading> {
        let (begun, mut asked, mut told) = (self.begun, asked.clone(), Vec::new());
        self.prometheus.until(what, |_| {
            let now = now(BOOT_MS + begun.elapsed().as_millis() as u64);
            for reading in PrometheusMetrics::new().read(&asked, &now).ok()? {
                asked.after = reading.second;
                told.push(reading);
            }
            good(&told).then(|| told.clone())
        })
    }
}

fn counts(sample: &Sample) -> Option<(u64, u64)> {
    match sample {
        Sample::Counts { total, events } => Some((*total, *events)),
        _ => None,
    }
}

/// Readings in which both versions have counts, as the two pairs.
fn both_counts(readings: &[Reading]) -> Vec<[(u64, u64); 2]> {
    let both = |reading: &Reading| Some([counts(&reading.new)?, counts(&reading.old)?]);
    readings.iter().filter_map(both).collect()
}

/// Whatever the moments of the scrapes were: each brings ten payments with one that failed of the
/// new version, and twenty with one of the old.
fn assert_shares(pairs: &[[(u64, u64); 2]]) {
    for [(total, events), (old_total, old_events)] in pairs {
        assert!(total.abs_diff(10 * events) <= 6, "{pairs:?}");
        assert!(old_total.abs_diff(20 * old_events) <= 11, "{pairs:?}");
        // At most four scrapes are in a window of 3 s, and little is added for its ends.
        assert!((1..=90).contains(total) && (1..=180).contains(old_total), "{pairs:?}");
    }
}

#[test]
fn counters_are_read_over_whole_windows_and_through_a_reset() {
    let (new, old) = (Exporter::payments(10), Exporter::payments(20));
    let mut scene = Scene::scraping(1, &[("new", &new), ("old", &old)], &[]);
    let asked = scene.asked(rate());
    let told = scene.until(&asked, "tells two windows", |told| both_counts(told).len() >= 2);
    assert_shares(&both_counts(&told));
    assert!(
        told.iter().all(|told| told.second % 3 == 0 && told.second > BOOT && told.seconds == 3)
    );
    assert!(told.windows(2).all(|two| two[1].second - two[0].second == 3), "{told:?}");

    new.reset();
    let before = scene.now().ms / 1000;
    let told = scene.until(&asked, "tells a window after the reset", |told| {
        told.last().is_some_and(|last| last.second > before + 6 && counts(&last.new).is_some())
    });
    assert_shares(&both_counts(&told));

    // A daemon that starts anew catches up, and is told of the same windows.
    let again = scene.read(&asked).unwrap();
    assert!(again.len() >= told.len() && again[0].second == told[0].second, "{again:?}");
    assert!(told.iter().zip(&again).all(|(one, other)| one.second == other.second));
    assert_shares(&both_counts(&again));

    // Nobody is there any more: no number, and no zero.
    drop(old);
    let told = scene.until(&asked, "misses the old version", |told| {
        told.last().is_some_and(|last| last.old.is_missing())
    });
    assert!(told.last().is_some_and(|last| counts(&last.new).is_some()), "{told:?}");
}

#[test]
fn classic_histograms_are_told_by_the_bounds_that_both_have() {
    let new = Exporter::histogram(&[("0.1", 5), ("1", 8)], 10);
    let old = Exporter::histogram(&[("0.1", 10), ("0.5", 12), ("1.0", 18)], 20);
    let mut scene = Scene::scraping(1, &[("new", &new), ("old", &old)], &[]);
    let by_instance = format!("127.0.0.1:{}", new.address().port());
    let mut asked = scene.asked(SignalKind::Histogram {
        query: "sum by (le) (increase(request_bucket{instance=~\"$instances\"}[$window]))".into(),
    });
    asked.new.instances = vec![by_instance, "127.0.0.1:1".into()];
    asked.old.as_mut().unwrap().instances = vec![old.address().to_string()];
    let told = scene.until(&asked, "tells both histograms", |told| {
        told.last().is_some_and(|last| !last.new.is_missing() && !last.old.is_missing())
    });
    let last = told.last().unwrap();
    let (Sample::Above { total, bounds }, Sample::Above { total: old_total, bounds: old_bounds }) =
        (&last.new, &last.old)
    else {
        panic!("{told:?}")
    };
    let shape = |bounds: &[(f64, u64)]| bounds.iter().map(|(bound, _)| *bound).collect::<Vec<_>>();
    assert_eq!((shape(bounds), shape(old_bounds)), (vec![0.1, 1.0], vec![0.1, 1.0]));
    // Of ten, five took more than 0.1 s and two more than 1 s; of twenty, ten and two.
    assert!(
        total.abs_diff(2 * bounds[0].1) <= 2 && total.abs_diff(5 * bounds[1].1) <= 5,
        "{last:?}"
    );
    assert!(old_total.abs_diff(2 * old_bounds[0].1) <= 2, "{last:?}");
    assert!(old_total.abs_diff(10 * old_bounds[1].1) <= 9, "{last:?}");
}

#[test]
fn a_series_that_goes_stale_is_missing_at_once() {
    let (new, old) = (Exporter::queue(7.0), Exporter::queue(5.5));
    let mut scene = Scene::scraping(1, &[("new", &new), ("old", &old)], &[]);
    let asked = scene.asked(level());
    let levels = [Sample::Level { value: 7.0 }, Sample::Level { value: 5.5 }];
    let told = scene.until(&asked, "tells both levels", |told| {
        told.last().is_some_and(|last| [last.new.clone(), last.old.clone()] == levels)
    });
    assert!(told.iter().all(|told| told.new == levels[0] || told.new.is_missing()), "{told:?}");

    old.fall_silent();
    let told = scene.until(&asked, "misses the old level", |told| {
        let seen = told.iter().any(|told| told.old == levels[1]);
        seen && told.last().is_some_and(|last| last.old.is_missing())
    });
    assert_eq!(told.last().unwrap().new, levels[0]);

    let told = scene.read(&scene.asked(SignalKind::Level {
        query: "queue{release=\"$release\"} or up{release=\"$release\"}".into(),
        tolerance: 0.0,
    }));
    let told = told.unwrap_err();
    assert!(told.what.contains("gives 2 series where one is wanted"), "{told}");
    let told =
        scene.read(&scene.asked(SignalKind::Level {
            query: "queue{release=\"$release\"".into(),
            tolerance: 0.0,
        }));
    let told = told.unwrap_err();
    assert!(told.what.contains("it says bad_data") && told.what.contains("parse error"), "{told}");
}

#[test]
fn p8_with_one_scrape_in_a_window_there_is_nothing_to_count() {
    let (new, old) = (Exporter::payments(10), Exporter::payments(20));
    let mut scene = Scene::scraping(2, &[("new", &new), ("old", &old)], &[]);
    let mut asked = scene.asked(rate());
    asked.signal.every_seconds = 1;
    // Over a longer time there is something, so it is the window that has nothing.
    let mut longer = scene.asked(rate());
    longer.signal.every_seconds = 8;
    scene.until(&longer, "tells a long window", |told| !both_counts(told).is_empty());
    let told = scene.read(&asked).unwrap();
    assert!(told.len() >= 10, "{told:?}");
    assert!(told.iter().all(|told| told.new.is_missing() && told.old.is_missing()), "{told:?}");
}

/// As `docs/signals.md` says: a counter that was never raised has no series, and what to write then.
#[test]
fn what_never_failed_is_zero_only_where_the_total_is_known() {
    let (new, old) = (Exporter::unfailing(10), Exporter::payments(20));
    let mut scene = Scene::scraping(1, &[("new", &new), ("old", &old)], &[]);
    let asked = scene.asked(rate());
    let told = scene.until(&asked, "tells of the version that fails", |told| {
        told.last().is_some_and(|last| !last.old.is_missing())
    });
    assert!(told.iter().all(|told| told.new.is_missing()), "no series is no zero: {told:?}");

    let total = "sum(increase(payments_total{release=\"$release\"}[$window]))";
    let failed = "sum(increase(failed_total{release=\"$release\"}[$window]))";
    let events = format!("{failed} or vector(0)");
    let kind = SignalKind::Rate { total: total.into(), events, limit: None };
    let mut asked = scene.asked(kind);
    let told = scene.until(&asked, "tells of both versions", |told| {
        told.last().is_some_and(|last| !last.new.is_missing() && !last.old.is_missing())
    });
    let last = told.last().unwrap();
    assert!(matches!(counts(&last.new), Some((1..=90, 0))), "{told:?}");
    assert!(matches!(counts(&last.old), Some((1..=180, 1..=9))), "{told:?}");
    asked.new.release = "nobody".into();
    let told = scene.read(&asked).unwrap();
    assert!(told.iter().all(|told| told.new.is_missing()), "{told:?}");
}

#[test]
fn what_is_done_is_counted() {
    let new = Exporter::payments(10);
    let mut scene = Scene::scraping(1, &[("new", &new)], &[]);
    let mut asked = scene.asked(SignalKind::Done {
        query: "sum(increase(payments_total{release=\"$release\"}[$window]))".into(),
        at_least: 1,
    });
    asked.old = None;
    let told = scene.until(&asked, "tells what was done", |told| {
        matches!(told.last().map(|last| &last.new), Some(Sample::Done { count: 1..=90 }))
    });
    assert!(told.iter().all(|told| told.old.is_missing()), "{told:?}");
}

/// The new version observes 0.2 s in buckets half as fine as those in which the old one observes
/// 0.1 s and 0.2 s, one each.
#[test]
fn native_histograms_are_told_as_latencies() {
    let (new, old) = (Exporter::native(2, &[0.2]), Exporter::native(3, &[0.1, 0.2]));
    let mut scene = Scene::scraping(
        1,
        &[("new", &new), ("old", &old)],
        &["--enable-feature=native-histograms"],
    );
    let query = "sum(increase(request_seconds{release=\"$release\"}[$window]))".into();
    let asked = scene.asked(SignalKind::Histogram { query });
    let told = scene.until(&asked, "tells both native histograms", |told| {
        told.last().is_some_and(|last| {
            let some = |sample: &Sample| matches!(sample, Sample::Latency { latency } if !latency.is_empty());
            some(&last.new) && some(&last.old)
        })
    });
    let last = told.last().unwrap();
    let (Sample::Latency { latency: new }, Sample::Latency { latency: old }) =
        (&last.new, &last.old)
    else {
        panic!("{told:?}")
    };
    // 0.177 to 0.210 s and 0.088 to 0.105 s, told by their middle: floor(8 log2 v) of 192 776 µs
    // and of 96 388 µs.
    assert!(matches!(new.as_slice(), [(140, 1..=90)]), "{new:?}");
    let [(fast, fasts), (slow, slows)] = old.as_slice() else { panic!("{old:?}") };
    assert_eq!((*slow, *slow - *fast), (new[0].0, 8), "twice the time is eight buckets on");
    assert!(fasts.abs_diff(*slows) <= 1, "{old:?}");
}
