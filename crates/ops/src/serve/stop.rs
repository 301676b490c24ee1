//! TERM and Ctrl-C: the daemon ends, and nothing else does.

use std::thread;

use ops_engine::{Command, Handle};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
    iterator::Signals,
};

use crate::problem::Problem;

/// Lets the first signal end the engine's loop, and the second one this process at once.
pub(super) fn on_signals(handle: Handle) -> Result<(), Problem> {
    let failed =
        |error: std::io::Error| Problem::internal(format!("signals cannot be waited for: {error}"));
    let armed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        // In this order: the first signal only arms.
        flag::register_conditional_shutdown(signal, 130, std::sync::Arc::clone(&armed))
            .map_err(failed)?;
        flag::register(signal, std::sync::Arc::clone(&armed)).map_err(failed)?;
    }
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failed)?;
    thread::Builder::new()
        .name("ops-signals".into())
        .spawn(move || {
            if signals.forever().next().is_some() {
                handle.send(Command::Stop);
            }
        })
        .map_err(failed)?;
    Ok(())
}
