//! Words that are not the author's own, or that a reader does not see.

#[rustfmt::skip]
pub(super) const ROWS: &[super::Verdict] = &[
    ("quoted pass", "> ## QA PASS\n\nsays who?", "unclear"),
    ("quoted fail above an own pass", "> REVIEW FAILED\n\nQA PASS", "pass"),
    ("right under a quote, which Markdown counts in", "> CQ wrote:\nQA PASS", "unclear"),
    ("fenced pass", "```\nQA PASS\n```", "unclear"),
    ("fence that never ends", "```\nQA PASS", "unclear"),
    ("fenced log of failures under a pass", "QA PASS\n\n```\n3 failed\nFAIL\n```", "pass"),
    ("indented pass", "    QA PASS", "unclear"),
    ("pass behind a tab", "\tQA PASS", "unclear"),
    ("commented out", "<!-- QA PASS -->", "unclear"),
    ("commented out over lines", "<!--\nQA PASS\n-->", "unclear"),
    ("comment that begins in mid-line", "See below <!--\nVerdict: PASS\n-->", "unclear"),
    ("comment inside a pass", "QA PASS <!-- run 7 failed -->", "pass"),
    ("folded away", "<details><summary>Log</summary>\n\nQA PASS\n\n</details>", "unclear"),
    ("folded verdict line", "Report\n<details>\nVerdict: PASS\n</details>", "unclear"),
    ("folds within folds", "<details>\n<details>\n</details>\nQA PASS\n</details>", "unclear"),
    ("folded log of failures under a pass", "QA PASS\n<details>\nVerdict: FAIL\n</details>", "pass"),
];
