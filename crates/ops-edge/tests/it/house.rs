//! An edge in a temporary folder, and clients for it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use ops_core::{
    id::{Generation, OpId, ReleaseId, ServiceName, Stamp},
    route::{Hold, Leg, Route, ServedRoute},
    signal::{Arm, SignalSecond},
};
use ops_edge::{Edge, EdgeConfig, EdgeDoor};
use ops_engine::ports::{Act, Door as _};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    sync::oneshot,
    task::{JoinHandle, block_in_place},
};

use crate::backend::{Backend, Refusing};

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A running edge; stops when dropped.
pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) door: EdgeDoor,
    dir: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    /// Removed when the house is, unless the test keeps it elsewhere.
    _temp: Option<TempDir>,
}

pub(crate) fn config(dir: &Path) -> EdgeConfig {
    EdgeConfig::new(vec!["127.0.0.1:0".parse().unwrap()], dir)
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let temp = TempDir::new().unwrap();
        let mut config = config(temp.path());
        change(&mut config);
        Self::start(config, Some(temp)).await
    }

    pub(crate) async fn on(config: EdgeConfig) -> Self {
        Self::start(config, None).await
    }

    async fn start(config: EdgeConfig, temp: Option<TempDir>) -> Self {
        let dir = config.state_dir.clone();
        Self::serve(Edge::bind(config).await.unwrap(), dir, temp)
    }

    fn serve(edge: Edge, dir: PathBuf, temp: Option<TempDir>) -> Self {
        let address = edge.addresses()[0];
        let (stop, stopped) = oneshot::channel();
        let serving = edge.serve(async {
            let _ = stopped.await;
        });
        let task = tokio::spawn(async {
            serving.await;
        });
        let door = EdgeDoor::new(&dir);
        Self { address, door, dir, stop: Some(stop), task, _temp: temp }
    }

    /// Another edge that takes the place of this one, in the same folder at the same address.
    pub(crate) async fn successor(&self, change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let mut config = config(&self.dir);
        change(&mut config);
        let edge = Edge::take_over(config).await.unwrap();
        Self::serve(edge, self.dir.clone(), None)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Tells the edge to stop and goes on at once.
    pub(crate) fn ask_to_stop(&mut self) {
        self.stop.take();
    }

    pub(crate) async fn stopped(mut self) {
        self.ask_to_stop();
        self.ended().await;
    }

    /// Waits until the edge has ended by itself; the folder goes with it.
    pub(crate) async fn ended(mut self) {
        (&mut self.task).await.unwrap();
    }

    /// Ends the edge as a crash would: nothing is drained, nothing is written.
    pub(crate) async fn crash(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }

    pub(crate) fn set(&self, op: u32, route: &Route) {
        self.try_set(stamp(1, op), route).unwrap();
    }

    pub(crate) fn try_set(&self, stamp: Stamp, route: &Route) -> Act {
        block_in_place(|| self.door.set_route(stamp, route))
    }

    pub(crate) fn remove(&self, op: u32, service: &str) -> Act {
        block_in_place(|| self.door.remove_route(stamp(1, op), &service.into()))
    }

    pub(crate) fn served(&self, service: &str) -> Option<ServedRoute> {
        block_in_place(|| self.door.look(&service.into())).unwrap().served
    }

    pub(crate) fn in_flight(&self, release: &str) -> Option<u64> {
        let served = self.served("shop").unwrap();
        served.in_flight.iter().find(|(id, _)| id.as_str() == release).map(|(_, count)| *count)
    }

    pub(crate) fn seconds(&self, after: u64) -> Vec<SignalSecond> {
        let service = ServiceName::from("shop");
        block_in_place(|| self.door.signals(&service, after)).unwrap()
    }

    /// All that was counted for a release so far, in seconds that are over.
    pub(crate) fn arm(&self, release: &str) -> Arm {
        let release = ReleaseId::from(release);
        let mut sum = Arm::default();
        for arm in self.seconds(0).iter().filter_map(|second| second.arm(&release)) {
            sum.add(arm);
        }
        sum
    }

    /// Waits until this many requests of a release are counted.
    pub(crate) async fn arm_of(&self, release: &str, requests: u64) -> Arm {
        let what = format!("{requests} requests of {release} counted");
        until(&what, || self.arm(release).requests >= requests).await;
        self.arm(release)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.seconds(0).iter().map(|second| second.refused).sum()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.client().await.get(path).await
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn stamp(generation: u64, op: u32) -> Stamp {
    Stamp { generation: Generation(generation), deployment: 1, op: OpId(op) }
}

/// A route to one release with a replica that answers, and one that refuses.
pub(crate) fn with_one_gone(good: &Backend, gone: &Refusing) -> Route {
    let mut to = route(vec![leg("a", 100, &[good])]);
    to.legs[0].backends.push(gone.address.to_string());
    to
}

pub(crate) fn leg(release: &str, weight: u8, backends: &[&Backend]) -> Leg {
    let backends = backends.iter().map(|backend| backend.text()).collect();
    Leg { release: release.into(), weight, backends }
}

/// A route of the service `shop` for every host.
pub(crate) fn route(legs: Vec<Leg>) -> Route {
    Route { legs, ..Route::new("shop".into(), None, "/") }
}

pub(crate) fn held(max_wait_ms: u64, max_requests: u32) -> Route {
    Route { hold: Some(Hold { max_wait_ms, max_requests }), ..route(Vec::new()) }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn release(&self) -> &str {
        self.headers.get("x-release").map_or("", |value| value.to_str().unwrap())
    }
}

/// A client with one connection that is kept.
pub(crate) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
}

pub(crate) fn request(method: &str, path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let builder = Request::builder().method(method).uri(path).header("host", "any.example");
    builder.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    pub(crate) async fn begin(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    pub(crate) async fn try_send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Answer> {
        let (parts, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, text })
    }

    pub(crate) async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        self.try_send(request).await.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(request("GET", path, "")).await
    }
}
