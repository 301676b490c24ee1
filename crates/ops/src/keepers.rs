//! Looks after the keepers: a keeper that died comes back, finds its service alive and adopts it.
//! Both the daemon and the edge do this, so that either alone is enough; a keeper that has one
//! already leaves at once.

use std::{
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use ops_targets::ProcessTarget;

/// Pause between two rounds. A service without its keeper runs on, but nobody reads its output.
const PAUSE: Duration = Duration::from_secs(3);

/// Looks after the keepers while it exists.
pub(crate) struct Care {
    /// Hangs up to end the thread.
    _stop: Sender<()>,
}

impl Care {
    /// Begins with a round at once.
    pub(crate) fn begin(target: Arc<ProcessTarget>) -> Self {
        let (stop, stopped) = channel();
        let spawned = thread::Builder::new().name("ops-keepers".into()).spawn(move || {
            loop {
                round(&target);
                if !matches!(stopped.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
            }
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread could be started to look after the keepers");
        }
        Self { _stop: stop }
    }
}

fn round(target: &ProcessTarget) {
    match target.restore() {
        Ok(done) => {
            for replica in done.restored {
                tracing::info!(replica, "its keeper is back");
            }
            for (replica, fault) in done.failed {
                tracing::error!(replica, %fault, "it has no keeper");
            }
        }
        Err(fault) => tracing::error!(%fault, "the keepers could not be looked at"),
    }
}
