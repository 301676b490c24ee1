//! The table state × input → next state. `docs/states.md` is made from it, and the simulation
//! checks every decision of the machine against it.

use std::fmt::Write as _;

use super::{Input, phase::PhaseName as P};

/// A row: in this phase, this input may lead to these phases besides staying.
pub type Row = (P, &'static str, &'static [P]);

/// Every way out of every phase. What is not named here stays in its phase.
pub const ROWS: &[Row] = &[
    (P::Queued, "turn", &[P::Checking]),
    (P::Queued, "abort", &[P::Held]),
    (P::Queued, "ticket-read", &[P::Withdrawn]),
    (P::Queued, "superseded", &[P::Withdrawn]),
    (P::Checking, "facts", &[P::Planned, P::Held, P::Documenting, P::Withdrawn]),
    (P::Checking, "tick", &[P::Held]),
    (P::Checking, "abort", &[P::Held]),
    (P::Checking, "ticket-read", &[P::Withdrawn]),
    (P::Held, "turn", &[P::Checking]),
    (P::Held, "resume", &[P::Queued]),
    (P::Held, "answer", &[P::Queued]),
    (P::Held, "ticket-read", &[P::Withdrawn]),
    (P::Held, "superseded", &[P::Withdrawn]),
    (P::Planned, "lease", &[P::Queued]),
    (P::Planned, "reserved", &[P::Held]),
    (P::Planned, "facts", &[P::Deploying, P::Held]),
    (P::Planned, "looked", &[P::Held, P::Withdrawn]),
    (P::Planned, "tick", &[P::Held]),
    (P::Planned, "abort", &[P::Held]),
    (P::Planned, "op-ended", &[P::Held]),
    (P::Planned, "ticket-read", &[P::Withdrawn]),
    (P::Deploying, "restarted", &[P::Planned]),
    (P::Deploying, "looked", &[P::Verifying, P::Watching, P::RollingBack]),
    (P::Deploying, "tick", &[P::RollingBack]),
    (P::Deploying, "abort", &[P::RollingBack]),
    (P::Deploying, "op-ended", &[P::RollingBack]),
    (P::Deploying, "ticket-read", &[P::RollingBack]),
    (P::Verifying, "looked", &[P::Watching, P::RollingBack]),
    (P::Verifying, "tick", &[P::RollingBack]),
    (P::Verifying, "abort", &[P::RollingBack]),
    (P::Verifying, "ticket-read", &[P::RollingBack]),
    (P::Watching, "looked", &[P::Documenting, P::RollingBack]),
    (P::Watching, "tick", &[P::RollingBack]),
    (P::Watching, "abort", &[P::RollingBack]),
    (P::Watching, "op-ended", &[P::RollingBack]),
    (P::Watching, "ticket-read", &[P::RollingBack]),
    (P::RollingBack, "looked", &[P::RolledBack, P::Withdrawn, P::Frozen]),
    (P::RollingBack, "tick", &[P::Frozen, P::RolledBack, P::Withdrawn]),
    (P::Documenting, "ticket-read", &[P::KeptNotClosed, P::Withdrawn]),
    (P::Documenting, "looked", &[P::Closed]),
    (P::Documenting, "tick", &[P::Closed]),
    (P::Documenting, "letter-looked", &[P::Closed, P::Soaking]),
    (P::Soaking, "tick", &[P::Promoted]),
    (P::Soaking, "ticket-read", &[P::Withdrawn]),
    (P::Soaking, "superseded", &[P::Withdrawn]),
    (P::Frozen, "tick", &[P::Thawed]),
    (P::Frozen, "superseded", &[P::Thawed]),
];

