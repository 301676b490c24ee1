//! The course of a service's life: started, living, ended, cleared away, started again.

use std::{os::fd::OwnedFd, path::Path};

use rustix::process::{WaitOptions, WaitStatus, wait};

use super::{ERR, Nurse, OUT};
use crate::{
    clearing::Clearing,
    launch::launch,
    process,
    status::{Desired, MainProcess, State},
};

/// Milliseconds before the first restart; doubled for each further one.
pub(super) const BACKOFF_MIN: u64 = 500;
/// Milliseconds before a restart at most.
const BACKOFF_MAX: u64 = 30_000;
/// Milliseconds of life after which the back-off begins anew.
const LIFE_PROVEN: u64 = 60_000;
/// What this keeper is at.
pub(super) enum Phase {
    /// Nothing lives and nothing shall.
    Stopped,
    /// The service runs. `since`: boot time at which its life began or was adopted.
    Living { main: MainProcess, handle: OwnedFd, since: u64 },
    /// What lives is being ended.
    Clearing(Clearing),
    /// The next start is due at this boot time.
    Waiting { until: u64 },
}

impl Nurse {
    /// Moves the phase on as far as what is wanted and the time allow.
    pub(super) fn advance(&mut self, now: u64) {
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
    pub(super) fn clear(
        &mut self,
        main: Option<MainProcess>,
        handle: Option<OwnedFd>,
        now: u64,
        pause: u64,
    ) {
        let kill_at = now.saturating_add(self.spec.stop_grace_ms);
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
                    self.phase = Phase::Living { main, handle, since };
                } else {
                    // It has ended already, or there is no handle for it: end what is left of it.
                    self.collect();
                    let words = self.words_of_end();
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
    pub(super) fn see_main_ended(&mut self, now: u64) {
        match std::mem::replace(&mut self.phase, Phase::Stopped) {
            Phase::Living { main, since, .. } => {
                let words = self.words_of_end();
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
    pub(super) fn main_ended(&mut self, main: MainProcess, words: &str, now: u64, life: u64) {
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

    fn words_of_end(&mut self) -> String {
        self.main_end.take().unwrap_or_else(|| {
            "ended; how is not known, because its keeper had been replaced".to_owned()
        })
    }

    /// Collects ended children and orphans, so that they do not stay in the process table, and
    /// remembers how the main process ended.
    pub(super) fn collect(&mut self) {
        let main = self.status.main.map(|main| main.pid);
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if Some(pid.as_raw_nonzero().get()) == main {
                self.main_end = Some(in_words(status));
            }
        }
    }
}

fn in_words(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
