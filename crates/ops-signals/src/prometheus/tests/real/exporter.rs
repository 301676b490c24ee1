//! A service that can be scraped. It does as much as it is scraped, so that what is counted does
//! not depend on when that is.

use std::{
    fmt::Write as _,
    io::Write as _,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::protobuf;
use crate::liar::Liar;

/// Where counters begin: far above what a test counts, so that a reset that is taken for a number
/// would be seen.
const BEGIN: u64 = 1_000_000;

/// How a scrape is answered: the type of the answer, and the answer after so many scrapes.
type Tell = Box<dyn Fn(u64) -> Vec<u8> + Send>;

pub(super) struct Exporter {
    liar: Liar,
    scrapes: Arc<AtomicU64>,
    silent: Arc<AtomicBool>,
}

impl Exporter {
    fn telling(kind: &'static str, tell: Tell) -> Self {
        let (scrapes, silent) = (Arc::new(AtomicU64::new(BEGIN)), Arc::new(AtomicBool::new(false)));
        let (counting, quiet) = (Arc::clone(&scrapes), Arc::clone(&silent));
        let liar = Liar::each(move |mut stream, _| {
            let scrape = counting.fetch_add(1, Ordering::SeqCst) + 1;
            let body = if quiet.load(Ordering::SeqCst) { Vec::new() } else { tell(scrape) };
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all(&body);
        });
        Self { liar, scrapes, silent }
    }

    fn text(tell: impl Fn(u64) -> String + Send + 'static) -> Self {
        let tell = Box::new(move |scrape| tell(scrape).into_bytes());
        Self::telling("text/plain; version=0.0.4", tell)
    }

    /// So many payments with each scrape, of which one fails.
    pub(super) fn payments(each: u64) -> Self {
        Self::text(move |scrape| {
            let total = scrape * each;
            format!(
                "# TYPE payments_total counter\npayments_total {total}\n\
                 # TYPE failed_total counter\nfailed_total {scrape}\n"
            )
        })
    }

    /// So many payments with each scrape, of which none has ever failed.
    pub(super) fn unfailing(each: u64) -> Self {
        Self::text(move |scrape| {
            format!("# TYPE payments_total counter\npayments_total {}\n", scrape * each)
        })
    }

    /// Requests with each scrape: so many up to each bound, and so many in all.
    pub(super) fn histogram(bounds: &[(&'static str, u64)], all: u64) -> Self {
        let bounds = [bounds, &[("+Inf", all)]].concat();
        Self::text(move |scrape| {
            let mut text = "# TYPE request histogram\n".to_owned();
            for (le, each) in &bounds {
                writeln!(text, "request_bucket{{le=\"{le}\"}} {}", scrape * each).unwrap();
            }
            writeln!(text, "request_sum 0\nrequest_count {}", scrape * all).unwrap();
            text
        })
    }

    /// A queue of this length.
    pub(super) fn queue(length: f64) -> Self {
        Self::text(move |_| format!("# TYPE queue gauge\nqueue {length}\n"))
    }

    /// One request of each of these durations with each scrape, as a native histogram.
    pub(super) fn native(schema: i32, seconds: &'static [f64]) -> Self {
        let tell = move |scrape| protobuf::histogram("request_seconds", schema, seconds, scrape);
        Self::telling(protobuf::KIND, Box::new(tell))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.liar.url().strip_prefix("http://").unwrap().parse().unwrap()
    }

    /// As if it had been started anew.
    pub(super) fn reset(&self) {
        self.scrapes.store(0, Ordering::SeqCst);
    }

    /// From now on it has no series.
    pub(super) fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }
}
