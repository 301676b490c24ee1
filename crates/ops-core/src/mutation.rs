//! Seeded mistakes: what the proving ground must catch (`docs/adr/0010-the-proving-ground.md`).
//!
//! A check that never fails proves nothing. So the program can be built with mistakes in it, one of
//! which is chosen at run time, and each must be found by the promise that it breaks.
//!
//! Only the feature `mutations` brings them, and only `ops-sim` asks for it. Without it [`on`] is a
//! constant `false`: the branches vanish, no name of a mistake is in the binary, and every function
//! here depends on its arguments alone. With it the choice is held per thread: a run of the
//! simulation is one thread, so a seed and a mistake are still one run. To pass the choice as an
//! argument or a setting was weighed: it would be in the journal and in the hash of `ops.yaml`, and
//! the program with the mistake would not be the one that ships.

#[cfg(feature = "mutations")]
mod chosen;

#[cfg(feature = "mutations")]
pub use chosen::{ALL, choose};

/// A mistake.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// A model that was configured is not asked.
    AskNoModel,
    /// Its halt holds nothing.
    IgnoreJudgement,
    /// A ticket ships without a verdict.
    ShipWithoutVerdicts,
    /// Verdicts count for whatever the notes say later.
    AcceptOtherEvidence,
    /// Whoever lets a held ticket go on has approved it.
    ResumeApproves,
    /// The previous version is not started beside itself before the first act.
    SkipRehearsal,
    /// A looser `ops.yaml` governs at once.
    GovernAtOnce,
    /// A lock group that is taken is free, and so is its lease.
    IgnoreLease,
    /// An act is done and its intent is not journaled.
    ActWithoutIntent,
    /// The way back leaves the new version where it is.
    LeaveItThere,
    /// The old version stops before the new one starts.
    DropCapacityFloor,
    /// What cannot run twice is stopped while requests still come.
    ForgetToHold,
    /// An act that was accepted has happened.
    ForgetReadBack,
    /// A look that began before the last act ended reads it back.
    UseAnOldLook,
    /// Time that passes is time that was watched.
    CountWallTime,
    /// What cannot be seen is as it should be.
    SilencePasses,
    /// No step's time is ever over.
    WaitForever,
    /// An abort in mid-act is forgotten when the act ends.
    ForgetAbort,
    /// A halt stops nothing.
    ActWhileHalted,
    /// A ticket is closed before its record stands on it.
    CloseBeforeComment,
    /// A ticket is closed after its version was taken back.
    CloseWhatWentBack,
    /// A letter whose fate is unknown is sent again and not looked for.
    SendBlindly,
    /// Every post is made twice.
    PostTwice,
    /// Whatever is posted waits for others and is told with them.
    BuryUrgent,
    /// A rollback is not told.
    KeepQuiet,
    /// Comments do not bear the journal's head.
    DropAnchor,
    /// What was judged bad is deployed again.
    DeployCondemned,
    /// An older candidate ships over a newer one.
    ShipOlder,
    /// Whatever a ticket says that it includes closes with it.
    CloseUnproven,
    /// A candidate goes to its last stage at once.
    SkipStages,
    /// What was judged bad later stays on earlier stages.
    LeaveOnStage,
    /// Nobody is told of what froze.
    TellNobody,
    /// Taking note of it does not end the notices.
    NeverStopTelling,
    /// To take note of a held ticket begins its checks.
    WordsBegin,
    /// A journal that a newer ops has written changes nothing.
    ActOnNewer,
}

/// Whether this build runs with that mistake.
#[cfg(feature = "mutations")]
pub fn on(mutation: Mutation) -> bool {
    chosen::is(mutation)
}

/// Never: this build has no mistakes in it.
#[cfg(not(feature = "mutations"))]
#[inline(always)]
#[expect(clippy::inline_always, reason = "the branch must vanish in every build")]
pub const fn on(_: Mutation) -> bool {
    false
}
