//! What can be said: one file per command.

mod advisor;
mod audit;
mod board;
mod check;
mod completions;
mod demo;
mod deploy;
mod doctor;
mod edge;
mod engines;
mod explain;
mod findings;
mod guard;
mod history;
mod init;
mod plan;
mod schema;
mod serve;
mod show;
mod status;
mod steer;
mod watch;

use ops_core::id::{DeploymentId, TicketId};

pub(crate) use audit::unchanged;

use crate::{context::Context, exit::Exit, problem::Problem};

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Write an ops.yaml that fits this folder
    Init(init::Args),
    /// Say what is wrong with ops.yaml, and with --online whether everything answers
    Check(check::Args),
    /// Print the JSON Schema of ops.yaml, for editors
    Schema,
    /// Run the daemon: boards, heartbeat, deployments
    Serve(serve::Args),
    /// Run the edge, the door through which users reach services
    Edge(edge::Args),
    /// See everything work: a small shop, four versions, real traffic, nothing left behind
    Demo(demo::Args),
    /// Show the checks and the plan of a ticket; changes nothing
    Plan(plan::Args),
    /// Have the daemon look at a ticket now, and follow its deployment
    Deploy(deploy::Args),
    /// What serves, what is under way, what waits
    Status,
    /// What is waited for, until when, and what happens then
    Explain(explain::Args),
    /// Follow a deployment with its evidence
    Watch(watch::Args),
    /// Stop forward acts, of one deployment or of everything
    Halt(steer::Maybe),
    /// Let a deployment, a ticket, or everything go on
    Resume(steer::Resume),
    /// Take a deployment back that is under way
    Abort(steer::One),
    /// Take a closed deployment back
    Rollback(steer::Rollback),
    /// Answer the model that holds a ticket; for people whom `operators` in ops.yaml lists
    Answer(steer::Answer),
    /// What the model is told
    #[command(subcommand)]
    Advisor(advisor::Command),
    /// Take note of a frozen lock group: notifications about it end
    Acknowledge(steer::One),
    /// Candidates that were judged bad, and lifting what stands against them
    #[command(subcommand)]
    Guard(guard::Command),
    /// List deployments, newest first
    History(history::Args),
    /// Show the whole record of a deployment
    Show(show::Args),
    /// Use the embedded boards
    #[command(subcommand)]
    Board(board::Command),
    /// Prove that nobody changed the journal
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look for what is wrong, and say what to do
    Doctor,
    /// Print a script that completes ops in your shell
    Completions(completions::Args),
}

impl Command {
    /// Runs it.
    pub(crate) fn run(&self, context: &Context) -> Result<Exit, Problem> {
        match self {
            Self::Init(args) => init::run(context, args),
            Self::Check(args) => check::run(context, args),
            Self::Schema => schema::run(context),
            Self::Serve(args) => serve::run(context, args),
            Self::Edge(args) => edge::run(context, args),
            Self::Demo(args) => demo::run(context, args),
            Self::Plan(args) => plan::run(context, args),
            Self::Deploy(args) => deploy::run(context, args),
            Self::Status => status::run(context),
            Self::Explain(args) => explain::run(context, args),
            Self::Watch(args) => watch::run(context, args),
            Self::Halt(args) => steer::halt(context, args),
            Self::Resume(args) => steer::resume(context, args),
            Self::Abort(args) => steer::abort(context, args),
            Self::Rollback(args) => steer::rollback(context, args),
            Self::Answer(args) => steer::answer(context, args),
            Self::Advisor(command) => advisor::run(context, command),
            Self::Acknowledge(args) => steer::acknowledge(context, args),
            Self::Guard(command) => guard::run(context, command),
            Self::History(args) => history::run(context, args),
            Self::Show(args) => show::run(context, args),
            Self::Board(command) => board::run(context, command),
            Self::Audit(command) => audit::run(context, command),
            Self::Doctor => doctor::run(context),
            Self::Completions(args) => completions::run(context, args),
        }
    }
}

/// A deployment or a ticket, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// `D-12`.
    Deployment(DeploymentId),
    /// `MNS-7`.
    Ticket(TicketId),
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Deployment(id));
        }
        ticket(text).map(Self::Ticket)
    }
}

/// A ticket's number, whatever its case.
fn ticket(text: &str) -> Result<TicketId, String> {
    let fits = !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if fits {
        Ok(TicketId::new(text.to_uppercase()))
    } else {
        Err("write a ticket like MNS-7 and a deployment like D-12".to_owned())
    }
}
