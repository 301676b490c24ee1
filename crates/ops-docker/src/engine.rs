//! One Docker Engine, spoken to through its API.
//!
//! Who calls is synchronous; the API is not, so a connection owns a small runtime. Every call ends
//! by its own deadline. What was asked of an engine that cannot be reached was certainly not done;
//! what was asked and not answered in time may have been.

mod line;
mod ssh;
mod trouble;

use std::{
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use bollard::{ClientVersion, Docker};
use ops_core::world::Fault;
use ops_engine::ports::Look;
use tokio::{runtime::Runtime, time::timeout};

pub use line::Answers;
use ssh::Tunnel;
pub(crate) use trouble::{Hand, Trouble};

/// How long a look or an act may take, all in all.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(8);
/// How long an engine may take to say which version it is.
const HELLO_MAX: Duration = Duration::from_secs(3);
/// The same where a session of SSH is made for it.
const LOGIN_MAX: Duration = Duration::from_secs(5);
/// Beyond a call's deadline, for the runtime to tell that it passed.
const MARGIN: Duration = Duration::from_secs(1);
/// Docker 20.10 speaks this; older engines lack what we use.
const OLDEST: ClientVersion = ClientVersion { major_version: 1, minor_version: 41 };
/// The newest one that is known to mean what we think; the engine's own is taken if it is older.
const NEWEST: ClientVersion = ClientVersion { major_version: 1, minor_version: 47 };

/// A Docker Engine. Clones are the same connection.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
}

struct Inner {
    address: Address,
    /// Taken out when the last clone goes.
    runtime: Option<Runtime>,
}

enum Address {
    Socket(PathBuf),
    Tls { host: String, certificates: PathBuf },
    Ssh(Tunnel),
}

impl Engine {
    /// The engine behind a socket of this machine, such as `/var/run/docker.sock`. It need not run
    /// yet.
    pub fn local(socket: &Path) -> Look<Self> {
        Self::at(Address::Socket(socket.to_owned()))
    }

    /// An engine that is reached over TCP with TLS at `host:port`. The folder holds `ca.pem`,
    /// `cert.pem` and `key.pem`, as Docker's own client has them; there is no way without TLS.
    pub fn remote(host: &str, certificates: &Path) -> Look<Self> {
        Self::at(Address::Tls { host: host.to_owned(), certificates: certificates.to_owned() })
    }

    /// An engine that is reached through SSH: `[user@]host[:port]`, with keys and known hosts as the
    /// configuration of `ssh` has them, that of whoever ops runs as unless another one is named.
    /// Docker's own client must be there, since it leads on to the engine.
    pub fn through_ssh(host: &str, config: Option<&Path>) -> Look<Self> {
        Self::at(Address::Ssh(Tunnel::new(host, config)))
    }

