//! Looks after other hosts: one that was booted has lost the secrets of its containers, which stay down
//! without them; one that was away may have a release that left everywhere else. Nobody there can
//! put that right.

use std::{
    collections::BTreeMap,
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread,
    time::Duration,
};

use crate::places::Docker;

/// Pause between two rounds.
const PAUSE: Duration = Duration::from_secs(10);

/// Looks after them while it exists.
pub(super) struct Care {
    /// Hangs up to end the thread.
    _stop: Sender<()>,
}

impl Care {
    pub(super) fn begin(docker: Docker) -> Self {
        let (stop, stopped) = channel();
        let spawned = thread::Builder::new().name("ops-hosts".into()).spawn(move || {
            let mut told = BTreeMap::new();
            while matches!(stopped.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout)) {
                round(&docker, &mut told);
            }
        });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread could be started to look after other hosts");
        }
        Self { _stop: stop }
    }
}

/// One round; what is wrong is told when it changes.
fn round(docker: &Docker, told: &mut BTreeMap<String, String>) {
    let mut wrong = BTreeMap::new();
    match docker.catch_up() {
        Ok(done) => {
            for replica in done.started {
                tracing::info!(replica, "its secrets and its container are back");
            }
            for replica in done.removed {
                tracing::info!(replica, "its host is back, and it has left as it was told to");
            }
            wrong.extend(done.failed.into_iter().map(|(name, fault)| (name, fault.to_string())));
        }
        Err(fault) => {
            wrong.insert("the hosts".to_owned(), fault.to_string());
        }
    }
    for (name, fault) in &wrong {
        if told.get(name) != Some(fault) {
            tracing::warn!(name, fault, "what is left to do there cannot be done");
        }
    }
    *told = wrong;
}
