//! Follows a deployment in the foreground. The daemon does the work; this only looks.

mod interrupt;
mod progress;

use std::{
    thread,
    time::{Duration, Instant},
};

use ops_core::id::DeploymentId;
use ops_engine::{Ask, DeploymentView};
use ops_server::{ControlClient, ControlError};

use self::{
    interrupt::{Interrupt, Wish},
    progress::Progress,
};
use crate::{context::Context, exit::Exit, past, problem::Problem, words};

/// Pause between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// How long a daemon may be away, as in a restart, until this gives up.
const AWAY_MAX: Duration = Duration::from_mins(1);
/// How long the last words to the boards are waited for once the deployment has come to rest.
const WORDS_WAIT: Duration = Duration::from_secs(15);

/// Until when a deployment is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// It has ended, or waits for somebody.
    Decided,
    /// It has ended.
    Ended,
}

/// Follows a deployment to its end and answers with its record.
pub(crate) fn follow(context: &Context, id: DeploymentId, until: Until) -> Result<Exit, Problem> {
    let client = context.daemon();
    let interrupt = Interrupt::catch()?;
    let mut progress = Progress::new(&context.ui);
    let mut away: Option<Instant> = None;
    let mut rested: Option<Instant> = None;
    loop {
        match client.show(id) {
            Ok(Some(view)) => {
                away = None;
                progress.show(&view);
                if decided(&view, until) {
                    let since = *rested.get_or_insert_with(Instant::now);
                    if view.owed_words == 0 || since.elapsed() >= WORDS_WAIT {
                        progress.end();
                        return told(context, &view);
                    }
                } else {
                    rested = None;
                }
            }
            Ok(None) => return Err(past::unknown(id)),
            Err(error @ (ControlError::NotRunning { .. } | ControlError::BrokenOff { .. })) => {
                let since = *away.get_or_insert_with(|| {
                    progress.remark("the daemon does not answer; waiting for it to come back");
                    Instant::now()
                });
                if since.elapsed() >= AWAY_MAX {
                    progress.end();
                    return Err(Problem::from(error)
                        .hint(format!("{id} is taken up where it stands by the next daemon")));
                }
            }
            Err(error) => return Err(error.into()),
        }
        if interrupt.pressed() {
            match progress.pause(|| interrupt.ask(&context.ui, id)) {
                Wish::Leave => {
                    progress.end();
                    context.ui.status(&format!("{id} goes on; `ops watch {id}` follows it again"));
                    return Ok(Exit::Interrupted);
                }
                Wish::Abort => abort(context, &client, id)?,
                Wish::Stay => {}
            }
        }
        thread::sleep(LOOK_PAUSE);
    }
}

fn abort(context: &Context, client: &ControlClient, id: DeploymentId) -> Result<(), Problem> {
    let reply = client.ask(Ask::Abort { deployment: id })?;
    context.ui.status(&reply.words);
    Ok(())
}

fn decided(view: &DeploymentView, until: Until) -> bool {
    let rests = matches!(
        view.phase.as_str(),
        "closed" | "rolled-back" | "thawed" | "withdrawn" | "kept-not-closed"
    );
    let waits = matches!(view.phase.as_str(), "held" | "frozen");
    view.ended || rests || (waits && until == Until::Decided)
}

fn told(context: &Context, view: &DeploymentView) -> Result<Exit, Problem> {
    context.ui.answer(view, |paint| words::explain(view, paint))?;
    Ok(match view.phase.as_str() {
        "closed" => Exit::Ok,
        "rolled-back" | "thawed" => Exit::RolledBack,
        "frozen" => Exit::Frozen,
        "held" => Exit::Held,
        _ => Exit::Refused,
    })
}