/// Inputs from people that a phase refuses, with a reason for them.
pub fn refused(phase: P, input: &str) -> bool {
    match input {
        "halt" => matches!(
            phase,
            P::RollingBack
                | P::Documenting
                | P::Soaking
                | P::Promoted
                | P::Closed
                | P::RolledBack
                | P::Frozen
                | P::Thawed
                | P::Withdrawn
                | P::KeptNotClosed
        ),
        "abort" => refused(phase, "halt"),
        // It may be watched in these; elsewhere nothing of it is.
        "reported" => !matches!(phase, P::Deploying | P::Verifying | P::Watching),
        "acknowledge" => phase != P::Frozen,
        "answer" => !matches!(phase, P::Held | P::Deploying | P::Verifying | P::Watching),
        _ => false,
    }
}

/// Whether a decision that led from one phase to another is in the table.
pub fn allows(from: P, input: &str, to: P) -> bool {
    // A reboot re-arms timers first, and a resume of a halt stays where it is.
    from == to
        || ROWS
            .iter()
            .any(|(phase, name, next)| *phase == from && *name == input && next.contains(&to))
}

/// Deadline and exit of a phase, in words.
fn exit(phase: P) -> (&'static str, &'static str) {
    match phase {
        P::Queued => ("looked at again every 60 s", "its lock group is free"),
        P::Checking => ("2 min", "then held"),
        P::Held => (
            "looked at again after 15 min (after errors 15 min, 1 h, 4 h) and on every event",
            "the checks run again; aborted ones wait for resume",
        ),
        P::Planned => ("each step's own", "held; a rehearsal copy is cleared away"),
        P::Deploying => ("each step's own; a halt 15 min", "rolling-back"),
        P::Verifying => ("each step's own; a halt 15 min", "rolling-back"),
        P::Watching => (
            "observed time with slack, extended a bounded number of times; a halt 15 min",
            "rolling-back as inconclusive",
        ),
        P::RollingBack => ("each step's own", "frozen"),
        P::Documenting => (
            "steps of the leaving version: each its own; the record: none, it is owed",
            "goes on; never back",
        ),
        P::Frozen => ("none", "healthy on one version for 5 min"),
        P::Soaking => ("the stage's own", "promoted: the next stage has a deployment of its own"),
        P::Closed | P::Promoted | P::RolledBack | P::Thawed | P::Withdrawn | P::KeptNotClosed => {
            ("none", "at rest; ended when the lease is back and all words are written")
        }
    }
}

/// The content of `docs/states.md`.
pub fn markdown() -> String {
    let mut out = String::from(
        "# States of a deployment\n\nMade from `ops-core/src/deploy/table.rs`; do not edit. A test \
         compares this file with the table, and the\nsimulation checks every decision of the \
         machine against it.\n\n## Deadlines and exits\n\n| state | deadline | exit at the \
         deadline or end |\n|---|---|---|\n",
    );
    for phase in P::ALL {
        let (deadline, exit) = exit(phase);
        let _ = writeln!(out, "| {} | {deadline} | {exit} |", phase.text());
    }
    out.push_str(
        "\n## State × input → next state\n\nWhat is not named stays in its state. `refused`: the \
         person is told why.\n\n| state | input | next |\n|---|---|---|\n",
    );
    for phase in P::ALL {
        for input in Input::NAMES {
            let next: Vec<_> = ROWS
                .iter()
                .filter(|(from, name, _)| *from == phase && *name == input)
                .flat_map(|(_, _, next)| next.iter().map(|phase| phase.text()))
                .collect();
            if refused(phase, input) {
                let _ = writeln!(out, "| {} | {input} | refused |", phase.text());
            } else if !next.is_empty() {
                let _ = writeln!(out, "| {} | {input} | {} |", phase.text(), next.join(", "));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_md_is_made_from_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/states.md");
        if std::env::var_os("OPS_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap();
        assert_eq!(written, markdown(), "run this test with OPS_WRITE_DOCS=1 to write it anew");
    }

    #[test]
    fn every_row_names_a_known_input() {
        for (_, input, _) in ROWS {
            assert!(Input::NAMES.contains(input), "{input}");
        }
    }
}
