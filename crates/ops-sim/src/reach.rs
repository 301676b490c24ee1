//! Which cells and rows of the table of states a run cannot reach, or only by a rare race, and why.
//! Whatever is not listed here must be met often.

use ops_core::deploy::PhaseName as P;

use crate::coverage::Move;

const NO_TURN: &str = "turns are given only to those that wait for one";
const NO_FACTS: &str = "facts are gathered one at a time, only while checking or right before the \
                        first act, and these answers end the wait for them";
const NO_RESERVE: &str = "the journal answers at once, and is asked only under a lease";
const NO_ACT: &str = "a phase with acts is left only when no act is under way";
const NO_LOOK: &str = "the look that ends the last step is the last one";
const NO_SENSE: &str = "senses are asked only between the first act and the end of the watch";
const NO_READING: &str = "the ticket was last read at least a whole wait before";
const LATE: &str = "only an answer that was overtaken by something else; counted, not required";
const FEW_ROTATIONS: &str =
    "only rotations of secrets move so, and too few of them come that far; the scripts walk them";
const NEVER_LEFT: &str = "the last step of a way back is never left at its deadline, it fails";
const TWO_READINGS: &str = "needs two readings of the ticket in a phase that is shorter than the \
                            pause between them; counted, not required";

const FEW_NIGHTS: &str = "a model is asked there where a step has seen too little, and most of those are \
                          taken back for something else before; the scripts walk it";
const NO_JUDGEMENT: &str = "a model is asked before the plan and where a step that observes has \
                            seen too little; elsewhere only an answer that was overtaken";
const NO_ANSWER: &str = "people answer what a model holds; in mid-traffic they resume, and the tests of the machine answer";
const BOARD_AWAY: &str = "only where the meeting board was away for the whole soak";
const OVERTAKEN: &str =
    "only a rollback that waits while something newer comes; the scripts walk it";
const NOT_WATCHED: &str = "only what users are on is told of what somebody reports";
const NOT_TOLD: &str =
    "only what soaks, froze or is to take something back is told that another takes its place";

/// Why a cell is not met in these runs; `None` if it must be.
pub fn out_of_reach(phase: P, input: &str) -> Option<&'static str> {
    let resting = matches!(
        phase,
        P::Closed | P::Promoted | P::RolledBack | P::Thawed | P::Withdrawn | P::KeptNotClosed
    );
    // It waits without a lease, for a time that needs no look.
    let soaks = phase == P::Soaking;
    let desk = matches!(phase, P::Queued | P::Checking | P::Held);
    match (phase, input) {
        (P::Verifying | P::Watching, "reported") => None,
        (P::Deploying, "reported") => Some(LATE),
        (_, "reported") => Some(NOT_WATCHED),
        (P::Soaking | P::Frozen, "superseded") => None,
        (P::Queued | P::Held, "superseded") => Some(OVERTAKEN),
        (_, "superseded") => Some(NOT_TOLD),
        (P::Deploying | P::Verifying | P::Watching, "sensed") => None,
        (P::RollingBack | P::Documenting, "sensed") => Some(LATE),
        (_, "sensed") => Some(NO_SENSE),
        (P::Checking, "judged") | (P::Held, "answer") => None,
        (P::Deploying | P::Watching, "judged") => Some(FEW_NIGHTS),
        (_, "judged") => Some(NO_JUDGEMENT),
        (_, "answer") => Some(NO_ANSWER),
        (P::Queued | P::Held, "turn") => None,
        (_, "turn") => Some(NO_TURN),
        (P::Checking | P::Planned, "facts") => None,
        (P::Queued | P::Held | P::Withdrawn, "facts") => Some(LATE),
        (_, "facts") => Some(NO_FACTS),
        (P::Queued | P::Checking | P::Closed | P::KeptNotClosed, "lease") => Some(LATE),
        (P::Soaking | P::Promoted, "lease" | "looked") => Some(LATE),
        (P::Promoted, "letter-ended") => Some(BOARD_AWAY),
        (P::Checking, "looked") | (P::Promoted, "ticket-read") => Some(LATE),
        (_, "reserved") if desk || resting || soaks => Some(NO_RESERVE),
        (P::Verifying, "reserved" | "lease") => Some(LATE),
        (P::Held | P::Verifying, "op-ended") => Some(LATE),
        (_, "op-ended") if desk || resting || soaks => Some(NO_ACT),
        (P::Withdrawn | P::Thawed | P::RolledBack, "looked") => Some(LATE),
        (P::Closed | P::KeptNotClosed, "looked") => Some(NO_LOOK),
        (P::Frozen | P::Thawed | P::KeptNotClosed | P::Withdrawn, "ticket-read") => {
            Some(NO_READING)
        }
        (P::Closed | P::RolledBack, "ticket-read") => Some(LATE),
        _ => None,
    }
}

/// Rows that are not met in these runs, or only by a rare race.
pub const ROWS_OUT_OF_REACH: &[(Move, &str)] = &[
    ((P::RollingBack, "tick", P::RolledBack), NEVER_LEFT),
    ((P::RollingBack, "tick", P::Withdrawn), NEVER_LEFT),
    ((P::Checking, "ticket-read", P::Withdrawn), TWO_READINGS),
    ((P::Verifying, "ticket-read", P::RollingBack), TWO_READINGS),
    ((P::Planned, "looked", P::Withdrawn), TWO_READINGS),
    ((P::Documenting, "ticket-read", P::Withdrawn), TWO_READINGS),
    ((P::Queued, "superseded", P::Withdrawn), OVERTAKEN),
    ((P::Held, "superseded", P::Withdrawn), OVERTAKEN),
    ((P::Checking, "facts", P::Withdrawn), FEW_ROTATIONS),
    ((P::Documenting, "looked", P::Closed), FEW_ROTATIONS),
    ((P::Documenting, "tick", P::Closed), FEW_ROTATIONS),
];
