//! What a model's server sends.

use ops_advisor::untrusted::{EVENT_MAX, Whole, document, refusal, streamed};
use ops_core::judgement::{ANSWER_MAX, Answer, Exchange, Judgement, Said};

use crate::bytes::Bytes;

/// Marks that could wake somebody, hide something, or be taken for somebody else's words.
const MARKS: [&str; 9] = ["@", "<", ">", "`", "[", "*", "\n", "\u{202e}", "\u{200b}"];
/// Lines of an answer, and characters of each with what is put in place of others.
const LINES_MAX: usize = 12;
const LINE_MAX: usize = 1_200;

/// A stream of events, a document, or a refusal. The first byte says in pieces of which size it comes.
pub fn model_answer(bytes: &[u8]) {
    let mut bytes = Bytes::of(bytes);
    let size = usize::from(bytes.byte()).max(1);
    let bytes = bytes.rest();
    let whole = streamed([bytes].into_iter());
    assert_eq!(whole, streamed(bytes.chunks(size)), "pieces made a difference");
    assert!(whole.is_some() || bytes.len() > EVENT_MAX, "an event was called too long");
    for whole in [whole, Some(document(bytes))].into_iter().flatten() {
        sound(whole);
    }
    let _ = refusal(&String::from_utf8_lossy(bytes));
    // Whatever comes after the end of a stream is not read.
    let ended = |tail: &[u8]| {
        let end = "\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
        streamed([bytes, end.as_bytes(), tail].into_iter())
    };
    assert_eq!(ended(b""), ended(b"data: {\"choices\":[{\"delta\":{\"content\":\"more\"}}]}\n\n"));
}

fn sound(whole: Whole) {
    let said = match whole {
        Whole::Text(text) => {
            assert!(!text.trim().is_empty() && text.len() <= ANSWER_MAX, "{} bytes", text.len());
            Said::Text { text }
        }
        Whole::Unfit(why) => Said::Unfit { why: why.to_owned() },
        Whole::Cut(why) => Said::Nothing { why: why.to_owned() },
    };
    let answer = Exchange { said, ..Exchange::none("") }.judgement();
    if let Answer::Judged(Judgement { concerns, questions, confidence, .. }) = &answer {
        assert!(*confidence <= 100);
        for lines in [concerns, questions] {
            assert!(lines.len() <= LINES_MAX, "{} lines", lines.len());
            for line in lines {
                assert!(line.chars().count() <= LINE_MAX, "{} characters", line.chars().count());
                assert!(!MARKS.iter().any(|mark| line.contains(mark)), "{line:?}");
            }
        }
    }
    let words = answer.words();
    assert!(!crate::moves_cursors(&words, false), "{words:?}");
}
