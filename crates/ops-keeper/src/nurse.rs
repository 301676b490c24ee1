//! The keeper's life: one loop, one thread.
//!
//! `status.json` is the truth that survives; [`Phase`] is what this keeper holds of it. Each turn
//! of the loop waits for something to happen, takes in output, orders and ended processes, and
//! then moves the phase on.

mod course;

use std::{io, path::Path};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{getpid, set_child_subreaper, setsid},
};

use self::course::{BACKOFF_MIN, Phase};
use crate::{
    folder::{self, ReplicaLock},
    line::Source,
    log::Log,
    process,
    protocol::{Answer, Report, Request},
    server::Server,
    spec::Spec,
    status::{Desired, State, Status},
    stream::Stream,
    time::{boot_id, boot_ms},
};

/// Milliseconds after which the loop turns even if nothing happens, to collect dead orphans.
const TURN_MAX: u64 = 5_000;
/// Attempts to get the lock, [`LOCK_PAUSE`] apart: others hold it for a moment to look.
const LOCK_ATTEMPTS: u32 = 30;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
/// Reads of what the ended service left in its pipes: more than they can hold.
const LAST_READS: u32 = 64;

const HERE: &str = ".";
const OUT: &str = "out.fifo";
const ERR: &str = "err.fifo";

/// How a keeper ended.
pub(crate) enum End {
    /// The replica has stopped.
    Stopped,
    /// Another keeper was at work.
    KeptByAnother,
}

struct Nurse {
    spec: Spec,
    status: Status,
    /// Whether the status differs from what is on disk because writing it failed.
    unsaved: bool,
    phase: Phase,
    backoff: u64,
    /// Whether the next start is a restart.
    ended_by_itself: bool,
    /// How the main process ended, until that is told.
    main_end: Option<String>,
    log: Log,
    streams: [Stream; 2],
    server: Server,
    _lock: ReplicaLock,
}

/// Keeps a replica until it has stopped.
pub(crate) fn keep(replica_dir: &Path) -> io::Result<End> {
    // Fails only for a group leader, which a shell's job control makes of a keeper started by hand.
    let _ = setsid();
    std::env::set_current_dir(replica_dir)?;
    let Some(lock) = take_lock()? else {
        return Ok(End::KeptByAnother);
    };
    set_child_subreaper(Some(getpid()))?;
    let here = Path::new(HERE);
    let spec = folder::read_spec(here)?;
    let status = folder::read_status(here)?;
    let log = Log::open(&here.join(folder::LOGS), spec.log_quota, status.dropped_lines);
    let streams =
        [Stream::open(Path::new(OUT), Source::Out)?, Stream::open(Path::new(ERR), Source::Err)?];
    let server = Server::bind(Path::new(folder::SOCKET))?;
    let mut nurse = Nurse {
        spec,
        status,
        unsaved: false,
        phase: Phase::Stopped,
        backoff: BACKOFF_MIN,
        ended_by_itself: false,
        main_end: None,
        log,
        streams,
        server,
        _lock: lock,
    };
    nurse.take_over()?;
    nurse.run()?;
    Ok(End::Stopped)
}

