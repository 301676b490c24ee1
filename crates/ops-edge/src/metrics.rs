//! What the door counted since it started, in the text format of Prometheus. Counts are exact sums of
//! the seconds that are over.

use std::fmt::Write as _;

use ops_core::signal::{Arm, Latency, STATUS_KINDS, latency_edge_micros};

use crate::{
    state::{ServiceState, Table},
    tls::Tls,
};

/// Upper limits of the latency's buckets, in seconds. They are edges of the door's own histogram, up
/// to its precision of 9 %.
const LIMITS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

const HEAD: &str = "\
# HELP ops_edge_requests_total Requests that are over, by outcome as the user met it.
# TYPE ops_edge_requests_total counter
# HELP ops_edge_client_errors_total Answers 4xx by status.
# TYPE ops_edge_client_errors_total counter
# HELP ops_edge_events_total Requests held at the door, sent again, and connections reset.
# TYPE ops_edge_events_total counter
# HELP ops_edge_bytes_total Bytes of bodies.
# TYPE ops_edge_bytes_total counter
# HELP ops_edge_latency_seconds Time to the first byte of the answer.
# TYPE ops_edge_latency_seconds histogram
# HELP ops_edge_template_requests_total Requests by template of their path.
# TYPE ops_edge_template_requests_total counter
# HELP ops_edge_template_errors_total Of these, those that failed for the user.
# TYPE ops_edge_template_errors_total counter
# HELP ops_edge_refused_total Requests that no release could be given.
# TYPE ops_edge_refused_total counter
# HELP ops_edge_waiting Requests that wait at the door.
# TYPE ops_edge_waiting gauge
# HELP ops_edge_in_flight Requests in flight.
# TYPE ops_edge_in_flight gauge
# HELP ops_edge_long_lived Of these, tunnels and streams of events.
# TYPE ops_edge_long_lived gauge
# HELP ops_edge_certificate_days_left Days until a certificate is no longer valid.
# TYPE ops_edge_certificate_days_left gauge
# HELP ops_edge_certificate_reloads_total New certificates that came into force, or did not.
# TYPE ops_edge_certificate_reloads_total counter
";

/// Renders all that the door counted.
pub(crate) fn render(table: &Table, tls: Option<&Tls>) -> String {
    let mut text = String::from(HEAD);
    for service in table.services() {
        render_service(&mut text, service);
    }
    if let Some(tls) = tls {
        let status = tls.status();
        for certificate in &status.certificates {
            let name = certificate.names.first().map_or("", String::as_str);
            let labels = [("name", name)];
            line(&mut text, "certificate_days_left", &labels, certificate.days_left);
        }
        for (result, count) in [("done", status.reloads), ("failed", status.failed_reloads)] {
            line(&mut text, "certificate_reloads_total", &[("result", result)], count as f64);
        }
    }
    text
}

fn render_service(text: &mut String, service: &ServiceState) {
    let name = service.name().as_str();
    let (totals, refused) = service.totals();
    line(text, "refused_total", &[("service", name)], refused as f64);
    line(text, "waiting", &[("service", name)], f64::from(service.waiting()));
    for (release, arm) in &totals {
        render_arm(text, [("service", name), ("release", release.as_str())], arm);
    }
    for (release, count) in service.in_flight(|_| true) {
        let labels = [("service", name), ("release", release.as_str())];
        line(text, "in_flight", &labels, count as f64);
    }
    for (release, count) in service.long_lived() {
        let labels = [("service", name), ("release", release.as_str())];
        line(text, "long_lived", &labels, count as f64);
    }
    for by in service.template_totals() {
        let release = ("release", by.release.as_str());
        let labels = [("service", name), release, ("template", by.template.as_str())];
        line(text, "template_requests_total", &labels, by.requests as f64);
        line(text, "template_errors_total", &labels, by.errors as f64);
    }
}

fn render_arm(text: &mut String, whose: [(&str, &str); 2], arm: &Arm) {
    let mut counts = |metric: &str, label: &str, counts: &[(&str, u64)]| {
        for (value, count) in counts {
            line(text, metric, &[whose[0], whose[1], (label, value)], *count as f64);
        }
    };
    let outcomes = [
        ("2xx", arm.s2xx),
        ("3xx", arm.s3xx),
        ("4xx", arm.s4xx),
        ("5xx", arm.s5xx),
        ("connect", arm.connect),
        ("timeout", arm.timeout),
    ];
    counts("requests_total", "outcome", &outcomes);
    let events = [("held", arm.held), ("retried", arm.retried), ("reset", arm.reset)];
    counts("events_total", "event", &events);
    counts("bytes_total", "direction", &[("in", arm.bytes_in), ("out", arm.bytes_out)]);
    let mut others = arm.s4xx;
    for kind in STATUS_KINDS {
        let known = arm.kinds.iter().find(|(status, _)| *status == kind);
        let count = known.map_or(0, |(_, count)| *count);
        others = others.saturating_sub(count);
        counts("client_errors_total", "status", &[(&kind.to_string(), count)]);
    }
    counts("client_errors_total", "status", &[("other", others)]);
    render_latency(text, whose, &arm.latency);
}

fn render_latency(text: &mut String, whose: [(&str, &str); 2], latency: &Latency) {
    const MICROS: f64 = 1e6;
    let upto = |limit: f64| -> u64 {
        let within = |(bucket, _): &&(u16, u64)| latency_edge_micros(bucket + 1) <= limit * MICROS;
        latency.iter().filter(within).map(|(_, count)| count).sum()
    };
    for limit in LIMITS {
        let labels = [whose[0], whose[1], ("le", &limit.to_string())];
        line(text, "latency_seconds_bucket", &labels, upto(limit) as f64);
    }
    let all: u64 = latency.iter().map(|(_, count)| count).sum();
    line(text, "latency_seconds_bucket", &[whose[0], whose[1], ("le", "+Inf")], all as f64);
    let middle =
        |bucket: u16| f64::midpoint(latency_edge_micros(bucket), latency_edge_micros(bucket + 1));
    let sum: f64 = latency.iter().map(|(bucket, count)| middle(*bucket) * *count as f64).sum();
    line(text, "latency_seconds_sum", &whose, sum / MICROS);
    line(text, "latency_seconds_count", &whose, all as f64);
}

fn line(text: &mut String, metric: &str, labels: &[(&str, &str)], value: f64) {
    let _ = write!(text, "ops_edge_{metric}{{");
    for (at, (label, value)) in labels.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{comma}{label}=\"{value}\"");
    }
    let _ = writeln!(text, "}} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        let mut text = String::new();
        line(&mut text, "x", &[("a", "1"), ("b", "q\"\\\n")], 2.5);
        assert_eq!(text, "ops_edge_x{a=\"1\",b=\"q\\\"\\\\\\n\"} 2.5\n");
    }
}
