//! P9 and DESIGN §3: what a person says is done. After an abort of what had begun nothing more of it
//! comes to users, and its ticket is not closed; while it is halted it does not act forwards; and no
//! step is waited for beyond its deadline.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::{
    deploy::{Deployment, Phase},
    id::{DeploymentId, ReleaseId, ServiceName},
};
use ops_engine::Ask;

use super::board::started;
use crate::world::{World, ledger::Deed, marker, planning::ME};

/// Milliseconds in which what was under way may still land: a slow act, and a late effect of it.
const UNDER_WAY_MS: u64 = 25_000;
/// Milliseconds that a daemon that works may take to notice that a step's time is over: an act under
/// way, its answer, and a slow look.
const NOTICE_MS: u64 = 120_000;

/// Remembers what was asked, and since when a deadline is over.
#[derive(Debug, Default)]
pub(super) struct Word {
    aborted: BTreeMap<u64, u64>,
    halted: BTreeMap<u64, u64>,
    spoken: bool,
    /// Where the way back failed, the healthiest copy serves, which may be the new one.
    froze: BTreeSet<u64>,
    weights: BTreeMap<(ServiceName, ReleaseId), u8>,
    late: BTreeMap<DeploymentId, (u64, u64)>,
    read: usize,
    closed: usize,
    last: u64,
}

impl Word {
    /// Is told of a request that was granted.
    pub(super) fn granted(&mut self, world: &World, ask: &Ask) {
        let t = world.t();
        match ask {
            Ask::Halt { deployment: Some(id) } if !self.spoken => {
                self.halted.entry(id.0).or_insert(t);
            }
            Ask::Abort { deployment } if started(world, deployment.0).is_some() => {
                self.aborted.entry(deployment.0).or_insert(t);
            }
            Ask::Resume { deployment: Some(id) } => {
                self.halted.remove(&id.0);
            }
            // To look at a ticket again is to let its deployment go on.
            Ask::Resume { deployment: None } | Ask::Again { .. } => self.halted.clear(),
            _ => {}
        }
    }

    /// Is told of a request that was perhaps granted: ops died before it answered.
    pub(super) fn perhaps(&mut self, ask: &Ask) {
        match ask {
            Ask::Resume { deployment: Some(id) } => {
                self.halted.remove(&id.0);
            }
            Ask::Resume { deployment: None } | Ask::Again { .. } => self.halted.clear(),
            _ => {}
        }
    }

