//! Asking a model, within its budget, and keeping what came of it (P12).

use std::sync::Arc;

use ops_core::{
    deploy::Input,
    id::DeploymentId,
    judgement::{Answer, Dossier, Exchange, Prompt, estimated_tokens, for_draft, for_judgement},
    record,
    settings::Advisor,
    time::Now,
};

use super::{Engine, EngineError, upkeep::Place};
use crate::{
    jobs::{Draft, Job, JobKey, Work},
    knowledge::{Consulted, EngineEvent},
    ports::Journal,
};

const SECONDS_A_DAY: i64 = 86_400;

/// The day, counted since 1970, in which the budget of this moment lies.
fn day(now: &Now) -> i64 {
    now.wall.as_second().div_euclid(SECONDS_A_DAY)
}

impl<J: Journal> Engine<J> {
    /// Asks about a dossier. True if the engine settled it itself: nobody may be asked.
    pub(super) fn judge(
        &mut self,
        id: DeploymentId,
        dossier: &Arc<Dossier>,
        now: &Now,
        jobs: &mut Vec<Job>,
    ) -> Result<bool, EngineError> {
        let key = JobKey::Judge(id);
        // After a start it is not known yet whom ops.yaml names: that is no silence of the model's.
        if self.running.contains(&key) || self.settings().is_none() {
            return Ok(false);
        }
        let prompt = |to: &Advisor| for_judgement(dossier, to.answer_tokens);
        match self.may_ask(prompt, now) {
            Ok((to, prompt)) => {
                let dossier = Arc::clone(dossier);
                let work = Work::Judge { to: Box::new(to), prompt: Box::new(prompt), dossier };
                self.start(Job { key, work }, jobs);
                Ok(false)
            }
            Err(why) => {
                let (point, key) = (dossier.point, dossier.key.clone());
                let answer = Answer::Silent { why };
                self.feed(id, &Input::Judged { point, key, answer }, now)?;
                Ok(true)
            }
        }
    }

    /// The model that may be asked this now, or why none may.
    pub(crate) fn may_ask(
        &self,
        prompt: impl FnOnce(&Advisor) -> Prompt,
        now: &Now,
    ) -> Result<(Advisor, Prompt), String> {
        let Some(to) = self.settings().and_then(|settings| settings.advisor.clone()) else {
            return Err("ops.yaml names no model now".into());
        };
        let prompt = prompt(&to);
        let asked = estimated_tokens(&prompt.system) + estimated_tokens(&prompt.user);
        let spent = self.knowledge.consulted.of(day(now));
        if spent.tokens.saturating_add(asked).saturating_add(prompt.answer_tokens)
            > to.tokens_per_day
        {
            return Err(format!(
                "{} of the {} tokens of today are spent",
                spent.tokens, to.tokens_per_day
            ));
        }
        if let Some(money) = to.money
            && spent.money.saturating_add(money.cost(asked, prompt.answer_tokens)) > money.per_day
        {
            return Err("the money for today is spent".into());
        }
        Ok((to, prompt))
    }

    /// The model that is to word facts, if `ops.yaml` wants that and it may be asked.
    pub(crate) fn draft(&self, asked: &str, facts: &str, now: &Now) -> Option<Draft> {
        let wanted = self.settings()?.advisor.as_ref()?.drafts;
        let prompt = |to: &Advisor| for_draft(asked, facts, to.answer_tokens);
        let (to, prompt) = wanted.then(|| self.may_ask(prompt, now).ok()).flatten()?;
        Some(Draft { to: Box::new(to), prompt: Box::new(prompt) })
    }

    /// A deployment of a ticket that went back gets a post-mortem: facts, and a model's draft beside
    /// them. Without a model the record on the ticket is all there is.
    pub(super) fn owe_post_mortem(&mut self, id: DeploymentId) {
        let Some(deployment) = self.deployments.get(&id) else { return };
        let failed = deployment.at_rest() && deployment.cause().is_some();
        let asked = self.settings().and_then(|settings| settings.advisor.as_ref());
        if !failed || !deployment.created.kind.by_ticket() || !asked.is_some_and(|one| one.drafts) {
            return;
        }
        let name = format!("post-mortem-{id}");
        if !self.digests.contains_key(&name) {
            let text = record::postmortem_post(deployment);
            self.digest_in(Place::Retrospective, name, text);
        }
    }

    /// A model was asked about a deployment.
    pub(super) fn judged(
        &mut self,
        id: DeploymentId,
        dossier: &Dossier,
        exchange: &Exchange,
        now: &Now,
    ) -> Result<(), EngineError> {
        self.consulted(Some(id), dossier.point.words(), None, exchange, now)?;
        let answer = exchange.judgement();
        let (point, key) = (dossier.point, dossier.key.clone());
        self.feed(id, &Input::Judged { point, key, answer }, now)
    }

    /// Keeps an exchange with what it cost. `asked` where nothing else in the journal tells it.
    pub(crate) fn consulted(
        &mut self,
        deployment: Option<DeploymentId>,
        about: &str,
        asked: Option<String>,
        exchange: &Exchange,
        now: &Now,
    ) -> Result<(), EngineError> {
        let advisor = self.settings().and_then(|settings| settings.advisor.as_ref());
        let cost = advisor
            .and_then(|advisor| advisor.money)
            .map_or(0, |money| money.cost(exchange.asked_tokens, exchange.answered_tokens));
        let model = advisor.map_or_else(String::new, |advisor| advisor.model.clone());
        let one = Consulted {
            deployment,
            about: about.to_owned(),
            model,
            asked,
            exchange: exchange.redacted(),
            cost,
            day: day(now),
        };
        self.note(&EngineEvent::Consulted(Box::new(one)), now)
    }
}
