//! Keepers that died come back: before anything is looked at, and while the daemon runs.
//!
//! A service lives on without its keeper, but nobody can say so: its replica counts as unknown,
//! and nothing that needs it goes forward.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use ops_targets::ProcessTarget;

use crate::{context::Context, problem::Problem};

/// Pause between two looks after the keepers.
const PAUSE: Duration = Duration::from_secs(1);

/// Looks after the keepers while it exists; they themselves go on when it is dropped.
pub(super) struct Watch {
    /// Hangs up to end the thread.
    _stop: Sender<()>,
}

impl Watch {
    /// Brings back what died before, and from now on whatever dies.
    pub(super) fn begin(context: &Context, target: &Arc<ProcessTarget>) -> Result<Self, Problem> {
        let mut said = BTreeMap::new();
        for words in restore(target, &mut said) {
            context.ui.warning(&words);
        }
        let (stop, stopped) = channel();
        let target = Arc::clone(target);
        thread::Builder::new()
            .name("ops-keepers".into())
            .spawn(move || look_after(&target, said, &stopped))
            .map_err(|error| Problem::internal(format!("no thread can be started: {error}")))?;
        Ok(Self { _stop: stop })
    }
}

fn look_after(target: &ProcessTarget, mut said: BTreeMap<String, String>, stopped: &Receiver<()>) {
    while matches!(stopped.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout)) {
        for words in restore(target, &mut said) {
            tracing::error!("{words}");
        }
    }
}

/// Looks once. Returns what is wrong and was not said yet.
fn restore(target: &ProcessTarget, said: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut wrong = BTreeMap::new();
    match target.restore() {
        Ok(done) => {
            for replica in done.restored {
                tracing::warn!(replica, "its keeper had died and is back");
            }
            let failed = done.failed.into_iter();
            wrong.extend(failed.map(|(replica, fault)| {
                let words = format!("{replica} has no keeper: {fault}");
                (replica, words)
            }));
        }
        Err(fault) => {
            wrong.insert(String::new(), format!("the keepers could not be looked at: {fault}"));
        }
    }
    let news = wrong.iter().filter(|(replica, words)| said.get(*replica) != Some(*words));
    let news = news.map(|(_, words)| words.clone()).collect();
    *said = wrong;
    news
}
