//! How loud a line says it is, in the words and numbers of many loggers.

use crate::reading::LogLevel;

/// A level's name as loggers write it, in any case.
pub(super) fn of_word(word: &str) -> Option<LogLevel> {
    let lower = word.to_ascii_lowercase();
    Some(match lower.as_str() {
        "error" | "err" | "eror" | "fail" | "failure" | "severe" | "fatal" | "ftl" | "critical"
        | "crit" | "crt" | "alert" | "emerg" | "emergency" | "panic" | "dpanic" => LogLevel::Error,
        "warn" | "warning" | "wrn" => LogLevel::Warn,
        "info" | "information" | "informational" | "inf" | "notice" | "note" | "debug" | "dbug"
        | "dbg" | "trace" | "trce" | "trc" | "verbose" | "vrb" | "log" => LogLevel::Info,
        _ => return None,
    })
}

/// Words that stand for a level wherever they are shouted in the head of a line. Others, such as
/// `ALERT`, also occur in what a line says.
pub(super) fn is_shouted(word: &str) -> bool {
    matches!(
        word,
        "ERROR"
            | "ERR"
            | "FATAL"
            | "CRITICAL"
            | "CRIT"
            | "SEVERE"
            | "WARN"
            | "WARNING"
            | "WRN"
            | "INFO"
            | "INF"
            | "DEBUG"
            | "DBG"
            | "TRACE"
    )
}

/// Words that begin what a line says more often than they name its level: `log rotated`.
pub(super) fn is_plain_talk(word: &str) -> bool {
    matches!(
        word,
        "log"
            | "note"
            | "info"
            | "information"
            | "notice"
            | "debug"
            | "trace"
            | "verbose"
            | "alert"
            | "critical"
            | "fail"
    )
}

/// A level as a number. The scale is told by its size: syslog (RFC 5424) has 0 to 7, falling;
/// bunyan and pino 10 to 60, Monolog 100 to 600, Logback 5,000 to 40,000, all rising.
pub(super) fn of_number(number: i64) -> Option<LogLevel> {
    let (error, warn) = match number {
        0..=7 => return Some(of_severity(number)),
        8..=99 => (50, 40),
        100..=999 => (400, 300),
        1_000..=99_999 => (40_000, 30_000),
        _ => return None,
    };
    Some(rising(number, error, warn))
}

/// A level on a scale that rises.
pub(super) fn rising(number: i64, error: i64, warn: i64) -> LogLevel {
    if number >= error {
        LogLevel::Error
    } else if number >= warn {
        LogLevel::Warn
    } else {
        LogLevel::Info
    }
}

/// A severity of syslog, 0 (emergency) to 7 (debug).
pub(super) fn of_severity(severity: i64) -> LogLevel {
    match severity {
        ..=3 => LogLevel::Error,
        4 => LogLevel::Warn,
        _ => LogLevel::Info,
    }
}

/// The one letter with which glog, Ruby and `MongoDB` write a level.
pub(super) fn of_letter(letter: char) -> Option<LogLevel> {
    match letter {
        'E' | 'F' | 'C' => Some(LogLevel::Error),
        'W' => Some(LogLevel::Warn),
        'I' | 'D' | 'T' | 'V' => Some(LogLevel::Info),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_on_the_scale_that_they_belong_to() {
        use LogLevel::{Error, Info, Warn};
        for (number, level) in [
            (0, Some(Error)),
            (3, Some(Error)),
            (4, Some(Warn)),
            (6, Some(Info)),
            (30, Some(Info)),
            (40, Some(Warn)),
            (50, Some(Error)),
            (60, Some(Error)),
            (200, Some(Info)),
            (300, Some(Warn)),
            (400, Some(Error)),
            (20_000, Some(Info)),
            (40_000, Some(Error)),
            (-1, None),
            (i64::MAX, None),
        ] {
            assert_eq!(of_number(number), level, "{number}");
        }
    }
}
