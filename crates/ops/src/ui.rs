//! The only place that writes to the terminal: the answer on stdout, everything else on stderr.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use crate::problem::Problem;

/// The form of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How answers are told.
#[derive(Debug, Clone)]
pub(crate) struct Ui {
    output: Output,
    quiet: bool,
    /// Styles for answers on standard output.
    pub(crate) paint: Paint,
    /// Styles for remarks on standard error.
    pub(crate) aside: Paint,
}

/// Styles, or none where they would only disturb. Nothing is told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

impl Ui {
    /// Learns from the terminals and the environment how to write.
    pub(crate) fn new(output: Output, quiet: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self {
            output,
            quiet,
            paint: Paint { on: wanted && io::stdout().is_terminal() && output == Output::Text },
            aside: Paint { on: wanted && io::stderr().is_terminal() },
        }
    }

    /// Whether answers are for programs.
    pub(crate) fn quiet(&self) -> bool {
        self.quiet
    }

    /// Whether the answer is JSON.
    pub(crate) fn json(&self) -> bool {
        self.output == Output::Json
    }

    /// Whether progress may move on the screen.
    pub(crate) fn moves(&self) -> bool {
        !self.quiet && !self.json() && io::stderr().is_terminal()
    }

    /// Gives the answer: the value as JSON, or the text.
    pub(crate) fn answer<T: Serialize>(
        &self,
        value: &T,
        text: impl FnOnce(Paint) -> String,
    ) -> Result<(), Problem> {
        let mut answer = if self.json() {
            serde_json::to_string_pretty(value)
                .map_err(|error| Problem::internal(format!("the answer is no JSON: {error}")))?
        } else {
            text(self.paint)
        };
        if !answer.is_empty() && !answer.ends_with('\n') {
            answer.push('\n');
        }
        let mut out = io::stdout().lock();
        out.write_all(answer.as_bytes())
            .and_then(|()| out.flush())
            .map_err(|error| Problem::output(&error))
    }

    /// A remark on how it goes.
    pub(crate) fn status(&self, text: &str) {
        if !self.quiet {
            note(text);
        }
    }

    /// Something that should be mended.
    pub(crate) fn warning(&self, text: &str) {
        note(&format!("{} {text}", self.aside.yellow("Warning:")));
    }

    /// What to do next.
    pub(crate) fn hint(&self, text: &str) {
        if !self.quiet {
            note(&format!("{} {text}", self.aside.cyan("Hint:")));
        }
    }

    /// Tells why a call failed.
    pub(crate) fn problem(&self, problem: &Problem) {
        if problem.quiet {
            return;
        }
        if self.json() {
            note(&problem.to_json().to_string());
            return;
        }
        if let Some(complaints) = &problem.complaints {
            let look =
                if self.aside.on { ops_config::Look::Colour } else { ops_config::Look::Plain };
            note(complaints.render(look).trim_end());
        }
        note(&format!("{} {}", self.aside.red("Error:"), harmless(&problem.what)));
        for hint in &problem.hints {
            note(&format!("{} {}", self.aside.cyan("Hint:"), harmless(hint)));
        }
    }
}

/// Words in which other people's may stand: they must not steer the terminal.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// A line on standard error. Without a place to complain to, there is nothing left to do.
fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

impl Paint {
    /// No styles.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { on: false };

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A heading.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// Of less weight.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// Good.
    pub(crate) fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    /// Bad.
    pub(crate) fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// Neither.
    pub(crate) fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    /// A way on.
    pub(crate) fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_others_do_not_steer_the_terminal() {
        let said = harmless("a\u{1b}[2J\u{9b}1mb\r\u{7}c\n\td");
        assert_eq!(said, "a[2J1mbc\n\td");
    }
}
