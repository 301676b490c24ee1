//! What a look around found: for `ops check --online` and `ops doctor`.

use serde::Serialize;

use crate::{ui::Paint, words::Table};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// What.
    about: String,
    /// Whether it is as it should be.
    ok: bool,
    /// What was seen.
    seen: String,
    /// What to do; empty where nothing must be done.
    next: String,
}

/// All that was looked at.
#[derive(Debug, Default, Serialize)]
pub(super) struct Findings {
    findings: Vec<Finding>,
}

impl Findings {
    /// It is as it should be.
    pub(super) fn good(&mut self, about: &str, seen: impl Into<String>) {
        self.add(about, true, seen.into(), String::new());
    }

    /// Something must be done.
    pub(super) fn bad(&mut self, about: &str, seen: impl Into<String>, next: impl Into<String>) {
        self.add(about, false, seen.into(), next.into());
    }

    /// What a look brought.
    pub(super) fn look(&mut self, about: &str, found: ops_engine::ports::Look<String>) {
        match found {
            Ok(seen) => self.good(about, seen),
            Err(fault) => self.bad(about, format!("{} ({})", fault.what, fault.place), fault.next),
        }
    }

    fn add(&mut self, about: &str, ok: bool, seen: String, next: String) {
        self.findings.push(Finding { about: about.to_owned(), ok, seen, next });
    }

    /// Whether all is well.
    pub(super) fn well(&self) -> bool {
        self.findings.iter().all(|finding| finding.ok)
    }

    /// As lines.
    pub(super) fn text(&self, paint: Paint) -> String {
        let mut table = Table::default();
        for finding in &self.findings {
            let sign = if finding.ok { paint.green("✓") } else { paint.red("✗") };
            table.row([sign, finding.about.clone(), finding.seen.clone()]);
            if !finding.next.is_empty() {
                table.row([" ".into(), String::new(), format!("→ {}", finding.next)]);
            }
        }
        table.text("")
    }
}
