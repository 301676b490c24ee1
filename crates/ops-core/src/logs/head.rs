//! The head of a line of text: priority, time and level, which say nothing of its shape.

use super::{level, words};
use crate::reading::LogLevel;

/// Words of a line among which its level is looked for.
const HEAD_WORDS: usize = 10;
/// Words in lower-case letters, such as a logger's name, that may stand before a shouted level.
const WORDS_BEFORE: usize = 2;

/// A line without its head, and its level if it says one.
pub(super) fn behead(text: &str) -> (Option<LogLevel>, String) {
    let (priority, text) = priority(text.trim_start());
    let text = after_time(text);
    let (told, rest) = match find(text) {
        Some(found) => (Some(found.level), found.without(text)),
        None => (None, text.to_owned()),
    };
    let level = told.or(priority).or_else(|| by_outcry(text));
    (level, without_lone_bracket(after_time(&rest)))
}

/// A text without a bracket that its head opened.
fn without_lone_bracket(text: &str) -> String {
    match text.find(']') {
        Some(at) if text.find('[').is_none_or(|opening| opening > at) => {
            let (before, after) = text.split_at(at);
            format!("{before}{}", after.get(1..).unwrap_or(""))
        }
        _ => text.to_owned(),
    }
}

/// `<34>` of syslog, or `<3>` as the journal takes it, and `1 ` of RFC 5424 behind it.
fn priority(text: &str) -> (Option<LogLevel>, &str) {
    let cut = || {
        let (number, rest) = text.strip_prefix('<')?.split_once('>')?;
        let number = number.parse::<u8>().ok().filter(|number| *number < 192)?;
        Some((level::of_severity(i64::from(number % 8)), rest))
    };
    match cut() {
        Some((level, rest)) => (Some(level), rest.strip_prefix("1 ").unwrap_or(rest)),
        None => (None, text),
    }
}

/// What follows a time at the beginning, whatever its form.
fn after_time(text: &str) -> &str {
    let mut rest = text.trim_start_matches(is_rule);
    let (mut named, mut timed) = (false, false);
    loop {
        let bare = rest.trim_start_matches(['[', '(']).trim_start();
        let word = bare.split(' ').next().unwrap_or("");
        let core = word.trim_matches(|c: char| matches!(c, '[' | ']' | '(' | ')' | ','));
        let core = core.strip_suffix(':').unwrap_or(core);
        let small = core.len() <= 4 && core.bytes().all(|b| b.is_ascii_digit());
        let name = words::is_of_time(core);
        let goes_on = (named && small) || (timed && is_offset(core));
        if core.is_empty() || !(name || is_time(core) || goes_on) {
            return rest;
        }
        (named, timed) = (named || name, true);
        // `[` and `]` of a time go with it: those of something else do not begin where it ends.
        rest = bare.get(word.len()..).unwrap_or("").trim_start_matches(is_rule);
    }
}

/// `+0000`, `-07:00`
fn is_offset(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or("").replace(':', "");
    digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// What separates the parts of a head.
fn is_rule(c: char) -> bool {
    matches!(c, ' ' | '|' | '-' | ']' | ':' | ',' | ';' | '~' | '>')
}

/// Digits with the marks of a time or date between them, or a long number: `2024-01-02T03:04:05Z`,
/// `03:04:05,678`, `1700000000.123`, `12.345678`, `10/Oct/2000:13:55:36`.
fn is_time(word: &str) -> bool {
    let marks = |set: &[u8]| word.bytes().filter(|b| set.contains(b)).count();
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters: usize = word
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|part| !matches!(*part, "" | "T" | "Z") && !words::is_of_time(part))
        .count();
    let form = marks(b":") > 0 || marks(b"-") > 1 || marks(b"/") > 1 || marks(b".") == 1;
    // An address is none: what stands behind it may be told by it.
    let address = marks(b".") == 3;
    let allowed = |c: char| c.is_ascii_alphanumeric() || ":-/.,+".contains(c);
    word.starts_with(|c: char| c.is_ascii_digit())
        && letters == 0
        && !address
        && word.chars().all(allowed)
        && (digits >= 10 || (form && digits >= 4))
}

struct Found {
    level: LogLevel,
    /// Its bytes.
    start: usize,
    end: usize,
    /// Whether it is a part of its word, so that the marks around it belong to that.
    part: bool,
}