    /// Somebody wrote to ops. A word to go on is read whenever the board lets it be: from then on
    /// nobody can tell what is halted.
    pub(super) fn mentioned(&mut self, words: &str) {
        if words.contains("resume") {
            self.spoken = true;
            self.halted.clear();
        }
    }

    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for applied in world.ledger.applied.iter().skip(self.read) {
            let by = applied.stamp.deployment;
            let Some(what) = self.forwards(world, by, &applied.service, &applied.deed) else {
                continue;
            };
            for (said, word) in [(&self.aborted, "aborted"), (&self.halted, "halted")] {
                // What a daemon that stands still was about to send is no newer than its stand.
                let late = said.get(&by).is_some_and(|at| at + UNDER_WAY_MS < applied.sent);
                if late && !self.froze.contains(&by) {
                    return Err(format!("D-{by} was {word}, and it {what} all the same"));
                }
            }
        }
        self.read = world.ledger.applied.len();
        for (ticket, _) in world.planning.closed.iter().skip(self.closed) {
            let Some(read) = world.planning.tickets.get(ticket) else { continue };
            let ours = read.comments.iter().filter(|one| one.author.as_str() == ME);
            let record = ours.rev().find(|one| one.text.starts_with("## Deployment Complete"));
            let by = record.and_then(|one| super::p10_tickets::number(marker(&one.text)?));
            if let Some(by) = by.filter(|by| self.aborted.contains_key(by)) {
                return Err(format!("D-{by} was aborted, and {ticket} was closed for it"));
            }
        }
        self.closed = world.planning.closed.len();
        Ok(())
    }

    /// What an act brings nearer to users, in words.
    fn forwards(
        &mut self,
        world: &World,
        by: u64,
        service: &ServiceName,
        deed: &Deed,
    ) -> Option<String> {
        let own = started(world, by);
        match deed {
            Deed::Start { release, fresh: true, .. } if own == Some(release) => {
                Some(format!("started {release}"))
            }
            Deed::Route { route } => {
                let release = own?;
                let weight = route.weight_of(release);
                let key = (service.clone(), release.clone());
                let before = self.weights.insert(key, weight).unwrap_or(0);
                (weight > before).then(|| format!("gave {weight} % to {release}"))
            }
            _ => None,
        }
    }

    /// Every step that is waited for ends by its deadline while the daemon works.
    pub(super) fn alive<'a>(
        &mut self,
        world: &World,
        open: impl Iterator<Item = &'a Deployment>,
    ) -> Result<(), String> {
        let t = world.t();
        let passed = (t - self.last).min(1_000);
        self.last = t;
        let now = world.clock.boot_ms(t);
        let mut late = BTreeMap::new();
        for one in open {
            if matches!(one.phase, Phase::Frozen { .. }) {
                self.froze.insert(one.id().0);
            }
            if one.halted.is_some() {
                continue;
            }
            let deadline = match &one.phase {
                Phase::Checking { deadline } => deadline,
                _ => match one.run() {
                    Some(run) => &run.deadline,
                    None => continue,
                },
            };
            if one.last.boot != deadline.boot || now < deadline.ends() {
                continue;
            }
            let ends = deadline.ends();
            let known = self.late.get(&one.id()).filter(|(of, _)| *of == ends);
            let waited = known.map_or(0, |(_, waited)| waited + passed);
            if waited > NOTICE_MS {
                return Err(format!(
                    "{} waits on although the time of its step was over {waited} ms ago",
                    one.id()
                ));
            }
            late.insert(one.id(), (ends, waited));
        }
        self.late = late;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{invariants::staged::Stage, world::planning::Lacks};

    fn begun() -> (Stage, Word) {
        let mut stage = Stage::new();
        let digest = stage.ticket("v1", Lacks::Nothing);
        stage.start_for((1, 1), "cart-1", &digest);
        stage.route(2, &[("cart-1", 5)]);
        let mut word = Word::default();
        assert_eq!(word.check(&stage.world), Ok(()));
        (stage, word)
    }

    #[test]
    fn p9_more_traffic_after_an_abort_or_a_halt_is_found() {
        for ask in [
            Ask::Abort { deployment: DeploymentId(1) },
            Ask::Halt { deployment: Some(DeploymentId(1)) },
        ] {
            let (mut stage, mut word) = begun();
            word.granted(&stage.world, &ask);
            stage.pass(1_000);
            stage.route(3, &[("cart-1", 50)]);
            assert_eq!(word.check(&stage.world), Ok(()), "it was under way");
            stage.pass(60_000);
            stage.route(4, &[("cart-1", 100)]);
            assert!(word.check(&stage.world).is_err(), "{ask:?}");
        }
    }

    #[test]
    fn p9_what_was_resumed_goes_on() {
        let (mut stage, mut word) = begun();
        word.granted(&stage.world, &Ask::Halt { deployment: Some(DeploymentId(1)) });
        word.granted(&stage.world, &Ask::Resume { deployment: Some(DeploymentId(1)) });
        stage.pass(60_000);
        stage.route(3, &[("cart-1", 100)]);
        assert_eq!(word.check(&stage.world), Ok(()));
    }

    #[test]
    fn p9_closing_what_was_aborted_is_found() {
        let (mut stage, mut word) = begun();
        word.granted(&stage.world, &Ask::Abort { deployment: DeploymentId(1) });
        stage.comment("## Deployment Complete\n\n<!-- ops:D-1:2 -->");
        stage.close();
        assert!(word.check(&stage.world).is_err());
    }
}
