//! Ending everything that a service started.

use std::{io, os::fd::OwnedFd};

use rustix::process::Signal;

use crate::{
    process::{self, Family},
    status::MainProcess,
    table::Entry,
};

/// Milliseconds between looks at processes that are being ended.
const SCAN_EVERY: u64 = 25;

/// The end of a service on its way: TERM, grace, KILL, until nothing lives.
pub(crate) struct Clearing {
    main: Option<MainProcess>,
    /// A handle on the main process while it lives.
    handle: Option<OwnedFd>,
    /// Boot time at which TERM has not helped.
    kill_at: u64,
    /// Processes when the end began: a child that gave up its marker and its group can only be
    /// told by its parent, as long as that lives.
    seen: Vec<Entry>,
    /// Whether what outlived the main process was sent TERM.
    asked_rest: bool,
    pause: u64,
}

impl Clearing {
    /// Begins to end whatever lives; nothing is signalled yet. `handle` is that of the main
    /// process if it lives, `pause` the milliseconds before a start that may follow.
    pub(crate) fn begin(
        marker: &str,
        main: Option<MainProcess>,
        handle: Option<OwnedFd>,
        kill_at: u64,
        pause: u64,
    ) -> Self {
        let family = Family { marker, main, seen: &[] };
        let seen = family.living().unwrap_or_default();
        Self { main, handle, kill_at, seen, asked_rest: false, pause }
    }

    /// A handle on the main process while it lives.
    pub(crate) fn handle(&self) -> Option<&OwnedFd> {
        self.handle.as_ref()
    }

    /// Milliseconds before a start that may follow.
    pub(crate) fn pause(&self) -> u64 {
        self.pause
    }

    /// Takes in that the main process has ended.
    pub(crate) fn main_ended(&mut self) {
        self.handle = None;
    }

    /// Milliseconds until the next step is due.
    pub(crate) fn due_in(&self, now: u64) -> u64 {
        if self.handle.is_some() && now < self.kill_at { self.kill_at - now } else { SCAN_EVERY }
    }

    /// Sends TERM to the main process and its group.
    pub(crate) fn ask(&self) {
        if let (Some(main), Some(_)) = (self.main, &self.handle) {
            process::signal_group(main, Signal::TERM);
        }
    }

    /// Ends what lives a little further; says whether nothing lives any more. The main process
    /// has its grace to end its children by itself; what outlives it is sent TERM in what is left
    /// of the grace, and then everything is killed, again and again.
    pub(crate) fn step(&mut self, marker: &str, now: u64) -> io::Result<bool> {
        if self.handle.is_some() && now < self.kill_at {
            return Ok(false);
        }
        let living = Family { marker, main: self.main, seen: &self.seen }.living()?;
        if living.is_empty() {
            return Ok(true);
        }
        if now >= self.kill_at {
            process::signal_each(&living, Signal::KILL);
        } else if !self.asked_rest {
            self.asked_rest = true;
            process::signal_each(&living, Signal::TERM);
        }
        Ok(false)
    }
}
