//! The team's boards: those that ops brings with it, or those on which it is a guest.

use std::{env, sync::Arc};

use ops_boards::{
    BoardStore, EmbeddedMeeting, EmbeddedPlanning,
    devteam::{AddressError, Convention, DevTeamMeeting, DevTeamPlanning, Renew},
};
use ops_core::{
    id::Identity,
    settings::{DevTeam, Settings},
};
use ops_engine::ports::{Clock, Meeting, Planning};
use ops_signals::SystemClock;

use crate::{context::Context, problem::Problem, serve};

/// Where the team works.
#[derive(Clone)]
pub(crate) enum Team {
    /// On the embedded boards.
    Own(Arc<BoardStore>),
    /// On `DevTeam`'s.
    Guest(Guest),
}

/// ops as a guest.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) planning: Arc<DevTeamPlanning>,
    pub(crate) meeting: Arc<DevTeamMeeting>,
    /// Where it is reached there.
    pub(crate) wishes: DevTeam,
}

/// The boards as ports.
pub(crate) type Ports = (Arc<dyn Planning>, Arc<dyn Meeting>);

impl Team {
    /// The team of these settings; embedded boards are made where there are none.
    pub(crate) fn made(context: &Context, settings: &Settings) -> Result<Self, Problem> {
        Self::of(settings, || context.make_boards())
    }

    /// The team of these settings; embedded boards must be there.
    pub(crate) fn known(context: &Context, settings: &Settings) -> Result<Self, Problem> {
        Self::of(settings, || context.boards())
    }

    fn of(
        settings: &Settings,
        boards: impl FnOnce() -> Result<Arc<BoardStore>, Problem>,
    ) -> Result<Self, Problem> {
        match &settings.boards.devteam {
            Some(devteam) => Guest::new(devteam, &settings.boards.me).map(Self::Guest),
            None => boards().map(Self::Own),
        }
    }

    /// The embedded boards.
    pub(crate) fn store(&self) -> Option<&Arc<BoardStore>> {
        match self {
            Self::Own(store) => Some(store),
            Self::Guest(_) => None,
        }
    }

    /// As the engine asks them.
    pub(crate) fn ports(&self, me: &Identity) -> Result<Ports, Problem> {
        match self {
            Self::Own(store) => {
                let me = serve::id_of(store, me)?;
                Ok((
                    Arc::new(EmbeddedPlanning::new(Arc::clone(store), &me)?),
                    Arc::new(EmbeddedMeeting::new(Arc::clone(store), &me)?),
                ))
            }
            Self::Guest(guest) => Ok((
                Arc::clone(&guest.planning) as Arc<dyn Planning>,
                Arc::clone(&guest.meeting) as Arc<dyn Meeting>,
            )),
        }
    }
}

impl Guest {
    fn new(devteam: &DevTeam, me: &Identity) -> Result<Self, Problem> {
        let address = |named: &Option<String>, key: &str, variable: &str| match named {
            Some(address) => Ok(address.clone()),
            None => env::var(variable).map_err(|_| {
                let key = format!("boards.devteam.{key}");
                Problem::configuration(format!("nothing says where the {key} board is"))
                    .hint(format!("set {variable}, or write `{key}: http://…` in ops.yaml"))
            }),
        };
        let planning = address(&devteam.planning, "planning", "PLANNING_BOARD_URL")?;
        let meeting = address(&devteam.meeting, "meeting", "MEETING_BOARD_URL")?;
        let of_planning = token(devteam.planning_token.as_deref(), PLANNING_TOKEN)?;
        let of_meeting = token(devteam.meeting_token.as_deref(), MEETING_TOKEN)?;
        let (id, domain) = me.as_str().split_once('@').unwrap_or((me.as_str(), ""));
        let instance = env::var("AGENT_INSTANCE").ok().filter(|instance| !instance.is_empty());
        if let Some(instance) = instance.filter(|instance| !instance.eq_ignore_ascii_case(id)) {
            let words =
                format!("this is the agent `{instance}`, but ops.yaml says that ops is {me}");
            return Err(Problem::configuration(words)
                .hint(format!("write `boards: {{ devteam: {{ me: {instance}@{domain} }} }}`")));
        }
        let unusable = |error: AddressError| Problem::configuration(error.to_string());
        let convention = Convention { domain: domain.to_owned() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new()?);
        let planning = DevTeamPlanning::new(&planning, &of_planning, Arc::clone(&clock));
        let planning = planning
            .map_err(unusable)?
            .renewing(renew(devteam.planning_token.as_deref(), PLANNING_TOKEN));
        let meeting = DevTeamMeeting::new(&meeting, &of_meeting, id, convention, clock);
        let meeting = meeting
            .map_err(unusable)?
            .renewing(renew(devteam.meeting_token.as_deref(), MEETING_TOKEN));
        let (planning, meeting) = (Arc::new(planning), Arc::new(meeting));
        Ok(Self { planning, meeting, wishes: devteam.clone() })
    }
}

/// Where tokens stand unless `ops.yaml` says otherwise.
const PLANNING_TOKEN: (&str, &str) = ("boards.devteam.planning_token", "env:PLANNING_BOARD_TOKEN");
const MEETING_TOKEN: (&str, &str) = ("boards.devteam.meeting_token", "env:MEETING_BOARD_TOKEN");
const GATEWAY_TOKEN: (&str, &str) = ("boards.devteam.gateway_token", "env:OPENCLAW_GATEWAY_TOKEN");

/// The token that callers of ops's own gateway show.
pub(crate) fn gateway_token(devteam: &DevTeam) -> Result<String, Problem> {
    token(devteam.gateway_token.as_deref(), GATEWAY_TOKEN)
}

/// Reads a token anew: one that stands in a file may have been replaced there.
fn renew(named: Option<&str>, place: (&'static str, &'static str)) -> Renew {
    let named = named.map(str::to_owned);
    Arc::new(move || token(named.as_deref(), place).ok())
}

fn token(named: Option<&str>, (key, usual): (&str, &str)) -> Result<String, Problem> {
    let reference = named.unwrap_or(usual);
    let found = ops_signals::secret_text(reference, key).map_err(|fault| {
        let words = format!("the token of {key} ({reference}) cannot be read: {}", fault.what);
        Problem::configuration(words).hint(fault.next)
    })?;
    if found.trim().is_empty() {
        return Err(Problem::configuration(format!("the token of {key} ({reference}) is empty")));
    }
    Ok(found.trim().to_owned())
}
