//! Looks after the keepers: a keeper that died comes back, finds its service alive and adopts it.
//! Both the daemon and the edge do this, so that either alone is enough; a keeper that has one
//! already leaves at once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use ops_targets::ProcessTarget;

/// Pause between two rounds. A service without its keeper runs on, but nobody can say so, and
/// nothing that needs it goes forward.
const PAUSE: Duration = Duration::from_secs(1);

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
            let mut told = BTreeMap::new();
            loop {
                round(&target, &mut told);
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

/// One round; what is wrong is told when it changes.
fn round(target: &ProcessTarget, told: &mut BTreeMap<String, String>) {
    let mut wrong = BTreeMap::new();
    match target.restore() {
        Ok(done) => {
            for replica in done.restored {
                tracing::info!(replica, "its keeper is back");
            }
            for (replica, fault) in done.failed {
                wrong.insert(replica, fault.to_string());
            }
        }
        Err(fault) => {
            wrong.insert("the keepers".to_owned(), fault.to_string());
        }
    }
    for (what, why) in &wrong {
        if told.get(what) != Some(why) {
            tracing::error!(what, why, "a keeper is missing");
        }
    }
    *told = wrong;
}