fn take_lock() -> io::Result<Option<ReplicaLock>> {
    for _ in 0..LOCK_ATTEMPTS {
        if let Some(lock) = ReplicaLock::try_take(Path::new(HERE))? {
            return Ok(Some(lock));
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Ok(None)
}

impl Nurse {
    /// Learns what the last keeper left: the living main process is adopted, what lives without
    /// one is ended, and after a reboot nothing of it means anything.
    fn take_over(&mut self) -> io::Result<()> {
        let boot = boot_id()?;
        let now = boot_ms();
        if self.status.boot != boot {
            self.status.boot = boot;
            self.status.main = None;
        } else if self.status.launching {
            self.status.main = process::unrecorded_main(&self.spec.marker)?;
        }
        self.status.launching = false;
        self.status.state = match self.status.desired {
            Desired::Running => State::BackingOff,
            Desired::Stopped => State::Stopping,
        };
        if let Some(main) = self.status.main {
            if let Some(handle) = process::open(main)? {
                self.log.note(&format!("a new keeper looks after process {}", main.pid));
                if self.status.desired == Desired::Running {
                    self.status.state = State::Running;
                }
                self.phase = Phase::Living { main, handle, since: now };
            } else {
                let why = "ended while no keeper was at work".to_owned();
                self.main_ended(main, &why, now, 0);
            }
        } else {
            self.clear(None, None, now, 0);
        }
        self.save();
        Ok(())
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            self.advance(boot_ms());
            if self.at_rest() {
                self.keep_last_words();
                self.answer_requests();
                // An order to start may just have been among them.
                if self.at_rest() {
                    return Ok(());
                }
                continue;
            }
            let main_ended = self.wait()?;
            self.read_output();
            self.collect();
            if main_ended {
                self.see_main_ended(boot_ms());
            }
            self.answer_requests();
        }
    }

    fn at_rest(&self) -> bool {
        matches!(self.phase, Phase::Stopped) && self.status.desired == Desired::Stopped
    }

    fn keep_last_words(&mut self) {
        for _ in 0..LAST_READS {
            if !self.read_output() {
                break;
            }
        }
        for stream in &mut self.streams {
            stream.finish(&mut self.log);
        }
    }

    /// Waits until something happens or is due. Says whether the main process has ended.
    fn wait(&self) -> io::Result<bool> {
        let mut fds: Vec<PollFd<'_>> = Vec::new();
        let handle = match &self.phase {
            Phase::Living { handle, .. } => Some(handle),
            Phase::Clearing(clearing) => clearing.handle(),
            _ => None,
        };
        fds.extend(handle.map(|handle| PollFd::new(handle, PollFlags::IN)));
        fds.extend(self.streams.iter().map(|s| PollFd::new(s.pipe(), PollFlags::IN)));
        self.server.poll_on(&mut fds);
        let millis = self.due_in(boot_ms()).min(TURN_MAX);
        let timeout = Timespec {
            tv_sec: (millis / 1000) as i64,
            tv_nsec: (millis % 1000) as i64 * 1_000_000,
        };
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let first = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        Ok(handle.is_some() && first)
    }

    /// Milliseconds until the phase moves on by itself.
    fn due_in(&self, now: u64) -> u64 {
        let phase = match &self.phase {
            Phase::Stopped | Phase::Living { .. } => TURN_MAX,
            Phase::Waiting { until } => until.saturating_sub(now),
            Phase::Clearing(clearing) => clearing.due_in(now),
        };
        if self.server.busy() || self.unsaved { phase.min(1000) } else { phase }
    }

    fn read_output(&mut self) -> bool {
        let mut any = false;
        for stream in &mut self.streams {
            any |= stream.drain(&mut self.log);
        }
        any
    }

    fn answer_requests(&mut self) {
        for (to, request) in self.server.receive(boot_ms()) {
            let answer = self.answer(request);
            self.server.reply(to, &answer);
        }
        self.server.send();
    }

    fn answer(&mut self, request: Request) -> Answer {
        if let Request::Order { order, stamp } = request {
            let mut next = self.status.clone();
            if let Err(stale) = next.take(order, stamp) {
                return Answer::Stale { highest: stale.highest };
            }
            if (next != self.status || self.unsaved)
                && let Err(error) = folder::write_status(Path::new(HERE), &next)
            {
                return Answer::Refused { why: format!("the order cannot be kept: {error}") };
            }
            self.status = next;
            self.unsaved = false;
        }
        self.status.dropped_lines = self.log.dropped();
        Answer::Report(Report { status: self.status.clone(), keeper: std::process::id() as i32 })
    }

    /// Writes the status down. If that fails the service matters more: it is tried again on
    /// every turn.
    fn save(&mut self) {
        self.status.dropped_lines = self.log.dropped();
        let saved = folder::write_status(Path::new(HERE), &self.status);
        if let (Err(error), false) = (&saved, self.unsaved) {
            self.log.note(&format!("the status cannot be written: {error}"));
        }
        self.unsaved = saved.is_err();
    }
}
