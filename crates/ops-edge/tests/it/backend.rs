//! A real HTTP server that stands for one replica of a release.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, channel::Channel, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Notify, Semaphore},
    task::JoinHandle,
};

type Body = BoxBody<Bytes, Infallible>;

/// How long `/work` takes.
const WORK: Duration = Duration::from_millis(3);

/// What tests see of a backend and steer it with.
#[derive(Default)]
pub(crate) struct Inside {
    /// Requests that arrived.
    pub(crate) arrived: AtomicUsize,
    /// Connections that were accepted.
    pub(crate) accepted: AtomicUsize,
    /// `/wait` answers, and `/drip` and `/break` go on, once per permit.
    pub(crate) go: Gate,
    /// All connections are cut when this is notified.
    cut: Notify,
}

/// A semaphore that begins closed.
pub(crate) struct Gate(Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Gate {
    pub(crate) fn open(&self, times: usize) {
        self.0.add_permits(times);
    }

    async fn pass(&self) {
        self.0.acquire().await.expect("the gate is never closed for good").forget();
    }
}

/// A running backend; stops when dropped.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    pub(crate) inside: Arc<Inside>,
    accepting: JoinHandle<()>,
}

impl Backend {
    pub(crate) async fn start(name: &'static str) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), name).await
    }

    pub(crate) async fn start_at(address: SocketAddr, name: &'static str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Inside::default());
        let accepting = tokio::spawn(accept(listener, name, Arc::clone(&inside)));
        Self { address, inside, accepting }
    }

    pub(crate) fn text(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn arrived(&self) -> usize {
        self.inside.arrived.load(Ordering::SeqCst)
    }

    pub(crate) fn accepted(&self) -> usize {
        self.inside.accepted.load(Ordering::SeqCst)
    }

    /// Closes the connections that are open now.
    pub(crate) fn cut_connections(&self) {
        self.inside.cut.notify_waiters();
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut_connections();
    }
}

/// An address that refuses connections and that nobody else can take meanwhile.
pub(crate) struct Refusing {
    pub(crate) address: SocketAddr,
    _bound: TcpSocket,
}

impl Refusing {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { address: socket.local_addr().unwrap(), _bound: socket }
    }
}

async fn accept(listener: TcpListener, name: &'static str, inside: Arc<Inside>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        inside.accepted.fetch_add(1, Ordering::SeqCst);
        let inside = Arc::clone(&inside);
        tokio::spawn(async move {
            let cut = inside.cut.notified();
            let service = service_fn(|request| answer(request, name, Arc::clone(&inside)));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                _ = connection => {}
                () = cut => {}
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    name: &'static str,
    inside: Arc<Inside>,
) -> Result<Response<Body>, Infallible> {
    inside.arrived.fetch_add(1, Ordering::SeqCst);
    let path = request.uri().path().to_owned();
    let mut response = match path.rsplit('/').next().unwrap_or_default() {
        "wait" => {
            inside.go.pass().await;
            words(name)
        }
        "work" => {
            // Some time in which the request is in flight; nothing waits for its end.
            tokio::time::sleep(WORK).await;
            let _ = request.into_body().collect().await;
            words(name)
        }
        "echo" => Response::new(collect(request).await),
        "headers" => words(&format!("{:?} {:?}", request.uri(), request.headers())),
        "drip" => drip(&inside, None),
        "break" => drip(&inside, Some(1000)),
        "empty" => status(words(""), StatusCode::NO_CONTENT),
        "redirect" => status(words(""), StatusCode::FOUND),
        "missing" => status(words("missing"), StatusCode::NOT_FOUND),
        "error" => status(words("error"), StatusCode::INTERNAL_SERVER_ERROR),
        _ => {
            // The body is read, so that the connection can be kept.
            let _ = request.into_body().collect().await;
            words(name)
        }
    };
    response.headers_mut().insert("x-release", name.parse().unwrap());
    Ok(response)
}

fn words(text: &str) -> Response<Body> {
    Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed())
}

fn status(mut response: Response<Body>, status: StatusCode) -> Response<Body> {
    *response.status_mut() = status;
    response
}

async fn collect(request: Request<Incoming>) -> Body {
    match request.into_body().collect().await {
        Ok(body) => Full::new(body.to_bytes()).boxed(),
        Err(_) => Full::new(Bytes::new()).boxed(),
    }
}

/// A first piece at once, a second one when the gate opens. With a promised length that is not
/// kept, the body breaks.
fn drip(inside: &Arc<Inside>, promised: Option<u64>) -> Response<Body> {
    let (mut sender, body) = Channel::<Bytes, Infallible>::new(1);
    let inside = Arc::clone(inside);
    tokio::spawn(async move {
        let _ = sender.send_data(Bytes::from_static(b"first ")).await;
        inside.go.pass().await;
        let _ = sender.send_data(Bytes::from_static(b"second")).await;
    });
    let mut response = Response::new(body.boxed());
    if let Some(length) = promised {
        response.headers_mut().insert("content-length", length.into());
    }
    response
}
