//! Notes of a ticket that asks for another `ops.yaml` to govern (S4): an `ops` block whose only
//! line is `settings: <commit>`.

use super::{Place, find::may_have_block};
use crate::{
    id::Identity,
    markdown::{Piece, pieces},
    ticket::Ticket,
};

/// Digits of a commit's full name: a shorter one could be made to mean another commit later.
const DIGITS: [usize; 2] = [40, 64];

/// The commit that the newest block of a ticket asks for, and where that block stands; `None` if
/// the newest block asks for something else, or there is none.
pub fn asked_settings(
    ticket: &Ticket,
    is_dev: impl Fn(&Identity) -> bool,
) -> Option<(String, Place)> {
    let comments = ticket.comments.iter().enumerate().rev();
    let by_dev = comments.filter(|(_, comment)| is_dev(&comment.author));
    let texts = by_dev
        .map(|(index, comment)| (Place::Comment(index), comment.text.as_str()))
        .chain([(Place::Description, ticket.description.as_str())]);
    texts
        .filter(|(_, text)| may_have_block(text))
        .find_map(|(place, text)| {
            let blocks: Vec<_> = pieces(text).into_iter().filter_map(block).collect();
            (!blocks.is_empty()).then_some((place, blocks))
        })
        .and_then(|(place, blocks)| match blocks.as_slice() {
            [Block::Asks(commit)] => Some((commit.clone(), place)),
            _ => None,
        })
}

/// What an `ops` block says.
enum Block {
    /// That this commit shall govern, and nothing else.
    Asks(String),
    /// Something else.
    Other,
}

fn block(piece: Piece<'_>) -> Option<Block> {
    let Piece::Fence(fence) = piece else { return None };
    if fence.info.split_whitespace().next() != Some("ops") {
        return None;
    }
    let lines: Vec<_> =
        fence.lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty()).collect();
    let [line] = lines.as_slice() else { return Some(Block::Other) };
    let commit = line.strip_prefix("settings:").map(|rest| rest.trim().to_ascii_lowercase());
    let hex = |text: &String| {
        fence.closed
            && DIGITS.contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    Some(commit.filter(hex).map_or(Block::Other, Block::Asks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn asked(texts: &[(&str, &str)]) -> Option<String> {
        let mut ticket = fixture::ticket("v2");
        ticket.comments.clear();
        for (who, text) in texts {
            fixture::comment(&mut ticket, who, text);
        }
        let dev = |who: &Identity| who.as_str() == "dan@example.org";
        asked_settings(&ticket, dev).map(|(commit, _)| commit)
    }

    #[test]
    fn only_a_block_of_its_own_by_dev_asks() {
        let block = "Please.\n\n```ops\nsettings: 0123ABCdef0123456789abcdef0123456789abcd\n```";
        assert_eq!(
            asked(&[("dan@example.org", block)]).as_deref(),
            Some("0123abcdef0123456789abcdef0123456789abcd")
        );
        assert_eq!(asked(&[("eve@example.org", block)]), None, "not DEV");
        let more = "```ops\nsettings: 0123abcdef0123456789abcdef0123456789abcd\nservice: shop\n```";
        assert_eq!(asked(&[("dan@example.org", more)]), None, "two things at once");
        assert_eq!(asked(&[("dan@example.org", "```ops\nsettings: HEAD\n```")]), None);
        let short = "```ops\nsettings: 0123abcdef\n```";
        assert_eq!(
            asked(&[("dan@example.org", short)]),
            None,
            "a short name can change its meaning"
        );
        assert_eq!(
            asked(&[(
                "dan@example.org",
                "> ```ops\n> settings: 0123abcdef0123456789abcdef0123456789abcd\n> ```"
            )]),
            None
        );
        let newer = [("dan@example.org", block), ("dan@example.org", "```ops\nservice: shop\n```")];
        assert_eq!(asked(&newer), None, "the newest block counts");
    }
}
