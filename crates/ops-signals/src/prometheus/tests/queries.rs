//! Placeholders.

use super::*;
use crate::prometheus::query::{Question, questions};

/// What becomes of a query that looks at the window as well.
fn filled(query: &str) -> String {
    let mut asked = asked("http://p");
    asked.signal.kind = SignalKind::Level { query: query.into(), tolerance: 0.0 };
    asked.old = None;
    match questions(&asked).unwrap() {
        [Question::Queries(queries), Question::Nobody] => queries[0].text.clone(),
        other => panic!("{other:?}"),
    }
}

fn refused(asked: &Asked) -> Fault {
    let told = PrometheusMetrics::new().read(asked, &now(0)).unwrap_err();
    assert_eq!(told.place, "signal `payments` of `shop` in ops.yaml");
    told
}

fn refused_query(query: &str) -> Fault {
    let mut asked = asked("http://p");
    asked.signal.kind = SignalKind::Level { query: query.into(), tolerance: 0.0 };
    refused(&asked)
}

#[test]
fn placeholders_are_filled_in() {
    assert_eq!(
        filled("a{r=\"$release\",v=\"$version\",s='$service',i=~\"$instances\"}[$window]"),
        r#"a{r="new",v="version of new",s='shop',i=~"127\\.0\\.0\\.1:1"}[15s]"#,
    );
    assert_eq!(
        filled("a{w=\"$window\"} # of $everything\n+ b"),
        "a{w=\"15s\"} # of $everything\n+ b"
    );
    assert_eq!(
        filled(r#"label_replace(a{b=~"^x$",c=~"y\\$"}, "d", "$1-${2}", "e", "(.*)")"#),
        r#"label_replace(a{b=~"^x$",c=~"y\\$"}, "d", "$1-${2}", "e", "(.*)")"#,
        "a dollar of a regular expression is left alone",
    );
    assert_eq!(filled("a{b=\"ü \\\" # $release\"} $"), "a{b=\"ü \\\" # new\"} $");
}

#[test]
fn several_replicas_become_alternatives_and_none_is_nobody() {
    let mut asked = asked("http://p");
    asked.signal.kind =
        SignalKind::Level { query: "max(a{instance=~\"$instances\"})".into(), tolerance: 0.0 };
    asked.new.instances = vec!["10.0.0.1:80".into(), "[::1]:81".into()];
    asked.old.as_mut().unwrap().instances.clear();
    let [Question::Queries(new), Question::Nobody] = questions(&asked).unwrap() else { panic!() };
    assert_eq!(new[0].text, r#"max(a{instance=~"10\\.0\\.0\\.1:80|\\[::1\\]:81"})"#);
}

#[test]
fn p8_no_value_breaks_out_of_its_string() {
    let mut asked = asked("http://p");
    asked.old = None;
    for quote in ['"', '\''] {
        let query = format!("a{{v={quote}$version{quote},i=~{quote}$instances{quote}}}");
        asked.signal.kind = SignalKind::Level { query, tolerance: 0.0 };
        asked.new.version = "1\"} or vector('0') #\\\n".into();
        asked.new.instances = vec!["\"'\\".into()];
        let [Question::Queries(told), _] = questions(&asked).unwrap() else { panic!() };
        assert_eq!(
            told[0].text,
            format!(
                r"a{{v={quote}1\x22}} or vector(\x270\x27) #\\\x0a{quote},i=~{quote}\x22\x27\\\\{quote}}}"
            ),
        );
    }
    for (query, why) in [
        ("a or $version", "holds `$version` outside of a string"),
        ("a{b=`$release`}", "holds `$release` outside of a string"),
        ("a{b=\"\"}$service", "holds `$service` outside of a string"),
    ] {
        let told = refused_query(query);
        assert!(told.what.contains(why) && told.next.contains("double quotes"), "{told}");
    }
}

#[test]
fn an_unknown_placeholder_is_named() {
    for (query, why) in [
        ("a[$windows]", "`level` holds `$windows`, which ops does not know"),
        ("a{b=\"$release_id\"}", "`$release_id`"),
        ("a{b=\"$Release\"}", "`$Release`"),
        ("a{b=\"${release}\"}", "`${release}`"),
        ("a{b=\"${release", "`${release}`"),
        ("a[$__rate_interval]", "`$__rate_interval`"),
    ] {
        assert!(refused_query(query).what.contains(why), "{query}: {}", refused_query(query));
    }
}

#[test]
fn p8_what_compares_a_version_with_itself_or_counts_things_twice_is_refused() {
    let told = refused_query("max(queue)");
    assert!(told.what.contains("the same query for both versions"), "{told}");

    let mut asked = asked("http://p");
    asked.old.as_mut().unwrap().version = asked.new.version.clone();
    let by_version = "sum(increase(a{v=\"$version\"}[$window]))";
    let by_release = "sum(increase(a{r=\"$release\"}[$window]))";
    asked.signal.kind =
        SignalKind::Rate { total: by_release.into(), events: by_version.into(), limit: None };
    assert!(refused(&asked).what.starts_with("`events` of release new is the same query"));

    for (kind, name) in [
        (
            SignalKind::Rate {
                total: by_release.into(),
                events: "sum(increase(a{r=\"$release\"}[5m]))".into(),
                limit: None,
            },
            "`events`",
        ),
        (SignalKind::Histogram { query: "a{r=\"$release\"}".into() }, "`histogram`"),
        (SignalKind::Done { query: "a{r=\"$release\"}".into(), at_least: 1 }, "`done`"),
    ] {
        asked.signal.kind = kind;
        let told = refused(&asked);
        assert!(told.what == format!("{name} does not look at exactly one window"), "{told}");
        assert!(told.next.contains("[$window]"), "{told}");
    }
}

#[test]
fn p8_an_address_or_a_length_that_is_none_is_refused() {
    for wrong in
        ["", "p:9090", "ftp://p/", "http://u:hunter2@p/", "http://p/?x=hunter2", "http://p/#"]
    {
        let told = refused(&asked(wrong));
        assert!(!told.to_string().contains("hunter2"), "{told}");
    }
    let mut asked = asked("http://p");
    asked.signal.every_seconds = 0;
    assert!(refused(&asked).next.contains("`every`"));
}
