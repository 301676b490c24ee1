//! What a query of Prometheus names, as far as that matters before Prometheus is asked.

use std::ops::Range;

/// What ops puts into a query: `$release` and so on.
pub(crate) const PLACEHOLDERS: [&str; 5] = ["release", "version", "service", "instances", "window"];
/// Those of them by which two versions are told apart.
const OF_A_VERSION: [&str; 3] = ["release", "version", "instances"];

/// Something in a query that looks like a placeholder, known or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placeholder<'q> {
    /// Its bytes.
    pub(crate) span: Range<usize>,
    /// As it is written: `$window`, or `${window}`.
    pub(crate) written: &'q str,
    /// Its name alone.
    pub(crate) name: &'q str,
}

impl Placeholder<'_> {
    /// Whether ops puts something in its place.
    pub(crate) fn known(&self) -> bool {
        !self.written.contains('{') && PLACEHOLDERS.contains(&self.name)
    }
}

/// Everything that looks like a placeholder, in order. A dollar sign before a digit, such as the
/// `$1` of `label_replace`, or at the end of a regular expression is Prometheus's own.
pub(crate) fn placeholders(query: &str) -> Vec<Placeholder<'_>> {
    query.match_indices('$').filter_map(|(at, _)| placeholder(query, at)).collect()
}

fn placeholder(query: &str, at: usize) -> Option<Placeholder<'_>> {
    let rest = &query[at + 1..];
    let (start, end) = match rest.strip_prefix('{') {
        Some(inner) => (2, 2 + inner.find('}')?),
        None => (1, 1 + rest.find(|c| !is_word(c)).unwrap_or(rest.len())),
    };
    let name = &query[at + start..at + end];
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let close = usize::from(start == 2);
    let span = at..at + end + close;
    Some(Placeholder { written: &query[span.clone()], name, span })
}

/// Whether a query has the placeholder of this name.
pub(crate) fn names(query: &str, name: &str) -> bool {
    placeholders(query).iter().any(|one| one.known() && one.name == name)
}

/// Whether a query says which version it asks for.
pub(crate) fn tells_versions_apart(query: &str) -> bool {
    OF_A_VERSION.iter().any(|name| names(query, name))
}

/// The name of a function where a query calls it.
pub(crate) fn call(query: &str, function: &str) -> Option<Range<usize>> {
    let calls = |at: usize| {
        let before = query[..at].chars().next_back();
        let after = query[at + function.len()..].trim_start();
        !before.is_some_and(|c| is_word(c) || c == ':') && after.starts_with('(')
    };
    let mut found = query.match_indices(function).map(|(at, _)| at);
    found.find(|at| calls(*at)).map(|at| at..at + function.len())
}

/// Where the first range stands that has a time of its own, such as `[5m]`.
pub(crate) fn fixed_range(query: &str) -> Option<Range<usize>> {
    query.match_indices('[').find_map(|(at, _)| {
        let end = at + query[at..].find(']')?;
        let inside = &query[at + 1..end];
        let time = inside.starts_with(|c: char| c.is_ascii_digit())
            && inside.chars().all(|c| c.is_ascii_alphanumeric() || c == ':');
        time.then_some(at..end + 1)
    })
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
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
        let query = "sum(increase(x{i=~\"$instances\",r=\"$release|x$\"}[$window:5s]))";
        assert_eq!(written(query), ["$instances", "$release", "$window"]);
        assert_eq!(
            written("$windows ${window} $Window $__interval"),
            ["$windows", "${window}", "$Window", "$__interval"]
        );
        for own in
            ["x{a=~\"b$\"}", "label_replace(x, \"a\", \"$1-${2}\", \"b\", \"(.*)\")", "$", "${"]
        {
            assert!(written(own).is_empty(), "{own}");
        }
    }

    #[test]
    fn only_whole_names_without_braces_are_known() {
        assert!(names("x[$window]", "window"));
        for other in ["x[$windows]", "x[${window}]", "x[window]", "x[$Window]", "x[$$_window]"] {
            assert!(!names(other, "window"), "{other}");
        }
        assert!(tells_versions_apart("x{v=\"$version\"}"));
        assert!(!tells_versions_apart("x{s=\"$service\"}[$window]"));
    }

    #[test]
    fn functions_are_found_where_they_are_called() {
        assert_eq!(call("sum(rate(x[$window]))", "rate"), Some(4..8));
        assert_eq!(call("sum(error_rate + rate (x))", "rate"), Some(17..21));
        for other in ["irate(x)", "error_rate(x)", "job:rate(x)", "rate5m", "rate", "sum(rate)"] {
            assert_eq!(call(other, "rate"), None, "{other}");
        }
    }

    #[test]
    fn ranges_with_a_time_of_their_own_are_found() {
        assert_eq!(fixed_range("a[$window] / b[5m]"), Some(14..18));
        assert_eq!(fixed_range("a[1h30m:15s]"), Some(1..12));
        for other in ["a[$window]", "a{b=~\"[a-z]\"}", "a[", "a[]", "a{b=~\"[0-9]+\"}"] {
            assert_eq!(fixed_range(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_query_can_be_looked_at(query in "(\\$|\\{|\\}|\\[|\\]|window|instances|rate|\\(|é|1|:|\\PC){0,40}") {
            for one in placeholders(&query) {
                prop_assert_eq!(&query[one.span.clone()], one.written);
                prop_assert!(one.written.contains(one.name));
            }
            for function in ["rate", "é"] {
                if let Some(place) = call(&query, function) {
                    prop_assert_eq!(&query[place], function);
                }
            }
            prop_assert!(fixed_range(&query).is_none_or(|place| query[place].starts_with('[')));
        }

        #[test]
        fn what_is_put_in_is_found(before in "[^$]{0,20}", name in "[a-z_]{1,12}", after in "([^a-z0-9A-Z_$][^$]{0,20})?") {
            let query = format!("{before}${name}{after}");
            let all = placeholders(&query);
            prop_assert_eq!(all.len(), 1);
            prop_assert_eq!(all[0].name, &name);
            prop_assert_eq!(all[0].known(), PLACEHOLDERS.contains(&name.as_str()));
        }
    }
}
