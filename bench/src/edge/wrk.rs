//! wrk: as much as 64 connections can ask for.

use std::{
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::ground::BenchError;

/// Connections.
pub(crate) const CONNECTIONS: usize = 64;

/// What wrk saw.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    /// Socket errors, and answers other than 2xx and 3xx.
    pub(crate) failed: u64,
}

/// Starts wrk for whole seconds, on the core of this process.
pub(crate) fn start(target: SocketAddr, seconds: u64) -> Result<Child, BenchError> {
    Command::new("wrk")
        .args(["--threads", "1", "--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{seconds}s"), &format!("http://{target}/")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| BenchError::system("start", "wrk", why))
}

/// Waits for its end and reads what it says.
pub(crate) fn finish(wrk: Child) -> Result<Seen, BenchError> {
    let output = wrk.wait_with_output().map_err(|why| BenchError::system("hear", "wrk", why))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let seen = parse(&text).filter(|_| output.status.success());
    seen.ok_or_else(|| {
        let words = String::from_utf8_lossy(&output.stderr);
        BenchError::Odd(format!("wrk ended without figures: {text}{words}"))
    })
}

fn parse(text: &str) -> Option<Seen> {
    let mut seen = Seen { requests: 0, per_second: 0.0, failed: 0 };
    let mut told = false;
    for line in text.lines().map(str::trim) {
        if let Some((count, _)) = line.split_once(" requests in ") {
            seen.requests = count.parse().ok()?;
        } else if let Some(rate) = line.strip_prefix("Requests/sec:") {
            seen.per_second = rate.trim().parse().ok()?;
            told = true;
        } else if let Some(errors) = line.strip_prefix("Socket errors:") {
            let counts = errors.split(',').filter_map(|one| one.split_whitespace().last());
            seen.failed += counts.filter_map(|count| count.parse::<u64>().ok()).sum::<u64>();
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
            seen.failed += count.trim().parse::<u64>().ok()?;
        }
    }
    told.then_some(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_wrk_are_read() {
        let text = "Running 4s test @ http://127.0.0.1:9002/\n  1 threads and 64 connections\n\
                    \x20 Thread Stats   Avg      Stdev     Max   +/- Stdev\n\
                    \x20 134211 requests in 4.01s, 149.51MB read\n\
                    \x20 Socket errors: connect 0, read 3, write 0, timeout 1\n\
                    \x20 Non-2xx or 3xx responses: 5\nRequests/sec:  33500.87\nTransfer/sec: 37.32MB\n";
        let seen = Seen { requests: 134_211, per_second: 33_500.87, failed: 9 };
        assert_eq!(parse(text), Some(seen));
        assert_eq!(parse("unable to connect"), None);
    }
}
