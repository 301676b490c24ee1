//! What can be asked.

use super::Promise;
use crate::id::{DeploymentId, EnvironmentName, IncidentId, ServiceName, TicketId};

/// What a message asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// To be told something; it changes nothing.
    Tell(Question),
    /// To do something.
    Do(Deed),
    /// To break a promise.
    Never(Promise),
    /// Nothing that ops understands.
    Unclear,
}

/// What a question is about beside its topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// One service; `None`: all.
    pub service: Option<ServiceName>,
    /// One environment; `None`: all.
    pub environment: Option<EnvironmentName>,
}

impl About {
    /// Whether something of a service in an environment is meant. On a later stage a service has the
    /// environment behind its name.
    pub fn means(&self, service: &ServiceName, environment: &EnvironmentName) -> bool {
        let plain = service.as_str().split('@').next().unwrap_or_default();
        let named = |wanted: &ServiceName| wanted == service || wanted.as_str() == plain;
        self.service.as_ref().is_none_or(named)
            && self.environment.as_ref().is_none_or(|wanted| wanted == environment)
    }
}

/// A ticket, a deployment or an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A ticket.
    Ticket(TicketId),
    /// A deployment.
    Deployment(DeploymentId),
    /// An incident.
    Incident(IncidentId),
}

/// What somebody wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// What serves.
    Serving(About),
    /// What serves and what is under way.
    Status(About),
    /// Why something waits, and what would free it.
    Explain(Subject),
    /// What is healthy, as far as that was seen.
    Health(About),
    /// What room there is, as far as that was seen.
    Capacity(About),
    /// The last deployments.
    History(About),
    /// Figures of the last weeks.
    Metrics,
    /// Open incidents.
    Incidents,
    /// What ops can be asked.
    Help,
}

/// What ops shall do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Stop forward acts.
    Halt(Option<Subject>, About),
    /// Let them go on.
    Resume(Option<Subject>),
    /// Take back what is under way.
    Abort(Option<Subject>),
    /// Take back what is closed.
    Rollback(Option<Subject>, About),
    /// Let what a deployment condemned be deployed again, for a reason.
    Lift(DeploymentId, String),
    /// Answer a model's halt of a ticket, in these words.
    Answer(TicketId, String),
    /// Take note of what froze.
    Acknowledge(DeploymentId),
    /// Look again, now.
    Look(Option<Subject>),
    /// Take note of an incident.
    Report {
        /// The deployment that it is about, where it names one.
        deployment: Option<DeploymentId>,
        /// Where it is.
        about: About,
        /// What was seen.
        words: String,
    },
    /// An incident is over.
    Resolve(IncidentId),
}

/// Who may ask for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Everybody who can write there.
    Anybody,
    /// Whoever the board knows.
    Member,
    /// Whoever `operators` in `ops.yaml` lists.
    Listed,
}

impl Request {
    /// Who may ask for it (DESIGN §5).
    pub fn needs(&self) -> Standing {
        match self {
            Self::Tell(_) | Self::Never(_) | Self::Unclear => Standing::Anybody,
            Self::Do(
                Deed::Halt(..) | Deed::Look(_) | Deed::Report { .. } | Deed::Acknowledge(_),
            ) => Standing::Member,
            Self::Do(
                Deed::Resume(_)
                | Deed::Abort(_)
                | Deed::Rollback(..)
                | Deed::Lift(..)
                | Deed::Answer(..)
                | Deed::Resolve(_),
            ) => Standing::Listed,
        }
    }
}
