//! Servers that do what no proper server does.

use std::{future::Future, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A server whose every connection is handled by `handle`. It lives as long as the test's runtime.
pub(crate) async fn serve<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(handle(stream));
        }
    });
    address
}

/// A server that gives the same bytes to every request and keeps the connection.
pub(crate) async fn serve_always(answer: &'static str) -> SocketAddr {
    serve(move |mut stream| async move {
        while read_request(&mut stream).await {
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// Reads the head of a request; `false` when the customer is gone. Bodies are not understood.
pub(crate) async fn read_request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

/// What the service itself would answer.
pub(crate) const GOOD: &str =
    "HTTP/1.1 200 OK\r\nx-shop-version: v1\r\ncontent-length: 2\r\n\r\nok";
