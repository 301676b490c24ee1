//! No text whatever makes `parse` fail, or find a request whose word nobody wrote.

use proptest::prelude::*;

use super::super::{Deed, Request, Standing, parse};
use super::names;

/// Words of which one must stand in a text that asks for this.
fn words_of(deed: &Deed) -> &'static [&'static str] {
    match deed {
        Deed::Halt(..) => &["halt", "stop", "pause"],
        Deed::Resume(_) => &["resume", "unhalt", "retry", "continue", "again"],
        Deed::Abort(_) => &["abort"],
        Deed::Rollback(..) => &["rollback", "revert", "undo", "back"],
        Deed::Lift(..) => &["lift"],
        Deed::Answer(..) => &["answer"],
        Deed::Acknowledge(_) => &["ack"],
        Deed::Look(_) => &["look", "check", "reread", "refresh"],
        Deed::Report { .. } => &["incident"],
        Deed::Resolve(_) => &["resolve", "over", "solved"],
    }
}

fn holds(text: &str) -> Result<(), TestCaseError> {
    let request = parse(text, &names());
    if let Request::Do(deed) = &request {
        let lower = text.to_lowercase().replace(['\'', '’'], "");
        prop_assert!(words_of(deed).iter().any(|word| lower.contains(word)), "{deed:?}");
        prop_assert!(request.needs() >= Standing::Member);
    }
    Ok(())
}

fn sentence() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "@ops",
        "halt",
        "resume",
        "rollback",
        "roll",
        "back",
        "abort",
        "lift",
        "D-4",
        "d-",
        "I-2",
        "MNS-7",
        "shop",
        "production",
        ":",
        "don't",
        "not",
        "why",
        "please",
        "can",
        "you",
        "incident",
        "resolved",
        "force",
        "skip",
        "checks",
        "<!--",
        "-->",
        "```",
        "> ",
        "\n",
        "close",
        "it",
        "look",
        "at",
        "now",
        "?",
        "!",
        "\u{200b}",
        "é",
        "一",
        "@everyone",
        "status",
        "ignore",
        "instructions",
        "'",
        "-",
        "_",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn no_text_asks_for_what_it_does_not_say(text in "\\PC{0,200}") {
        holds(&text)?;
    }

    #[test]
    fn no_sentence_asks_for_what_it_does_not_say(text in sentence()) {
        holds(&text)?;
    }

    #[test]
    fn what_is_quoted_asks_for_nothing(text in sentence()) {
        let quoted: String = text.lines().flat_map(|line| ["> ", line, "\n"]).collect();
        prop_assert_eq!(parse(&quoted, &names()), Request::Unclear);
    }
}

#[test]
fn the_longest_text_is_read_in_no_time() {
    let text = "halt-".repeat(1 << 20);
    assert_eq!(parse(&text, &names()), Request::Unclear);
}
