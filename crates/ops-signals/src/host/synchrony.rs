//! How wrong the wall clock may be.

use ops_core::world::Fault;
use ops_engine::ports::Look;
use rtime_clock::adjtime::{Timex, adjtimex};

/// adjtimex(2) gives this instead of a state of leap seconds when the clock is not synchronised.
const TIME_ERROR: i32 = 5;

/// Bit of the status: nobody keeps the clock right.
const STA_UNSYNC: i32 = 0x40;

const PLACE: &str = "the kernel's clock (adjtimex)";

/// By how many milliseconds the clock may be wrong: the greater of the kernel's bound and of the
/// estimate of whoever keeps it right. The kernel raises the bound by 500 parts in a million from
/// one correction to the next.
pub(super) fn error_ms() -> Look<u64> {
    // All zeros is a question that changes nothing; it needs no privilege.
    let mut answer = Timex::new();
    let state = adjtimex(&mut answer).map_err(|e| {
        let what = format!("cannot ask how wrong the clock may be: {e}");
        let next = "let ops call adjtimex (a seccomp filter may forbid it), or leave `clock_ms` \
                    out of ops.yaml";
        Fault::new(what, PLACE, next)
    })?;
    judge(state, answer.0.status, answer.0.maxerror, answer.0.esterror)
}

/// Errors come in microseconds.
fn judge(state: i32, status: i32, maximum: i64, estimate: i64) -> Look<u64> {
    if state == TIME_ERROR || status & STA_UNSYNC != 0 {
        return Err(Fault::new(
            "the clock is not synchronised: nobody knows how wrong it is",
            PLACE,
            "start chrony or systemd-timesyncd, on the host if this is a container, and wait \
             until it has reached its servers",
        ));
    }
    u64::try_from(maximum.max(estimate)).map(|micros| micros.div_ceil(1000)).map_err(|_| {
        let next = "see what chrony or systemd-timesyncd says of the clock";
        Fault::new("the kernel names a negative error of the clock", PLACE, next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greater_error_counts_and_is_rounded_up() {
        assert_eq!(judge(0, 1, 1_500, 900), Ok(2));
        assert_eq!(judge(0, 1, 900, 2_000), Ok(2));
        assert_eq!(judge(0, 0x2001, 0, 0), Ok(0));
        assert_eq!(judge(1, 1, 1, 1), Ok(1), "a leap second is ahead, and the clock is right");
    }

    #[test]
    fn p8_a_clock_that_nobody_keeps_right_is_an_error() {
        for (state, status) in [(TIME_ERROR, 1), (0, STA_UNSYNC), (TIME_ERROR, STA_UNSYNC)] {
            let told = judge(state, status, 10, 10).unwrap_err();
            assert!(told.next.contains("chrony") && told.what.contains("not synch"), "{told}");
        }
        assert!(judge(0, 1, -1, -5).is_err());
    }

    #[test]
    fn this_machine_answers_one_way_or_the_other() {
        match error_ms() {
            // The kernel calls it unsynchronised beyond 16 s.
            Ok(ms) => assert!(ms <= 16_000, "{ms}"),
            Err(fault) => assert!(fault.what.contains("not synchronised"), "{fault}"),
        }
    }
}
