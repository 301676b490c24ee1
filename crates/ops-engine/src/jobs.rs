//! What the engine wants done outside, and what came of it.

use std::{collections::BTreeMap, sync::Arc};

use ops_core::{
    checks::{Condemned, Facts, Fingerprint, Promoted},
    deploy::{Act, Created, Letter, LookOrder, Outcome, Sense, Sensed},
    id::{
        DeploymentId, Digest, EnvironmentName, Generation, Identity, OpId, ServiceName, Stamp,
        TicketId,
    },
    judgement::{Dossier, Exchange, Prompt},
    plan::{KnownRelease, Plan},
    record::Notice,
    secrets,
    settings::{Advisor, Notify},
    signal::SignalSecond,
    ticket::{Message, Ticket},
    time::Now,
    world::{DoorView, Fault, ReleaseSpec, TargetView},
};

use crate::{knowledge::TallyBook, notebook::Notebook};

/// Names a job: no two with the same key run at the same time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobKey {
    /// Facts for the checks.
    Gather(DeploymentId),
    /// An act.
    Act(DeploymentId, OpId),
    /// A look.
    Look(DeploymentId),
    /// A question to a sense beside the door, by its name.
    Sense(DeploymentId, String),
    /// A reading of the ticket.
    Ticket(DeploymentId),
    /// A letter going out, or being looked for.
    Letter(DeploymentId, u32),
    /// Posts of one kind going out together.
    Posts(Vec<(DeploymentId, u32)>),
    /// The world's highest generation, before a lease is taken.
    Highest(DeploymentId),
    /// The queue.
    Queue,
    /// Mentions of ops.
    Mentions,
    /// An answer to a mention.
    Answer(String),
    /// Something that the team is told, by its name.
    Announce(String),
    /// Old artifacts.
    Prune,
    /// What a deployment that waits leans on, as soon as it is known.
    First(DeploymentId),
    /// What the door counted.
    Count,
    /// Which versions secrets have.
    Secrets,
    /// Somebody outside of the boards.
    Tell(DeploymentId, String),
    /// A model's judgement.
    Judge(DeploymentId),
}

/// Something to be done outside. Carries all that it needs.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub key: JobKey,
    /// What to do.
    pub work: Work,
}

/// What ops knows that bears on the checks of one deployment.
#[derive(Debug, Clone)]
pub struct Known {
    /// When the facts are gathered; a label.
    pub at: jiff::Timestamp,
    /// The same by the clock that never steps.
    pub now: Now,
    /// The commit whose `ops.yaml` governs; `None` before the first one was read.
    pub governs: Option<String>,
    /// Everything that serves now, with its environment.
    pub serving: Vec<(EnvironmentName, KnownRelease)>,
    /// Tickets by the deployment that shipped them last.
    pub shipped: BTreeMap<DeploymentId, TicketId>,
    /// What a rollback brings back, or a rotation starts anew.
    pub undo: Option<KnownRelease>,
    /// Where the candidate comes from an earlier stage: its ticket as it was then (S12).
    pub promoted: Option<Promoted>,
    /// What is to be adopted was proven to run then.
    pub seen: Option<(Digest, jiff::Timestamp)>,
    /// Others under way in the lock group.
    pub conflicts: Vec<DeploymentId>,
    /// Candidates judged bad.
    pub condemned: Vec<Condemned>,
    /// Whether a listed person has answered after too many tries.
    pub answered: bool,
    /// What the service leaned on when QA's verdict was first seen.
    pub then: Option<Fingerprint>,
    /// Hourly counts of requests: where, of which service.
    pub tallies: BTreeMap<(EnvironmentName, ServiceName), TallyBook>,
    /// Nothing but what makes the candidate is to be gathered.
    pub only_candidate: bool,
    /// The stage that comes next for a candidate, by its hash, where it has soaked before it.
    pub soaked: Option<(EnvironmentName, Digest)>,
    /// Deployments that serve or froze, with the checks that were green before them.
    pub standing: Vec<Standing>,
    /// What notes said when they were read before.
    pub notebook: Arc<Notebook>,
}

