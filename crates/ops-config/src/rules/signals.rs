//! Signals that a service declares: one kind each, queries that can be put together and that tell
//! two versions apart, readings often enough.

use ops_core::settings::{Service, Signal};

use super::{Rules, below, exactly_one, reach::address};
use crate::{
    check::did_you_mean,
    complaint::Words,
    node::{Node, Path, shorten},
    query::{
        PLACEHOLDERS, Placeholder, asks_for_the_window, call, fixed_range, placeholders,
        tells_versions_apart,
    },
    scalar::show_duration,
};

/// Fewest readings in a watch: one alone could be the one that is missed.
const READINGS_MIN: u64 = 2;

pub(super) fn check(rules: &mut Rules<'_, '_>, service: &Service) {
    let list = below(service, ["signals"]);
    let signals = rules.root.at(&list).map_or(&[][..], Node::entries);
    for entry in signals {
        let (Some(name), signal) = (entry.name(), &entry.value) else {
            continue;
        };
        let place = below(service, ["signals", name]);
        let hint = "one signal says one thing: give each a name of its own";
        let kinds = ["rate", "histogram", "level", "done"];
        address(rules, signal, &place, "prometheus", "let a proxy on this machine add the login");
        if let Some(kind) = exactly_one(rules, signal, &place, kinds, hint) {
            for query in queries(signal, &place, kind) {
                check_query(rules, service, &query);
            }
            share(rules, signal, &place);
        }
    }
    for signal in &service.signals {
        often_enough(rules, service, signal);
    }
}

/// A query as it stands in the file.
struct Query<'n> {
    /// The kind of its signal.
    kind: &'static str,
    place: Path,
    text: &'n str,
}

fn queries<'n>(signal: &'n Node, place: &Path, kind: &'static str) -> Vec<Query<'n>> {
    let ways: &[&[&str]] = match kind {
        "rate" => &[&["rate", "total"], &["rate", "events"]],
        "histogram" => &[&["histogram"]],
        "level" => &[&["level"], &["level", "query"]],
        _ => &[&["done", "query"]],
    };
    let query = |way: &&[&str]| {
        let way: Path = way.iter().map(|&key| key.to_owned()).collect();
        let text = signal.at(&way)?.scalar()?;
        Some(Query { kind, place: [place.as_slice(), &way].concat(), text })
    };
    ways.iter().filter_map(query).collect()
}

fn check_query(rules: &mut Rules<'_, '_>, service: &Service, query: &Query<'_>) {
    if !rules.sound(std::slice::from_ref(&query.place)) {
        return;
    }
    // What was meant by an unknown placeholder may be what the query has to name.
    if known_placeholders(rules, query) {
        values_in_quotes(rules, query);
        of_the_window(rules, query);
        of_one_version(rules, service, query);
    }
}

/// Complains about placeholders that nobody knows; whether there are none.
fn known_placeholders(rules: &mut Rules<'_, '_>, query: &Query<'_>) -> bool {
    let mut unknown: Vec<Placeholder<'_>> = Vec::new();
    for one in placeholders(query.text) {
        if !one.known() && !unknown.iter().any(|other| other.written == one.written) {
            unknown.push(one);
        }
    }
    for one in &unknown {
        let known: Vec<String> = PLACEHOLDERS.iter().map(|name| format!("${name}")).collect();
        let words = Words::new(format!("ops puts nothing in place of `{}`", shorten(one.written)))
            .allowed(known.join(", "))
            .hint(meant(one));
        rules.blame_part(&query.place, Some(one.span.clone()), words);
    }
    unknown.is_empty()
}

/// What the hint says of a placeholder that nobody knows.
fn meant(unknown: &Placeholder<'_>) -> String {
    let name = unknown.name.trim_matches('_').to_lowercase();
    // What other tools call the length of a window.
    let window = ["interval", "range"].iter().any(|word| name.contains(word));
    let close = if window { Some("window") } else { did_you_mean(&name, PLACEHOLDERS.into_iter()) };
    match close {
        Some(close) => format!("did you mean `${close}`?"),
        None => "write the value itself; groups of `label_replace` are numbered: `$1`".to_owned(),
    }
}

/// Only in a string with escapes does a value stay a value, whatever it holds.
fn values_in_quotes(rules: &mut Rules<'_, '_>, query: &Query<'_>) {
    let loose = placeholders(query.text).into_iter().find(|one| !one.safe());
    if let Some(Placeholder { written, span, .. }) = loose {
        let words = Words::new(format!("`{written}` stands outside of a string"))
            .allowed("a value in double quotes")
            .hint(format!("for instance `{{label=\"{written}\"}}`"));
        rules.blame_part(&query.place, Some(span), words);
    }
}

