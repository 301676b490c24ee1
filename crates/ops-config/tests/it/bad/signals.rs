//! Bad signals, and a watch that is told what cannot be.

use super::{bad, but, service, top};

const TOTAL: &str = "sum(increase(paid_total{instance=~\"$instances\"}[$window]))";
const EVENTS: &str = "sum(increase(lost_total{instance=~\"$instances\"}[$window]))";

/// A query that nothing is wrong with.
const LEVEL: &str = "max(queue{instance=~\"$instances\"})";

/// A level that nothing is wrong with, and more lines.
fn level(more: &str) -> String {
    format!("level: {LEVEL}\n{more}")
}

/// The minimal file with a signal of these lines.
fn signal(lines: &str) -> String {
    service(&of_signal(lines))
}

fn of_signal(lines: &str) -> String {
    let head = "signals:\n  paid:\n    prometheus: http://127.0.0.1:9090";
    lines.lines().fold(head.to_owned(), |text, line| format!("{text}\n    {line}"))
}

fn rate(total: &str, events: &str, more: &str) -> String {
    signal(&format!("rate:\n  total: {total}\n  events: {events}\n{more}"))
}

/// The minimal file as a service without requests.
fn worker(lines: &str) -> String {
    let lines = lines.lines().fold(String::new(), |text, line| format!("{text}    {line}\n"));
    but("    route: { path: / }\n", &lines)
}

/// A source of alerts that ignores one of them.
const SOURCE: &str = "\
alerts: [{ name: am, url: \"http://127.0.0.1:9093\", kind: alertmanager, ignore: [Watchdog] }]";

