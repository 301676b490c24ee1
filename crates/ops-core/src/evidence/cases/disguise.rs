//! Letters that only look right. A pass in disguise is never a pass; a fail in disguise is a fail.

#[rustfmt::skip]
pub(super) const ROWS: &[super::Verdict] = &[
    ("no-break space between the words", "QA\u{a0}PASS", "pass"),
    ("ideographic space between the words", "QA\u{3000}PASS", "pass"),
    ("emoji that is joined of several", "QA PASS 👩‍💻", "pass"),
    ("Cyrillic first letter", "QA: АPPROVED", "unclear"),
    ("Greek letters", "ΡΑSS", "unclear"),
    ("zero-width space inside", "QA PA\u{200b}SS", "unclear"),
    ("zero-width space beside", "QA PASS\u{200b}", "unclear"),
    ("soft hyphen inside", "APP\u{ad}ROVED", "unclear"),
    ("byte order mark in front", "\u{feff}QA PASS", "unclear"),
    ("turned around", "\u{202e}DEVORPPA", "unclear"),
    ("turned around behind the pass", "QA PASS \u{202e}ton", "unclear"),
    ("hidden denial in tag characters", "QA PASS\u{e006e}\u{e006f}\u{e0074}", "unclear"),
    ("wide letters", "ＱＡ　ＰＡＳＳ", "unclear"),
    ("bold mathematical letters", "𝐐𝐀 𝐏𝐀𝐒𝐒", "unclear"),
    ("letters in circles", "Ⓟⓐⓢⓢ", "unclear"),
    ("struck through letter by letter", "P\u{336}A\u{336}S\u{336}S\u{336}", "unclear"),
    ("spaced out", "P A S S", "unclear"),
    ("almost the word", "APROVED", "unclear"),
    ("in numbers", "P4SS", "unclear"),
    ("a fail in wide letters", "ＱＡ　ＦＡＩＬ", "failed"),
    ("a fail with a Cyrillic letter", "QA FАIL", "failed"),
    ("a fail with a hidden space", "QA FA\u{200b}IL", "failed"),
];
