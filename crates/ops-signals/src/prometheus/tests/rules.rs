//! What holds of whatever is told.

use proptest::{prelude::*, strategy::ValueTree as _};

use super::*;
use crate::prometheus::{exchange::Answer, wire};

/// Four windows at 1000.5 s and on.
fn grid() -> Grid {
    let mut asked = asked("http://p");
    asked.after = 0;
    let windows = Windows::over(&asked, &now(70_000)).unwrap();
    Grid::new(&windows, 985_500.0)
}

/// What is read of answers about the new version and the old one.
fn read(kind: &SignalKind, new: &[u8], old: &[u8]) -> Option<(Vec<Sample>, Vec<Sample>)> {
    let grid = grid();
    let answers = [new, old].map(|body| {
        let series = wire::series(body, &grid).ok()?;
        // The events are told as the total is.
        Some(vec![Answer { name: "`total`".into(), series }; 2])
    });
    samples::both(kind, &answers, &grid).ok()
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0_u32..100).prop_map(|number| number.to_string()),
        2 => (-1e3..1e6_f64).prop_map(|number| number.to_string()),
        1 => any::<f64>().prop_map(|number| number.to_string()),
        1 => prop::sample::select(vec!["NaN", "+Inf", "-Inf", "-0", "1e-320", "1e309", "9007199254740993"])
            .prop_map(str::to_owned),
    ]
}

fn moment() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["1000.5", "1015.5", "1030.5", "1045.5", "1060.5", "1015.501"])
}

/// Moments in order and out of it, most of them as asked.
fn told<T: Strategy<Value = String>>(each: T) -> impl Strategy<Value = String> {
    let some = prop::collection::vec((moment(), each), 0..5);
    (some, any::<u8>()).prop_map(|(mut some, lie)| {
        if lie > 20 {
            some.sort_by(|one, other| one.0.len().cmp(&other.0.len()).then(one.0.cmp(other.0)));
            some.dedup_by_key(|pair| pair.0);
            some.retain(|(at, _)| !["1060.5", "1015.501"].contains(at));
        }
        some.iter().map(|(at, what)| format!("[{at},{what}]")).collect::<Vec<_>>().join(",")
    })
}

