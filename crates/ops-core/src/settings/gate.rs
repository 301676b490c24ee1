//! What holds deployments besides the checks that look at the candidate itself: windows, budgets,
//! alerts, the state of hosts and of what a service leans on; and who is told when things stop.

use serde::{Deserialize, Serialize};

use crate::id::{EnvironmentName, ServiceName};

/// The class of a ticket for which PO has named none.
pub const NORMAL_CLASS: &str = "normal";

/// Gates of the whole team.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// When deployments may begin, and when not.
    pub windows: Vec<Window>,
    /// Where firing alerts are read.
    pub alerts: Vec<AlertSource>,
}

/// A span of time that comes again, or comes once, in which deployments may or may not begin.
///
/// Deny wins. Where at least one allowing window applies to a deployment, one of those must be
/// open. A rollback is never held by a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Its name, for people.
    pub name: String,
    /// Whether deployments may begin while it is open, or may not.
    pub kind: WindowKind,
    /// When it is open.
    pub open: Opening,
    /// Environments to which it applies; all if empty.
    pub environments: Vec<EnvironmentName>,
    /// Services to which it applies; all if empty.
    pub services: Vec<ServiceName>,
    /// Classes of tickets that it does not hold.
    pub except: Vec<String>,
}

/// What an open window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WindowKind {
    /// Deployments may begin while it is open.
    Allow,
    /// They may not.
    Deny,
}

/// When a window is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opening {
    /// Again and again.
    Cron {
        /// Minute, hour, day of the month, month, day of the week: when it opens.
        expression: String,
        /// IANA name of the time zone in which the expression is meant.
        zone: String,
        /// Seconds that it stays open.
        seconds: u64,
    },
    /// Once, the first instant included, the last one not.
    Between {
        /// From.
        from: jiff::Timestamp,
        /// Until.
        until: jiff::Timestamp,
    },
}

/// A system that knows of firing alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSource {
    /// Its name, for people.
    pub name: String,
    /// Its address; `api/v2/alerts` (Alertmanager) or `api/v1/alerts` (Prometheus) is below it.
    pub url: String,
    /// Which of the two it is.
    pub kind: AlertKind,
    /// Label that names a service. An alert without it is one of hosts, and holds all.
    pub label: String,
    /// Names of alerts that hold nothing.
    pub ignore: Vec<String>,
}

/// The kinds of systems that know of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// Alertmanager, API version 2.
    Alertmanager,
    /// Prometheus itself, API version 1.
    Prometheus,
}

/// How much failure a service may have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Share of requests that may fail, 0 to 1.
    pub error_share: f64,
    /// Over how many days.
    pub days: u32,
    /// Classes of tickets that an empty budget does not hold.
    pub except: Vec<String>,
}

/// Limits of the machine on which services run; what is not set is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostLimits {
    /// Highest load average over five minutes, per core.
    pub load_per_core: Option<f64>,
    /// The clock must be known to be right within so many milliseconds.
    pub clock_ms: Option<u64>,
    /// PEM files with certificates that must not be about to expire.
    pub certificates: Vec<String>,
    /// Days that they must still be valid.
    pub certificate_days: u32,
}

/// Another service that a service leans on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Which.
    pub service: ServiceName,
    /// The versions that will do, as a semver requirement such as `>=2.1, <3`; all if unset.
    pub version: Option<String>,
}

/// Something shared that a service leans on and that is no service of ops: its state is taken down
/// when QA's verdict is first seen, and compared before the first act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infrastructure {
    /// Its name, for people.
    pub name: String,
    /// How its state is read.
    pub read: ReadState,
}

/// How the state of something is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadState {
    /// The content of a file.
    File(String),
    /// What a program prints, given as program and arguments. It must only read.
    Command(Vec<String>),
}

/// What a service does with migrations that notes declare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Migrations {
    /// Nothing: a ticket that declares one is held.
    #[default]
    Held,
    /// The service runs them itself when it starts, and its previous version runs after them.
    AtStart,
}

/// Somebody who is told when something stopped that only a person can move, until somebody
/// acknowledges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    /// Name, for people.
    pub name: String,
    /// How.
    pub via: Via,
    /// Told at once if zero; else only when nobody has acknowledged for so many seconds.
    pub after_seconds: u64,
    /// Told again so often until somebody acknowledges.
    pub every_seconds: u64,
}

/// How somebody is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Via {
    /// A JSON document is posted to an address.
    Webhook {
        /// The address.
        url: String,
        /// Reference of a token that is sent as bearer.
        token: Option<String>,
    },
    /// A program gets the JSON document on its standard input.
    Command(Vec<String>),
}