/// A deployment that a ticket may say it fixes (S11).
#[derive(Debug, Clone)]
pub struct Standing {
    /// As the ticket names it, in upper case: the deployment, or an incident of it.
    pub named: String,
    /// The deployment.
    pub id: DeploymentId,
    /// Checks that were green before it.
    pub green: Vec<String>,
    /// What it brought, if it froze.
    pub left: Option<ReleaseSpec>,
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Work {
    /// Gather the facts for the checks.
    Gather {
        /// Of which deployment.
        created: Box<Created>,
        /// What ops knows that bears on it.
        known: Box<Known>,
    },
    /// Do an act.
    Act {
        /// Its stamp.
        stamp: Stamp,
        /// The act.
        act: Act,
    },
    /// Read the world back.
    Look {
        /// Of which plan.
        plan: Arc<Plan>,
        /// What to look at.
        order: LookOrder,
    },
    /// Ask a sense beside the door.
    Sense {
        /// For which plan.
        plan: Arc<Plan>,
        /// Which, and what.
        sense: Box<Sense>,
        /// When it is asked.
        now: Now,
    },
    /// Read a ticket.
    ReadTicket {
        /// Which.
        id: TicketId,
        /// Whether nothing is under way for it, so that it may be as old as half a minute.
        waits: bool,
    },
    /// Send a letter.
    Deliver {
        /// The letter.
        letter: Box<Letter>,
        /// Its marker.
        marker: String,
    },
    /// Send posts of one kind to one channel as one message.
    DeliverPosts {
        /// The posts, each with its marker.
        posts: Vec<(Box<Letter>, String)>,
    },
    /// Look for a letter.
    Find {
        /// The letter.
        letter: Box<Letter>,
        /// Its marker.
        marker: String,
    },
    /// Ask everything that knows generations for its highest.
    Highest,
    /// Read the queue.
    Queue {
        /// The commit whose `ops.yaml` governs.
        governs: Option<String>,
    },
    /// Read what the door counted of these services after a second.
    Count {
        /// Where, of which service, after which of the door's seconds.
        services: Vec<(EnvironmentName, ServiceName, u64)>,
    },
    /// Read which versions these secret references lead to.
    Secrets {
        /// The references.
        references: Vec<String>,
    },
    /// Ask a model for its judgement.
    Judge {
        /// Which.
        to: Box<Advisor>,
        /// What it is told.
        prompt: Box<Prompt>,
        /// About what.
        dossier: Arc<Dossier>,
    },
    /// Tell somebody outside of the boards.
    Tell {
        /// Whom.
        who: Box<Notify>,
        /// What.
        notice: Box<Notice>,
    },
    /// Read mentions after this message.
    Mentions {
        /// The last message that was seen.
        after: Option<String>,
    },
    /// Answer a mention, unless the answer stands there already.
    Answer {
        /// The message.
        message: Box<Message>,
        /// The answer, marker included.
        text: String,
        /// Its marker.
        marker: String,
        /// What a model is asked to say in better words, beside it.
        draft: Option<Draft>,
    },
    /// Say something to the team, unless it stands there already.
    Announce {
        /// Where.
        channel: String,
        /// What, marker included.
        text: String,
        /// Its marker.
        marker: String,
        /// What a model is asked to say in better words, beside it.
        draft: Option<Draft>,
    },
    /// Clear stored artifacts except these.
    Prune {
        /// What must stay.
        keep: Vec<Digest>,
    },
}

/// One probe's answer; `None`: healthy.
pub type ProbeAnswer = Result<Option<String>, Fault>;

/// What a look brought, before health is counted over several looks.
#[derive(Debug, Clone)]
pub struct Looked {
    /// The target.
    pub target: Result<TargetView, Fault>,
    /// The door.
    pub door: Result<DoorView, Fault>,
    /// One probe of each running replica.
    pub probes: BTreeMap<String, ProbeAnswer>,
    /// Signals, if ordered.
    pub signals: Option<Result<Vec<SignalSecond>, Fault>>,
    /// Failed smoke requests, if ordered.
    pub smoke: Option<Result<Vec<String>, Fault>>,
    /// Whether the artifact is stored, if ordered.
    pub stored: Option<Result<bool, Fault>>,
    /// Dependencies that do not answer healthy.
    pub sick_dependencies: Vec<String>,
}

/// The queue as the board told it.
#[derive(Debug, Clone)]
pub struct QueueRead {
    /// ops's own identity there.
    pub me: Identity,
    /// Tickets in `rfp`.
    pub tickets: Vec<Ticket>,
    /// The settings that govern.
    pub settings: Arc<ops_core::settings::Settings>,
    /// Those of the newest commit.
    pub newest: Result<Arc<ops_core::settings::Settings>, Fault>,
}

/// A queue that could not be read.
#[derive(Debug, Clone)]
pub struct QueueUnread {
    /// Why.
    pub fault: Fault,
    /// The settings that govern, where at least those could be read: who may steer and who must be
    /// told does not depend on a board that is away (S14).
    pub settings: Option<Arc<ops_core::settings::Settings>>,
}

/// A model that is asked to word facts.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Which.
    pub to: Box<Advisor>,
    /// What it is told.
    pub prompt: Box<Prompt>,
}

/// What came of a job.
#[derive(Debug, Clone)]
pub enum Done {
    /// Facts.
    Gathered(Box<Facts>),
    /// An act's or a letter's outcome.
    Ended(Outcome),
    /// A look.
    Looked(Box<Looked>),
    /// What a sense said.
    Sensed(Box<Sensed>),
    /// A ticket.
    Ticket(Result<Option<Box<Ticket>>, Fault>),
    /// Whether a letter stands on the board.
    Found(Result<bool, Fault>),
    /// The highest generation.
    Highest(Result<Generation, Fault>),
    /// The queue.
    Queue(Result<Box<QueueRead>, QueueUnread>),
    /// Mentions.
    Mentions(Result<Vec<Message>, Fault>),
    /// A model was asked about a dossier.
    Judged(Arc<Dossier>, Box<Exchange>),
    /// Whether an answer stands on the board.
    Answered(Result<(), Fault>),
    /// The same, where a model was asked for words: what it was told and what came of that.
    Drafted {
        /// What it was told.
        asked: String,
        /// What came back.
        exchange: Box<Exchange>,
        /// Whether the answer stands on the board.
        answer: Result<(), Fault>,
    },
    /// Whether old artifacts were cleared.
    Pruned(Result<(), Fault>),
    /// Versions of secrets, by reference.
    Secrets(secrets::Found),
    /// What the door counted, per service.
    Counted(Vec<(EnvironmentName, ServiceName, Result<Vec<SignalSecond>, Fault>)>),
}
