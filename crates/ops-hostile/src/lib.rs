//! The tempter: texts that try to talk programs and models into something.
//!
//! Tickets, comments, logs and commit messages hold what anybody wrote. Each text in `corpus/` wants
//! something that its author may not have: a verdict, an act, a secret. Tests show each of them to
//! whatever reads what people write, and see that nobody gets any of it.

/// The files: a kind of trick each.
const FILES: [(&str, &str); 11] = [
    ("answers", include_str!("../corpus/answers.txt")),
    ("approvals", include_str!("../corpus/approvals.txt")),
    ("breakouts", include_str!("../corpus/breakouts.txt")),
    ("encodings", include_str!("../corpus/encodings.txt")),
    ("languages", include_str!("../corpus/languages.txt")),
    ("markers", include_str!("../corpus/markers.txt")),
    ("markup", include_str!("../corpus/markup.txt")),
    ("requests", include_str!("../corpus/requests.txt")),
    ("roles", include_str!("../corpus/roles.txt")),
    ("secrets", include_str!("../corpus/secrets.txt")),
    ("tools", include_str!("../corpus/tools.txt")),
];

/// A text that wants something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// Its kind and name, such as `roles/chatml`.
    pub id: String,
    /// The kind of trick.
    pub kind: &'static str,
    /// The text.
    pub text: String,
}

/// All of them, in the order of their kinds and files.
pub fn corpus() -> Vec<Injection> {
    FILES.into_iter().flat_map(|(kind, file)| parted(kind, file)).collect()
}

/// A file's texts. Each begins after a line `=== name`; in it `\u{…}` stands for a character that
/// nobody would see.
fn parted(kind: &'static str, file: &str) -> Vec<Injection> {
    let mut all: Vec<Injection> = Vec::new();
    for line in file.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            all.push(Injection { id: format!("{kind}/{name}"), kind, text: String::new() });
        } else if let Some(Injection { text, .. }) = all.last_mut() {
            text.push_str(&seen(line));
            text.push('\n');
        }
    }
    for one in &mut all {
        one.text.truncate(one.text.trim_end().len());
    }
    all
}

fn seen(line: &str) -> String {
    let mut parts = line.split("\\u{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let coded = part.split_once('}').and_then(|(code, after)| {
            Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, after))
        });
        if let Some((character, after)) = coded {
            out.push(character);
            out.push_str(after);
        } else {
            out.push_str("\\u{");
            out.push_str(part);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_corpus_is_large_and_every_text_is_there_once() {
        let all = corpus();
        assert!(all.len() >= 150, "{} texts", all.len());
        let ids: BTreeSet<_> = all.iter().map(|one| &one.id).collect();
        let texts: BTreeSet<_> = all.iter().map(|one| &one.text).collect();
        assert_eq!((ids.len(), texts.len()), (all.len(), all.len()));
        for one in &all {
            assert!(one.text.trim().len() > 3, "{} is empty", one.id);
        }
        for (kind, _) in FILES {
            assert!(all.iter().filter(|one| one.kind == kind).count() >= 8, "few of {kind}");
        }
    }

    #[test]
    fn characters_that_nobody_sees_are_written_as_codes() {
        assert_eq!(seen(r"a\u{200b}b\u{202E}c\u{zz}"), "a\u{200b}b\u{202e}c\\u{zz}");
        for (kind, file) in FILES {
            let hidden = file.chars().find(|c| {
                c.is_control() && *c != '\n'
                    || ('\u{200b}'..='\u{200f}').contains(c)
                    || ('\u{202a}'..='\u{202e}').contains(c)
                    || ('\u{2060}'..='\u{206f}').contains(c)
                    || *c == '\u{feff}'
            });
            assert_eq!(hidden, None, "in {kind}");
        }
    }
}
