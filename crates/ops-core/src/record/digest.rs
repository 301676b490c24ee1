//! Several posts of one kind in one message: each in a line of its own, with its own marker, so that
//! each is found again by itself.

use std::fmt::Write as _;

use crate::deploy::{Letter, News};

/// So many posts of one kind that are due together are told in one message.
pub const DIGEST_MIN: usize = 4;

/// The text and the marker of a post's body.
fn parts(letter: &Letter) -> (String, &str) {
    let body = letter.body.as_str();
    let (text, marker) = match body.rfind("<!-- ops:") {
        Some(at) => body.split_at(at),
        None => (body, ""),
    };
    let text = text.trim().strip_prefix("OPS: ").unwrap_or(text.trim());
    (text.split_whitespace().collect::<Vec<_>>().join(" "), marker.trim())
}

/// Sentences at the end that are the same in all texts; the first of each text stays where it is.
fn common(texts: &[Vec<&str>]) -> usize {
    let Some((first, others)) = texts.split_first() else { return 0 };
    let at = |text: &[&str], back: usize| {
        let at = text.len().checked_sub(back + 1).filter(|at| *at > 0);
        at.and_then(|at| text.get(at)).map(|sentence| (*sentence).to_owned())
    };
    (0..first.len())
        .take_while(|back| {
            let wanted = at(first, *back);
            wanted.is_some() && others.iter().all(|text| at(text, *back) == wanted)
        })
        .count()
}

/// One message for letters that are all of one kind. What they all end with is said once.
pub fn digest(news: News, letters: &[&Letter]) -> String {
    let parts: Vec<_> = letters.iter().map(|letter| parts(letter)).collect();
    let split = |text: &'_ str| -> Vec<String> {
        text.split_inclusive(". ").map(|one| one.trim().to_owned()).collect()
    };
    let sentences: Vec<Vec<String>> = parts.iter().map(|(text, _)| split(text)).collect();
    let borrowed: Vec<Vec<&str>> =
        sentences.iter().map(|all| all.iter().map(String::as_str).collect()).collect();
    let same = common(&borrowed);
    let mut out = format!("OPS: {} deployments {}.", letters.len(), news.are());
    for (text, (_, marker)) in borrowed.iter().zip(&parts) {
        let own = text.len().saturating_sub(same);
        let line = text.get(..own).unwrap_or_default().join(" ");
        // Writing to a String cannot fail.
        let _ = write!(out, "\n- {line} {marker}");
    }
    if let Some(tail) = borrowed.first().and_then(|text| text.get(text.len() - same..))
        && same > 0
    {
        let _ = write!(out, "\nAll of them: {}", tail.join(" "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        deploy::{About, Delivery, To},
        id::DeploymentId,
    };

    fn letter(n: u64, text: &str) -> Letter {
        let marker = Letter::marker(DeploymentId(n), 3);
        Letter {
            n: 3,
            to: To::Post { channel: "standup".into() },
            about: About::News,
            body: format!("{text}\n\n{marker}"),
            news: News::Held,
            delivery: Delivery::Intended { tries: 1 },
        }
    }

    #[test]
    fn p11_a_digest_names_each_in_a_line_with_its_marker() {
        let held = |n: u64, why: &str| {
            letter(
                n,
                &format!(
                    "OPS: MNS-{n} (D-{n}) is held: {why}. Nothing was changed. What must happen first \
                     is on the ticket; it goes on by itself."
                ),
            )
        };
        let all = [
            held(1, "the check evidence does not pass"),
            held(2, "the check room does not pass"),
            held(3, "the check evidence does not pass"),
            held(4, "these checks do not pass: notes, v1. 2"),
        ];
        let all: Vec<&Letter> = all.iter().collect();
        insta::assert_snapshot!(digest(News::Held, &all));
    }

    #[test]
    fn what_is_one_sentence_or_nothing_stays_whole() {
        let same = [letter(1, "OPS: it is held."), letter(2, "OPS: it is held."), letter(3, "")];
        let two: Vec<&Letter> = same.iter().take(2).collect();
        assert_eq!(
            digest(News::Held, &two),
            "OPS: 2 deployments are held.\n- it is held. <!-- ops:D-1:3 -->\n- it is held. \
             <!-- ops:D-2:3 -->"
        );
        let all: Vec<&Letter> = same.iter().collect();
        assert!(digest(News::Held, &all).contains("-  <!-- ops:D-3:3 -->"));
    }
}
