//! The touchstone: what every target must do, as one suite that each of them is run through.
//!
//! A target's own tests give a [`Ground`] to [`suite!`], which makes a test of every rule here.
//! What only one target can promise stays in that target's tests.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test that it is part of")]
#![expect(clippy::expect_used, reason = "a step that fails fails the test that it is part of")]

mod acts;
mod breaks;
mod errand;
mod ground;
mod order;
mod ports;
mod refusal;

pub use acts::*;
pub use breaks::*;
pub use errand::{Break, Broken, Errand, Said, Sent, obey};
pub use ground::{Breakable, Ground, Program, done, eventually, stamp};
pub use order::*;
pub use ports::*;
pub use refusal::*;

/// Makes a test of every rule. The expression makes a new ground.
#[macro_export]
macro_rules! suite {
    ($ground:expr) => {
        $crate::suite! { @tests $ground;
            replicas_start_stop_start_again_and_are_removed,
            every_act_given_twice_is_done_once,
            the_number_of_replicas_is_adjusted,
            a_start_right_after_a_stop_is_never_lost,
            p5_whoever_comes_after_a_crash_goes_on,
            a_crash_loop_is_seen_with_its_reason,
            a_stop_returns_at_once_and_its_grace_goes_on_without_us,
            what_ignores_term_is_killed_after_its_grace,
            p4_a_stale_generation_is_refused_also_for_what_does_not_exist_yet,
            p4_a_start_that_comes_late_cannot_undo_the_stop_that_came_after_it,
            p4_an_overtaken_act_of_the_same_generation_is_refused,
            p5_an_act_that_fails_anywhere_is_told_truly_and_finished_by_the_next,
            p5_an_act_that_is_killed_anywhere_is_finished_by_the_next,
            ports_that_are_held_or_owned_are_passed_over,
            s7_a_fixed_port_is_given_and_what_holds_it_is_named,
            what_cannot_run_is_refused_before_anything_is_made,
            a_release_never_changes,
            what_runs_is_not_removed,
            services_do_not_see_each_other,
        }
    };
    (@tests $ground:expr; $($rule:ident,)*) => {
        $(
            #[test]
            fn $rule() {
                $crate::$rule(&$ground);
            }
        )*
    };
}