/// What is counted must have happened since the reading before, once and whole.
fn of_the_window(rules: &mut Rules<'_, '_>, query: &Query<'_>) {
    if query.kind == "level" {
        return;
    }
    if !asks_for_the_window(query.text) {
        let hint = match fixed_range(query.text) {
            Some(range) => format!("write `[$window]` instead of `{}`", &query.text[range]),
            None => "for instance `sum(increase(jobs_done_total[$window]))`".to_owned(),
        };
        let words = Words::new("this query does not ask for `$window`")
            .allowed("what happened in `$window`, the time since the reading before")
            .hint(hint);
        rules.blame_part(&query.place, fixed_range(query.text), words);
    }
    for function in ["rate", "irate"] {
        if let Some(place) = call(query.text, function) {
            let words = Words::new(format!("`{function}` says how often in a second"))
                .allowed("how often it happened in `$window`: evidence is counted")
                .hint(format!("write `increase` instead of `{function}`"));
            rules.blame_part(&query.place, Some(place), words);
        }
    }
    let quantile = call(query.text, "histogram_quantile").filter(|_| query.kind == "histogram");
    if let Some(place) = quantile {
        let words = Words::new("a quantile is one number, not a histogram")
            .allowed("a native histogram, or buckets by `le`")
            .hint("take `histogram_quantile` away: the whole distribution is compared");
        rules.blame_part(&query.place, Some(place), words);
    }
}

/// A query that says the same of both versions can never show that one is worse.
fn of_one_version(rules: &mut Rules<'_, '_>, service: &Service, query: &Query<'_>) {
    let compared = service.runs_twice || service.route.is_some();
    let known = rules.sound(&["route", "runs_twice", "strategy"].map(|key| below(service, [key])));
    if !compared || !known || tells_versions_apart(query.text) {
        return;
    }
    let why = match query.kind {
        "done" => "what the old version does would count as done by the new one",
        _ => "the new version would be compared with itself",
    };
    let words = Words::new("this query cannot tell the two versions apart")
        .allowed("a query that names $instances, $release or $version")
        .hint(format!("{why}: pick its series, for instance by `{{instance=~\"$instances\"}}`"));
    rules.blame_part(&query.place, None, words);
}

/// A share of something in itself is always the whole.
fn share(rules: &mut Rules<'_, '_>, signal: &Node, place: &Path) {
    let query = |key: &str| signal.get("rate")?.get(key)?.scalar().map(str::trim);
    if let (Some(total), Some(events)) = (query("total"), query("events"))
        && total == events
    {
        let words = Words::new("the same query as `total`: the share would always be 100%")
            .hint("`events` counts those of `total` that ended badly");
        let inside = |key: &str| [place.as_slice(), &super::path(["rate", key])].concat();
        rules.blame(&[inside("events"), inside("total")], words);
    }
}

fn often_enough(rules: &mut Rules<'_, '_>, service: &Service, signal: &Signal) {
    let seconds = |seconds: u64| show_duration(seconds.saturating_mul(1_000));
    let place = |key: &str| below(service, ["signals", &signal.name, key]);
    let every = signal.every_seconds;
    let grace = signal.grace_seconds.unwrap_or(service.watch.grace_seconds);
    // A reading that is missed makes a gap of two; S6 wants the watch to bear it.
    let gap = every.saturating_mul(2);
    if grace < gap {
        let (gap, grace) = (seconds(gap), seconds(grace));
        let words =
            Words::new(format!("one missed reading is a gap of {gap}, and {grace} is borne"))
                .allowed("a grace of at least twice `every`")
                .hint(format!("write `grace: {gap}`, or read more often"));
        let of_the_watch = below(service, ["watch", "grace"]);
        rules.blame(&[place("grace"), place("every"), of_the_watch], words);
    }
    let watch = service.watch.seconds;
    if every.saturating_mul(READINGS_MIN) > watch {
        let (every, watch) = (seconds(every), seconds(watch));
        let words =
            Words::new(format!("a watch of {watch} ends before two readings, {every} apart"))
                .allowed(format!("at least {READINGS_MIN} readings in a watch"))
                .hint("shorten `every`, or let the watch be longer");
        let length = [below(service, ["watch", "for"]), below(service, ["watch"])];
        rules.blame(&[&[place("every")], length.as_slice()].concat(), words);
    }
}
