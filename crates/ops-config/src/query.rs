//! What a query of Prometheus names, as far as that matters before Prometheus is asked.

use std::ops::Range;

use ops_core::promql::Place;

/// What ops puts into a query: `$release` and so on.
pub(crate) const PLACEHOLDERS: [&str; 5] = ["release", "version", "service", "instances", "window"];
/// Those of them by which two versions are told apart.
const OF_A_VERSION: [&str; 3] = ["release", "version", "instances"];
/// The one that is a length of time, and stands for itself.
const WINDOW: &str = "window";

/// Something in a query that looks like a placeholder, known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placeholder<'q> {
    /// Its bytes.
    pub(crate) span: Range<usize>,
    /// As it is written: `$window`, or `${window}`.
    pub(crate) written: &'q str,
    /// Its name alone.
    pub(crate) name: &'q str,
    /// Whether it stands in a string with escapes, out of which no value leads.
    pub(crate) quoted: bool,
}

impl Placeholder<'_> {
    /// Whether ops puts something in its place.
    pub(crate) fn known(&self) -> bool {
        !self.written.contains('{') && PLACEHOLDERS.contains(&self.name)
    }

    /// Whether it stands where it may: a value in quotes, a length of time anywhere.
    pub(crate) fn safe(&self) -> bool {
        self.quoted || self.name == WINDOW
    }
}

/// Everything that looks like a placeholder, in order. A dollar sign before a digit, such as the
/// `$1` of `label_replace`, or at the end of a regular expression is Prometheus's own.
pub(crate) fn placeholders(query: &str) -> Vec<Placeholder<'_>> {
    let dollars = scan(query).filter(|(_, c, place)| *c == '$' && *place != Place::Comment);
    dollars.filter_map(|(at, _, place)| placeholder(query, at, place)).collect()
}

fn placeholder(query: &str, at: usize, place: Place) -> Option<Placeholder<'_>> {
    let rest = &query[at + 1..];
    let (start, end, close) = match rest.strip_prefix('{') {
        Some(inner) => match inner.find('}') {
            Some(end) => (at + 2, at + 2 + end, 1),
            None => (at + 2, query.len(), 0),
        },
        None => (at + 1, at + 1 + rest.find(|c| !is_word(c)).unwrap_or(rest.len()), 0),
    };
    let name = &query[start..end];
    if !name.starts_with(|c: char| is_word(c) && !c.is_ascii_digit()) {
        return None;
    }
    let span = at..end + close;
    let quoted = matches!(place, Place::Quoted(_));
    Some(Placeholder { written: &query[span.clone()], name, quoted, span })
}

/// Whether a query asks for what happened in the window.
pub(crate) fn asks_for_the_window(query: &str) -> bool {
    let window = |one: &Placeholder<'_>| one.known() && one.name == WINDOW && !one.quoted;
    placeholders(query).iter().any(window)
}

/// Whether a query says which version it asks for.
pub(crate) fn tells_versions_apart(query: &str) -> bool {
    placeholders(query).iter().any(|one| one.known() && OF_A_VERSION.contains(&one.name))
}

/// The name of a function where a query calls it.
pub(crate) fn call(query: &str, function: &str) -> Option<Range<usize>> {
    let code = code(query);
    let calls = |place: &Range<usize>| {
        !code[..place.start].ends_with(':') && code[place.end..].trim_start().starts_with('(')
    };
    words(&code, function).find(calls)
}

/// Where the first range stands that has a time of its own, such as `[5m]`.
pub(crate) fn fixed_range(query: &str) -> Option<Range<usize>> {
    let code = code(query);
    code.match_indices('[').find_map(|(at, _)| {
        let end = at + code[at..].find(']')?;
        let inside = &code[at + 1..end];
        let time = inside.starts_with(|c: char| c.is_ascii_digit())
            && inside.chars().all(|c| c.is_ascii_alphanumeric() || c == ':');
        time.then_some(at..end + 1)
    })
}

/// Where a part of a text stands in the text as it was written, with quotes and escapes around and
/// in it; `None` if it is written in another way.
pub(crate) fn as_written(text: &str, part: Range<usize>, written: &str) -> Option<Range<usize>> {
    let word = text.get(part.clone())?;
    let before = words(text, word).take_while(|place| place.start < part.start).count();
    words(written, word).nth(before)
}

