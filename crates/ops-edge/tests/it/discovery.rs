//! A real Prometheus finds at the door whom to ask, and whose the answers are.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    backend::Backend,
    house::{House, leg, route},
    raw::{connect, read_all},
};

/// Longest wait for Prometheus to start, ask the door, and say so.
const PATIENCE: Duration = Duration::from_mins(1);

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A Prometheus that asks the door once a second where replicas are; ends when dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _dir: TempDir,
}

impl Prometheus {
    fn start(door: SocketAddr) -> Self {
        let (dir, address) = (tempfile::tempdir().unwrap(), free());
        let config = dir.path().join("prometheus.yml");
        let text = format!(
            "scrape_configs:\n- job_name: shop\n  scrape_interval: 1s\n  http_sd_configs:\n  \
             - url: http://{door}/targets\n    refresh_interval: 1s\n"
        );
        fs::write(&config, text).unwrap();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", dir.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus is installed: ./test does it");
        Self { child, address, _dir: dir }
    }

    /// Waits until these are what it scrapes, in order, each with its labels.
    async fn asks(&self, wanted: Vec<(String, String, String)>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let now = self.labels().await;
            if now == wanted {
                return;
            }
            assert!(Instant::now() < end, "{now:?} is not {wanted:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The labels of what it scrapes.
    async fn labels(&self) -> Vec<(String, String, String)> {
        if TcpListener::bind(self.address).is_ok() {
            return Vec::new();
        }
        let ask = b"GET /api/v1/targets?state=active HTTP/1.0\r\n\r\n";
        let answer = read_all(&mut connect(self.address, ask).await).await;
        let text = String::from_utf8(answer).unwrap();
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let Ok(told) = serde_json::from_str::<Value>(body) else { return Vec::new() };
        let of = |target: &Value| {
            let label = |name: &str| target["labels"][name].as_str().unwrap_or_default().to_owned();
            (label("service"), label("release"), label("instance"))
        };
        let mut all: Vec<_> =
            told["data"]["activeTargets"].as_array().into_iter().flatten().map(of).collect();
        all.sort();
        all
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prometheus_finds_the_replicas_of_both_releases_and_tells_them_apart() {
    let metrics = free();
    let house = House::with(|config| config.metrics = Some(metrics)).await;
    let (a, b) = (Backend::start("a").await, Backend::start("b").await);
    house.set(1, &route(vec![leg("a", 95, &[&a]), leg("b", 5, &[&b])]));
    let prometheus = Prometheus::start(metrics);
    let found = |release: &str, backend: &Backend| {
        ("shop".to_owned(), release.to_owned(), backend.address.to_string())
    };
    prometheus.asks(vec![found("a", &a), found("b", &b)]).await;
    house.set(2, &route(vec![leg("b", 100, &[&b])]));
    prometheus.asks(vec![found("b", &b)]).await;
}