    fn at(address: Address) -> Look<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("ops-docker")
            .enable_all()
            .build()
            .map_err(|error| {
                let what = format!("no threads can be started to speak with it: {error}");
                Fault::new(what, "the Docker Engine", "raise the limit of threads of ops")
            })?;
        Ok(Self { inner: Arc::new(Inner { address, runtime: Some(runtime) }) })
    }

    /// Whether this machine runs it, so that its ports are this machine's.
    pub(crate) fn is_local(&self) -> bool {
        matches!(self.inner.address, Address::Socket(_))
    }

    /// Its address, as other programs take it.
    pub(crate) fn address(&self) -> String {
        match &self.inner.address {
            Address::Socket(path) => format!("unix://{}", path.display()),
            Address::Tls { host, .. } => format!("tcp://{host}"),
            Address::Ssh(tunnel) => format!("ssh://{}", tunnel.host()),
        }
    }

    /// Where it is, in words.
    pub(crate) fn place(&self) -> String {
        match &self.inner.address {
            Address::Socket(path) => format!("Docker at {}", path.display()),
            Address::Tls { host, .. } => format!("Docker at {host}"),
            Address::Ssh(tunnel) => format!("Docker behind ssh {}", tunnel.host()),
        }
    }

    /// Starts something that goes on by itself.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.inner.runtime {
            runtime.spawn(work);
        }
    }

    /// Does something within a time; `None` if it did not end. It may be called from anywhere,
    /// also from within another runtime.
    pub(crate) fn within<T: Send + 'static>(
        &self,
        wait: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (told, hear) = mpsc::sync_channel(1);
        self.spawn(async move {
            let _ = told.send(timeout(wait, work).await.ok());
        });
        hear.recv_timeout(wait + MARGIN).ok().flatten()
    }

    /// Asks something; only looks.
    pub(crate) fn ask<T, F, Work>(&self, work: F) -> Look<T>
    where
        T: Send + 'static,
        F: FnOnce(Docker) -> Work + Send + 'static,
        Work: Future<Output = Result<T, Trouble>> + Send + 'static,
    {
        let engine = self.clone();
        let asked = self.within(CALL_MAX, async move {
            let docker = engine.connect().await?;
            work(docker).await
        });
        asked
            .unwrap_or_else(|| Err(Trouble::Lost("it did not answer in time".to_owned())))
            .map_err(|trouble| trouble.fault(&self.place()))
    }

    /// A connection to the engine as it is now.
    pub(crate) async fn connect(&self) -> Result<Docker, Trouble> {
        let secs = CALL_MAX.as_secs();
        let docker = match &self.inner.address {
            Address::Socket(path) => {
                Docker::connect_with_unix(&path.display().to_string(), secs, &NEWEST)
            }
            Address::Tls { host, certificates: folder } => {
                let file = |name| folder.join(name);
                let (key, certificate, authority) =
                    (file("key.pem"), file("cert.pem"), file("ca.pem"));
                Docker::connect_with_ssl(host, &key, &certificate, &authority, secs, &NEWEST)
            }
            Address::Ssh(tunnel) => tunnel.docker(secs, &NEWEST),
        };
        let docker = docker.map_err(|error| Trouble::Away(error.to_string()))?;
        let hello = match self.inner.address {
            Address::Ssh(_) => LOGIN_MAX,
            Address::Socket(_) | Address::Tls { .. } => HELLO_MAX,
        };
        let docker = match timeout(hello, docker.negotiate_version()).await {
            Ok(Ok(docker)) => docker,
            Ok(Err(error)) => return Err(Trouble::Away(self.why(trouble::words(&error)).await)),
            Err(_) => {
                let words = "it does not say which version it is".to_owned();
                return Err(Trouble::Away(self.why(words).await));
            }
        };
        let version = docker.client_version();
        if version < OLDEST {
            return Err(Trouble::Old(format!(
                "it speaks API {version}, and ops needs {OLDEST} (Docker 20.10) or newer"
            )));
        }
        Ok(docker)
    }

    /// What is to be said of an engine that does not answer: what leads to it may know more.
    async fn why(&self, words: String) -> String {
        match &self.inner.address {
            Address::Ssh(tunnel) => tunnel.last_words().await.unwrap_or(words),
            Address::Socket(_) | Address::Tls { .. } => words,
        }
    }

    /// A connection for an act, which is not done if there is none.
    pub(crate) async fn hand(&self) -> Result<Hand, Trouble> {
        Ok(Hand::new(self.place(), self.connect().await?))
    }

    /// The architecture of its machine, as images name it: `amd64`, `arm64`.
    pub(crate) async fn architecture(&self) -> Look<String> {
        let asked = async {
            let docker = self.connect().await?;
            Ok(docker.version().await?.arch.unwrap_or_default())
        };
        asked.await.map_err(|trouble: Trouble| trouble.fault(&self.place()))
    }
}

/// The time that is left until a deadline.
pub(crate) fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Never waits, so that the last clone may go anywhere, also within a runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.place()).finish()
    }
}
