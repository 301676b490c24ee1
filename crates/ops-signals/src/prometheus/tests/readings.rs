//! From what was told to readings.

use super::{
    fake::{CLOCK, Fake, Heard, matrix, read_at},
    *,
};

/// Milliseconds since boot at which the windows up to second 60 are over.
const THEN: u64 = 70_000;

fn asked_for(kind: SignalKind, fake: &Fake) -> Asked {
    let mut asked = asked(fake.url());
    asked.signal.kind = kind;
    asked
}

/// One series of these numbers for the new version's queries, by query, and for the old one's.
fn numbers(
    told: &'static [(&'static str, [&'static str; 4])],
) -> impl FnMut(&Heard) -> String + Send + 'static {
    move |heard| {
        let (_, numbers) = told.iter().find(|(part, _)| heard.query().contains(part)).unwrap();
        matrix(&[heard.series("", numbers)])
    }
}

fn samples(readings: &[Reading]) -> (Vec<Sample>, Vec<Sample>) {
    readings.iter().map(|reading| (reading.new.clone(), reading.old.clone())).collect()
}

fn counts(total: u64, events: u64) -> Sample {
    Sample::Counts { total, events }
}

#[test]
fn both_versions_are_read_over_the_same_windows_at_its_own_clock() {
    let fake = Fake::telling(|heard| matrix(&[heard.steady("", "7")]));
    let asked = asked(format!("{}/under/a/path/", fake.url()));
    let told = read_at(&asked, THEN).unwrap();
    assert_eq!(told.iter().map(|reading| reading.second).collect::<Vec<_>>(), [15, 30, 45, 60]);
    assert!(told.iter().all(|told| (told.signal.as_str(), told.seconds) == ("payments", 15)));
    assert!(told.iter().all(|told| told.new == counts(7, 7) && told.old == counts(7, 7)));

    let heard = fake.heard();
    assert_eq!(heard[0].query(), "time()");
    let mut queries: Vec<_> = heard[1..].iter().map(Heard::query).collect();
    queries.sort_unstable();
    let query = |metric, release| format!("sum(increase({metric}{{release=\"{release}\"}}[15s]))");
    assert_eq!(
        queries,
        [
            query("failed_total", "new"),
            query("failed_total", "old"),
            query("payments_total", "new"),
            query("payments_total", "old"),
        ]
    );
    assert_eq!(heard[0].path, "/under/a/path/api/v1/query");
    // Second 15 since boot was 55 s before the question; how long that took is not known.
    let start = heard[1].form["start"].parse::<f64>().unwrap();
    let latest = (CLOCK - (THEN - 15_000)) as f64 / 1000.0;
    assert!(start <= latest && start > latest - 20.0, "{start} {latest}");
    for other in &heard[1..] {
        assert_eq!(other.path, "/under/a/path/api/v1/query_range");
        assert_eq!(other.form["step"], "15.000");
        assert_eq!(other.moments(), heard[1].moments(), "all over the same windows");
        assert_eq!(other.moments().len(), 4);
    }
}

#[test]
fn only_windows_after_a_second_and_none_twice() {
    let fake = Fake::telling(|heard| matrix(&[heard.steady("", "1")]));
    let mut asked = asked_for(done(), &fake);
    let (mut told, mut ms) = (Vec::new(), 0);
    while ms < 400_000 {
        ms += 777;
        let readings = read_at(&asked, ms).unwrap();
        asked.after = readings.last().map_or(asked.after, |last| last.second);
        told.extend(readings.into_iter().map(|reading| reading.second));
    }
    assert_eq!(told, (15..=390).step_by(15).collect::<Vec<_>>());
}

#[test]
fn without_a_window_nobody_is_asked() {
    let fake = Fake::telling(|_| String::new());
    assert_eq!(read_at(&asked_for(rate(), &fake), 15_000), Ok(Vec::new()));
    assert_eq!(fake.heard(), []);
}

#[test]
fn a_long_gap_is_read_in_pieces_and_whole() {
    let fake = Fake::telling(|heard| matrix(&[heard.steady("", "1")]));
    let mut asked = asked_for(done(), &fake);
    let mut told = Vec::new();
    loop {
        let readings = read_at(&asked, 10_000_000).unwrap();
        let Some(last) = readings.last() else { break };
        asked.after = last.second;
        assert!(readings.len() <= 240);
        told.extend(readings.into_iter().map(|reading| reading.second));
    }
    assert_eq!(told, (15..=9_990).step_by(15).collect::<Vec<_>>());
}

