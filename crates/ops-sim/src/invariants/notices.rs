//! Whoever `notify` lists is told of what froze within its time, while the daemon and the way to them
//! work, and not any more once somebody has taken note.

use std::collections::BTreeMap;

use ops_core::{
    deploy::{Deployment, Phase},
    id::DeploymentId,
};

use crate::world::{World, faults::Part};

/// Milliseconds of working time within which they are told: six tries.
const WITHIN_MS: u64 = 180_000;
/// A notice under way may still arrive so many milliseconds after somebody took note.
const UNDER_WAY_MS: u64 = 10_000;

#[derive(Debug, Default, Clone, Copy)]
struct Frozen {
    worked_ms: u64,
    acknowledged_at: Option<u64>,
}

/// Remembers what is frozen.
#[derive(Debug, Default)]
pub(super) struct Notices {
    frozen: BTreeMap<DeploymentId, Frozen>,
    last: u64,
    read: usize,
}

impl Notices {
    /// Is shown what the daemon has under way, whenever it lives.
    pub(super) fn check<'a>(
        &mut self,
        world: &World,
        open: impl Iterator<Item = &'a Deployment>,
    ) -> Result<(), String> {
        let t = world.t();
        let passed = t - self.last;
        self.last = t;
        let works = !world.faults.is_down(Part::Host, t) && !world.faults.is_slow(Part::Host, t);
        let mut now = BTreeMap::new();
        for deployment in open {
            let Phase::Frozen { acknowledged, .. } = &deployment.phase else { continue };
            let id = deployment.id();
            let known = self.frozen.get(&id).copied();
            let mut frozen = known.unwrap_or_default();
            if known.is_some() && works && acknowledged.is_none() {
                frozen.worked_ms += passed.min(1_000);
            }
            if acknowledged.is_some() {
                frozen.acknowledged_at.get_or_insert(t);
            }
            now.insert(id, frozen);
        }
        self.frozen = now;
        for (at, notice) in world.notices.iter().skip(self.read) {
            let named = |id: &DeploymentId| notice.deployment.as_deref() == Some(&id.to_string());
            let of = self.frozen.iter().find(|(id, _)| named(id)).map(|(_, frozen)| frozen);
            let noted = of.and_then(|one| one.acknowledged_at);
            let late = noted.is_some_and(|noted| {
                let stood_still = world.ledger.absent(*at, at.saturating_sub(noted));
                noted + UNDER_WAY_MS + stood_still < *at
            });
            if late {
                return Err(format!(
                    "{:?} was told of after it was taken note of",
                    notice.deployment
                ));
            }
        }
        self.read = world.notices.len();
        self.frozen.iter().try_for_each(|(id, frozen)| {
            let told = world
                .notices
                .iter()
                .any(|(_, notice)| notice.deployment.as_deref() == Some(&id.to_string()));
            if told || frozen.worked_ms <= WITHIN_MS {
                return Ok(());
            }
            Err(format!("nobody was told of {id} for {} ms", frozen.worked_ms))
        })
    }
}
