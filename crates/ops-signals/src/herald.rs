//! Telling people outside of the boards.

mod webhook;

use std::time::Duration;

use ops_core::{
    record::Notice,
    settings::{Notify, Via},
    world::Fault,
};
use ops_engine::ports::{Act, ActError, Herald};

use crate::{
    program::{Failure, Program},
    web::agent,
};

/// How long it may take to tell somebody, in milliseconds: less than a call of a port may take.
pub const NOTICE_LIMIT_MS: u64 = 9_000;

/// Tells people by webhooks and by programs of this machine.
///
/// Told is who answered with a status from 200 to 299, or whose program ended with exit status 0.
/// What they say beside that is not read.
#[derive(Debug, Clone)]
pub struct NoticeHerald {
    agent: ureq::Agent,
    limit: Duration,
}

impl NoticeHerald {
    /// A herald. It keeps nothing between notices; tokens are read anew each time.
    pub fn new() -> Self {
        Self::within(Duration::from_millis(NOTICE_LIMIT_MS))
    }

    fn within(limit: Duration) -> Self {
        Self { agent: agent(limit), limit }
    }

    fn run(&self, who: &str, command: &[String], document: &[u8]) -> Act {
        // Arguments may hold what is nobody's business.
        let place = command.first().map_or("`notify` in ops.yaml", String::as_str);
        let fault = |why: String| {
            let next = "run the program by hand as ops's user, with a notice on its standard \
                        input, and see why";
            Fault::new(format!("the program for `{who}` {why}"), place, next)
        };
        let input = Some(document);
        match (Program { command, input, output: None, limit: self.limit }).run() {
            Ok(ended) if ended.status.success() => Ok(()),
            // A program that gives a status says itself that it did not do it.
            Ok(ended) if ended.status.code().is_some() => {
                Err(ActError::NotApplied(fault(format!("ended with {}", ended.status))))
            }
            Ok(ended) => Err(ActError::Unknown(fault(format!("ended with {}", ended.status)))),
            Err(Failure::NotStarted(e)) => {
                Err(ActError::NotApplied(fault(format!("could not be started: {e}"))))
            }
            Err(Failure::Late | Failure::TooMuch) => Err(ActError::Unknown(fault(format!(
                "did not end within {} ms and was killed",
                self.limit.as_millis()
            )))),
            Err(Failure::Unwatched(e)) => {
                Err(ActError::Unknown(fault(format!("could not be watched: {e}"))))
            }
        }
    }
}

impl Default for NoticeHerald {
    fn default() -> Self {
        Self::new()
    }
}

impl Herald for NoticeHerald {
    fn tell(&self, who: &Notify, notice: &Notice) -> Act {
        let mut document = serde_json::to_vec(notice).map_err(|e| {
            let what = format!("a notice cannot be written as JSON: {e}");
            let next = "report it: a notice must always be writable";
            ActError::NotApplied(Fault::new(what, "this ops", next))
        })?;
        match &who.via {
            Via::Webhook { url, token } => {
                webhook::post(&self.agent, &who.name, url, token.as_deref(), &document)
            }
            Via::Command(command) => {
                // So that a script can read it as a line.
                document.push(b'\n');
                self.run(&who.name, command, &document)
            }
        }
    }
}

#[cfg(test)]
mod tests;