/// Everywhere that a word stands which is no part of a longer one.
fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let starts = word.starts_with(is_word);
    let ends = word.ends_with(is_word);
    let places = text.match_indices(word).map(|(at, word)| at..at + word.len());
    places.filter(move |place| {
        let inside = starts && text[..place.start].ends_with(is_word);
        let goes_on = ends && text[place.end..].starts_with(is_word);
        !inside && !goes_on
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The characters of a query that are not escaped, and where each stands.
fn scan(query: &str) -> impl Iterator<Item = (usize, char, Place)> {
    let (mut place, mut escaped) = (Place::Code, false);
    query.char_indices().filter_map(move |(at, c)| {
        if std::mem::take(&mut escaped) {
            return None;
        }
        let here = place;
        escaped = c == '\\' && matches!(here, Place::Quoted(_));
        place = here.after(c);
        Some((at, c, here))
    })
}

/// The query with blanks for its strings and comments; what is left stands where it was.
fn code(query: &str) -> String {
    let mut code = vec![b' '; query.len()];
    for (at, c, _) in scan(query).filter(|(_, _, place)| *place == Place::Code) {
        c.encode_utf8(&mut code[at..]);
    }
    // Whole characters and blanks only.
    String::from_utf8(code).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(query: &str) -> Vec<&str> {
        placeholders(query).into_iter().map(|one| one.written).collect()
    }

    #[test]
    fn placeholders_are_told_from_prometheus_own_dollars() {
        let query = "sum(increase(x{i=~\"$instances\",r='$release|x$'}[$window:5s])) # $pod";
        assert_eq!(written(query), ["$instances", "$release", "$window"]);
        assert_eq!(
            written("$windows ${window} $Window $__interval ${open"),
            ["$windows", "${window}", "$Window", "$__interval", "${open"]
        );
        let groups = "label_replace(x, \"a\", \"$1-${2}\", \"b\", \"(.*)\")";
        for own in ["x{a=~\"b$\"}", groups, "$", "${", "x{a=~\"\\$é\"}", "# $window\n"] {
            assert!(written(own).is_empty(), "{own}");
        }
    }

    #[test]
    fn values_stand_in_quotes_and_the_window_does_not() {
        let quoted = |query| placeholders(query).iter().map(|one| one.quoted).collect::<Vec<_>>();
        let query = "a{b=\"\\\"$release\",c='\"$version\"',d=`$service`}[$window] or $instances";
        assert_eq!(quoted(query), [true, true, false, false, false]);
        assert!(asks_for_the_window("x[$window]"));
        let others = ["[$windows]", "[${window}]", "[window]", "[$Window]", "{a=\"$window\"}"];
        for other in others.into_iter().chain(["# [$window]"]) {
            assert!(!asks_for_the_window(other), "{other}");
        }
        assert!(tells_versions_apart("x{v=\"$version\"}"));
        for other in ["x{s=\"$service\"}[$window]", "x # $release", "x{r=\"${release}\"}"] {
            assert!(!tells_versions_apart(other), "{other}");
        }
    }

    #[test]
    fn functions_are_found_where_they_are_called() {
        assert_eq!(call("sum(rate(x[$window]))", "rate"), Some(4..8));
        assert_eq!(call("sum(error_rate + rate (x))", "rate"), Some(17..21));
        let others = ["irate(x)", "error_rate(x)", "job:rate(x)", "rate5m", "rate", "sum(rate)"];
        for other in others.into_iter().chain(["x{a=\"rate(x)\"}", "x # rate(x)"]) {
            assert_eq!(call(other, "rate"), None, "{other}");
        }
    }

    #[test]
    fn ranges_with_a_time_of_their_own_are_found() {
        assert_eq!(fixed_range("a[$window] / b[5m]"), Some(14..18));
        assert_eq!(fixed_range("a[1h30m:15s]"), Some(1..12));
        let others = ["a[$window]", "a{b=~\"[a-z]\"}", "a[", "a[]", "a{b=~\"[0-9]\"}", "# [5m]"];
        for other in others {
            assert_eq!(fixed_range(other), None, "{other}");
        }
    }

    #[test]
    fn a_part_is_found_in_the_text_as_it_was_written() {
        let text = "x{a=\"rate\"} + irate(rate(y))";
        let part = call(text, "rate").unwrap();
        assert_eq!(as_written(text, part.clone(), &format!("'{text}'")), Some(21..25));
        assert_eq!(as_written(text, part, "\"x{a=\\\"\\u0072ate\\\"} + irate(rate(y))\""), None);
    }

    proptest! {
        #[test]
        fn every_query_can_be_looked_at(query in "(\\$|\\{|\\}|\\[|\\]|\"|'|`|#|\\\\|window|instances|rate|\\(|é|1|:|\\PC){0,40}") {
            for one in placeholders(&query) {
                prop_assert_eq!(&query[one.span.clone()], one.written);
                prop_assert!(one.written.contains(one.name));
                let written = format!("- {query} ");
                let found = as_written(&query, one.span.clone(), &written);
                prop_assert_eq!(found, Some(one.span.start + 2..one.span.end + 2));
            }
            for function in ["rate", "é"] {
                if let Some(place) = call(&query, function) {
                    prop_assert_eq!(&query[place], function);
                }
            }
            prop_assert!(fixed_range(&query).is_none_or(|place| query[place].starts_with('[')));
            prop_assert_eq!(code(&query).len(), query.len());
        }

        #[test]
        fn what_is_put_in_is_found(before in "[^$#\\\\]{0,20}", name in "[a-z_]{1,12}", after in "([^a-z0-9A-Z_$][^$]{0,20})?") {
            let query = format!("{before}${name}{after}");
            let all = placeholders(&query);
            prop_assert_eq!(all.len(), 1);
            prop_assert_eq!(all[0].name, &name);
            prop_assert_eq!(all[0].known(), PLACEHOLDERS.contains(&name.as_str()));
        }
    }
}
