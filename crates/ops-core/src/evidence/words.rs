//! The words that verdicts are made of, and how a line is cut into them.

/// Say that the change passes.
#[rustfmt::skip]
pub(super) const PASS: [&str; 5] = [
    "pass", "passed", "passes", "approved", "lgtm",
];
/// Say that it fails.
#[rustfmt::skip]
pub(super) const FAIL: [&str; 21] = [
    "fail", "failed", "fails", "failing", "failure", "failures", "reject", "rejected",
    "rejecting", "disapproved", "unapproved", "revoke", "revoked", "revoking", "withdraw",
    "withdrawn", "denied", "veto", "blocked", "blocker", "blockers",
];
/// Two words that are a failure together.
pub(super) const FAIL_PAIRS: [(&str, &str); 6] = [
    ("changes", "requested"),
    ("changes", "needed"),
    ("changes", "required"),
    ("request", "changes"),
    ("requesting", "changes"),
    ("needs", "work"),
];
/// Make a pass in the same clause doubtful.
#[rustfmt::skip]
pub(super) const DENIALS: [&str; 14] = [
    "not", "no", "never", "cannot", "cant", "dont", "wont", "isnt", "un", "non", "nor", "neither",
    "without", "zero",
];
/// Make a pass anywhere in the same line doubtful.
#[rustfmt::skip]
pub(super) const CONDITIONS: [&str; 38] = [
    "pending", "unless", "once", "if", "until", "till", "assuming", "provided", "providing",
    "except", "conditional", "conditionally", "condition", "subject", "awaiting", "wait",
    "waiting", "hold", "wip", "draft", "partial", "partially", "almost", "tentative",
    "tentatively", "provisional", "provisionally", "should", "would", "could", "might", "maybe",
    "perhaps", "probably", "but", "however", "later", "please",
];
/// Words that a heading puts before its verdict.
#[rustfmt::skip]
pub(super) const LABELS: [&str; 20] = [
    "cq", "qa", "code", "quality", "security", "review", "test", "tests", "testing", "assurance",
    "acceptance", "verdict", "status", "result", "results", "report", "final", "overall",
    "decision", "summary",
];
/// What a reviewer may say there is none of.
#[rustfmt::skip]
const FLAWS: [&str; 18] = [
    "issue", "issues", "problem", "problems", "finding", "findings", "blocker", "blockers",
    "concern", "concerns", "regression", "regressions", "vulnerabilities", "failure", "failures",
    "errors", "bugs", "objections",
];
/// Signs that say no.
pub(super) const CROSSES: [char; 4] = ['❌', '🚫', '⛔', '👎'];

/// Cuts a line where a new statement may begin. A comma does not end one: `approved, not yet`.
pub(super) fn clauses(line: &str) -> Vec<String> {
    let line = line.replace(" - ", ";").replace("--", ";").replace("->", ";");
    let mut clauses = vec![String::new()];
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let full_stop = c == '.' && chars.peek().is_none_or(|next| !next.is_alphanumeric());
        if full_stop || "!;:|()—–→".contains(c) {
            clauses.push(String::new());
        } else if let Some(clause) = clauses.last_mut() {
            clause.push(c);
        }
    }
    clauses
}

/// Lower-case words, without what says that there are no flaws.
pub(super) fn words(clause: &str) -> Vec<String> {
    let part = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let words: Vec<String> = clause
        .split_whitespace()
        .filter(|word| !ticket_number(word))
        .flat_map(|word| word.split(|c| !part(c)))
        .map(|word| word.to_lowercase().replace('’', "'"))
        .map(|word| word.trim_matches('\'').to_owned())
        .filter(|word| !word.is_empty())
        .collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let none = ["no", "zero", "0", "without"].contains(&word.as_str());
        if none && words.get(at + 1).is_some_and(|next| FLAWS.contains(&next.as_str())) {
            at += 2;
        } else {
            kept.push(word.clone());
            at += 1;
        }
    }
    kept
}

/// `MNS-7`, perhaps in brackets.
fn ticket_number(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    word.split_once('-').is_some_and(|(letters, digits)| {
        (2..=10).contains(&letters.len())
            && letters.bytes().all(|b| b.is_ascii_uppercase())
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A clause without the labels at its beginning.
pub(super) fn unlabelled(clause: &[String]) -> &[String] {
    let labels = clause.iter().take_while(|word| LABELS.contains(&word.as_str())).count();
    clause.get(labels..).unwrap_or_default()
}
