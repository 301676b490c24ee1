//! ops on `DevTeam`'s boards: how it hears of something at once.

use std::sync::Arc;

use ops_boards::devteam::{Follower, Knock, gateway};
use ops_core::id::Identity;
use ops_engine::ports::Planning as _;

use super::{
    boards::{Nudge, Serving},
    listen,
};
use crate::{
    context::Context,
    problem::Problem,
    team::{Guest, gateway_token},
};

/// Followers, and the gateway where one is wanted.
pub(super) struct Ears {
    followers: Vec<Follower>,
    gateway: Option<Serving>,
}

impl Ears {
    pub(super) fn open(guest: &Guest, nudge: Nudge) -> Result<Self, Problem> {
        let wakes = nudge.clone();
        let wake: Knock = Arc::new(move || wakes.now());
        let meeting = Arc::clone(&guest.meeting);
        // Who knocks at the gateway does not say on which board it was, or where.
        let knock: Knock = Arc::new(move || {
            meeting.stir();
            nudge.now();
        });
        let failed = |error| Problem::internal(format!("no thread can be started: {error}"));
        let followers = vec![
            guest.planning.follow(Arc::clone(&wake)).map_err(failed)?,
            guest.meeting.follow(wake).map_err(failed)?,
        ];
        let gateway = match &guest.wishes.gateway {
            Some(address) => Some(open_gateway(address, &gateway_token(&guest.wishes)?, knock)?),
            None => None,
        };
        Ok(Self { followers, gateway })
    }

    pub(super) fn close(self) {
        drop(self.followers);
        if let Some(gateway) = self.gateway {
            gateway.end();
        }
    }
}

fn open_gateway(address: &str, token: &str, knock: Knock) -> Result<Serving, Problem> {
    let (listener, _) = listen(address, "the gateway", "boards.devteam.gateway")?;
    Serving::begin(listener, gateway(token, knock), ("ops-gateway", 1))
        .map_err(|error| Problem::internal(format!("the gateway cannot be served: {error}")))
}

/// Whoever the token belongs to must be who `ops.yaml` says, or ops would not know its own
/// comments. A board that is away is asked again by the heartbeat.
pub(super) fn is_me(context: &Context, guest: &Guest, me: &Identity) -> Result<(), Problem> {
    match guest.planning.me() {
        Ok(told) if told == *me => Ok(()),
        Ok(told) => {
            Err(Problem::configuration(format!("the planning board knows ops as {told}, not {me}"))
                .hint(format!("write `boards: {{ devteam: {{ me: {told} }} }}` in ops.yaml")))
        }
        Err(fault) => {
            context.ui.warning(&format!("the planning board does not say who ops is: {fault}"));
            Ok(())
        }
    }
}
