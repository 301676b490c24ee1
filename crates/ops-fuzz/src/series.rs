//! Recorded series for `ops watch replay`.

use ops_core::watch::recorded::read;

/// Seconds that are replayed at most: what comes after them is read, but not judged.
const SECONDS: usize = 2_000;

/// Whatever the file: seconds that a door can have seen, in order, or what is wrong and where.
pub fn recorded_series(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(crate::cut(bytes)) else { return };
    let recorded = match read(text) {
        Ok(recorded) => recorded,
        Err(wrong) => {
            let words = format!("{}: {}; {}", wrong.place, wrong.why, wrong.next);
            assert!(words.len() < 4_000, "{} bytes", words.len());
            assert!(!crate::moves_cursors(&words, false), "{words:?}");
            return;
        }
    };
    let seconds = &recorded.seconds;
    assert!(!seconds.is_empty() && seconds.is_sorted_by(|a, b| a.second < b.second));
    assert!(recorded.before.iter().chain(seconds).all(|second| {
        second.arms.iter().all(|(_, arm)| arm.errors() <= arm.requests && arm.s2xx <= arm.requests)
    }));
    assert!(recorded.share.is_none_or(|share| share > 0.0 && share <= 1.0));
    assert!(recorded.notes.len() <= 8);
    let mut recorded = recorded;
    recorded.seconds.truncate(SECONDS);
    let said = recorded.replayed(0.01, recorded.share);
    assert!(said.log_e.is_finite(), "{said:?}");
    assert_eq!(
        said,
        recorded.replayed(0.01, recorded.share),
        "the same seconds were judged differently"
    );
    let last = recorded.seconds.last().map_or(0, |last| last.second.saturating_sub(recorded.began));
    assert!(said.at_seconds <= last);
}
