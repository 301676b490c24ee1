//! The real Alertmanager and the real Prometheus, as Debian packages them.

use serde_json::{Value, json};

use super::*;
use crate::daemon::Daemon;

impl Daemon {
    fn post(&self, path: &str, body: &Value) {
        let answer = ureq::post(format!("{}{path}", self.url)).send_json(body);
        assert_eq!(answer.unwrap().status(), 200, "{path}");
    }

    fn firing(&self, kind: AlertKind) -> Vec<Alert> {
        HttpAlerts::new().firing(&source(kind, self.url.as_str())).unwrap()
    }
}

fn names(alerts: &[Alert]) -> Vec<&str> {
    let mut names: Vec<_> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn alertmanager_tells_what_fires_and_is_neither_silenced_nor_inhibited() {
    let config = "
route: {receiver: nobody}
receivers: [{name: nobody}]
inhibit_rules:
  - {source_matchers: ['alertname=\"Big\"'], target_matchers: ['alertname=\"Small\"']}
";
    let files = [("config.yml", config)];
    let arguments =
        ["--config.file=config.yml", "--storage.path=data", "--cluster.listen-address="];
    let mut daemon = Daemon::start("prometheus-alertmanager", &files, &arguments);
    daemon.until("is ready", |daemon| {
        ureq::get(format!("{}/-/ready", daemon.url)).call().ok().map(drop)
    });
    assert_eq!(daemon.firing(AlertKind::Alertmanager), Vec::new());

    daemon.post("/api/v2/silences", &json!({
        "matchers": [{"name": "alertname", "value": "Quiet", "isRegex": false, "isEqual": true}],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "test", "comment": "it is known",
    }));
    let alert = |labels: Value| json!({"labels": labels, "startsAt": "2026-01-02T03:04:05Z"});
    let mut over = alert(json!({"alertname": "Over"}));
    over["endsAt"] = json!("2026-01-02T04:00:00Z");
    daemon.post(
        "/api/v2/alerts",
        &json!([
            alert(json!({"alertname": "Slow", "service": "shop"})),
            alert(json!({"alertname": "Quiet", "service": "shop"})),
            alert(json!({"alertname": "Big"})),
            alert(json!({"alertname": "Small"})),
            over,
        ]),
    );
    // What was taken is in the list a moment later.
    let told = daemon.until("tells them", |daemon| {
        let told = daemon.firing(AlertKind::Alertmanager);
        (names(&told) == ["Big", "Slow"]).then_some(told)
    });
    let slow = told.iter().find(|alert| alert.name == "Slow").unwrap();
    assert_eq!(slow.service.as_deref(), Some("shop"));
    assert_eq!(slow.since, "2026-01-02T03:04:05Z");
    assert_eq!(told.iter().find(|alert| alert.name == "Big").unwrap().service, None);

    let other = source(AlertKind::Prometheus, daemon.url.as_str());
    let told = HttpAlerts::new().firing(&other).unwrap_err();
    assert!(told.next.contains("is Prometheus"), "one taken for the other is a fault: {told}");
}

#[test]
fn prometheus_tells_what_fires_and_not_what_is_pending() {
    let config = "
global: {evaluation_interval: 1s}
rule_files: [rules.yml]
";
    let rules = "
groups:
  - name: always
    rules:
      - {alert: Always, expr: vector(1), labels: {service: shop}}
      - {alert: Soon, expr: vector(1), for: 1h}
      - {alert: Never, expr: vector(1) > 2}
";
    let files = [("config.yml", config), ("rules.yml", rules)];
    let arguments = ["--config.file=config.yml", "--storage.tsdb.path=data"];
    let mut daemon = Daemon::start("prometheus", &files, &arguments);
    // Before it is ready it answers 503, which is a fault and no empty list.
    let told = daemon.until("tells what fires", |daemon| {
        let source = source(AlertKind::Prometheus, daemon.url.as_str());
        HttpAlerts::new().firing(&source).ok().filter(|told| !told.is_empty())
    });
    assert_eq!(names(&told), ["Always"]);
    assert_eq!(told[0].service.as_deref(), Some("shop"));
    assert!(told[0].since.parse::<jiff::Timestamp>().is_ok(), "{told:?}");

    let other = source(AlertKind::Alertmanager, daemon.url.as_str());
    assert!(HttpAlerts::new().firing(&other).is_err(), "one taken for the other is a fault");
}
