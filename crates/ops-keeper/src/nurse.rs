//! The keeper's life: one loop, one thread.
//!
//! `status.json` is the truth that survives; [`Phase`] is what this keeper holds of it. Each turn
//! of the loop waits for something to happen, takes in output, orders and ended processes, and
//! then moves the phase on.

use std::{collections::BTreeMap, io, os::fd::OwnedFd, path::Path};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{WaitOptions, WaitStatus, getpid, set_child_subreaper, setsid, wait},
};

use crate::{
    clearing::Clearing,
    folder::{self, ReplicaLock},
    launch::launch,
    log::Log,
    process,
    protocol::{Answer, Report, Request},
    server::Server,
    spec::Spec,
    status::{Desired, MainProcess, State, Status},
    stream::Stream,
    time::{boot_id, boot_ms},
};

/// Milliseconds before the first restart; doubled for each further one.
const BACKOFF_MIN: u64 = 500;
/// Milliseconds before a restart at most.
const BACKOFF_MAX: u64 = 30_000;
/// Milliseconds of life after which the back-off begins anew.
const LIFE_PROVEN: u64 = 60_000;
/// Milliseconds after which the loop turns even if nothing happens, to collect dead orphans.
const TURN_MAX: u64 = 5_000;
/// Attempts to get the lock, [`LOCK_PAUSE`] apart: others hold it for a moment to look.
const LOCK_ATTEMPTS: u32 = 30;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
/// Statuses of ended children that are remembered until they are asked for.
const ENDED_MAX: usize = 64;

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

