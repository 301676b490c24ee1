//! A new edge takes over from the old one, again and again, under load.

use std::{
    fmt::Write as _,
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use ops_demo::load::{Losses, Spread};
use serde::Serialize;

use super::{
    Told,
    backend::Backend,
    changes::{come, folder, latency},
    cores::Cores,
    peers::need,
    proxies::{CONNECTIONS, Kind, Proxy, Running, edge_command},
};
use crate::{
    answer::{Goal, progress},
    ground::{BenchError, go},
};

/// How the new edge is told to take over.
const TAKE_OVER: &str = "--take-over";
/// How long the old edge may take to end: its drain and a margin.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the new one must live after the old one has ended.
const SETTLE: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(5);

/// The figures.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    rate: f64,
    wanted: u32,
    /// False if this edge does not know how.
    supported: bool,
    /// From the start of the new process to the end of the old one, in milliseconds.
    took_ms: Vec<f64>,
    /// What went wrong, if something did; no replacement follows.
    odd: Option<String>,
    requests: u64,
    lost: u64,
    losses: Losses,
    bad: u64,
    latency: Option<Spread>,
}

/// What became of one replacement.
enum Turn {
    Done(Running, Duration),
    Unknown,
    Odd(String),
}

pub(crate) fn run(wanted: u32, rate: f64) -> Result<Report, BenchError> {
    need(&[], &[("taskset", "util-linux")])?;
    let cores = Cores::take()?;
    let folder = folder()?;
    let backend = Backend::start("v1")?;
    let first = Proxy::start(Kind::Ops, folder.path(), cores, backend.address, CONNECTIONS)?;
    let address = first.address;
    let own = folder.path().join("ops-edge");
    let load = come(address, rate)?;
    let mut serving = first.into_process();
    let mut report = Report {
        rate,
        wanted,
        supported: true,
        took_ms: Vec::new(),
        odd: None,
        requests: 0,
        lost: 0,
        losses: Losses::default(),
        bad: 0,
        latency: None,
    };
    for number in 1..=wanted {
        let mut command = edge_command(&own, cores, address)?;
        command.arg(TAKE_OVER);
        match turn(command, &mut serving, &own)? {
            Turn::Done(next, took) => {
                progress(&format!("  {number} of {wanted}: {} ms", took.as_millis()));
                report.took_ms.push(took.as_secs_f64() * 1e3);
                serving = next;
            }
            Turn::Unknown => {
                report.supported = false;
                break;
            }
            Turn::Odd(why) => {
                report.odd = Some(format!("replacement {number}: {why}"));
                break;
            }
        }
    }
    let seen = go(load)?;
    let total = seen.total();
    report.requests = total.requests;
    report.lost = total.lost.total();
    report.losses = total.lost;
    report.bad = total.bad;
    report.latency = seen.latency(.., None);
    Ok(report)
}

/// Starts the next edge and waits until the one that serves has ended.
fn turn(
    mut command: std::process::Command,
    serving: &mut Running,
    own: &Path,
) -> Result<Turn, BenchError> {
    let log = own.join("next.log");
    let made = |why| BenchError::system("start", "ops edge --take-over", why);
    let words = fs::File::create(&log).map_err(made)?;
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words).spawn();
    let mut next = Running(child.map_err(made)?);
    let said = || fs::read_to_string(&log).unwrap_or_default().trim().to_owned();
    let mut old_gone: Option<Instant> = None;
    loop {
        if let Some(status) = next.0.try_wait().map_err(made)? {
            let said = said();
            let unknown = said.contains("unexpected argument") && said.contains(TAKE_OVER);
            return Ok(if unknown {
                Turn::Unknown
            } else {
                Turn::Odd(format!("the new edge ended with {status}: {said}"))
            });
        }
        if old_gone.is_none() && serving.0.try_wait().map_err(made)?.is_some() {
            old_gone = Some(Instant::now());
        }
        match old_gone {
            Some(gone) if gone.elapsed() > SETTLE => return Ok(Turn::Done(next, gone - began)),
            None if began.elapsed() > PATIENCE => {
                return Ok(Turn::Odd(format!("the old edge did not end: {}", said())));
            }
            _ => thread::sleep(POLL),
        }
    }
}

impl Told for Report {
    fn table(&self) -> String {
        let mut out = format!(
            "{} of {} replacements at {} requests/s\n{} requests, {} lost\n",
            self.took_ms.len(),
            self.wanted,
            self.rate,
            self.requests,
            self.lost
        );
        if !self.supported {
            let _ = writeln!(out, "not supported by this edge: `ops edge` has no {TAKE_OVER}");
        }
        if let Some(why) = &self.odd {
            let _ = writeln!(out, "{why}");
        }
        if let Some(most) = self.took_ms.iter().copied().reduce(f64::max) {
            let _ = writeln!(out, "the slowest took {most:.0} ms, the old edge's drain included");
        }
        out.push_str(&latency(self.latency));
        out
    }

    fn goals(&self) -> Vec<Goal> {
        let done = self.took_ms.len();
        let all = done == self.wanted as usize && done > 0;
        let figure = if self.supported {
            format!("{done} replaced, {} of {} lost, {} bad", self.lost, self.requests, self.bad)
        } else {
            "not supported by this edge".into()
        };
        let met = all && self.requests > 0 && self.lost == 0 && self.bad == 0;
        vec![Goal::new(format!("{} replacements, no request lost", self.wanted), figure, met)]
    }
}
