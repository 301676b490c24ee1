//! What a single word looks like: a value, a token, a name.

use super::words;

/// Letters that no name of a class has.
const LETTERS_MAX: usize = 48;
/// Letters that no word has.
const WORD_MAX: usize = 24;
/// Letters from which on a word may be a token.
const TOKEN_MIN: usize = 16;
/// Letters from which on a word of only `a` to `f` is taken for a number.
const HEX_MIN: usize = 8;
/// Consonants in a row that hardly any word has.
const CONSONANTS_MAX: usize = 6;
/// Characters from which on a run of letters, digits and `+/=_-` is taken for an encoded value.
const ENCODED_MIN: usize = 24;

/// Whether a word differs from line to line by its looks: it has digits, or is no word at all.
pub(super) fn is_value(word: &str) -> bool {
    if word.chars().any(char::is_numeric) {
        return !words::is_fixed(word);
    }
    word.contains('\u{fffd}')
        || word.split(['.', '-', '_']).any(is_random)
        || (word.len() >= HEX_MIN && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-'))
}

/// Letters as a random generator throws them.
fn is_random(letters: &str) -> bool {
    let count = letters.chars().count();
    if count < TOKEN_MIN {
        return false;
    }
    let chars: Vec<char> = letters.chars().collect();
    let runs = 1 + chars
        .windows(2)
        .filter(|pair| matches!(pair, [a, b] if a.is_uppercase() != b.is_uppercase()))
        .count();
    // `CamelCase` changes its case twice in a word of four letters or more on average.
    let jumps = runs * 11 > count * 5;
    let shouts = chars.iter().all(|c| c.is_uppercase()) && count >= 20;
    let endless = count > LETTERS_MAX || (count > WORD_MAX && runs < 3);
    jumps || shouts || endless || longest_run_of_consonants(&chars) > CONSONANTS_MAX
}

fn longest_run_of_consonants(chars: &[char]) -> usize {
    let vowel = |c: &char| !c.is_ascii_alphabetic() || "aeiouyAEIOUY".contains(*c);
    chars.split(vowel).map(<[char]>::len).max().unwrap_or(0)
}

/// Whether a whole token is an encoded value, such as Base64, and no path.
pub(super) fn is_encoded(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    let padding = token.len() - body.len();
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+/_-".contains(c);
    let has = |is: fn(&char) -> bool| body.chars().any(|c| is(&c));
    let mixed = has(char::is_ascii_digit) && has(char::is_ascii_alphabetic);
    let long = body.len() >= ENCODED_MIN && mixed;
    let padded = padding == 2 || (padding == 1 && has(char::is_ascii_uppercase));
    let separators = body.chars().filter(|c| matches!(c, '/' | '-' | '_')).count();
    !body.is_empty()
        && body.chars().all(allowed)
        && (padded || (long && separators * 8 <= body.len() && !body.starts_with('/')))
}

/// Whether colons part a token as they part an IPv6 address (RFC 4291).
pub(super) fn is_address(token: &str) -> bool {
    let colons = token.bytes().filter(|b| *b == b':').count();
    let hex = token.split(['%', '/']).next().unwrap_or(token);
    colons >= 2
        && hex.chars().any(|c| c.is_ascii_hexdigit())
        && hex.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'))
}

/// Whether a word is written as names of people are, `Jane`, `Jean-Luc`, `O'Neill`, `McCoy`, and is
/// none that log lines use anyway.
pub(super) fn is_name(word: &str) -> bool {
    let part = |part: &str| {
        let part = ["Mc", "Mac"].iter().find_map(|p| part.strip_prefix(p)).unwrap_or(part);
        let mut chars = part.chars();
        chars.next().is_some_and(char::is_uppercase)
            && chars.all(|c| c.is_alphabetic() && !c.is_uppercase())
    };
    word.chars().count() > 1
        && word.split(['-', '\'', '’']).all(part)
        && !word.split('-').all(words::is_ordinary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_tokens_are_values_and_words_are_not() {
        for value in [
            "42",
            "-1.5e3",
            "10ms",
            "worker-7",
            "jane85",
            "deadbeef",
            "cafe-babe",
            "٣",
            "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ",
            "QxYzAbKpLmNoRsTuVw",
            "qwrtpsdfghjklzxcv",
            "JBSWYDPEHPKPXPABCDEF",
            "a\u{fffd}b",
        ] {
            assert!(is_value(value), "{value}");
        }
        for word in [
            "NullPointerException",
            "ConcurrentModificationException",
            "org.springframework.web.HttpRequestMethodNotSupportedException",
            "connection",
            "http2",
            "sha256",
            "ECONNREFUSED",
            "INTERNAL_SERVER_ERROR",
            "facade",
            "straightforwardness",
            "Verbindungsabbruch",
            "",
        ] {
            assert!(!is_value(word), "{word}");
        }
    }

    #[test]
    fn encoded_values_are_told_from_paths_and_keys() {
        for encoded in [
            "dXNlcjpwYXNzd29yZA==",
            "aGVsbG8/d29ybGQ+aGVsbG8vd29ybGQ",
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
            "QWxhZGRpbjo=",
        ] {
            assert!(is_encoded(encoded), "{encoded}");
        }
        for other in [
            "timeout=",
            "/usr/share/java/Foo",
            "src/main/java/com/acme/Foo",
            "ConcurrentModificationException",
            "some-long-hyphenated-name-of-a-thing",
            "",
            "==",
        ] {
            assert!(!is_encoded(other), "{other}");
        }
    }

    #[test]
    fn addresses_are_told_from_paths_of_modules() {
        assert!(
            ["fe80::1", "::1", "dead:beef::", "::ffff:1.2.3.4", "fe80::1%eth0"]
                .iter()
                .all(|a| is_address(a))
        );
        assert!(!["a::module", "::", "std::io", "a:b"].iter().any(|a| is_address(a)));
    }

    #[test]
    fn names_are_told_from_the_words_of_logs() {
        for name in ["Jane", "Jean-Luc", "O'Neill", "McCoy", "Müller", "Łukasz"] {
            assert!(is_name(name), "{name}");
        }
        for word in ["Gateway", "jane", "JANE", "HandlerChain", "A", "Key2", ""] {
            assert!(!is_name(word), "{word}");
        }
    }
}
