//! A shop that runs as a process of its own and never outlives its test.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use ops_demo::{shop::ShopConfig, versions::write_candidate};

/// Longest time that anything in these tests may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_shop"))
}

/// A running candidate.
pub(crate) struct ShopProcess {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl ShopProcess {
    /// Writes a candidate and starts it on a free port.
    pub(crate) fn start(config: &ShopConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_candidate(folder.path(), program(), config).unwrap();
        let mut child = Command::new(folder.path().join("bin/shop"))
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((_, address)) = line.trim().rsplit_once(' ') else {
            let _ = child.kill();
            panic!("the shop did not say where it listens: {line:?} {:?}", child.wait());
        };
        Self { address: address.parse().unwrap(), child, _folder: folder }
    }

    /// Orders it to stop.
    pub(crate) fn term(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Opens a connection.
    pub(crate) fn connect(&self) -> Customer {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Customer { stream: BufReader::new(stream) }
    }
}

impl Drop for ShopProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer in full.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// One connection of one customer.
pub(crate) struct Customer {
    stream: BufReader<TcpStream>,
}

impl Customer {
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.say(&format!("GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n"));
        self.hear()
    }

    pub(crate) fn post(&mut self, path: &str, body: &str) -> Answer {
        let length = body.len();
        self.say(&format!(
            "POST {path} HTTP/1.1\r\nhost: shop\r\ncontent-length: {length}\r\n\r\n{body}"
        ));
        self.hear()
    }

    pub(crate) fn say(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Reads one answer.
    pub(crate) fn hear(&mut self) -> Answer {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.stream.read_line(&mut head).unwrap(), 0, "closed after {head:?}");
        }
        let head = head.to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        self.stream.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// Whether the other side has closed the connection; waits for it.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0]), Ok(0))
    }
}
