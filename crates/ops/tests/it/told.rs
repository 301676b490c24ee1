//! What differs from run to run is replaced before it is compared.

use crate::house::Site;

/// Compares a text with its snapshot.
pub(crate) fn snapshot(site: &Site, name: &str, text: &str) {
    let path = site.path().display().to_string();
    let text = text.replace(&path, "[folder]");
    insta::with_settings!({
        filters => vec![
            (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?( UTC)?", "[time]"),
            (r"(?m)^  \d\d:\d\d:\d\d ", "  [time] "),
            (r"sha256:[0-9a-f]{64}", "[digest]"),
            (r"sha256:[0-9a-f]{12}", "[digest]"),
            (r"\b[0-9a-f]{40}\b", "[commit]"),
            (r"\b[0-9a-f]{12}\b", "[short]"),
            (r"answered after \d+\.\d s", "answered after [seconds]"),
            (r"process \d+", "process [pid]"),
            (r"record \d+ of the journal", "record [n] of the journal"),
            (r"127\.0\.0\.1:\d+", "[address]"),
            (r"\b\d+ (MB|kB) ", "[n] $1 "),
            (r"\b\d+ kB\b", "[n] kB"),
            (r"the ports \d+-\d+", "the ports [range]"),
            (r"\b\d+ (ports|of the ports|records|requests|inodes)\b", "[n] $1"),
            (r"(\d+ h )?(\d+ min )?\d+ (s|ms) observed", "[n] s observed"),
            (r"(?m)^  (Observed|New version|Old version|Difference|Evidence) .*", "  $1 [seen]"),
            (r"(?ms)^(Evidence by stream)\n.*?^(Steps)", "$1\n  [streams]\n$2"),
            (r"(?ms)^Signals over .*?^(--- err)", "Signals\n  [lines]\n$1"),
            (r"At most      .*", "At most      [left]"),
            (r"; in .* at the latest", "; in [left] at the latest"),
            (r"D-1 is (checking|held|queued):", "D-1 is [phase]:"),
        ],
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, text);
    });
}
