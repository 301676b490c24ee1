//! An engine behind SSH: the machine's own `ssh` leads to Docker's client there, which leads to the
//! engine. Nobody is asked for anything: keys and known hosts must be in place.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bollard::{BollardRequest, ClientVersion, Docker};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo},
};
use tokio::{
    io::{AsyncReadExt as _, Join},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    sync::watch,
    time::timeout,
};

/// What `ssh` is told always. A host that fell silent is given up within ten seconds.
const OPTIONS: [&str; 9] = [
    "-T",
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=3",
    "-o",
    "ServerAliveInterval=5",
    "-o",
    "ServerAliveCountMax=2",
];
/// What runs there.
const DIAL: [&str; 3] = ["docker", "system", "dial-stdio"];
/// Of what `ssh` says, so much is told.
const WORDS_MAX: u64 = 2_000;
/// How long `ssh` may still speak after its connection has ended: that is seen on another pipe.
const WORDS_WAIT: Duration = Duration::from_secs(2);

/// The way to one host.
#[derive(Debug, Clone)]
pub(super) struct Tunnel {
    host: String,
    config: Option<PathBuf>,
    /// What the last `ssh` has said on its standard error; closed when it will say no more.
    said: Arc<Mutex<watch::Receiver<String>>>,
}

impl Tunnel {
    pub(super) fn new(host: &str, config: Option<&Path>) -> Self {
        let (_, nothing) = watch::channel(String::new());
        Self {
            host: host.to_owned(),
            config: config.map(Path::to_owned),
            said: Arc::new(Mutex::new(nothing)),
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What `ssh` said last, if it said anything; it is heard to its end.
    pub(super) async fn last_words(&self) -> Option<String> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // One that stays, such as the master of a shared connection, has said enough by then.
        let _ = timeout(WORDS_WAIT, async { while said.changed().await.is_ok() {} }).await;
        let said = said.borrow();
        let words = said.trim();
        (!words.is_empty()).then(|| format!("ssh says: {words}"))
    }

    /// An engine's client whose connections are made here.
    pub(super) fn docker(
        &self,
        timeout_secs: u64,
        version: &ClientVersion,
    ) -> Result<Docker, bollard::errors::Error> {
        let client = Client::builder(TokioExecutor::new()).build(Dial(self.clone()));
        let ask = move |request: BollardRequest| {
            let asked = client.request(request);
            Box::pin(async move { asked.await.map_err(bollard::errors::Error::from) })
                as Pin<Box<dyn Future<Output = _> + Send>>
        };
        Docker::connect_with_custom_transport(ask, Some("http://engine"), timeout_secs, version)
    }

    /// The words of `ssh`: never a shell line of this machine, and nothing that could be an option.
    fn words(&self, there: &[&str]) -> Vec<OsString> {
        let mut words: Vec<OsString> = OPTIONS.iter().map(OsString::from).collect();
        if let Some(config) = &self.config {
            words.extend([OsString::from("-F"), config.into()]);
        }
        let (host, port) = match self.host.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (self.host.as_str(), None),
        };
        if let Some(port) = port {
            words.extend(["-p", port].map(OsString::from));
        }
        words.extend(["--", host].map(OsString::from));
        words.extend(there.iter().map(OsString::from));
        words
    }

    fn dial(&self) -> io::Result<Line> {
        let (input, output, child) = self.run(&DIAL)?;
        Ok(Line { ends: TokioIo::new(tokio::io::join(output, input)), _child: child })
    }

    /// Starts a program on the host; it ends when the child is dropped.
    pub(super) fn run(&self, there: &[&str]) -> io::Result<(ChildStdin, ChildStdout, Child)> {
        let mut child = Command::new("ssh")
            .args(self.words(there))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let broken = || io::Error::other("ssh has no pipes");
        let input = child.stdin.take().ok_or_else(broken)?;
        let output = child.stdout.take().ok_or_else(broken)?;
        if let Some(errors) = child.stderr.take() {
            let (says, said) = watch::channel(String::new());
            *self.said.lock().unwrap_or_else(PoisonError::into_inner) = said;
            tokio::spawn(listen(errors, says));
        }
        Ok((input, output, child))
    }
}

/// Remembers what `ssh` says.
async fn listen(errors: ChildStderr, says: watch::Sender<String>) {
    let mut text = Vec::new();
    let mut errors = errors.take(WORDS_MAX);
    // Line by line, so that what was said before a silence is known.
    while errors.read_buf(&mut text).await.is_ok_and(|n| n > 0) {
        says.send_replace(String::from_utf8_lossy(&text).into_owned());
    }
}

/// Makes connections, wherever they are said to lead.
#[derive(Clone)]
struct Dial(Tunnel);

impl tower_service::Service<hyper::Uri> for Dial {
    type Response = Line;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Line>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: hyper::Uri) -> Self::Future {
        std::future::ready(self.0.dial())
    }
}

/// One connection; its `ssh` ends with it.
struct Line {
    ends: TokioIo<Join<ChildStdout, ChildStdin>>,
    _child: Child,
}

impl Line {
    fn ends(self: Pin<&mut Self>) -> Pin<&mut TokioIo<Join<ChildStdout, ChildStdin>>> {
        Pin::new(&mut self.get_mut().ends)
    }
}

impl Connection for Line {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.ends().poll_read(context, into)
    }
}

impl hyper::rt::Write for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.ends().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ends().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.ends().poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tunnel: &Tunnel) -> String {
        let words = tunnel.words(&DIAL).into_iter().map(|word| word.into_string().unwrap());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ssh_is_told_where_and_never_asks() {
        let plain = said(&Tunnel::new("deploy@10.0.0.2", None));
        assert!(plain.starts_with("-T -o BatchMode=yes "), "{plain}");
        assert!(plain.ends_with(" -- deploy@10.0.0.2 docker system dial-stdio"), "{plain}");
        let full = said(&Tunnel::new("shop:2222", Some(Path::new("/etc/ops/ssh"))));
        let end = " -F /etc/ops/ssh -p 2222 -- shop docker system dial-stdio";
        assert!(full.ends_with(end), "{full}");
    }

    #[test]
    fn what_ssh_says_after_its_connection_has_ended_is_heard() {
        let tunnel = Tunnel::new("shop", None);
        let (says, said) = watch::channel(String::new());
        *tunnel.said.lock().unwrap() = said;
        let late = async move {
            tokio::task::yield_now().await;
            says.send_replace("Permission denied\n".to_owned());
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (words, ()) = runtime.block_on(async { tokio::join!(tunnel.last_words(), late) });
        assert_eq!(words.unwrap(), "ssh says: Permission denied");
    }
}