#[test]
fn p8_what_is_no_count_is_missing_and_never_a_zero() {
    let fake = Fake::telling(numbers(&[
        ("payments_total{release=\"new\"", ["10.4", "NaN", "-1", "0"]),
        ("failed_total{release=\"new\"", ["2.5", "1", "0", "0.2"]),
        ("payments_total{release=\"old\"", ["20", "20", "+Inf", "1e300"]),
        ("failed_total{release=\"old\"", ["21", "", "1", "1"]),
    ]));
    let told = read_at(&asked_for(rate(), &fake), THEN).unwrap();
    assert_eq!(
        samples(&told),
        (
            vec![counts(10, 3), Sample::Missing, Sample::Missing, counts(0, 0)],
            vec![counts(20, 20), Sample::Missing, Sample::Missing, Sample::Missing],
        )
    );

    let fake = Fake::telling(numbers(&[
        ("\"new\"", ["3.6", "-Inf", "-0.6", ""]),
        ("\"old\"", ["0", "9007199254740993", "9007199254740992", "-0"]),
    ]));
    let (new, old) = samples(&read_at(&asked_for(done(), &fake), THEN).unwrap());
    let count = |count| Sample::Done { count };
    assert_eq!(new, [count(4), Sample::Missing, Sample::Missing, Sample::Missing]);
    assert_eq!(old, [count(0), count(1 << 53), count(1 << 53), count(0)]);
}

#[test]
fn p8_a_level_is_any_finite_number() {
    let fake = Fake::telling(numbers(&[
        ("\"new\"", ["-3.25", "1e300", "NaN", ""]),
        ("\"old\"", ["0", "+Inf", "-Inf", "2"]),
    ]));
    let (new, old) = samples(&read_at(&asked_for(level(), &fake), THEN).unwrap());
    let level = |value| Sample::Level { value };
    assert_eq!(new, [level(-3.25), level(1e300), Sample::Missing, Sample::Missing]);
    assert_eq!(old, [level(0.0), Sample::Missing, Sample::Missing, level(2.0)]);
}

#[test]
fn p8_without_a_series_everything_is_missing() {
    for kind in KINDS {
        let fake = Fake::telling(|_| matrix(&[]));
        let told = read_at(&asked_for(kind(), &fake), THEN).unwrap();
        assert_eq!(samples(&told), (vec![Sample::Missing; 4], vec![Sample::Missing; 4]));
    }
}

#[test]
fn an_old_version_that_is_not_asked_for_is_missing() {
    for kind in KINDS {
        let fake = Fake::telling(|heard| {
            assert!(heard.query().contains("new"));
            matrix(&[heard.steady("\"le\":\"1\"", "1"), heard.steady("\"le\":\"+Inf\"", "3")])
        });
        let mut asked = asked_for(kind(), &fake);
        asked.old = None;
        let told = read_at(&asked, THEN);
        if let SignalKind::Histogram { .. } = asked.signal.kind {
            let above = Sample::Above { total: 3, bounds: vec![(1.0, 2)] };
            assert_eq!(samples(&told.unwrap()), (vec![above; 4], vec![Sample::Missing; 4]));
        } else {
            let told = told.unwrap_err();
            assert!(
                told.what.contains("of release new gives 2 series where one is wanted"),
                "{told}"
            );
            assert!(told.next.contains("sum(...)"), "{told}");
        }
    }
}

#[test]
fn a_version_without_replicas_is_missing_where_it_is_asked_by_them() {
    let fake = Fake::telling(|heard| matrix(&[heard.steady("", "1")]));
    let query = "max(queue{instance=~\"$instances\"})".into();
    let mut asked = asked_for(SignalKind::Level { query, tolerance: 0.0 }, &fake);
    asked.new.instances.clear();
    let told = read_at(&asked, THEN).unwrap();
    assert_eq!(samples(&told), (vec![Sample::Missing; 4], vec![Sample::Level { value: 1.0 }; 4]));
}
