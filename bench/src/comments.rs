//! What stands on the boards, by the markers that ops writes under each of its words.

use std::collections::BTreeMap;

/// Before a marker's number: `<!-- ops:D-7:2 -->`.
const BEGIN: &str = "<!-- ops:D-";

/// Markers that stand more than once, with how often.
pub(crate) fn repeated<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts {
        for part in text.split(BEGIN).skip(1) {
            let marker = part.split_whitespace().next().unwrap_or_default();
            *counts.entry(format!("D-{marker}")).or_default() += 1;
        }
    }
    counts.into_iter().filter(|(_, count)| *count > 1).collect()
}

/// How many comments begin with a heading.
pub(crate) fn headed(comments: &[String], heading: &str) -> usize {
    comments.iter().filter(|text| text.lines().next() == Some(heading)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_that_stands_twice_is_named() {
        let texts = ["a\n<!-- ops:D-1:2 -->", "b\n\n<!-- ops:D-1:3 -->\n<!-- ops:journal:9:ab -->"];
        assert!(repeated(texts.into_iter()).is_empty());
        let twice = texts.into_iter().chain(["again <!-- ops:D-1:2 -->"]);
        assert_eq!(repeated(twice), [("D-1:2".to_owned(), 2)]);
    }

    #[test]
    fn only_the_first_line_is_a_heading() {
        let comments =
            ["## Deployment Complete\nx".to_owned(), "see ## Deployment Complete".into()];
        assert_eq!(headed(&comments, "## Deployment Complete"), 1);
    }
}
