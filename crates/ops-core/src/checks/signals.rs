//! Whether what the watch is to judge by can be read.

use super::{
    Check, Verdict,
    around::{Row, together},
    each::{check, not_declared, waits_for},
    judge::Desk,
};
use crate::{reading::Reading, settings::Signal, world::Fault};

pub(super) fn signals(desk: &Desk<'_>) -> Check {
    let (id, at) = ("signals", "declared signals, over the last minutes");
    if desk.rollback() {
        return check(id, at, Verdict::Pass, "a rollback waits for no signal");
    }
    let Some(service) = &desk.service else {
        return waits_for(id, at, "notes");
    };
    if service.signals.is_empty() {
        return not_declared(id, at);
    }
    let rows: Vec<Row> = service
        .signals
        .iter()
        .map(|signal| {
            let found = desk.facts.declared.iter().find(|(name, _)| *name == signal.name);
            match found {
                Some((_, read)) => row(signal, read, desk.facts.old.is_some()),
                None => Row::unasked(&signal.name),
            }
        })
        .collect();
    together(id, at, &rows)
}

fn row(signal: &Signal, read: &Result<Vec<Reading>, Fault>, serves: bool) -> Row {
    let windows = match read {
        Ok(windows) => windows,
        Err(fault) => return Row::error(&signal.name, fault),
    };
    if !serves {
        return Row::pass(&signal.name, "it answers; nothing serves yet that it could be about");
    }
    let numbers = windows.iter().filter(|window| !window.new.is_missing()).count();
    if numbers == 0 {
        let seen = format!(
            "no number of what serves in {} windows of {} s",
            windows.len(),
            signal.every_seconds
        );
        let remedy = format!(
            "DEV corrects the query of {} under `signals` in ops.yaml, or makes the service tell it: \
             asked by hand at {}, it must give a number for what serves now. A count that is absent \
             until it first happens needs `or vector(0)`",
            signal.name, signal.prometheus
        );
        return Row::new(Verdict::Fail, &signal.name, &seen, remedy);
    }
    Row::pass(&signal.name, &format!("{numbers} of {} windows have a number", windows.len()))
}