impl Found {
    fn without(&self, text: &str) -> String {
        let before = text.get(..self.start).unwrap_or("");
        if self.part {
            return format!("{before}{}", text.get(self.end..).unwrap_or(""));
        }
        let before = before.trim_end_matches(['[', '(', '<', '|', '-', ' ', '*', '.']);
        let after = text.get(self.end..).unwrap_or("");
        let after =
            after.trim_start_matches([']', ')', '>', '|', ':', '-', ',', ' ', '!', '*', '=']);
        let gap = if before.is_empty() || after.is_empty() { "" } else { " " };
        format!("{before}{gap}{after}")
    }
}

/// The level that stands furthest to the left in the head.
fn find(text: &str) -> Option<Found> {
    if let Some(found) = glog(text) {
        return Some(found);
    }
    let mut talked = 0;
    let mut fenced = true;
    for (count, word) in words_of(text).take(HEAD_WORDS).enumerate() {
        let place = Place { count, talked, fenced, bracketed: is_bracketed(text, &word) };
        if let Some(found) = word.level(&place) {
            return Some(found);
        }
        talked += usize::from(word.is_talk());
        fenced = matches!(word.text, "-" | "|" | "--" | ":");
    }
    None
}

/// `E0102 15:04:05.000000 1 file.go:12] …` (glog, klog).
fn glog(text: &str) -> Option<Found> {
    let word = text.split(' ').next()?;
    let (letter, day) = (word.chars().next()?, word.get(1..)?);
    let is_day = (4..=8).contains(&day.len()) && day.bytes().all(|b| b.is_ascii_digit());
    let level = level::of_letter(letter).filter(|_| is_day)?;
    Some(Found { level, start: 0, end: word.len(), part: false })
}

/// A word of the head with its place in the line.
struct Word<'a> {
    text: &'a str,
    start: usize,
}

/// What is known of where a word stands.
struct Place {
    count: usize,
    /// Words of plain talk before it.
    talked: usize,
    /// Whether a rule, such as `-`, stands before it.
    fenced: bool,
    bracketed: bool,
}

impl Word<'_> {
    fn level(&self, place: &Place) -> Option<Found> {
        let marks = |c: char| !c.is_alphanumeric();
        let core = self.text.trim_matches(marks);
        let at = self.start + self.text.find(core).unwrap_or(0);
        let found =
            |level, length: usize| Some(Found { level, start: at, end: at + length, part: false });
        if let Some(level) = level::of_word(core)
            && self.counts(core, place)
        {
            return found(level, core.len());
        }
        // `level=error`, `severity:WARN`
        if let Some((key, value)) = core.split_once(['=', ':'])
            && words::is_level_key(key)
            && let Some(level) = level::of_word(value.trim_matches(marks))
        {
            return found(level, core.len());
        }
        // `ERROR:root:text` of Python, `ERROR/Worker-1]` of Celery, `WARN[0012]` of logrus.
        if let Some((first, _)) = core.split_once([':', '/', '['])
            && level::is_shouted(first)
        {
            return found(level::of_word(first)?, first.len());
        }
        // `app.ERROR`, `[core:error]`
        let (front, last) = core.rsplit_once(['.', ':'])?;
        let level = level::of_word(last)?;
        let counts = level::is_shouted(last) || place.bracketed;
        let start = at + front.len();
        counts.then(|| Found { level, start, end: start + 1 + last.len(), part: true })
    }

    /// Whether a word that can mean a level does so here.
    fn counts(&self, core: &str, place: &Place) -> bool {
        if level::is_shouted(core) {
            return place.talked <= WORDS_BEFORE;
        }
        let colon = self.text.ends_with(':');
        if place.talked > 0 {
            return place.bracketed
                || (place.fenced && self.text == core && core != core.to_lowercase());
        }
        if place.bracketed || colon {
            return true;
        }
        // Nothing was said before it: `error while …`, `| warn | …`.
        let first = place.count == 0 || place.fenced;
        let shouted = core == core.to_uppercase();
        shouted || (first && !level::is_plain_talk(&core.to_lowercase()))
    }

    /// Whether it is a plain word and no name of a thread, a logger or a host.
    fn is_talk(&self) -> bool {
        let core = self.text.trim_end_matches([',', ':', ';']);
        core.len() > 1 && core.chars().all(|c| c.is_ascii_lowercase() || c == '\'')
    }
}

fn words_of(text: &str) -> impl Iterator<Item = Word<'_>> {
    let mut start = 0;
    text.split(' ').filter_map(move |word| {
        let at = start;
        start += word.len() + 1;
        (!word.is_empty()).then_some(Word { text: word, start: at })
    })
}

