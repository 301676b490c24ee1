//! Services that somebody else started on this machine (S2): which process, and what it runs.

mod compare;
mod listening;
mod running;

use ops_core::{
    settings::Adopt,
    world::{Fault, Foreign, Proof},
};
use ops_engine::ports::Look;

use self::running::Process;
pub use self::running::{Running, running};
use super::ProcessTarget;
use crate::artifacts::{Content, read_stored};

/// Processes of which it is looked whether they run the artifact, where no address is named.
const PROCESSES_MAX: usize = 20_000;

impl ProcessTarget {
    pub(super) fn find_outside(&self, adopt: &Adopt, command: &[String]) -> Look<Option<Foreign>> {
        let content = read_stored(&self.artifacts.join(adopt.artifact.hex()))?;
        match &adopt.listens {
            Some(address) => {
                let Some(process) = listener(address)? else { return Ok(None) };
                seen(&process, &content, command).map(Some)
            }
            None => by_program(&content, command),
        }
    }
}

/// The process that listens at an address; the oldest, where several share it.
fn listener(address: &str) -> Look<Option<Process>> {
    let sockets = listening::sockets(address)?;
    if sockets.is_empty() {
        return Ok(None);
    }
    let holders = running::all()?.into_iter().filter(|one| one.holds_any(&sockets));
    match holders.min_by_key(|one| one.started) {
        Some(process) => Ok(Some(process)),
        None => Err(Fault::new(
            "something listens there, but its process may not be seen",
            address,
            "run ops as the user that started it, or as root, while it is adopted",
        )),
    }
}

fn by_program(content: &Content, command: &[String]) -> Look<Option<Foreign>> {
    let me = std::process::id();
    for process in running::all()?.into_iter().take(PROCESSES_MAX).filter(|one| one.pid != me) {
        if !compare::may_be(&process, content, command) {
            continue;
        }
        // What ends while it is looked at, or may not be looked at, is not the one.
        if let Ok(foreign) = seen(&process, content, command)
            && !matches!(foreign.proof, Proof::Differs { .. })
        {
            return Ok(Some(foreign));
        }
    }
    Ok(None)
}

fn seen(process: &Process, content: &Content, command: &[String]) -> Look<Foreign> {
    let proof = compare::proof(process, content, command)?;
    // A number may be given anew while it is looked at.
    if Process::of(process.pid).is_none_or(|again| again.started != process.started) {
        return Err(Fault::new(
            "it ended while it was looked at",
            format!("process {}", process.pid),
            "start it again, and find out why it ended",
        ));
    }
    Ok(Foreign { pid: process.pid, since: process.since()?, proof })
}
