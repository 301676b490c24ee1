//! Who runs on which core, and how busy processes and cores are.
//!
//! The proxy that is measured has one core for itself; load generators and the backend share
//! another one. Programs are pinned before they start, so that all their threads are.

use std::{
    ffi::OsStr,
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use crate::ground::BenchError;

/// Ticks per second in `/proc` (`USER_HZ`): 100 wherever this builds for (proc(5)).
const TICKS_PER_SECOND: f64 = 100.0;

/// How long both cores must rest before the machine counts as quiet, and how busy they may be.
const QUIET: Duration = Duration::from_millis(500);
const QUIET_BUSY: f64 = 0.1;

/// The two cores of a measurement.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Cores {
    /// The proxy's own.
    pub(crate) proxy: usize,
    /// That of the load, the backend and this program.
    pub(crate) load: usize,
}

impl Cores {
    /// Takes the first two cores that this process may use, and moves itself to the second one:
    /// threads and programs that it starts from now on are there too.
    pub(crate) fn take() -> Result<Self, BenchError> {
        let refused = |why: rustix::io::Errno| {
            BenchError::system("choose cores", "the CPU affinity of this process", why.into())
        };
        let allowed = sched_getaffinity(None).map_err(refused)?;
        let mut free = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let (Some(proxy), Some(load)) = (free.next(), free.next()) else {
            let why = "the proxy needs a core of its own: run this where two cores may be used";
            return Err(BenchError::Odd(why.into()));
        };
        let mut own = CpuSet::new();
        own.set(load);
        sched_setaffinity(None, &own).map_err(refused)?;
        Ok(Self { proxy, load })
    }

    /// A command whose process will have the proxy's core.
    pub(crate) fn on_proxy_core(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("taskset");
        command.arg("--cpu-list").arg(self.proxy.to_string()).arg(program);
        command
    }
}

/// Processor time that a process and its children have used, user and system.
pub(crate) fn used_by(pid: u32) -> Result<Duration, BenchError> {
    let mut ticks = ticks_of(pid)?;
    // Children that have just gone have nothing to tell.
    ticks += children(pid).into_iter().filter_map(|child| ticks_of(child).ok()).sum::<u64>();
    Ok(Duration::from_secs_f64(ticks as f64 / TICKS_PER_SECOND))
}

/// A process's children. Those of other threads than its first are not seen: no proxy has any.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

fn ticks_of(pid: u32) -> Result<u64, BenchError> {
    let place = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&place)
        .map_err(|why| BenchError::system("read the time of a process", &place, why))?;
    parse_ticks(&text).ok_or_else(|| BenchError::Odd(format!("{place} has another form")))
}

/// Fields 14 and 15 of `/proc/PID/stat`: user and system time. The name in field 2 may hold spaces.
fn parse_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// How busy the load's core is, whoever keeps it busy.
pub(crate) struct CoreWatch {
    core: usize,
    began: Instant,
    idle: Option<u64>,
}

impl CoreWatch {
    pub(crate) fn begin(core: usize) -> Self {
        Self { core, began: Instant::now(), idle: idle_ticks(core) }
    }

    /// Share of the time since the beginning in which the core was not idle.
    pub(crate) fn busy(&self) -> f64 {
        let (Some(before), Some(now)) = (self.idle, idle_ticks(self.core)) else {
            return f64::NAN;
        };
        let idle = now.saturating_sub(before) as f64 / TICKS_PER_SECOND;
        (1.0 - idle / self.began.elapsed().as_secs_f64()).clamp(0.0, 1.0)
    }
}

/// Waits until both cores have rested for a moment, at most `patience`. Whether the machine stays
/// quiet is what the share of the proxy's core tells.
pub(crate) fn await_quiet(cores: Cores, patience: Duration) {
    let end = Instant::now() + patience;
    while Instant::now() < end {
        let watches = [cores.proxy, cores.load].map(CoreWatch::begin);
        thread::sleep(QUIET);
        if watches.iter().all(|watch| watch.busy() <= QUIET_BUSY) {
            return;
        }
    }
}

fn idle_ticks(core: usize) -> Option<u64> {
    parse_idle(&fs::read_to_string("/proc/stat").ok()?, core)
}

/// Idle time of a core and its waits for disks, of `/proc/stat`.
fn parse_idle(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core} ");
    let mut fields = stat.lines().find_map(|line| line.strip_prefix(&name))?.split_whitespace();
    let idle: u64 = fields.nth(3)?.parse().ok()?;
    let waits: u64 = fields.next()?.parse().ok()?;
    Some(idle + waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_past_an_odd_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 5 1 1";
        assert_eq!(parse_ticks(stat), Some(300));
        assert_eq!(parse_ticks("7 (a"), None);
    }

    #[test]
    fn the_idle_time_is_that_of_the_core() {
        let stat = "cpu  9 9 9 9 9 9 9 0 0 0\ncpu0 1 2 3 400 5 6 7 0 0 0\ncpu10 1 1 1 1 1 1\n";
        assert_eq!(parse_idle(stat, 0), Some(405));
        assert_eq!(parse_idle(stat, 1), None);
    }

    #[test]
    fn this_process_uses_time() {
        assert!(used_by(std::process::id()).is_ok());
    }
}