fn native() -> impl Strategy<Value = String> {
    let bound = (-20..20_i32, 0..9_i32, 0..4_u8).prop_map(|(at, width, rule)| {
        let width = f64::from(-width).exp2();
        let upper = f64::from(at).exp2();
        (rule, (upper.log2() - width).exp2(), upper)
    });
    let odd = (any::<u8>(), any::<f64>(), any::<f64>());
    let bucket = (prop_oneof![9 => bound, 1 => odd], 0_u32..10, number(), any::<u8>());
    prop::collection::vec(bucket, 0..6).prop_map(|buckets| {
        let mut sum = 0;
        let told = buckets.iter().map(|((rule, lower, upper), count, odd, lie)| {
            sum += count;
            let count = if *lie == 0 { odd.clone() } else { count.to_string() };
            format!(r#"[{rule},"{lower}","{upper}","{count}"]"#)
        });
        let told = told.collect::<Vec<_>>().join(",");
        format!(r#"{{"count":"{sum}","sum":"1","buckets":[{told}]}}"#)
    })
}

fn series() -> impl Strategy<Value = String> {
    let le = prop::sample::select(vec!["0.1", "0.5", "1", "10", "-1", "+Inf", "+Inf", "+Inf", "x"]);
    let numbers = told(number().prop_map(|number| format!("\"{number}\"")));
    prop_oneof![
        6 => (le, numbers).prop_map(|(le, values)| {
            format!(r#"{{"metric":{{"le":"{le}"}},"values":[{values}]}}"#)
        }),
        3 => told(native()).prop_map(|told| format!(r#"{{"metric":{{}},"histograms":[{told}]}}"#)),
    ]
}

/// A classic histogram that is whole but for fractions.
fn whole() -> impl Strategy<Value = String> {
    prop::collection::vec((0_u32..10, -0.3..0.3_f64), 4).prop_map(|buckets| {
        let mut sum = 0;
        let series = ["0.1", "0.5", "1", "+Inf"].iter().zip(buckets).map(|(le, (count, off))| {
            sum += count;
            let number = (f64::from(sum) + off).max(0.0);
            format!(r#"{{"metric":{{"le":"{le}"}},"values":[[1000.5,"{number}"]]}}"#)
        });
        fake::matrix(&series.collect::<Vec<_>>())
    })
}

fn answer() -> impl Strategy<Value = String> {
    let any = prop::collection::vec(series(), 0..5).prop_map(|series| fake::matrix(&series));
    prop_oneof![4 => any, 1 => whole()]
}

/// What the judge may rely on.
fn is_sound(sample: &Sample) -> bool {
    match sample {
        Sample::Missing | Sample::Done { .. } => true,
        Sample::Counts { total, events } => events <= total,
        Sample::Level { value } => value.is_finite(),
        Sample::Above { total, bounds } => {
            let falling = bounds.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 >= two[1].1);
            let finite = bounds.iter().all(|(bound, above)| bound.is_finite() && above <= total);
            !bounds.is_empty() && falling && finite
        }
        Sample::Latency { latency } => {
            let known = latency.iter().all(|(bucket, count)| *bucket < 254 && *count > 0);
            known && latency.windows(2).all(|two| two[0].0 < two[1].0)
        }
    }
}

fn bounds(sample: &Sample) -> Option<Vec<f64>> {
    let Sample::Above { bounds, .. } = sample else { return None };
    Some(bounds.iter().map(|(bound, _)| *bound).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn p8_any_bytes_are_read_or_refused(new: Vec<u8>, old: Vec<u8>) {
        for kind in KINDS {
            read(&kind(), &new, &old);
        }
        let _ = (wire::scalar(&new), wire::error(&new));
    }

    #[test]
    fn p8_any_damage_to_an_answer_is_read_or_refused(
        answer in answer(), at: prop::sample::Index, byte: u8, cut: bool,
    ) {
        let mut answer = answer.into_bytes();
        let at = at.index(answer.len());
        answer[at] = byte;
        if cut {
            answer.truncate(at);
        }
        for kind in KINDS {
            if let Some((new, old)) = read(&kind(), &answer, &answer) {
                prop_assert!(new.iter().chain(&old).all(is_sound), "{new:?} {old:?}");
            }
        }
    }

    #[test]
    fn p8_whatever_is_told_samples_are_sound(new in answer(), old in answer()) {
        for kind in KINDS {
            let Some((new, old)) = read(&kind(), new.as_bytes(), old.as_bytes()) else { continue };
            prop_assert_eq!((new.len(), old.len()), (4, 4));
            prop_assert!(new.iter().chain(&old).all(is_sound), "{:?} {:?}", new, old);
            for (new, old) in new.iter().zip(&old) {
                if let (Some(new), Some(old)) = (bounds(new), bounds(old)) {
                    prop_assert_eq!(new, old);
                }
            }
        }
    }

    #[test]
    fn p8_no_query_panics(query: String, value: String, address: String) {
        let mut asked = asked("http://p");
        asked.signal.kind = SignalKind::Level { query, tolerance: 0.0 };
        asked.new.version = value;
        asked.new.instances = vec![address];
        let _ = query::questions(&asked);
    }
}

/// The strategies above must reach what they are about.
#[test]
fn sound_answers_are_among_those_that_are_drawn() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut latency, mut above, mut counts) = (0, 0, 0);
    for _ in 0..2_000 {
        let tree = answer().new_tree(&mut runner).unwrap();
        let body = tree.current();
        for kind in KINDS {
            let told = read(&kind(), body.as_bytes(), body.as_bytes());
            for sample in told.iter().flat_map(|(new, _)| new) {
                match sample {
                    Sample::Latency { latency: told } if !told.is_empty() => latency += 1,
                    Sample::Above { .. } => above += 1,
                    Sample::Counts { .. } => counts += 1,
                    _ => {}
                }
            }
        }
    }
    assert!(latency > 50 && above > 50 && counts > 50, "{latency} {above} {counts}");
}
