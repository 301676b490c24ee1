//! Classic and native histograms.

use super::{
    fake::{Fake, Heard, matrix, read_at},
    *,
};

/// Milliseconds since boot at which just one window is over.
const THEN: u64 = 25_000;

/// Buckets by `le`.
type Buckets = &'static [(&'static str, &'static str)];

fn classic(heard: &Heard, buckets: Buckets) -> String {
    let series = |(le, number): &(&str, &str)| heard.steady(&format!("\"le\":\"{le}\""), number);
    matrix(&buckets.iter().map(series).collect::<Vec<_>>())
}

/// A native histogram: its count and its buckets as JSON.
fn native(heard: &Heard, count: &str, buckets: &str) -> String {
    let at = &heard.moments()[0];
    let told = format!(r#"{{"count":"{count}","sum":"NaN","buckets":[{buckets}]}}"#);
    matrix(&[format!(r#"{{"metric":{{}},"histograms":[[{at},{told}]]}}"#)])
}

fn read(fake: &Fake) -> Look<(Sample, Sample)> {
    let mut asked = asked(fake.url());
    asked.signal.kind = histogram();
    let told = read_at(&asked, THEN)?;
    assert_eq!(told.len(), 1);
    Ok((told[0].new.clone(), told[0].old.clone()))
}

fn both(new: Buckets, old: Buckets) -> Look<(Sample, Sample)> {
    read(&Fake::telling(move |heard| {
        classic(heard, if heard.query().contains("new") { new } else { old })
    }))
}

fn natives(
    new: (&'static str, &'static str),
    old: (&'static str, &'static str),
) -> Look<(Sample, Sample)> {
    read(&Fake::telling(move |heard| {
        let (count, buckets) = if heard.query().contains("new") { new } else { old };
        native(heard, count, buckets)
    }))
}

fn above(total: u64, bounds: &[(f64, u64)]) -> Sample {
    Sample::Above { total, bounds: bounds.to_vec() }
}

fn latency(buckets: &[(u16, u64)]) -> Sample {
    Sample::Latency { latency: buckets.to_vec() }
}

const WHOLE: Buckets = &[("+Inf", "10"), ("0.1", "4"), ("1", "8")];

#[test]
fn classic_buckets_become_how_many_were_above_each_bound() {
    // Sorted by number: as text, 10 comes before 2.
    let told = both(&[("10", "9.6"), ("+Inf", "10.4"), ("2", "3.2"), ("-1", "0")], WHOLE);
    assert_eq!(told, Ok((Sample::Missing, Sample::Missing)), "no bound in common");
    let told = both(&[("10", "9.6"), ("+Inf", "10.4"), ("2", "3.2"), ("-1", "0")], &[]);
    assert_eq!(told, Ok((above(10, &[(-1.0, 10), (2.0, 7), (10.0, 0)]), Sample::Missing)));
}

#[test]
fn only_bounds_that_both_versions_have_are_told() {
    let told = both(&[("0.1", "1"), ("0.5", "2"), ("1.0", "3"), ("+Inf", "4")], WHOLE);
    assert_eq!(told, Ok((above(4, &[(0.1, 3), (1.0, 1)]), above(10, &[(0.1, 6), (1.0, 2)]))));
    let told = both(&[("0.1", "NaN"), ("1", "3"), ("+Inf", "4")], WHOLE);
    assert_eq!(told, Ok((above(4, &[(1.0, 1)]), above(10, &[(1.0, 2)]))), "one that has no number");
}

#[test]
fn bounds_may_move_from_window_to_window() {
    let fake = Fake::telling(|heard| {
        if heard.query().contains("old") {
            return matrix(&[]);
        }
        matrix(&[
            heard.series("\"le\":\"0.1\"", &["1", ""]),
            heard.series("\"le\":\"0.2\"", &["", "2"]),
            heard.series("\"le\":\"+Inf\"", &["3", "3"]),
        ])
    });
    let mut asked = asked(fake.url());
    asked.signal.kind = histogram();
    let told = read_at(&asked, 40_000).unwrap();
    assert_eq!(told[0].new, above(3, &[(0.1, 2)]));
    assert_eq!(told[1].new, above(3, &[(0.2, 1)]));
}

#[test]
fn p8_what_is_no_histogram_is_missing() {
    for odd in [
        // No total, or none that is a number.
        &[("0.1", "1"), ("1", "2")] as Buckets,
        &[("0.1", "1"), ("+Inf", "NaN")],
        &[("0.1", "1"), ("+Inf", "-3")],
        &[("0.1", "1"), ("+Inf", "1e300")],
        // No bound.
        &[("+Inf", "3")],
        &[("0.1", "NaN"), ("+Inf", "3")],
        // Fewer than nothing.
        &[("0.1", "-1"), ("+Inf", "3")],
        // Falling by what is no rounding.
        &[("0.1", "3"), ("1", "2"), ("+Inf", "4")],
        &[("0.1", "1"), ("1", "5"), ("+Inf", "4")],
    ] {
        let (new, old) = both(odd, WHOLE).unwrap();
        assert_eq!(new, Sample::Missing, "{odd:?}");
        assert_eq!(old, above(10, &[(0.1, 6), (1.0, 2)]), "the other one is told all the same");
    }
}

#[test]
fn a_fall_that_is_a_rounding_is_cut_to_the_next_larger_bucket() {
    let (new, _) = both(&[("0.1", "2.00001"), ("1", "2"), ("+Inf", "1.99999")], WHOLE).unwrap();
    assert_eq!(new, above(2, &[(0.1, 0), (1.0, 0)]));
    let (new, _) = both(&[("0.1", "7.6"), ("1", "7.4"), ("+Inf", "9")], WHOLE).unwrap();
    assert_eq!(new, above(9, &[(0.1, 2), (1.0, 2)]), "never less above a bound than was told");
}

#[test]
fn classic_series_that_are_not_added_up_are_a_fault() {
    for (odd, why) in [
        (&[("0.1", "1"), ("0.1", "1"), ("+Inf", "2")] as Buckets, "more than one series"),
        (&[("1", "1"), ("1.0", "1"), ("+Inf", "2")], "more than one series"),
        (&[("0", "1"), ("-0", "1"), ("+Inf", "2")], "more than one series"),
        (&[("soon", "1"), ("+Inf", "2")], "`le` is no number"),
        (&[("NaN", "1"), ("+Inf", "2")], "`le` is no number"),
        (&[("-Inf", "1"), ("+Inf", "2")], "`le` is no number"),
    ] {
        let told = both(odd, WHOLE).unwrap_err();
        assert!(
            told.what.contains("`histogram` of release new gives") && told.what.contains(why),
            "{told}"
        );
    }
    let fake = Fake::telling(|heard| matrix(&[heard.steady("", "1")]));
    assert!(read(&fake).unwrap_err().what.contains("without `le`"));
}

/// Around 0.2 s in schema 3, and around zero.
const FINE: &str =
    r#"[3,"-1e-9","1e-9","2"],[0,"0.19278447","0.21022410","5"],[0,"0.21022410","0.22924135","3"]"#;

#[test]
fn native_buckets_become_latencies_in_microseconds() {
    let told = natives(("10", FINE), ("0", "")).unwrap();
    // floor(8 log2 201 316) and floor(8 log2 219 528), by hand.
    assert_eq!(told, (latency(&[(0, 2), (140, 5), (141, 3)]), latency(&[])));
    let (new, old) = natives(("10", FINE), ("NaN", "")).unwrap();
    assert_eq!((new, old), (told.0, Sample::Missing));
}

#[test]
fn native_buckets_of_different_width_are_told_as_the_wider_ones() {
    // From 0.177 to 0.210 in schema 2.
    let coarse = r#"[0,"0.17677670","0.21022410","7"]"#;
    let (new, old) = natives(("10", FINE), ("7", coarse)).unwrap();
    assert_eq!(old, latency(&[(140, 7)]));
    assert_eq!(new, latency(&[(0, 2), (140, 5), (142, 3)]), "0.178 to 0.210, and 0.210 to 0.25");
    // The same histograms, the other way round.
    let swapped = natives(("7", coarse), ("10", FINE)).unwrap();
    assert_eq!(swapped, (old, new));
}

#[test]
fn fractions_of_observations_add_up() {
    let thirds = r#"[0,"1","2","0.4"],[0,"2","4","0.4"],[0,"4","8","0.4"],[0,"8","16","0.4"]"#;
    let (Sample::Latency { latency }, _) = natives(("1.6", thirds), ("0", "")).unwrap() else {
        panic!()
    };
    assert_eq!(latency.iter().map(|(_, count)| count).sum::<u64>(), 2);
    assert_eq!(latency.len(), 2, "{latency:?}");
}

#[test]
fn a_bucket_beside_zero_may_be_cut() {
    let cut = r#"[3,"-0.0015","0.0015","1"],[0,"0.0015","0.001953125","2"],[0,"0.001953125","0.00390625","4"]"#;
    let (new, _) = natives(("7", cut), ("0", "")).unwrap();
    // Buckets of schema 0: as if it were from 0.977 ms to 1.95 ms, and from there to 3.91 ms.
    assert_eq!(new, latency(&[(0, 1), (83, 2), (91, 4)]));
}

#[test]
fn p8_native_histograms_that_do_not_add_up_are_missing() {
    for (count, buckets) in [
        ("+Inf", FINE),
        ("-10", FINE),
        // An observation that was no number, and one that is missing.
        ("11", FINE),
        ("9", FINE),
        ("1", r#"[0,"1","2","NaN"]"#),
        ("1", r#"[0,"1","2","3"],[0,"2","4","-2"]"#),
        // Less than no time.
        ("1", r#"[1,"-2","-1","1"]"#),
        // One bucket twice.
        ("2", r#"[0,"1","2","2"],[0,"1","2","2"]"#),
    ] {
        let told = natives((count, buckets), ("0", "")).unwrap();
        assert_eq!(told, (Sample::Missing, latency(&[])), "{count} {buckets}");
    }
}

#[test]
fn p8_native_histograms_with_other_bounds_are_a_fault() {
    for buckets in [
        r#"[0,"-Inf","1","1"]"#,
        r#"[0,"1","+Inf","1"]"#,
        r#"[0,"0","1","1"]"#,
        r#"[0,"2","1","1"]"#,
        r#"[0,"1","1","1"]"#,
        r#"[0,"NaN","1","1"]"#,
        r#"[0,"1","NaN","1"]"#,
        r#"[0,"-1","2","1"]"#,
        r#"[3,"-Inf","+Inf","1"]"#,
        r#"[0,"1","70000","1"]"#,
    ] {
        let told = natives(("1", buckets), ("0", "")).unwrap_err();
        assert!(told.what.contains("do not grow by a constant factor"), "{buckets}: {told}");
    }
}

#[test]
fn p8_kinds_of_histograms_are_not_mixed() {
    let fake = Fake::telling(|heard| {
        if heard.query().contains("new") {
            native(heard, "10", FINE)
        } else {
            classic(heard, WHOLE)
        }
    });
    assert!(read(&fake).unwrap_err().what.contains("one version gives native histograms"));

    let lone = |heard: &Heard| native(heard, "10", FINE);
    for (tell, why) in [
        (
            Box::new(move |heard: &Heard| {
                let at = &heard.moments()[0];
                let one = format!(r#""histograms":[[{at},{{"count":"0","sum":"0"}}]]"#);
                matrix(&[
                    format!(r#"{{"metric":{{"a":"1"}},{one}}}"#),
                    format!(r#"{{"metric":{{"a":"2"}},{one}}}"#),
                ])
            }) as Box<dyn FnMut(&Heard) -> String + Send>,
            "beside other series",
        ),
        (
            Box::new(move |heard: &Heard| {
                lone(heard).replace(
                    r#""metric":{}"#,
                    &format!(r#""metric":{{"le":"1"}},"values":[[{},"1"]]"#, heard.moments()[0]),
                )
            }),
            "beside other series",
        ),
    ] {
        let told = read(&Fake::telling(tell)).unwrap_err();
        assert!(told.what.contains(why), "{told}");
    }

    let fake = Fake::telling(move |heard| native(heard, "10", FINE));
    let told = read_at(&asked(fake.url()), THEN).unwrap_err();
    assert!(told.what.contains("gives a histogram where a number is wanted"), "{told}");
}