complaints! {
    // What a signal is.
    a_signal_that_says_nothing: signal("every: 10s");
    a_signal_that_says_two_things: signal(&format!("histogram: {EVENTS}\nlevel: {TOTAL}"));
    a_signal_from_nowhere: service(&format!("signals:\n  paid: {{ level: '{TOTAL}' }}"));
    a_signal_of_an_unknown_kind: signal(&format!("counter: {TOTAL}"));
    a_signal_of_a_misspelt_kind: signal(&format!("histgram: {TOTAL}"));
    a_signal_that_is_a_query: service(&format!("signals:\n  paid: {TOTAL}"));
    signals_as_a_list: service("signals: [{ name: paid }]");
    a_signal_without_anything: service("signals:\n  paid:");
    a_signal_in_capitals: service("signals:\n  Paid_Orders: { prometheus: \"http://h\", level: 'x{v=\"$version\"}' }");
    a_signal_twice: format!("{}      paid: {{ prometheus: \"http://h\", level: '{LEVEL}' }}\n", signal(&level("")));
    a_prometheus_without_scheme: signal(&level("")).replace("http://", "");
    a_prometheus_with_a_query: signal(&level("")).replace(":9090", ":9090/?dedup=1");
    p13_a_login_for_prometheus: signal(&level("")).replace("127.0.0.1", "ops:hunter2@127.0.0.1");
    p13_a_secret_for_prometheus: signal(&level("")).replace(":9090", ":9090/#token=hunter2");

    // Kinds.
    a_rate_of_one_query: signal(&format!("rate: {{ total: '{TOTAL}' }}"));
    a_rate_as_a_query: signal(&format!("rate: {TOTAL}"));
    a_rate_of_something_in_itself: rate(TOTAL, TOTAL, "");
    a_limit_of_nothing: rate(TOTAL, EVENTS, "  limit: 0%");
    a_limit_without_percent: rate(TOTAL, EVENTS, "  limit: 0.02");
    a_limit_that_nothing_breaks: rate(TOTAL, EVENTS, "  limit: 100%");
    a_limit_beside_the_rate: rate(TOTAL, EVENTS, "limit: 2%");
    a_level_without_query: signal("level: { tolerance: 30% }");
    a_level_without_tolerance: signal("level: { query: 'x{v=\"$version\"}', tolerance: 0% }");
    a_level_that_is_a_number: signal("level: 5");
    nothing_to_be_done: signal(&format!("done: {{ query: '{TOTAL}', at_least: 0 }}"));
    done_without_a_number: signal(&format!("done: {{ query: '{TOTAL}' }}"));
    a_tolerance_of_what_is_done: signal(&format!("done: {{ query: '{TOTAL}', at_least: 5, tolerance: 5% }}"));

    // Queries.
    an_empty_query: signal("level: \" \"");
    a_query_that_is_a_list: signal("level: [x, y]");
    a_query_that_nobody_reads: signal(&format!("level: {}", "x".repeat(2_001)));
    a_query_with_a_bell: signal("level: \"x\\a\"");
    a_placeholder_misspelt: signal("level: max(length{instance=~\"$instnaces\"})");
    a_placeholder_of_another_tool: rate(&TOTAL.replace("$window", "$__rate_interval"), EVENTS, "");
    a_placeholder_in_braces: rate(&TOTAL.replace("$window", "${window}"), EVENTS, "");
    placeholders_that_nobody_knows: signal("level: x{a=\"$realease\", b=\"$pod\", c=\"$pod\", d=\"$Version\"}");
    a_placeholder_in_a_later_line: signal("level: |\n  max(\n    length{instance=~\"$instance\"}\n  )");
    a_placeholder_behind_an_escape: signal("level: \"x{a=~\\\"\\u0024instnaces\\\"}\"");
    a_value_outside_of_a_string: rate("sum(increase($service[$window])) + x{r=\"$release\"}", EVENTS, "");
    a_value_between_backticks: signal("level: x{r=`$release`}");
    s22_a_version_in_a_comment: signal("level: \"max(length) # $release\"");
    s22_a_window_in_a_string: signal("done: { query: 'x{a=\"$window\",v=\"$version\"}', at_least: 5 }");
    s22_counts_without_window: rate("paid_total{v=\"$version\"}", "lost_total{v=\"$version\"}", "");
    s22_a_window_of_its_own: signal("histogram: sum by (le) (increase(t_bucket{v=\"$version\"}[5m]))");
    s22_jobs_without_window: signal("done: { query: 'jobs_total{v=\"$version\"}', at_least: 5 }");
    s22_per_second: rate(&TOTAL.replace("increase", "rate"), &EVENTS.replace("increase", "irate"), "");
    s22_a_quantile: signal("histogram: histogram_quantile(0.99, sum by (le) (increase(t_bucket{v=\"$version\"}[$window])))");
    s22_a_rate_of_both_versions: rate("sum(increase(paid_total[$window]))", EVENTS, "");
    s22_a_histogram_of_both_versions: signal("histogram: sum by (le) (increase(t_bucket{s=\"$service\"}[$window]))");
    s22_a_level_of_both_workers: worker(&of_signal("level: max(queue_length)"));
    s22_a_level_of_whoever_serves: format!("{}    strategy: recreate\n", signal("level: max(queue_length)"));
    s22_jobs_of_both_versions: worker(&of_signal("done: { query: 'sum(increase(jobs_total[$window]))', at_least: 5 }"));
    s22_all_that_is_wrong_with_a_query: signal("histogram: histogram_quantile(0.9, rate(t_bucket[5m]))");

    // Times.
    a_signal_read_without_pause: signal(&level("every: 0s"));
    a_signal_read_too_seldom: signal(&level("every: 6m"));
    a_signal_read_in_an_unknown_unit: signal(&level("every: 15"));
    a_grace_of_a_signal_for_ever: signal(&level("grace: 1h"));
    s6_a_grace_that_bears_no_missed_reading: signal(&level("every: 30s\ngrace: 45s"));
    s6_a_grace_of_the_watch_that_bears_none: format!("{}    watch: {{ grace: 20s }}\n", signal(&level("")));
    s22_a_watch_without_readings: format!("{}    watch: 1m\n", signal(&level("every: 40s\ngrace: 2m")));

    // What the watch is told.
    s4_good_enough_below_the_floor: service("watch: { good_enough: 29s }");
    good_enough_after_the_watch: service("watch: { for: 10m, good_enough: 11m }");
    good_enough_without_steps: service("strategy: blue-green\nwatch: { good_enough: 5m }");
    good_enough_without_traffic: worker("watch: { good_enough: 5m }");
    good_enough_in_the_wrong_place: service("good_enough: 5m");
    alerts_that_nobody_reads: service("watch: { trip_on_alerts: [CheckoutBroken] }");
    alerts_that_are_ignored: format!("{SOURCE}\n{}", service("watch: { trip_on_alerts: [Watchdog, CheckoutBroken] }"));
    alerts_twice: format!("{SOURCE}\n{}", service("watch: { trip_on_alerts: [Broken, Down, Broken] }"));
    alerts_in_one_word: top(SOURCE) + "    watch: { trip_on_alerts: CheckoutBroken }\n";
    an_alert_without_name: top(SOURCE) + "    watch: { trip_on_alerts: [\"\"] }\n";
    errors_that_are_no_flag: service("watch: { trip_on_new_errors: yes }");
    trips_under_other_names: service("watch: { trip_on_alert: [A], trip_on_new_error: true, good_enuff: 5m }");
}
