//! Answers of Prometheus and Alertmanager.

use ops_core::{reading::Sample, settings::SignalKind};
use ops_signals::untrusted::{alertmanager, prometheus_alerts, signal};

use crate::bytes::Bytes;

/// Words about an answer: at most so many bytes.
const WORDS_MAX: usize = 2_000;

/// One or more replies to a signal's queries; a zero byte stands between two. The first byte says
/// which kind of signal asked.
pub fn prometheus(bytes: &[u8]) {
    let mut bytes = Bytes::of(bytes);
    let kind = kinds()[usize::from(bytes.byte() % 4)].clone();
    let mut replies = bytes.rest().split(|byte| *byte == 0);
    let queries = kind_queries(&kind);
    let new: Vec<&[u8]> = replies.by_ref().take(queries).collect();
    let old: Vec<&[u8]> = replies.take(queries).collect();
    let told = signal(&kind, &new, &old);
    match &told {
        Ok((new, old)) => {
            assert_eq!((new.len(), old.len()), (4, 4), "a window was lost or made up");
            new.iter().chain(old).for_each(sound);
        }
        Err(words) => {
            assert!(!words.is_empty() && words.len() <= WORDS_MAX, "{} bytes", words.len());
            assert!(!crate::moves_cursors(words, false), "{words:?}");
        }
    }
    assert_eq!(told, signal(&kind, &new, &old));
    // P8: a reply that is cut short is an error, whatever was said before the cut.
    if let (Ok(_), [whole]) = (&told, new.as_slice()) {
        let whole = whole.trim_ascii_end();
        let cut = &whole[..whole.len().saturating_sub(1)];
        assert!(signal(&kind, &[cut], &old).is_err(), "half a reply was believed");
    }
}

fn kinds() -> [SignalKind; 4] {
    let query = || "q".to_owned();
    [
        SignalKind::Rate { total: query(), events: query(), limit: None },
        SignalKind::Histogram { query: query() },
        SignalKind::Level { query: query(), tolerance: 0.25 },
        SignalKind::Done { query: query(), at_least: 1 },
    ]
}

fn kind_queries(kind: &SignalKind) -> usize {
    if matches!(kind, SignalKind::Rate { .. }) { 2 } else { 1 }
}

fn sound(sample: &Sample) {
    match sample {
        Sample::Missing | Sample::Done { .. } => {}
        Sample::Counts { total, events } => assert!(events <= total, "{sample:?}"),
        Sample::Latency { latency } => {
            assert!(latency.is_sorted_by(|a, b| a.0 < b.0), "{sample:?}");
        }
        Sample::Above { total, bounds } => {
            assert!(bounds.is_sorted_by(|a, b| a.0 < b.0 && a.1 >= b.1), "{sample:?}");
            assert!(bounds.iter().all(|(_, above)| above <= total), "{sample:?}");
        }
        Sample::Level { value } => assert!(value.is_finite()),
    }
}

/// A list of alerts, of either system.
pub fn alerts(bytes: &[u8]) {
    let bytes = crate::cut(bytes);
    for read in [alertmanager, prometheus_alerts] {
        match read(bytes, "service") {
            Ok(alerts) => {
                for alert in &alerts {
                    let texts = [Some(&alert.name), alert.service.as_ref(), Some(&alert.since)];
                    for text in texts.into_iter().flatten() {
                        assert!(text.chars().count() <= 200, "{text:?}");
                        assert!(!crate::moves_cursors(text, false), "{text:?}");
                    }
                }
                let whole = bytes.trim_ascii_end();
                let cut = &whole[..whole.len().saturating_sub(1)];
                assert!(read(cut, "service").is_err(), "half a list was believed");
            }
            Err(words) => {
                assert!(!words.is_empty() && words.len() < 200, "{words}");
                assert!(!crate::moves_cursors(&words, false), "{words:?}");
            }
        }
    }
}
