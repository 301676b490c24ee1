//! Which mistake this thread makes.

use std::cell::Cell;

use super::Mutation;

thread_local! {
    static CHOSEN: Cell<Option<Mutation>> = const { Cell::new(None) };
}

/// Every mistake with its name.
pub const ALL: [(Mutation, &str); 35] = [
    (Mutation::AskNoModel, "ask-no-model"),
    (Mutation::IgnoreJudgement, "ignore-the-models-halt"),
    (Mutation::ShipWithoutVerdicts, "ship-without-verdicts"),
    (Mutation::AcceptOtherEvidence, "accept-evidence-of-another-candidate"),
    (Mutation::ResumeApproves, "resume-approves"),
    (Mutation::SkipRehearsal, "skip-the-rehearsal"),
    (Mutation::GovernAtOnce, "govern-at-once"),
    (Mutation::IgnoreLease, "ignore-the-lease"),
    (Mutation::ActWithoutIntent, "act-without-intent"),
    (Mutation::LeaveItThere, "leave-it-there"),
    (Mutation::DropCapacityFloor, "drop-the-capacity-floor"),
    (Mutation::ForgetToHold, "forget-to-hold"),
    (Mutation::ForgetReadBack, "forget-the-read-back"),
    (Mutation::UseAnOldLook, "use-an-old-look"),
    (Mutation::CountWallTime, "count-wall-time-as-watch-time"),
    (Mutation::SilencePasses, "silence-passes"),
    (Mutation::WaitForever, "wait-for-ever"),
    (Mutation::ForgetAbort, "forget-the-abort"),
    (Mutation::ActWhileHalted, "act-while-halted"),
    (Mutation::CloseBeforeComment, "close-before-comment"),
    (Mutation::CloseWhatWentBack, "close-what-went-back"),
    (Mutation::SendBlindly, "send-blindly"),
    (Mutation::PostTwice, "post-twice"),
    (Mutation::BuryUrgent, "bury-what-is-urgent"),
    (Mutation::KeepQuiet, "keep-a-rollback-quiet"),
    (Mutation::DropAnchor, "drop-the-anchor"),
    (Mutation::DeployCondemned, "deploy-the-condemned"),
    (Mutation::ShipOlder, "ship-the-older"),
    (Mutation::CloseUnproven, "close-the-unproven"),
    (Mutation::SkipStages, "skip-the-stages"),
    (Mutation::LeaveOnStage, "leave-it-on-its-stage"),
    (Mutation::TellNobody, "tell-nobody"),
    (Mutation::NeverStopTelling, "never-stop-telling"),
    (Mutation::WordsBegin, "words-begin-the-checks"),
    (Mutation::ActOnNewer, "act-on-newer-records"),
];

/// Chooses the mistake of this thread, or none.
pub fn choose(mutation: Option<Mutation>) {
    CHOSEN.set(mutation);
}

pub(super) fn is(mutation: Mutation) -> bool {
    CHOSEN.get() == Some(mutation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_makes_the_mistake_that_it_chose_and_no_other() {
        for (mutation, name) in ALL {
            choose(Some(mutation));
            let made: Vec<_> =
                ALL.iter().filter(|(one, _)| is(*one)).map(|(_, name)| *name).collect();
            assert_eq!(made, [name]);
        }
        choose(None);
        assert!(!ALL.iter().any(|(one, _)| is(*one)));
    }
}
