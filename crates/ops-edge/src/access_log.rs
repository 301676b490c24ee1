//! The access log: one line of JSON per request that is over, without anything that could name a
//! person or a secret (P13): no path, no query, no header, no address.
//!
//! Lines are written by a thread of their own. If it cannot keep up, lines are left out and counted,
//! and requests do not wait.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Method, Version};
use ops_core::id::ReleaseId;
use serde::Serialize;

use crate::state::{Completed, Outcome, ServiceState};

/// Lines that may wait for the thread.
const MAX_WAITING: usize = 8192;

/// Bytes of a log beyond which a new one is begun; one old one is kept beside it.
const MAX_BYTES: u64 = 32 * 1024 * 1024;

/// How long lines may stay in memory.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

const FILE: &str = "access.log";
const OLD_FILE: &str = "access.log.1";

/// Where requests are written down.
pub(crate) struct AccessLog {
    lines: SyncSender<Line>,
    percent: u8,
    left_out: Arc<AtomicU64>,
}

#[derive(Serialize)]
struct Line {
    /// Milliseconds since 1970.
    at_ms: u64,
    service: String,
    release: String,
    method: String,
    http: &'static str,
    template: String,
    /// Status, or what happened instead.
    outcome: String,
    micros: u64,
    bytes_in: u64,
    bytes_out: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held: bool,
    /// Lines that were left out before this one.
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl AccessLog {
    /// Writes `percent` of the requests, and all that fail, to a file in a folder.
    pub(crate) fn begin(dir: &Path, percent: u8) -> io::Result<Arc<Self>> {
        let (lines, waiting) = sync_channel(MAX_WAITING);
        let writer = Writer::open(dir, MAX_BYTES)?;
        let left_out = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&left_out);
        thread::Builder::new()
            .name("ops-edge-log".to_owned())
            .spawn(move || writer.write_on(&waiting, &count))?;
        Ok(Arc::new(Self { lines, percent, left_out }))
    }

    /// Notes a request that is over, if it is drawn or has failed.
    pub(crate) fn note(
        &self,
        service: &ServiceState,
        release: &ReleaseId,
        method: &Method,
        version: Version,
        done: &Completed,
    ) {
        if !done.outcome.is_error() && fastrand::u8(0..100) >= self.percent {
            return;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let line = Line {
            at_ms: since.as_millis() as u64,
            service: service.name().0.clone(),
            release: release.0.clone(),
            method: known(method).to_owned(),
            http: if version == Version::HTTP_2 { "2" } else { "1.1" },
            template: service.templates().name(done.template),
            outcome: words(done.outcome),
            micros: done.latency_micros,
            bytes_in: done.bytes.0,
            bytes_out: done.bytes.1,
            held: done.held,
            left_out: self.left_out.swap(0, Ordering::Relaxed),
        };
        if let Err(refused) = self.lines.try_send(line) {
            let (std::sync::mpsc::TrySendError::Full(line)
            | std::sync::mpsc::TrySendError::Disconnected(line)) = refused;
            self.left_out.fetch_add(line.left_out + 1, Ordering::Relaxed);
        }
    }
}

/// A method could be any word that a client made up.
fn known(method: &Method) -> &str {
    const METHODS: [Method; 8] = [
        Method::GET,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
    ];
    if METHODS.contains(method) { method.as_str() } else { "other" }
}

fn words(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answered(status) => status.to_string(),
        Outcome::Broken => "connect".to_owned(),
        Outcome::Reset => "reset".to_owned(),
        Outcome::TimedOut => "timeout".to_owned(),
    }
}

struct Writer {
    dir: PathBuf,
    file: BufWriter<File>,
    written: u64,
    max_bytes: u64,
}

impl Writer {
    /// Goes on with the log of a folder.
    fn open(dir: &Path, max_bytes: u64) -> io::Result<Self> {
        let path = dir.join(FILE);
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let written = file.metadata()?.len();
        Ok(Self { dir: dir.to_owned(), file: BufWriter::new(file), written, max_bytes })
    }

