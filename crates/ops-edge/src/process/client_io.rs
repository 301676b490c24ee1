//! A client's bytes: the first ones read ahead to see what it speaks, and an end to clients that
//! do not read their answers.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What every HTTP/2 connection begins with (RFC 9113 §3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A client's connection.
pub(super) struct ClientIo<S> {
    stream: S,
    /// Bytes that were read ahead, and how many of these are given out.
    ahead: [u8; PREFACE.len()],
    read: usize,
    given: usize,
    stall_limit: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientIo<S> {
    /// A connection whose client may leave an answer unread for at most `stall_limit`.
    pub(super) fn new(stream: S, stall_limit: Duration) -> Self {
        let ahead = [0; PREFACE.len()];
        Self { stream, ahead, read: 0, given: 0, stall_limit, stalled: None }
    }

    /// Reads ahead until it is clear whether the client speaks HTTP/2. Whoever calls it bounds the
    /// time.
    pub(super) async fn speaks_h2(&mut self) -> io::Result<bool> {
        while self.read < PREFACE.len() {
            let count = self.stream.read(&mut self.ahead[self.read..]).await?;
            self.read += count;
            if count == 0 || self.ahead[..self.read] != PREFACE[..self.read] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Passes on what a write came to; ends the connection if it can make no progress for long.
    fn unless_stalled<T>(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let limit = self.stall_limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given < self.read {
            let count = buf.remaining().min(self.read - self.given);
            let (from, to) = (self.given, self.given + count);
            buf.put_slice(&self.ahead[from..to]);
            self.given = to;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.unless_stalled(cx, wrote)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.unless_stalled(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.unless_stalled(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncWriteExt as _, DuplexStream, duplex},
        time::{Instant, sleep},
    };

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const ROOM: usize = 64;

    fn pair() -> (ClientIo<DuplexStream>, DuplexStream) {
        let (door, client) = duplex(ROOM);
        (ClientIo::new(door, LIMIT), client)
    }

    #[tokio::test(start_paused = true)]
    async fn p9_a_client_may_read_as_slowly_as_it_likes_but_not_stop() {
        let (mut io, mut client) = pair();
        let began = Instant::now();
        let reading = tokio::spawn(async move {
            for _ in 0..10 {
                sleep(LIMIT * 9 / 10).await;
                client.read_exact(&mut [0; ROOM]).await.unwrap();
            }
            // It stays, and reads no more.
            sleep(LIMIT * 100).await;
        });
        let wrote = io.write_all(&[b'x'; ROOM * 20]).await;
        assert_eq!(wrote.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), LIMIT * 9 + LIMIT);
        reading.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_ahead_is_given_out_once() {
        for (said, h2) in [(&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nrest"[..], true), (b"PRI *", false)]
        {
            let (mut io, mut client) = pair();
            client.write_all(said).await.unwrap();
            client.shutdown().await.unwrap();
            assert_eq!(io.speaks_h2().await.unwrap(), h2);
            let mut all = Vec::new();
            // Into less room than was read ahead.
            while let Ok(byte) = io.read_u8().await {
                all.push(byte);
            }
            assert_eq!(all, said);
        }
    }
}
