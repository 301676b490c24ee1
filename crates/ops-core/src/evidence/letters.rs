//! Letters that look like others, and characters that nobody sees.
//!
//! A pass counts only in plain letters. A failure counts in disguise as well: whoever writes it
//! with an input method for wide letters means it.

/// Whether a character takes no room, or turns the direction of what follows.
pub(crate) fn invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether a text hides something between its letters. An emoji may be joined of several.
pub(super) fn hides(text: &str) -> bool {
    if text.is_ascii() {
        return false;
    }
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        let joins = c == '\u{200d}' && !before.is_alphanumeric() && !next.is_alphanumeric();
        if invisible(c) && !joins {
            return true;
        }
        before = c;
    }
    false
}

/// A word in plain lower-case Latin letters, as somebody reads it who does not look closely.
pub(crate) fn folded(word: &str) -> String {
    word.chars().filter(|c| !invisible(*c)).flat_map(|c| plain(c).to_lowercase()).collect()
}

/// The Latin letter that a character looks like.
fn plain(c: char) -> char {
    let from = |first: char, letters: u32| {
        let at = (u32::from(c) - u32::from(first)) % letters;
        char::from_u32(u32::from('a') + at % 26).unwrap_or(c)
    };
    match c {
        'Ａ'..='Ｚ' => from('Ａ', 26),
        'ａ'..='ｚ' => from('ａ', 26),
        '𝐀'..='𝚣' => from('𝐀', 52),
        'Ⓐ'..='ⓩ' => from('Ⓐ', 26),
        'А' | 'а' | 'Α' | 'α' => 'a',
        'В' | 'в' | 'Β' => 'b',
        'С' | 'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'Е' | 'е' | 'Ε' | 'ё' | 'Ё' => 'e',
        'Н' | 'н' | 'Η' => 'h',
        'І' | 'і' | 'Ι' | 'ι' | 'ı' => 'i',
        'Ј' | 'ј' => 'j',
        'К' | 'к' | 'Κ' | 'κ' => 'k',
        'ӏ' | 'Ӏ' => 'l',
        'М' | 'м' | 'Μ' => 'm',
        'Ν' => 'n',
        'О' | 'о' | 'Ο' | 'ο' => 'o',
        'Р' | 'р' | 'Ρ' | 'ρ' => 'p',
        'Ѕ' | 'ѕ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' => 't',
        'υ' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' => 'w',
        'Х' | 'х' | 'Χ' | 'χ' => 'x',
        'У' | 'у' | 'Υ' => 'y',
        'Ζ' => 'z',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_seen_through() {
        for word in ["ＦＡＩＬ", "fаil", "FA\u{200b}IL", "𝐅𝐀𝐈𝐋", "𝗙𝗮𝗶𝗹", "Ⓕⓐⓘⓛ", "ΡΑSS"]
        {
            assert!(["fail", "pass"].contains(&folded(word).as_str()), "{word} {}", folded(word));
        }
        assert_eq!(folded("Одобрено"), "oдoбpeho");
    }

    #[test]
    fn what_nobody_sees_is_found_but_a_joined_emoji_is_one() {
        for text in ["APP\u{200b}ROVED", "\u{202e}DEVORPPA", "PASS\u{feff}", "a\u{200d}b"] {
            assert!(hides(text), "{text:?}");
        }
        for text in ["APPROVED 👩‍💻", "✅️ PASS", "QA\u{a0}PASS", "Genehmigt"] {
            assert!(!hides(text), "{text:?}");
        }
    }
}