/// What this keeper is at.
enum Phase {
    /// Nothing lives and nothing shall.
    Stopped,
    /// The service runs. `since`: boot time at which its life began or was adopted.
    Living {
        main: MainProcess,
        handle: OwnedFd,
        since: u64,
    },
    /// What lives is being ended.
    Clearing(Clearing),
    /// The next start is due at this boot time.
    Waiting { until: u64 },
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
    ended: BTreeMap<i32, String>,
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
    let log = Log::open(
        &here.join(folder::LOGS),
        spec.log_quota,
        status.dropped_lines,
    );
    let streams = [
        Stream::open(Path::new(OUT), "out")?,
        Stream::open(Path::new(ERR), "err")?,
    ];
    let server = Server::bind(Path::new(folder::SOCKET))?;
    let mut nurse = Nurse {
        spec,
        status,
        unsaved: false,
        phase: Phase::Stopped,
        backoff: BACKOFF_MIN,
        ended_by_itself: false,
        ended: BTreeMap::new(),
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
                self.log
                    .note(&format!("a new keeper looks after process {}", main.pid));
                if self.status.desired == Desired::Running {
                    self.status.state = State::Running;
                }
                self.phase = Phase::Living {
                    main,
                    handle,
                    since: now,
                };
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
            if matches!(self.phase, Phase::Stopped) && self.status.desired == Desired::Stopped {
                break;
            }
            let main_ended = self.wait()?;
            self.read_output();
            self.collect();
            if main_ended {
                self.see_main_ended(boot_ms());
            }
            self.answer_requests();
        }
        for _ in 0..LAST_READS {
            if !self.read_output() {
                break;
            }
        }
        for stream in &mut self.streams {
            stream.finish(&mut self.log);
        }
        self.answer_requests();
        Ok(())
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
        fds.extend(
            self.streams
                .iter()
                .map(|s| PollFd::new(s.pipe(), PollFlags::IN)),
        );
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
        if self.server.busy() || self.unsaved {
            phase.min(1000)
        } else {
            phase
        }
    }

    /// Moves the phase on as far as what is wanted and the time allow.
    fn advance(&mut self, now: u64) {
        if self.unsaved {
            self.save();
        }
        let stop = self.status.desired == Desired::Stopped;
        match &mut self.phase {
            Phase::Living { .. } if stop => {
                if let Phase::Living { main, handle, .. } =
                    std::mem::replace(&mut self.phase, Phase::Stopped)
                {
                    self.clear(Some(main), Some(handle), now, 0);
                }
            }
            Phase::Waiting { .. } if stop => self.clear(None, None, now, 0),
            Phase::Waiting { until } if now >= *until => self.start(now),
            Phase::Stopped if !stop => self.start(now),
            Phase::Clearing(_) => self.step_clearing(now),
            _ => {}
        }
    }

    /// Begins to end whatever lives.
    fn clear(&mut self, main: Option<MainProcess>, handle: Option<OwnedFd>, now: u64, pause: u64) {
        let kill_at = now + self.spec.stop_grace_ms;
        let clearing = Clearing::begin(&self.spec.marker, main, handle, kill_at, pause);
        clearing.ask();
        self.phase = Phase::Clearing(clearing);
    }

    fn step_clearing(&mut self, now: u64) {
        let Phase::Clearing(clearing) = &mut self.phase else {
            return;
        };
        let pause = clearing.pause();
        // An unreadable process table says nothing, so it is read again on the next turn.
        if clearing.step(&self.spec.marker, now).unwrap_or(false) {
            self.cleared(now, pause);
        }
    }

    /// Nothing lives any more.
    fn cleared(&mut self, now: u64, pause: u64) {
        self.status.main = None;
        if self.status.desired == Desired::Stopped {
            self.status.state = State::Stopped;
            self.phase = Phase::Stopped;
            self.ended_by_itself = false;
            self.log.note("stopped");
        } else {
            self.status.state = State::BackingOff;
            self.phase = Phase::Waiting { until: now + pause };
        }
        self.save();
    }

    fn start(&mut self, now: u64) {
        if std::mem::take(&mut self.ended_by_itself) {
            self.status.restarts = self.status.restarts.saturating_add(1);
        }
        self.status.launching = true;
        self.save();
        match launch(&self.spec, Path::new(OUT), Path::new(ERR)) {
            Ok(main) => {
                self.status.main = Some(main);
                self.status.state = State::Running;
                self.log.note(&format!("started as process {}", main.pid));
                if let Ok(Some(handle)) = process::open(main) {
                    let since = now;
                    self.phase = Phase::Living {
                        main,
                        handle,
                        since,
                    };
                } else {
                    // It has ended already, or there is no handle for it: end what is left of it.
                    self.collect();
                    let words = self.words_of(main);
                    self.main_ended(main, &words, now, 0);
                }
            }
            Err(why) => {
                let words = format!("could not be started: {why}");
                self.unasked_end(&words);
                let pause = self.next_pause(0);
                self.clear(None, None, now, pause);
            }
        }
        self.status.launching = false;
        self.save();
    }

    /// Takes in that the main process's handle says it has ended.
    fn see_main_ended(&mut self, now: u64) {
        match std::mem::replace(&mut self.phase, Phase::Stopped) {
            Phase::Living { main, since, .. } => {
                let words = self.words_of(main);
                self.main_ended(main, &words, now, now.saturating_sub(since));
                self.save();
            }
            Phase::Clearing(mut clearing) => {
                clearing.main_ended();
                self.phase = Phase::Clearing(clearing);
            }
            other => self.phase = other,
        }
    }

    /// The main process has ended after so many milliseconds of life: what it left behind is
    /// ended too, and then it is started again unless it shall stop.
    fn main_ended(&mut self, main: MainProcess, words: &str, now: u64, life: u64) {
        let mut pause = 0;
        if self.status.desired == Desired::Running {
            self.unasked_end(words);
            pause = self.next_pause(life);
        }
        self.status.main = None;
        self.clear(Some(main), None, now, pause);
    }

    fn unasked_end(&mut self, words: &str) {
        self.log.note(words);
        self.status.last_exit = Some(words.to_owned());
        self.status.state = State::BackingOff;
        self.ended_by_itself = true;
    }

    /// The pause before the next start, given how long the last life was.
    fn next_pause(&mut self, life: u64) -> u64 {
        if life >= LIFE_PROVEN {
            self.backoff = BACKOFF_MIN;
        }
        let pause = self.backoff;
        self.backoff = (pause * 2).min(BACKOFF_MAX);
        pause
    }

    fn words_of(&mut self, main: MainProcess) -> String {
        self.ended.remove(&main.pid).unwrap_or_else(|| {
            "ended; how is not known, because its keeper had been replaced".to_owned()
        })
    }

    /// Collects ended children and orphans, so that they do not stay in the process table.
    fn collect(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if self.ended.len() >= ENDED_MAX {
                self.ended.clear();
            }
            self.ended
                .insert(pid.as_raw_nonzero().get(), in_words(status));
        }
        let main = self.status.main.map(|main| main.pid);
        self.ended.retain(|pid, _| Some(*pid) == main);
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
                return Answer::Stale {
                    highest: stale.highest,
                };
            }
            if (next != self.status || self.unsaved)
                && let Err(error) = folder::write_status(Path::new(HERE), &next)
            {
                return Answer::Refused {
                    why: format!("the order cannot be kept: {error}"),
                };
            }
            self.status = next;
            self.unsaved = false;
        }
        self.status.dropped_lines = self.log.dropped();
        Answer::Report(Report {
            status: self.status.clone(),
            keeper: std::process::id() as i32,
        })
    }

    /// Writes the status down. If that fails the service matters more: it is tried again on
    /// every turn.
    fn save(&mut self) {
        self.status.dropped_lines = self.log.dropped();
        let saved = folder::write_status(Path::new(HERE), &self.status);
        if let (Err(error), false) = (&saved, self.unsaved) {
            self.log
                .note(&format!("the status cannot be written: {error}"));
        }
        self.unsaved = saved.is_err();
    }
}

fn in_words(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
