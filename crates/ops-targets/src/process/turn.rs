//! Acts on one service take turns, and no act gets one after a later one (P4): a start that was
//! thought lost can not undo the stop that came after it, not even for replicas that do not exist.

use std::{
    fs::{File, TryLockError},
    path::Path,
    time::{Duration, Instant},
};

use ops_core::{
    id::{Generation, ServiceName, Stamp},
    world::Fault,
};
use ops_engine::ports::{ActError, Look};

use super::{
    ProcessTarget,
    layout::{unreadable, unwritable},
};

/// How long an act waits for another one to end.
const TURN_WAIT: Duration = Duration::from_secs(3);
const TURN_PAUSE: Duration = Duration::from_millis(10);
const STAMP: &str = "stamp.json";

impl ProcessTarget {
    /// Takes the turn for an act, refuses it if a later act was done on the service, and writes
    /// its stamp down otherwise.
    pub(super) fn turn(&self, service: &ServiceName, stamp: Stamp) -> Result<File, ActError> {
        let folder = self.service_folder(service).map_err(ActError::NotApplied)?;
        std::fs::create_dir_all(&folder)
            .map_err(|error| ActError::NotApplied(unwritable(&folder, &error)))?;
        let turn = lock(&folder.join(".turn")).map_err(ActError::NotApplied)?;
        let file = folder.join(STAMP);
        let highest = read(&file).map_err(ActError::NotApplied)?;
        if stamp < highest {
            return Err(ActError::Stale(Fault::new(
                format!(
                    "generation {}, D-{}, operation {} has acted on {service} already, this is \
                     generation {}, D-{}, operation {}",
                    highest.generation,
                    highest.deployment,
                    highest.op.0,
                    stamp.generation,
                    stamp.deployment,
                    stamp.op.0
                ),
                folder.display().to_string(),
                "stop acting: a later act was done, or another ops holds the lease",
            )));
        }
        if stamp > highest {
            ops_keeper::save(&file, &stamp)
                .map_err(|error| ActError::NotApplied(unwritable(&file, &error)))?;
        }
        Ok(turn)
    }

    /// The highest generation that was given a turn on a service.
    pub(super) fn service_generation(&self, service: &ServiceName) -> Look<Generation> {
        Ok(read(&self.service_folder(service)?.join(STAMP))?.generation)
    }

    pub(super) fn highest_of_all(&self) -> Look<Generation> {
        let mut highest = Generation::default();
        for service in self.services()? {
            highest = highest.max(self.service_generation(&service)?);
            for replica in self.known(&service)? {
                let status = ops_keeper::read_status(&replica.folder)
                    .map_err(|error| unreadable(&replica.folder, &error))?;
                highest = highest.max(Generation(status.stamp.generation));
            }
        }
        Ok(highest)
    }
}

/// Takes a lock, waiting a bounded time. It is freed when the file is dropped or its holder dies.
pub(super) fn lock(path: &Path) -> Look<File> {
    let failed = |error: std::io::Error| unwritable(path, &error);
    let file = File::options().write(true).create(true).truncate(false).open(path);
    let file = file.map_err(failed)?;
    let until = Instant::now() + TURN_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                std::thread::sleep(TURN_PAUSE);
            }
            Err(TryLockError::WouldBlock) => {
                return Err(Fault::new(
                    "another act is under way here and does not end",
                    path.display().to_string(),
                    "look for an ops process that hangs; the lock is freed when it ends",
                ));
            }
        }
    }
}

fn read(file: &Path) -> Look<Stamp> {
    let stamp = ops_keeper::load(file).map_err(|error| unreadable(file, &error))?;
    Ok(stamp.unwrap_or_default())
}
