//! P12: where there is a model, nothing is started for a ticket that it was not asked about, and
//! nothing that it halted before its answer, or another judgement, came.

use std::collections::{BTreeMap, BTreeSet};

use ops_core::{
    id::{DeploymentId, Digest},
    judgement::{Dossier, Exchange, Point},
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
    /// About what it was asked last, and since when.
    asked: BTreeMap<u64, (Digest, u64)>,
    /// Whose last question began when the answer to another one was taken in: ops had waited for it
    /// before it could ask, for nobody knows how long.
    behind: BTreeSet<u64>,
    /// When any answer about a deployment was taken in last.
    taken: BTreeMap<u64, u64>,
    /// When it halted a deployment, where that was its last word.
    halted: BTreeMap<u64, u64>,
    /// When a named person has answered, perhaps.
    answered: BTreeMap<Digest, u64>,
}

impl Judgement {
    /// Is told that a model is to be asked about a deployment. Another daemon that asks the same
    /// once more has no more time for it.
    pub(super) fn asked(&mut self, by: DeploymentId, dossier: &Dossier, t: u64) {
        let known = self.asked.get(&by.0).is_some_and(|(key, _)| *key == dossier.key);
        if dossier.point == Point::Plan && !known {
            self.asked.insert(by.0, (dossier.key.clone(), t));
            if self.taken.get(&by.0) == Some(&t) {
                self.behind.insert(by.0);
            } else {
                self.behind.remove(&by.0);
            }
        }
    }

    /// Is told that its answer was taken in, perhaps.
    pub(super) fn perhaps_heard(&mut self, by: DeploymentId, point: Point, exchange: &Exchange) {
        if point == Point::Plan && !exchange.judgement().halts() {
            self.halted.remove(&by.0);
        }
    }

    /// Is told that its answer was taken in.
    pub(super) fn heard(
        &mut self,
        by: DeploymentId,
        dossier: &Dossier,
        exchange: &Exchange,
        t: u64,
    ) {
        self.taken.insert(by.0, t);
        let Some((key, asked)) = self.asked.get(&by.0) else { return };
        if dossier.point != Point::Plan || *key != dossier.key {
            return;
        }
        let behind = self.behind.contains(&by.0);
        if exchange.judgement().halts() && t.saturating_sub(*asked) <= TOO_LATE_MS && !behind {
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
            // Asked again, which something new on the ticket is the only reason for, it said nothing
            // in time: then there is no judgement, and that halts nothing.
            let silent = self.asked.get(&by).is_some_and(|(_, asked)| {
                asked > halted && applied.sent.saturating_sub(*asked) >= TOO_LATE_MS
            });
            if silent {
                continue;
            }
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
        let dossier = Dossier {
            point: Point::Plan,
            round: Digest::of(b"round"),
            key: Digest::of(b"key"),
            text: String::new(),
        };
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
                judgement.asked(DeploymentId(1), &dossier, 0);
                judgement.heard(DeploymentId(1), &dossier, &said(answer), 1);
            }
            assert_eq!(judgement.check(&stage.world).is_ok(), fine, "{answer:?}");
        }
    }
}
