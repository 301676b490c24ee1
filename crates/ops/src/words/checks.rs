//! Checklists.

use std::fmt::Write as _;

use ops_core::checks::{Check, Verdict};

use crate::ui::Paint;

/// A sign and a word for a verdict.
fn sign(verdict: Verdict, paint: Paint) -> String {
    match verdict {
        Verdict::Pass => paint.green("✓"),
        Verdict::Fail | Verdict::Error => paint.red("✗"),
        Verdict::Inconclusive => paint.yellow("?"),
        Verdict::NotDeclared | Verdict::NoJudgement => paint.dim("–"),
        Verdict::Relaxed => paint.yellow("~"),
    }
}

/// All checks, each with what was seen, and with what must happen first where something must.
pub(crate) fn checks(checks: &[Check], paint: Paint, indent: &str) -> String {
    let wide = checks.iter().map(|check| check.id.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for check in checks {
        let (id, verdict) = (&check.id, check.verdict.text());
        let sign = sign(check.verdict, paint);
        let _ = writeln!(text, "{indent}{sign} {id:wide$}  {verdict}: {}", check.evidence);
        if !check.remedy.is_empty() && !check.verdict.lets_pass() {
            let mut before = "first: ";
            for line in check.remedy.trim_end().lines() {
                let whole = format!("{indent}  {:wide$}  {before}{line}", "");
                let _ = writeln!(text, "{}", whole.trim_end());
                before = "";
            }
        }
    }
    text
}