    /// Writes until nobody can send any more. What cannot be written is left out and counted.
    fn write_on(mut self, waiting: &Receiver<Line>, left_out: &AtomicU64) {
        let mut told = false;
        loop {
            let wrote = match waiting.recv_timeout(FLUSH_EVERY) {
                Ok(line) => self.write(&line).inspect_err(|_| {
                    left_out.fetch_add(line.left_out + 1, Ordering::Relaxed);
                }),
                Err(RecvTimeoutError::Timeout) => self.file.flush(),
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.file.flush();
                    return;
                }
            };
            match wrote {
                Ok(()) => told = false,
                Err(_) if told => {}
                Err(error) => {
                    told = true;
                    tracing::warn!(%error, "the access log cannot be written");
                }
            }
        }
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if self.written + text.len() as u64 > self.max_bytes {
            self.begin_anew()?;
        }
        self.written += text.len() as u64;
        self.file.write_all(&text)
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        self.file.flush()?;
        fs::rename(self.dir.join(FILE), self.dir.join(OLD_FILE))?;
        *self = Self::open(&self.dir, self.max_bytes)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    fn line(number: u64) -> Line {
        Line {
            at_ms: number,
            service: "shop".to_owned(),
            release: "a".to_owned(),
            method: "GET".to_owned(),
            http: "1.1",
            template: "/carts/{}".to_owned(),
            outcome: "200".to_owned(),
            micros: 1,
            bytes_in: 0,
            bytes_out: 0,
            held: false,
            left_out: 0,
        }
    }

    /// The numbers of the lines of a file, all of which must be whole.
    fn numbers(dir: &Path, file: &str) -> Vec<u64> {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        let number = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["at_ms"].as_u64().unwrap()
        };
        text.lines().map(number).collect()
    }

    #[test]
    fn p9_a_full_log_is_put_aside_whole_and_takes_the_place_of_the_one_before() {
        let temp = TempDir::new().unwrap();
        let dir = temp.path();
        let each = serde_json::to_vec(&line(100)).unwrap().len() as u64 + 1;
        // Room for ten lines and a half.
        let max_bytes = each * 10 + each / 2;
        let mut writer = Writer::open(dir, max_bytes).unwrap();
        for number in 100..105 {
            writer.write(&line(number)).unwrap();
        }
        drop(writer);
        // The next process goes on where this one ended, and counts what is there.
        let mut writer = Writer::open(dir, max_bytes).unwrap();
        for number in 105..125 {
            writer.write(&line(number)).unwrap();
        }
        writer.file.flush().unwrap();
        assert_eq!(numbers(dir, OLD_FILE), (110..120).collect::<Vec<_>>());
        assert_eq!(numbers(dir, FILE), (120..125).collect::<Vec<_>>());
        for file in [FILE, OLD_FILE] {
            let about = fs::metadata(dir.join(file)).unwrap();
            assert!(about.len() <= max_bytes);
            assert_eq!(about.permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(dir).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_counted_in_the_next_line_that_can() {
        let temp = TempDir::new().unwrap();
        let dir = temp.path().to_owned();
        // What stands in the way cannot be replaced by a file.
        fs::create_dir_all(dir.join(OLD_FILE).join("x")).unwrap();
        let writer = Writer::open(&dir, 1).unwrap();
        let left_out = Arc::new(AtomicU64::new(0));
        let ((lines, waiting), count) = (sync_channel(8), Arc::clone(&left_out));
        let thread = thread::spawn(move || writer.write_on(&waiting, &count));
        for number in 1..=3 {
            lines.send(line(number)).unwrap();
        }
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while left_out.load(Ordering::Relaxed) < 3 {
            assert!(std::time::Instant::now() < end, "not in time: three lines are left out");
            thread::sleep(Duration::from_millis(5));
        }
        fs::remove_dir_all(dir.join(OLD_FILE)).unwrap();
        lines.send(Line { left_out: left_out.swap(0, Ordering::Relaxed), ..line(4) }).unwrap();
        drop(lines);
        thread.join().unwrap();
        assert_eq!(numbers(&dir, FILE), [4]);
        let text = fs::read_to_string(dir.join(FILE)).unwrap();
        assert!(text.contains(r#""left_out":3"#), "{text}");
    }
}
