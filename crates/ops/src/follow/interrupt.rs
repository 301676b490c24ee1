//! Ctrl-C while a deployment is followed.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ops_core::id::DeploymentId;
use signal_hook::{consts::SIGINT, flag};

use crate::{problem::Problem, ui::Ui};

/// What the person wants.
pub(super) enum Wish {
    /// Leave it to the daemon.
    Leave,
    /// Take it back.
    Abort,
    /// Go on looking.
    Stay,
}

/// Remembers that Ctrl-C was pressed.
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(super) fn catch() -> Result<Self, Problem> {
        let pressed = Arc::new(AtomicBool::new(false));
        flag::register(SIGINT, Arc::clone(&pressed))
            .map_err(|error| Problem::internal(format!("Ctrl-C cannot be waited for: {error}")))?;
        Ok(Self(pressed))
    }

    pub(super) fn pressed(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }

    /// Asks what is meant; where nobody can be asked, the daemon goes on.
    pub(super) fn ask(&self, ui: &Ui, id: DeploymentId) -> Wish {
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Wish::Leave;
        }
        ui.warning(&format!(
            "{id} is under way. [l]eave it to the daemon, [r]oll it back, or [s]tay? (l)"
        ));
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        if read.is_err() || self.pressed() {
            return Wish::Leave;
        }
        match line.trim().to_lowercase().as_str() {
            "r" | "roll" | "rollback" | "roll back" => Wish::Abort,
            "s" | "stay" => Wish::Stay,
            _ => Wish::Leave,
        }
    }
}