/// Whether brackets or bars close a word in, as in `[error]`, `[ WARN ]` and `[12:00:00 ERR]`.
fn is_bracketed(text: &str, word: &Word<'_>) -> bool {
    let opens = |c: char| matches!(c, '[' | '(' | '<' | '|' | '{' | '*');
    let closes = |c: char| matches!(c, ']' | ')' | '>' | '|' | '}' | '*');
    let end = word.start + word.text.len();
    let before = text.get(..word.start).unwrap_or("").trim_end().ends_with(opens);
    let after = text.get(end..).unwrap_or("").trim_start().starts_with(closes);
    (word.text.starts_with(opens) || before)
        && (word.text.trim_end_matches(':').ends_with(closes) || after)
}

/// What programs cry out in their last moments, when no logger is there to name a level.
fn by_outcry(text: &str) -> Option<LogLevel> {
    const CRIES: [&str; 11] = [
        "panic:",
        "http: panic serving ",
        "fatal error:",
        "Exception in thread ",
        "Unhandled ",
        "Uncaught ",
        "unhandled ",
        "uncaught ",
        "Segmentation fault",
        "terminate called ",
        "Traceback (",
    ];
    let panicked = text.starts_with("thread '") && text.contains(" panicked at ");
    let first = text.split(' ').next().unwrap_or("").trim_end_matches(':');
    let class = first.rsplit(['.', ':']).next().unwrap_or("");
    let thrown = class.len() > 5 && (class.ends_with("Error") || class.ends_with("Exception"));
    let cried = CRIES.iter().any(|cry| text.starts_with(cry));
    (cried || panicked || thrown).then_some(LogLevel::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_and_text_are_told_apart_in_the_heads_of_many_loggers() {
        use LogLevel::{Error, Info, Warn};
        for (line, level, text) in [
            ("<3>disk gone", Some(Error), "disk gone"),
            ("<12>Oct 11 22:14:15 host su: denied", Some(Warn), "host su: denied"),
            (
                "<165>1 2003-08-24T05:14:15.000003-07:00 host app - - ok",
                Some(Info),
                "host app - - ok",
            ),
            (
                "2024-01-02 03:04:05,678 - shop.cart - ERROR - no stock",
                Some(Error),
                "shop.cart no stock",
            ),
            ("ERROR:shop.cart:no stock", Some(Error), "shop.cart:no stock"),
            ("03:04:05.678 [main] WARN  c.e.Cart - slow", Some(Warn), "[main] c.e.Cart - slow"),
            (
                "2024-01-02T03:04:05.6Z ERROR shop::cart: no stock",
                Some(Error),
                "shop::cart: no stock",
            ),
            ("[2024-01-02T03:04:05Z INFO  shop] up", Some(Info), "shop up"),
            ("[2024-01-02T03:04:05.6+00:00] app.ERROR: no stock", Some(Error), "app: no stock"),
            ("2024/01/02 03:04:05 [error] 7#7: *1 upstream", Some(Error), "7#7: *1 upstream"),
            (
                "[Wed Oct 11 14:32:52 2000] [core:error] [pid 7] denied",
                Some(Error),
                "[core] [pid 7] denied",
            ),
            ("2024-01-02 03:04:05.678 UTC [7] ERROR:  relation", Some(Error), "relation"),
            ("E0102 03:04:05.678901    7 main.go:12] lost", Some(Error), "7 main.go:12 lost"),
            (
                "E, [2024-01-02T03:04:05.678901 #7] ERROR -- : lost",
                Some(Error),
                "E, [2024-01-02T03:04:05.678901 #7] lost",
            ),
            ("fail: Shop.Cart[0]", Some(Error), "Shop.Cart[0]"),
            ("[12:00:00 ERR] no stock", Some(Error), "no stock"),
            ("[ WARN ] slow", Some(Warn), "slow"),
            ("2024-01-02T03:04:05Z | warn | slow", Some(Warn), "slow"),
            ("error: no stock", Some(Error), "no stock"),
            ("Error connecting to the store", Some(Error), "connecting to the store"),
            ("npm ERR! code", Some(Error), "npm code"),
            ("INFO finished with 0 ERROR lines", Some(Info), "finished with 0 ERROR lines"),
            ("panic: runtime error: index", Some(Error), "runtime error: index"),
            (
                "java.lang.IllegalStateException: no",
                Some(Error),
                "java.lang.IllegalStateException: no",
            ),
            (
                "thread 'main' panicked at src/main.rs:2:5:",
                Some(Error),
                "thread 'main' panicked at src/main.rs:2:5:",
            ),
            ("sent the last error page", None, "sent the last error page"),
            ("we sent ALERT to all", None, "we sent ALERT to all"),
            ("log rotated", None, "log rotated"),
            ("listening on 80", None, "listening on 80"),
        ] {
            assert_eq!(behead(line), (level, text.to_owned()), "{line}");
        }
    }
}
