//! P12: where there is a model, nothing is started for a ticket that it was not asked about, and
//! nothing that it halted before its answer, or another judgement, came.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::{
    id::{DeploymentId, Digest},
    judgement::{Exchange, Point},
};
use ops_engine::Ask;

use super::p1_evidence::ran_outside;
use crate::world::{World, ledger::Deed};

/// Milliseconds before a start in which no daemon may have been missing.
const ABSENT_MS: u64 = 180_000;
/// Milliseconds after which ops waits for no answer any more.
const TOO_LATE_MS: u64 = 30_000;

/// What was asked, heard and answered, by what it was about.
#[derive(Debug, Default)]
pub(super) struct Judgement {
    read: usize,
    started: BTreeSet<Digest>,
    asked: BTreeMap<u64, u64>,
    /// When it halted a deployment, where that was its last word.
    halted: BTreeMap<u64, u64>,
    /// When a named person has answered, perhaps.
    answered: BTreeMap<Digest, u64>,
}

impl Judgement {
    /// Is told that a model is being asked about a deployment.
    pub(super) fn asked(&mut self, by: DeploymentId, point: Point, t: u64) {
        if point == Point::Plan {
            self.asked.insert(by.0, t);
        }
    }

    /// Is told that its answer was taken in.
    pub(super) fn heard(&mut self, by: DeploymentId, point: Point, exchange: &Exchange, t: u64) {
        if point != Point::Plan {
            return;
        }
        let asked = self.asked.get(&by.0).copied().unwrap_or(0);
        if exchange.judgement().halts() && t.saturating_sub(asked) <= TOO_LATE_MS {
            self.halted.insert(by.0, t);
        } else {
            self.halted.remove(&by.0);
        }
    }

    /// Is told of a request that was granted, perhaps.
    pub(super) fn granted(&mut self, world: &World, ask: &Ask) {
        if let Ask::Answer { ticket, .. } = ask
            && let Some(artifact) = world.planning.asks.get(ticket)
        {
            self.answered.insert(artifact.clone(), world.t());
        }
    }

    pub(super) fn check(&mut self, world: &World) -> Result<(), String> {
        for applied in world.ledger.applied.iter().skip(self.read) {
            let Deed::Start { release, artifact, fresh: true, .. } = &applied.deed else {
                continue;
            };
            let first = self.started.insert(artifact.clone());
            let by_ticket = world.planning.asks.values().any(|asked| asked == artifact);
            let outside = ran_outside(world, &applied.service, artifact, applied.t, u64::MAX);
            if !first || !by_ticket || outside || world.settings.advisor.is_none() {
                continue;
            }
            // Where no daemon ran for a while, the time for an answer may be over before it asks.
            let absent = world.ledger.absent(applied.sent, ABSENT_MS) > 0;
            let by = applied.stamp.deployment;
            if !self.asked.contains_key(&by) && !absent {
                return Err(format!("{release} was started and the model was not asked"));
            }
            let Some(halted) = self.halted.get(&by) else { continue };
            if self.answered.get(artifact).is_none_or(|answered| answered < halted) {
                return Err(format!(
                    "{release} was started although the model had halted it, and nobody answered"
                ));
            }
        }
        self.read = world.ledger.applied.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ops_core::{judgement::Said, settings::Settings};

    use super::*;
    use crate::{
        invariants::staged::Stage,
        world::{model::SimModel, planning::Lacks},
    };

    fn said(text: &str) -> Exchange {
        Exchange { said: Said::Text { text: text.into() }, ..Exchange::none("") }
    }

    #[test]
    fn p12_a_start_that_the_model_was_not_asked_about_or_has_halted_is_found() {
        let proceed = r#"{"verdict":"proceed","concerns":[],"questions":[],"confidence":1}"#;
        let cases = [(None, false), (Some(proceed), true), (Some("APPROVED"), false)];
        for (answer, fine) in cases {
            let mut stage = Stage::new();
            let advisor = Some(SimModel::named(false));
            let settings = Settings { advisor, ..Settings::clone(&stage.world.settings) };
            stage.world.settings = std::sync::Arc::new(settings);
            let digest = stage.ticket("v1", Lacks::Nothing);
            stage.start(1, "r1", &digest);
            let mut judgement = Judgement::default();
            if let Some(answer) = answer {
                judgement.asked(DeploymentId(1), Point::Plan, 0);
                judgement.heard(DeploymentId(1), Point::Plan, &said(answer), 1);
            }
            assert_eq!(judgement.check(&stage.world).is_ok(), fine, "{answer:?}");
        }
    }
}
