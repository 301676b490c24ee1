use super::*;

/// Minute of the rollback, if the minutes are these.
fn decision(mut kayenta: Kayenta, minutes: &[Minute]) -> Option<usize> {
    (1..=minutes.len()).find(|end| kayenta.decides(&minutes[..*end]))
}

/// Minutes in which this many of 300 requests of the new version fail, and about ten of 2,700.
fn minutes(failing: impl Fn(u64) -> u64) -> Vec<Minute> {
    let minute = |at: u64| {
        Minute::of(
            (300, failing(at), 132 + (at % 3) as u16),
            (2_700, 8 + at % 5, 132 + (at % 2) as u16),
        )
    };
    (0..30).map(minute).collect()
}

#[test]
fn it_judges_only_at_the_end_of_an_interval_and_not_before_five_samples() {
    let bad = minutes(|at| 30 + at % 4);
    assert_eq!(decision(Kayenta::new(5, 1.0), &bad), Some(5));
    assert_eq!(decision(Kayenta::new(1, 1.0), &bad), Some(5));
    assert_eq!(decision(Kayenta::new(30, 1.0), &bad), Some(30));
}

#[test]
fn what_is_as_before_goes_on() {
    let good = minutes(|at| u64::from(at.is_multiple_of(3)));
    assert_eq!(decision(Kayenta::new(5, 1.0), &good), None);
}

#[test]
fn an_effect_that_is_too_small_is_allowed() {
    // 0.83 % instead of 0.37 %.
    let slight = minutes(|at| 2 + at % 2);
    assert!(decision(Kayenta::new(5, 1.0), &slight).is_some());
    assert_eq!(decision(Kayenta::new(5, 3.0), &slight), None);
}

#[test]
fn without_any_samples_of_the_new_version_the_score_is_zero() {
    let idle = vec![Minute::of((0, 0, 132), (2_700, 9, 132)); 30];
    assert_eq!(decision(Kayenta::new(5, 1.0), &idle), Some(5));
}
