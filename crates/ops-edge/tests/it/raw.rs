//! Servers and clients that write every byte themselves.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};

/// Longest wait for bytes that must come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that hands each connection to a function; stops when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start<F, W>(serve: F) -> Self
    where
        F: Fn(TcpStream) -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream));
                }
            }
        });
        Self { address, accepting }
    }

    pub(crate) fn text(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Reads to the end of a header; what came after it is given back too.
pub(crate) async fn read_head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            return (String::from_utf8_lossy(&bytes).into_owned(), rest);
        }
        match timeout(PATIENCE, stream.read(&mut piece)).await.expect("a header in time") {
            Ok(0) | Err(_) => return (String::from_utf8_lossy(&bytes).into_owned(), Vec::new()),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}

/// Reads exactly as many bytes.
pub(crate) async fn read_bytes(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("bytes in time").unwrap();
    bytes
}

/// Reads until the other side ends the connection, however it does.
pub(crate) async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end in time");
    bytes
}

pub(crate) async fn connect(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Agrees to whatever protocol is asked for, then sends back what it gets, until the client ends.
pub(crate) async fn agree_and_echo(mut stream: TcpStream) {
    let (head, rest) = read_head(&mut stream).await;
    let protocol =
        head.lines().find_map(|line| line.strip_prefix("upgrade: ")).unwrap_or("none").to_owned();
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: {protocol}\r\n\
         sec-websocket-accept: yes\r\n\r\n"
    );
    if stream.write_all(answer.as_bytes()).await.is_err() || stream.write_all(&rest).await.is_err()
    {
        return;
    }
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut piece).await {
        let bytes = &piece[..count];
        // A service that is told goodbye says the same, and ends the connection (RFC 6455 §7.1.1).
        if let Some(before) = bytes.strip_suffix(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]) {
            let _ = stream.write_all(&[before, &[0x88, 0x02, 0x03, 0xe9]].concat()).await;
            return;
        }
        if stream.write_all(bytes).await.is_err() {
            return;
        }
    }
}
