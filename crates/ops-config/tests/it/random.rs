//! Whatever the text, reading it ends without a panic.

use ops_config::Look;
use proptest::prelude::*;

use crate::{FULL, read};

fn look(text: &str) {
    if let Err(complaints) = read(text) {
        assert!(!complaints.list().is_empty());
        for complaint in complaints.list() {
            let end = complaint.span.offset + complaint.span.length;
            let read = text.strip_prefix('\u{feff}').unwrap_or(text);
            assert!(read.get(complaint.span.offset..end).is_some(), "{complaint:?}");
        }
        for look in [Look::Plain, Look::Colour, Look::Narrated] {
            assert!(!complaints.render(look).is_empty());
        }
    }
}

proptest! {
    #[test]
    fn bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        look(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn text_that_resembles_yaml(
        words in proptest::collection::vec("[a-z]{1,3}: |- |\\n|  |\\t|\\[|\\]|\\{|\\}|&a |\\*a|'|\"|\\||>|#|!|%|é|0|services:\\n|  secrets:\\n|---\\n|: ", 0..60)
    ) {
        look(&words.concat());
    }

    #[test]
    fn a_full_file_with_a_hole(from in 0..FULL.len(), length in 0_usize..60, with in "\\PC{0,4}") {
        let end = (from + length).min(FULL.len());
        let (Some(head), Some(tail)) = (FULL.get(..from), FULL.get(end..)) else { return Ok(()) };
        look(&format!("{head}{with}{tail}"));
    }
}
