//! Looks after doors in containers: one that is gone comes back, one of another version is replaced.

use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use ops_core::world::Fault;
use ops_docker::{Kept, OwnImage};
use ops_engine::ports::Look;

use super::{Container, OnHosts};
use crate::problem::Problem;

/// Pause between two rounds. What dies in between, the engine itself starts again.
const PAUSE: Duration = Duration::from_secs(10);
/// How long the start of the daemon waits for the first rounds. A host that is away keeps nobody
/// from the others.
const FIRST_ROUND_MAX: Duration = Duration::from_secs(30);

/// Looks after the doors while it exists; they go on when it is dropped. By default, of none.
#[derive(Default)]
pub(crate) struct Care {
    /// Each hangs up to end a thread.
    _stop: Vec<Sender<()>>,
}

impl Care {
    /// Begins with a round at each host, and waits for them for a while.
    pub(crate) fn begin(hosts: OnHosts) -> Result<Self, Problem> {
        if hosts.containers.is_empty() {
            return Ok(Self::default());
        }
        let image = OwnImage::of_this_program()?;
        let (first, firsts) = channel();
        let mut stop = Vec::new();
        let all = hosts.containers.len();
        for container in hosts.containers {
            let (hang_up, stopped) = channel();
            stop.push(hang_up);
            let (image, first) = (image.clone(), first.clone());
            thread::Builder::new()
                .name("ops-door".into())
                .spawn(move || look_after(container, &image, &first, &stopped))
                .map_err(|error| Problem::internal(format!("no thread can be started: {error}")))?;
        }
        let until = Instant::now() + FIRST_ROUND_MAX;
        for _ in 0..all {
            if firsts.recv_timeout(until.saturating_duration_since(Instant::now())).is_err() {
                break;
            }
        }
        Ok(Self { _stop: stop })
    }
}

fn look_after(mut one: Container, image: &OwnImage, first: &Sender<()>, stopped: &Receiver<()>) {
    let mut told = None;
    loop {
        let door = one.door.clone();
        let kept = one.keeps.keep(image, || Ok(door.status()?.instance));
        tell(&one.host, kept, &mut told);
        write_down(&one.trouble, told.as_ref());
        let _ = first.send(());
        if !matches!(stopped.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout)) {
            return;
        }
    }
}

/// What is wrong is told when it changes.
fn tell(host: &str, kept: Look<Kept>, told: &mut Option<Fault>) {
    match kept {
        Ok(Kept::Serves) => {}
        Ok(Kept::Started) => tracing::info!(host, "its door serves"),
        Ok(Kept::Replaced) => tracing::info!(host, "its door was replaced by this version's"),
        Err(fault) => {
            if told.as_ref() != Some(&fault) {
                tracing::error!(host, %fault, "its door is not as it should be");
            }
            *told = Some(fault);
            return;
        }
    }
    *told = None;
}

/// For `ops doctor`. Where it cannot be written, the log has it.
fn write_down(path: &Path, fault: Option<&Fault>) {
    let written = match fault {
        Some(fault) => serde_json::to_vec(fault)
            .map_err(std::io::Error::other)
            .and_then(|text| std::fs::write(path, text)),
        None if path.exists() => std::fs::remove_file(path),
        None => Ok(()),
    };
    if let Err(error) = written {
        tracing::debug!(%error, "what is wrong with a door could not be written down");
    }
}
