//! Bringing an order to a replica, whether its keeper is at work or not.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use ops_core::{id::Stamp, world::Fault};
use ops_engine::ports::{Act, ActError, Look};
use ops_keeper::{Answer, AskError, Order, ReplicaLock, Request, State};

use super::{
    ProcessTarget,
    launch::keeper_words,
    layout::{Known, keeper_stamp, unreadable, unwritable},
};

/// How long one replica may take to take an order; a fresh keeper needs some milliseconds.
const ORDER_WAIT: Duration = Duration::from_secs(2);
/// How long one question may take.
const ASK_WAIT: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(5);

/// What was not applied, after something else of the same act was or may have been: the act as a
/// whole is then not without effect.
pub(super) fn after<T>(changed: bool, act: Result<T, ActError>) -> Result<T, ActError> {
    act.map_err(|error| match error {
        ActError::NotApplied(fault) if changed => ActError::Unknown(fault),
        other => other,
    })
}

impl ProcessTarget {
    /// Gives an order to a replica and returns when it is on disk and a keeper sees to it, at the
    /// latest when the whole act's time is up.
    pub(super) fn tell(&self, replica: &Known, order: Order, stamp: Stamp, until: Instant) -> Act {
        if Instant::now() >= until {
            let next = "look, then give the same act again";
            let fault = Fault::new("there was no time left to tell it", &replica.spec.id, next);
            return Err(ActError::Unknown(fault));
        }
        let until = until.min(Instant::now() + ORDER_WAIT);
        let request = Request::Order { order, stamp: keeper_stamp(stamp) };
        // Whether it may have been heard although nobody answered.
        let mut asked = false;
        loop {
            match ops_keeper::ask(&replica.folder, &request, ASK_WAIT) {
                Ok(Answer::Report(_)) => return Ok(()),
                Ok(Answer::Stale { highest }) => return Err(stale(replica, highest)),
                Ok(Answer::Refused { why }) => {
                    let next = "free room on the disk of the state folder, then try again";
                    let fault = Fault::new(why, &replica.spec.id, next);
                    return after(asked, Err(ActError::NotApplied(fault)));
                }
                Err(AskError::NoKeeper) => {
                    let lock = try_lock(replica).map_err(ActError::NotApplied);
                    if let Some(lock) = after(asked, lock)? {
                        return self.tell_in_its_place(replica, order, stamp, lock, until);
                    }
                    // It is just starting or leaving.
                }
                // The same order may be given twice, so it is simply given again.
                Err(AskError::Silent) => asked = true,
                Err(error @ (AskError::Garbled(_) | AskError::Io(_))) => {
                    return Err(ActError::Unknown(silent(replica, &error.to_string())));
                }
            }
            if Instant::now() >= until {
                return Err(ActError::Unknown(silent(replica, "its keeper does not answer")));
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Writes an order down for a dead keeper, and starts a new one to see to it.
    fn tell_in_its_place(
        &self,
        replica: &Known,
        order: Order,
        stamp: Stamp,
        lock: ReplicaLock,
        until: Instant,
    ) -> Act {
        let taken = ops_keeper::take_order(&lock, &replica.folder, order, keeper_stamp(stamp));
        // It may stand there although it could not be proven durable; from here on it does, whatever
        // happens to us.
        let taken = taken.map_err(|e| ActError::Unknown(unwritable(&replica.folder, &e)))?;
        let status = taken.map_err(|refused| stale(replica, refused.highest))?;
        drop(lock);
        if status.state == State::Stopped {
            return Ok(());
        }
        self.spawn_keeper(&replica.folder, &replica.spec).map_err(ActError::Unknown)?;
        wait_for_keeper(replica, until).map_err(ActError::Unknown)
    }
}

/// Waits until a replica's new keeper answers, or has already stopped it and left.
pub(super) fn wait_for_keeper(replica: &Known, until: Instant) -> Look<()> {
    loop {
        if ops_keeper::ask(&replica.folder, &Request::Status, ASK_WAIT).is_ok() {
            return Ok(());
        }
        if resting(&replica.folder)? {
            return Ok(());
        }
        if Instant::now() >= until {
            let words = keeper_words(&replica.folder);
            let words = if words.is_empty() { "its keeper does not answer" } else { &words };
            return Err(silent(replica, words));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether nothing of a replica lives and nobody is at work on it.
pub(super) fn resting(folder: &Path) -> Look<bool> {
    let failed = |error: std::io::Error| unreadable(folder, &error);
    match ReplicaLock::try_take(folder) {
        Ok(Some(_lock)) => {
            Ok(ops_keeper::read_status(folder).map_err(failed)?.state == State::Stopped)
        }
        Ok(None) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

/// The lock of a replica; `None` while a keeper holds it.
pub(super) fn try_lock(replica: &Known) -> Look<Option<ReplicaLock>> {
    ReplicaLock::try_take(&replica.folder).map_err(|error| unreadable(&replica.folder, &error))
}

/// What is to be said when a replica has seen a higher stamp.
pub(super) fn stale(replica: &Known, highest: ops_keeper::Stamp) -> ActError {
    ActError::Stale(Fault::new(
        format!(
            "a later act came before: generation {}, D-{}, operation {}",
            highest.generation, highest.deployment, highest.op
        ),
        &replica.spec.id,
        "stop acting: another ops holds the lease, or this act is overtaken",
    ))
}

fn silent(replica: &Known, why: &str) -> Fault {
    Fault::new(why, replica.folder.display().to_string(), "look again; then run `ops doctor`")
}
