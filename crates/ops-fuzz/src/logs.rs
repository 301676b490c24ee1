//! Lines of services' logs.

use ops_core::{
    id::ReleaseId,
    logs::{Miner, OTHER, Stream, TEMPLATE_MAX, Tally, read},
};
use ops_keeper::LogLine;

/// Whatever the lines: short templates that move no cursor and hold no secret that was announced, the
/// same for the same lines.
pub fn log_lines(bytes: &[u8]) {
    let bytes = crate::cut(bytes);
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for line in &lines {
        if let Some(line) = read(line) {
            fit(&line.template);
        }
        if let Some(kept) = LogLine::parse(line) {
            assert!(line.ends_with(kept.text));
        }
    }
    assert_eq!(named(&lines), named(&lines));
    announced(lines.first().copied().unwrap_or_default());
}

fn fit(template: &str) {
    assert!(!template.is_empty() && template.len() <= TEMPLATE_MAX, "{template:?}");
    assert!(!crate::moves_cursors(template, false), "{template:?}");
    let kept = read(template.as_bytes()).map(|line| line.template);
    assert!(kept.is_none_or(|again| again.len() <= TEMPLATE_MAX));
}

fn named(lines: &[&[u8]]) -> Vec<(String, u64)> {
    let (mut miner, mut stream, mut tally) = (Miner::new(), Stream::default(), Tally::default());
    let release = ReleaseId::new("a-1");
    let mut told = 0;
    for line in lines {
        if let Some(found) = miner.line(&mut stream, line) {
            assert!(&*found.1 == OTHER || found.1.len() <= TEMPLATE_MAX);
            told += 1;
            tally.add(&release, found);
        }
    }
    let counts: Vec<_> =
        tally.counts().into_iter().map(|count| (count.template, count.lines)).collect();
    assert_eq!(counts.iter().map(|(_, lines)| lines).sum::<u64>(), told, "a line was lost");
    counts
}

/// P13: whatever stands before it, a value that is announced as a secret is not told.
fn announced(before: &[u8]) {
    const SECRET: &str = "hunter2x9q7";
    let before = String::from_utf8_lossy(before);
    for line in [
        format!("{before} password={SECRET}"),
        format!("{before} token: {SECRET} {before}"),
        format!("{before} https://a.example/{SECRET}?q={SECRET}"),
        format!("{before} {SECRET}"),
    ] {
        if let Some(line) = read(line.as_bytes()) {
            assert!(!line.template.contains(SECRET), "{:?}", line.template);
        }
    }
}
