//! What of a comment counts as its author's own words, and what are fenced blocks in it.

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A line of the author's own words.
    Prose(&'a str),
    /// A fenced block.
    Fence(Fence<'a>),
}

/// A fenced block: ```` ```info ````, lines, and a closing fence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fence<'a> {
    /// What stands behind the opening fence.
    pub(crate) info: &'a str,
    /// The lines between the fences.
    pub(crate) lines: Vec<&'a str>,
    /// Whether the closing fence was found.
    pub(crate) closed: bool,
}

/// Cuts a text into prose and fences. Quotes, indented code and comments that a reader does not
/// see are left out: nobody says what stands there.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let body = line.trim_start_matches(' ');
        let indented = line.len() - body.len() > 3 || line.starts_with('\t');
        if indented || body.starts_with('>') {
            continue;
        }
        if let Some((fence, info)) = opening(body) {
            let mut block = Fence { info, lines: Vec::new(), closed: false };
            for line in lines.by_ref() {
                if closes(line, fence) {
                    block.closed = true;
                    break;
                }
                block.lines.push(line);
            }
            pieces.push(Piece::Fence(block));
        } else if body.starts_with("<!--") {
            if !body.contains("-->") {
                lines.by_ref().find(|line| line.contains("-->"));
            }
        } else {
            pieces.push(Piece::Prose(body));
        }
    }
    pieces
}

/// The fence itself and its info string, if the line opens a block.
fn opening(line: &str) -> Option<(&str, &str)> {
    let mark = line.chars().next().filter(|mark| ['`', '~'].contains(mark))?;
    let info = line.trim_start_matches(mark);
    let fence = line.get(..line.len() - info.len())?;
    let info = info.trim();
    (fence.len() >= 3 && !(mark == '`' && info.contains('`'))).then_some((fence, info))
}

fn closes(line: &str, fence: &str) -> bool {
    let body = line.trim_end();
    let unindented = body.trim_start_matches(' ');
    body.len() - unindented.len() <= 3
        && unindented.len() >= fence.len()
        && fence.chars().next().is_some_and(|mark| unindented.chars().all(|c| c == mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_words_and_visible_fences_count() {
        let text = "hello\n> quoted\n> ```ops\n> x\n> ```\n    indented\n<!-- hidden\n```ops\n-->\n\
                    ```ops\na: 1\n``\n```\nbye\n````md\n```ops\n```\n````\n~~~ops\nopen";
        let fence = |info, lines: &[&'static str], closed| {
            Piece::Fence(Fence { info, lines: lines.to_vec(), closed })
        };
        assert_eq!(
            pieces(text),
            [
                Piece::Prose("hello"),
                fence("ops", &["a: 1", "``"], true),
                Piece::Prose("bye"),
                fence("md", &["```ops", "```"], true),
                fence("ops", &["open"], false),
            ]
        );
    }
}
