//! How a line is cut into clauses and words.

use super::{
    letters::{folded, invisible},
    lexicon::{self, FAIL_PAIRS, Kinds, LONGEST},
};

/// Where a new statement may begin. A comma does not end one: `approved, not yet`.
const ENDS: &str = "!;:|()—–→！；：（）。";
/// What stands before a word that somebody else said.
const QUOTES: &str = "\"“„«»‹'‘’「『";
/// A flaw is spoken of as absent when `no` stands at most this many words before it.
const NONE_WITHIN: usize = 3;

/// A word of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) kinds: Kinds,
    /// The number of its clause in the line.
    pub(super) clause: usize,
    /// Whether a quotation mark stands before it.
    pub(super) quoted: bool,
}

impl Word<'_> {
    pub(super) fn is(&self, text: &str) -> bool {
        self.text.eq_ignore_ascii_case(text)
    }
}

/// The words of a line, without ticket numbers and without what says that there are no flaws.
pub(super) fn words(line: &str) -> Vec<Word<'_>> {
    let mut words = Vec::with_capacity(16);
    let mut clause = 0;
    for token in line.split_whitespace() {
        if token == "-" {
            clause += 1;
        } else {
            cut(token, &mut clause, &mut words);
        }
    }
    drop_absent_flaws(&mut words);
    words
}

/// The clauses of a line, none of them empty.
pub(super) fn clauses<'a, 'w>(words: &'w [Word<'a>]) -> impl Iterator<Item = &'w [Word<'a>]> {
    words.chunk_by(|a, b| a.clause == b.clause)
}

/// A clause without the labels at its beginning.
pub(super) fn unlabelled<'a, 'w>(clause: &'w [Word<'a>]) -> &'w [Word<'a>] {
    let labels = clause.iter().take_while(|word| word.kinds.any(Kinds::LABEL)).count();
    clause.get(labels..).unwrap_or_default()
}

/// Whether two neighbours say together that something fails.
pub(super) fn failing_pair(two: &[Word<'_>]) -> bool {
    let [first, second] = two else { return false };
    first.clause == second.clause && FAIL_PAIRS.iter().any(|(a, b)| first.is(a) && second.is(b))
}

/// Cuts what stands between two spaces into words.
fn cut<'a>(token: &'a str, clause: &mut usize, words: &mut Vec<Word<'a>>) {
    let number = ticket_number(token);
    let mut begun = None;
    let mut before = ' ';
    let mut chars = token.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c.is_alphanumeric() || c == '\'' || c == '’' || invisible(c) {
            begun.get_or_insert((at, before));
            before = c;
            continue;
        }
        if let Some((from, before)) = begun.take().filter(|_| !number) {
            words.extend(word(token.get(from..at).unwrap_or_default(), before, *clause));
        }
        let next = chars.peek().map(|(_, next)| *next);
        let stop = c == '.' && next.is_none_or(|next| !next.is_alphanumeric());
        let dash = c == '-' && next.is_some_and(|next| next == '-' || next == '>');
        if stop || dash || ENDS.contains(c) {
            *clause += 1;
        }
        before = c;
    }
    if let Some((from, before)) = begun.filter(|_| !number) {
        words.extend(word(token.get(from..).unwrap_or_default(), before, *clause));
    }
}

fn word(written: &str, before: char, clause: usize) -> Option<Word<'_>> {
    let text = written.trim_matches(['\'', '’']);
    let quoted = QUOTES.contains(before) || written.starts_with(['\'', '’']);
    (!text.is_empty()).then(|| Word { text, kinds: kinds(text), clause, quoted })
}

/// What a word may be, whatever its case. A word in disguise may be a failure, but never a pass.
fn kinds(text: &str) -> Kinds {
    if text.is_ascii() {
        let mut lower = [0; LONGEST];
        let Some(room) = lower.get_mut(..text.len()) else { return Kinds::default() };
        room.copy_from_slice(text.as_bytes());
        room.make_ascii_lowercase();
        return std::str::from_utf8(room).map_or_else(|_| Kinds::default(), lexicon::kinds);
    }
    if text.len() > 4 * LONGEST {
        return Kinds::default();
    }
    let lower = text.to_lowercase().replace('’', "'");
    let known = lexicon::kinds(&lower);
    if known != Kinds::default() {
        return known;
    }
    let seen = lexicon::kinds(&folded(text));
    let disguised = if seen.any(Kinds::PASS) { Kinds::PASS | Kinds::CONDITION } else { seen };
    lexicon::run(&lower).unwrap_or(disguised)
}

/// Takes `no issues` and `without any regressions` out.
fn drop_absent_flaws(words: &mut Vec<Word<'_>>) {
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let flaw = word.kinds.any(Kinds::FLAW);
        let from = at.saturating_sub(NONE_WITHIN);
        let before = words.get(from..at).unwrap_or_default();
        let said = |one: &Word<'_>| one.clause == word.clause && !one.kinds.any(Kinds::PASS);
        let none = before.iter().rposition(|one| one.kinds.any(Kinds::NONE));
        let none = none.filter(|none| before.iter().skip(*none).all(said));
        match none.filter(|_| flaw) {
            Some(none) => {
                words.drain(from + none..=at);
                at = from + none;
            }
            None => at += 1,
        }
    }
}

/// `MNS-7`, perhaps in brackets.
fn ticket_number(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    word.split_once('-').is_some_and(|(letters, digits)| {
        (2..=10).contains(&letters.len())
            && letters.bytes().all(|b| b.is_ascii_uppercase())
            && !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &str) -> Vec<String> {
        clauses(&words(line))
            .map(|clause| clause.iter().map(|word| word.text).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn a_line_is_cut_where_a_statement_may_begin() {
        assert_eq!(cut("## QA PASS (MNS-12) - v1.2.0 works."), ["QA PASS", "v1 2 0 works"]);
        assert_eq!(cut("CQ: approved, not yet"), ["CQ", "approved not yet"]);
        assert_eq!(cut("结果：通过。"), ["结果", "通过"]);
        assert_eq!(cut("a->b--c"), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_absent_is_not_there() {
        assert_eq!(cut("no issues, without any new regressions"), [""; 0]);
        assert_eq!(cut("passed: no security problems. All issues"), ["passed", "All issues"]);
        assert_eq!(cut("no pass, issues"), ["no pass issues"]);
    }

    #[test]
    fn p8_a_word_in_disguise_is_never_a_plain_pass() {
        for text in ["АPPROVED", "APP\u{200b}ROVED", "ＰＡＳＳ", "𝐏𝐀𝐒𝐒", "尚未全部通过了"]
        {
            let kinds = kinds(text);
            assert!(!kinds.any(Kinds::PASS) || kinds.any(Kinds::CONDITION), "{text}");
        }
        for text in ["ＦＡＩＬＥＤ", "FА\u{200b}IL", "Одобрено", "APPROUVÉ", "测试不通过"]
        {
            assert!(kinds(text).any(Kinds::FAIL | Kinds::PASS), "{text}");
        }
    }
}
