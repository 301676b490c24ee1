//! Lists of alerts as they come over the wire.

use std::collections::BTreeMap;

use ops_core::checks::Alert;
use serde::{Deserialize, de::DeserializeOwned};

/// The label with an alert's name, the same for both systems.
const NAME: &str = "alertname";

/// Longest name of an alert or a service that is kept, in characters.
const NAME_LIMIT: usize = 200;

type Labels = BTreeMap<String, String>;

/// One alert of Alertmanager.
#[derive(Deserialize)]
struct Held {
    labels: Labels,
    #[serde(rename = "startsAt")]
    since: jiff::Timestamp,
    status: Status,
}

#[derive(Deserialize)]
struct Status {
    state: HeldState,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum HeldState {
    /// It has come in, and nobody was told yet.
    Unprocessed,
    Active,
    /// Silenced or inhibited. None should come, but an older one may not know our question.
    Suppressed,
}

/// The answer of Prometheus.
#[derive(Deserialize)]
struct Envelope {
    status: Success,
    data: Data,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Success {
    Success,
}

#[derive(Deserialize)]
struct Data {
    alerts: Vec<Raised>,
}

/// One alert of Prometheus.
#[derive(Deserialize)]
struct Raised {
    labels: Labels,
    #[serde(rename = "activeAt")]
    since: jiff::Timestamp,
    state: RaisedState,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum RaisedState {
    Inactive,
    /// Its condition holds, but not for long enough yet.
    Pending,
    Firing,
}

/// The list of Alertmanager.
pub(crate) fn alertmanager(body: &[u8], label: &str) -> Result<Vec<Alert>, String> {
    let held: Vec<Held> = parse(body)?;
    let firing = held.into_iter().filter(|alert| alert.status.state != HeldState::Suppressed);
    Ok(firing.map(|alert| told(&alert.labels, alert.since, label)).collect())
}

/// The list of Prometheus.
pub(crate) fn prometheus(body: &[u8], label: &str) -> Result<Vec<Alert>, String> {
    let Envelope { status: Success::Success, data } = parse(body)?;
    let firing = data.alerts.into_iter().filter(|alert| alert.state == RaisedState::Firing);
    Ok(firing.map(|alert| told(&alert.labels, alert.since, label)).collect())
}

fn told(labels: &Labels, since: jiff::Timestamp, label: &str) -> Alert {
    // One without a name still fires.
    let name = labels.get(NAME).map_or_else(|| "(without a name)".into(), |name| shown(name));
    let service = labels.get(label).filter(|service| !service.is_empty());
    Alert { name, service: service.map(|service| shown(service)), since: since.to_string() }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(NAME_LIMIT).collect()
}

/// What is wrong is told by place, because the parser would repeat parts of the text (P13).
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    if body.is_empty() {
        return Err("its answer is empty".into());
    }
    serde_json::from_slice(body).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        if e.is_data() {
            format!("its answer is not a list of alerts (line {line}, column {column})")
        } else {
            format!("its answer is not JSON (line {line}, column {column})")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fires_is_told() {
        let body = br#"[
            {"labels": {"alertname": "Slow", "service": "shop"}, "extra": 1,
             "startsAt": "2026-11-22T10:00:00.5+01:00", "status": {"state": "active"}},
            {"labels": {"alertname": "Disk", "service": ""},
             "startsAt": "2026-11-22T09:00:00Z", "status": {"state": "unprocessed"}},
            {"labels": {}, "startsAt": "2026-11-22T09:00:00Z", "status": {"state": "active"}},
            {"labels": {"alertname": "Quiet"},
             "startsAt": "2026-11-22T09:00:00Z", "status": {"state": "suppressed"}}]"#;
        let told = alertmanager(body, "service").unwrap();
        let names: Vec<_> = told.iter().map(|alert| alert.name.as_str()).collect();
        assert_eq!(names, ["Slow", "Disk", "(without a name)"]);
        assert_eq!(told[0].service.as_deref(), Some("shop"));
        assert_eq!(told[0].since, "2026-11-22T09:00:00.5Z");
        assert_eq!(told[1].service, None, "an empty label is none");

        let body = br#"{"status": "success", "data": {"alerts": [
            {"labels": {"alertname": "Up", "app": "shop"}, "annotations": {}, "value": "1e+00",
             "activeAt": "2026-11-22T09:00:00Z", "state": "firing"},
            {"labels": {"alertname": "Soon"},
             "activeAt": "2026-11-22T09:00:00Z", "state": "pending"}
            ]}}"#;
        let told = prometheus(body, "app").unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].name.as_str(), told[0].service.as_deref()), ("Up", Some("shop")));
    }

    #[test]
    fn names_are_cut_and_fit_to_be_shown() {
        let long = "x".repeat(NAME_LIMIT + 50);
        let labels = BTreeMap::from([(NAME.to_owned(), format!("a\u{1b}[31m\n{long}"))]);
        let told = told(&labels, jiff::Timestamp::UNIX_EPOCH, "service");
        assert!(told.name.starts_with("a[31mx") && told.name.len() == NAME_LIMIT, "{told:?}");
    }

    #[test]
    fn p8_whatever_is_not_a_list_is_an_error() {
        let since = r#""startsAt": "2026-11-22T09:00:00Z""#;
        for body in [
            "",
            " ",
            "null",
            "{}",
            "[",
            "[1]",
            "[{}]",
            "<html>no alerts</html>",
            "[] []",
            &format!(r#"[{{"labels": {{}}, {since}, "status": {{"state": "fine"}}}}]"#),
            &format!(r#"[{{"labels": {{"a": 1}}, {since}, "status": {{"state": "active"}}}}]"#),
            r#"[{"labels": {}, "startsAt": "yesterday", "status": {"state": "active"}}]"#,
            r#"{"status": "success", "data": {"alerts": []}}"#,
        ] {
            assert!(alertmanager(body.as_bytes(), "service").is_err(), "{body}");
        }
        for body in [
            "[]",
            "{}",
            r#"{"status": "success"}"#,
            r#"{"status": "success", "data": {}}"#,
            r#"{"status": "error", "data": {"alerts": []}}"#,
            r#"{"status": "success", "data": {"alerts": null}}"#,
            r#"{"status": "success", "data": {"alerts": [{"labels": {}, "state": "firing"}]}}"#,
        ] {
            assert!(prometheus(body.as_bytes(), "service").is_err(), "{body}");
        }
        assert_eq!(alertmanager(b"[]", "service"), Ok(Vec::new()));
    }

    #[test]
    fn p13_nothing_of_the_answer_is_repeated() {
        let told = alertmanager(br#"[{"labels": {"hunter2": 7}}]"#, "service").unwrap_err();
        assert!(!told.contains("hunter2") && told.contains("line 1"), "{told}");
        let told = prometheus(br#"{"status": "hunter2"}"#, "service").unwrap_err();
        assert!(!told.contains("hunter2"), "{told}");
    }
}
