//! The real Alertmanager and the real Prometheus, as Debian packages them.

use std::{
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::{Value, json};

use super::*;

/// How long a program may take to start, or a rule to be looked at.
const PLENTY: Duration = Duration::from_mins(1);

/// A program that runs as long as the test does.
struct Daemon {
    child: Child,
    url: String,
    dir: tempfile::TempDir,
}

impl Daemon {
    /// Starts a program in a folder with these files, listening wherever it likes.
    fn start(program: &str, files: &[(&str, &str)], arguments: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let child = Command::new(program)
            .args(arguments)
            .arg("--web.listen-address=127.0.0.1:0")
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|e| {
                panic!("{program} is missing here ({e}): run `apt-get install -y {program}`")
            });
        let mut daemon = Self { child, url: String::new(), dir };
        let port = daemon.until("listens", |daemon| listening(daemon.child.id()));
        daemon.url = format!("http://127.0.0.1:{port}");
        daemon
    }

    /// Waits until something is so.
    fn until<T>(&mut self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let end = Instant::now() + PLENTY;
        loop {
            if let Some(seen) = look(self) {
                return seen;
            }
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() || Instant::now() > end {
                let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                panic!("never: it {what}; ended: {ended:?}; log: {log}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn post(&self, path: &str, body: &Value) {
        let answer = ureq::post(format!("{}{path}", self.url)).send_json(body);
        assert_eq!(answer.unwrap().status(), 200, "{path}");
    }

    fn firing(&self, kind: AlertKind) -> Vec<Alert> {
        HttpAlerts::new().firing(&source(kind, self.url.as_str())).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The port on which a process listens on 127.0.0.1.
fn listening(pid: u32) -> Option<u16> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let sockets: Vec<String> = folder
        .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok()?.to_str().map(str::to_owned))
        .filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let mut table = String::new();
    fs::File::open(Path::new("/proc/net/tcp")).ok()?.read_to_string(&mut table).ok()?;
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, inode) = (words.get(1)?, words.get(3)?, words.get(9)?);
        let own = *state == "0A" && sockets.iter().any(|socket| socket == inode);
        u16::from_str_radix(local.strip_prefix("0100007F:")?, 16).ok().filter(|_| own)
    })
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
