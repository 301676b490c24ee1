//! `ops status`.

use ops_engine::{DeploymentView, Newer, Serving, Status, ports::Clock as _};
use ops_server::ControlError;
use ops_signals::SystemClock;

use crate::{context::Context, exit::Exit, past, problem::Problem, words};

pub(crate) fn run(context: &Context) -> Result<Exit, Problem> {
    let status = match context.daemon().status() {
        Ok(status) => status,
        Err(error @ ControlError::NotRunning { .. }) => {
            if !context.journal_path().exists() {
                return Err(error.into());
            }
            context.ui.warning("no daemon runs: this is what the journal last knew");
            context.ui.hint("start it with `ops serve`");
            from_journal(context)?
        }
        Err(error) => return Err(error.into()),
    };
    context.ui.answer(&status, |paint| words::status(&status, paint))?;
    leaving(context);
    Ok(Exit::Ok)
}

/// What other hosts still have of releases that left everywhere else.
fn leaving(context: &Context) {
    let Ok(loaded) = context.load() else { return };
    for replica in context.docker(&loaded.settings).leaving().unwrap_or_default() {
        context.ui.warning(&format!(
            "{replica} was to leave and its host was away; it is removed when the host is back"
        ));
    }
}

/// The same without a daemon; the queue is unknown then.
fn from_journal(context: &Context) -> Result<Status, Problem> {
    let journal = context.journal()?;
    let now = SystemClock::new()?.now();
    let knowledge = past::knowledge(&journal)?;
    let serving = knowledge.serves.iter().map(|((environment, service), (release, by))| Serving {
        environment: environment.to_string(),
        service: service.to_string(),
        version: release.candidate.version.clone(),
        artifact: release.candidate.artifact.to_string(),
        by: by.to_string(),
    });
    let open = past::open(&journal)?;
    Ok(Status {
        deployments: open.iter().map(|one| DeploymentView::full(one, &now)).collect(),
        serving: serving.collect(),
        queue: Vec::new(),
        halted_by: knowledge.halted.as_ref().map(ops_core::record::person),
        revision: None,
        governs: knowledge.governs.clone(),
        newer: knowledge.waits.clone().map(|(commit, loosens)| Newer { commit, loosens }),
    })
}
