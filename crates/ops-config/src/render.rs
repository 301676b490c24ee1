//! Shows complaints to people.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource,
    NarratableReportHandler, SourceCode,
};

use crate::complaint::{Complaint, Complaints};

/// Lines longer than this many bytes are not shown; the complaint then stands without its line.
const LINE_MAX: usize = 400;
/// What is allowed stands beside the place up to this many bytes, else below.
const LABEL_MAX: usize = 80;
/// Width to which help is wrapped.
const WIDTH: usize = 100;

/// How complaints are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// The line, underlined, in colour.
    Colour,
    /// The line, underlined, without colour.
    Plain,
    /// In sentences, for screen readers and for logs.
    Narrated,
}

impl Complaints {
    /// All complaints as text for people, in the order of the file.
    pub fn render(&self, look: Look) -> String {
        let mut out = String::new();
        let source = NamedSource::new(&self.name, self.text.clone());
        for complaint in &self.list {
            let source = self.shows_well(complaint).then_some(&source);
            let report = Report { complaint, source };
            // Writing to a string fails only if the handler does; the bare complaint is left then.
            if show(&mut out, &report, look).is_err() {
                out.push_str(&report.to_string());
                out.push('\n');
            }
        }
        let count = self.count();
        let things = if count == 1 { "complaint" } else { "complaints" };
        let more = match self.left_off {
            0 => String::new(),
            more => format!(" ({more} more than are shown)"),
        };
        let name = &self.name;
        out + &format!("{count} {things} about {name}{more}; nothing was changed.\n")
    }

    /// Whether the lines around a complaint fit on a screen.
    fn shows_well(&self, complaint: &Complaint) -> bool {
        let lines = self.text.split('\n').skip(complaint.line.saturating_sub(2));
        !self.text.is_empty() && lines.take(3).all(|line| line.len() <= LINE_MAX)
    }
}

fn show(out: &mut String, report: &Report<'_>, look: Look) -> fmt::Result {
    let theme = match look {
        Look::Narrated => return NarratableReportHandler::new().render_report(out, report),
        Look::Colour => GraphicalTheme::unicode(),
        Look::Plain => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_context_lines(1)
        .with_links(false);
    handler.render_report(out, report)?;
    out.push('\n');
    Ok(())
}

/// One complaint in the form that miette shows.
struct Report<'a> {
    complaint: &'a Complaint,
    source: Option<&'a NamedSource<String>>,
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.complaint, f)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Complaint { path, line, column, message, .. } = self.complaint;
        if self.source.is_none() {
            write!(f, "line {line}, column {column}: ")?;
        }
        if path.is_empty() { f.write_str(message) } else { write!(f, "{path}: {message}") }
    }
}

impl std::error::Error for Report<'_> {}

impl Diagnostic for Report<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let Complaint { allowed, hint, .. } = self.complaint;
        // What is too long for the margin of the line, or has no line, stands below.
        let aside = |allowed: &&String| self.source.is_none() || allowed.len() > LABEL_MAX;
        let allowed = allowed.as_ref().filter(aside).map(|allowed| format!("allowed: {allowed}"));
        let lines: Vec<String> = hint.clone().into_iter().chain(allowed).collect();
        (!lines.is_empty()).then(|| Box::new(lines.join("\n")) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.complaint.span;
        let label = match &self.complaint.allowed {
            Some(allowed) if allowed.len() <= LABEL_MAX => format!("allowed: {allowed}"),
            _ => "here".to_owned(),
        };
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(label), span.offset, span.length))))
    }
}
