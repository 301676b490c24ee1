//! Which lines of a stream begin something, and which belong to the line before them.

use crate::reading::LogLevel;

/// One stream of lines, such as the standard error of one process: what must be known of the lines
/// before to tell whether a line goes on with them.
///
/// Stack traces, wrapped lines and pretty-printed objects count as the one line that they began
/// with. A trace that nobody introduced at error level is counted by the exception that it ends
/// with.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    last: Option<LogLevel>,
    within: Within,
}

/// Where a line stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It belongs to the line before.
    Part,
    /// It begins something.
    Beginning,
    /// It is the exception of a trace that nobody announced: an error, whatever it says.
    Exception,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Nothing,
    /// A trace of Python, whose exception comes last.
    Traceback,
    /// Stacks of goroutines.
    Goroutines,
    /// The place of a panic of Rust was told; its message follows.
    Panic,
}

impl Stream {
    /// Where a cleaned line stands.
    pub(super) fn place(&mut self, text: &str) -> Place {
        if !text.contains(char::is_alphanumeric) || text.starts_with(' ') {
            return Place::Part;
        }
        if text.starts_with("Traceback (most recent call last)") {
            self.within = Within::Traceback;
            return Place::Part;
        }
        if text.starts_with("goroutine ") && text.ends_with("]:") {
            self.within = Within::Goroutines;
            return Place::Part;
        }
        if is_part(text) {
            return Place::Part;
        }
        match std::mem::take(&mut self.within) {
            Within::Nothing => Place::Beginning,
            Within::Traceback if self.last == Some(LogLevel::Error) => Place::Part,
            Within::Traceback => Place::Exception,
            Within::Goroutines if is_frame(text) => {
                self.within = Within::Goroutines;
                Place::Part
            }
            Within::Goroutines => Place::Beginning,
            Within::Panic => Place::Part,
        }
    }

    /// Takes down the level of a line that began something.
    pub(super) fn began(&mut self, text: &str, level: LogLevel) {
        self.last = Some(level);
        let panicked = text.starts_with("thread '") && text.contains(" panicked at ");
        if panicked && text.ends_with(':') {
            self.within = Within::Panic;
        }
    }
}

impl Place {
    /// The level of a line that stands here and says this one, or none, itself.
    pub(super) fn level(self, told: Option<LogLevel>) -> LogLevel {
        match self {
            Self::Exception => LogLevel::Error,
            Self::Part | Self::Beginning => told.unwrap_or(LogLevel::Info),
        }
    }
}

/// Lines of traces that are not indented, in the words of Java, JavaScript, .NET, Python and Rust.
fn is_part(text: &str) -> bool {
    const BEGINNINGS: [&str; 10] = [
        "Caused by: ",
        "Suppressed: ",
        "... ",
        "During handling of the above exception",
        "The above exception was the direct cause",
        "created by ",
        "note: run with `RUST_BACKTRACE",
        "stack backtrace:",
        "--- End of ",
        "[Previous line repeated ",
    ];
    let place = text.strip_prefix("at ").is_some_and(|place| {
        place.contains('(') || place.rsplit(':').next().is_some_and(is_number)
    });
    // `0: std::panicking::begin_panic`, as some print a Rust backtrace.
    let frame = text.split_once(": ").is_some_and(|(n, name)| is_number(n) && name.contains("::"));
    place || frame || BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// A frame of a goroutine's stack.
fn is_frame(text: &str) -> bool {
    text.starts_with("goroutine ") || text.ends_with(')') || text.starts_with("exit status ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::{clean::clean, line};

    /// The lines that begin something, each with its level.
    fn begun(lines: &str) -> Vec<(String, LogLevel)> {
        let mut stream = Stream::default();
        let mut begun = Vec::new();
        for text in lines.lines() {
            let text = &clean(text.as_bytes());
            let place = stream.place(text);
            if place == Place::Part {
                continue;
            }
            let level = place.level(line::of_text(text).and_then(|line| line.level));
            stream.began(text, level);
            begun.push((text.to_owned(), level));
        }
        begun
    }

    fn one(lines: &str, level: LogLevel) {
        let all = begun(lines);
        assert_eq!(all, [(lines.lines().next().unwrap().to_owned(), level)], "{lines}");
    }

    #[test]
    fn traces_belong_to_the_line_that_they_follow() {
        use LogLevel::Error;
        one(
            "ERROR no stock\n\tat com.acme.Cart.add(Cart.java:12)\nat com.acme.Cart(Cart.java:3)\n\
             Caused by: java.io.IOException: x\n\t... 12 more",
            Error,
        );
        one(
            "ERROR:root:no stock\nTraceback (most recent call last):\n  File \"a.py\", line 1\n\
             KeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"b.py\", line 2\nshop.Declined: card",
            Error,
        );
        one(
            "panic: no stock\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d\n\
             exit status 2",
            Error,
        );
        one(
            "thread 'main' panicked at src/main.rs:2:5:\nno stock\nnote: run with `RUST_BACKTRACE=1`",
            Error,
        );
        one("Error: no stock\n    at add (/app/cart.js:1:2)\n\n}\n", Error);
    }

    #[test]
    fn a_trace_that_nobody_announced_counts_by_its_exception() {
        let lines = "INFO up\nTraceback (most recent call last):\n  File \"a.py\", line 1\n\
                     shop.Declined: card\nINFO on\n";
        let expected = [
            ("INFO up".to_owned(), LogLevel::Info),
            ("shop.Declined: card".to_owned(), LogLevel::Error),
            ("INFO on".to_owned(), LogLevel::Info),
        ];
        assert_eq!(begun(lines), expected);
    }

    #[test]
    fn after_goroutines_other_lines_count_again() {
        let lines = "panic: x\ngoroutine 1 [running]:\nmain.main()\nlistening on :80\n";
        assert_eq!(begun(lines).len(), 2);
    }

    #[test]
    fn lines_that_only_look_like_frames_count() {
        for text in ["at noon all was well", "12: done", "created 3 carts"] {
            assert_eq!(begun(text).len(), 1, "{text}");
        }
    }
}
