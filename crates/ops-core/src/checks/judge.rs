//! Facts to checklist to plan.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Age, Checklist, Facts, Rival, adoption, advisor, each, fix, promoted, proof, rotation,
};
use crate::{
    candidate::Candidate,
    deploy::Created,
    evidence::{self, Evidence, NotesAt},
    id::{Digest, EnvironmentName, ServiceName, TicketId},
    judgement::{Advice, Dossier, Terms},
    mutation::{Mutation, on},
    notes::{FoundNotes, Notes, NotesFound, find_notes},
    plan::{Kind, Plan, PlanInput, Soak},
    settings::{People, Role, Service, Settings},
    ticket::Ticket,
    watch::{Baseline, SignalBefore},
    world::ReleaseSpec,
};

/// What the facts amount to.
#[derive(Debug, Clone)]
pub struct Judged {
    /// All checks.
    pub checklist: Arc<Checklist>,
    /// The ticket as it was read.
    pub ticket: Option<Arc<Ticket>>,
    /// Who is who.
    pub people: Option<Arc<People>>,
    /// The candidate's hash, as far as it can be told.
    pub candidate: Option<Digest>,
    /// What would be done; only if it can be told.
    pub plan: Option<Box<Plan>>,
    /// Why there is nothing to do any more: then it ends, instead of being held.
    pub moot: Option<String>,
    /// What a model is or would be shown, where there is one.
    pub dossier: Option<Arc<Dossier>>,
    /// The terms under which it is to be asked now: nothing else is missing.
    pub ask: Option<Terms>,
}

/// Everything that the checks look at, put together once.
pub(super) struct Desk<'a> {
    pub(super) created: &'a Created,
    pub(super) facts: &'a Facts,
    pub(super) settings: Option<&'a Settings>,
    pub(super) ticket: Option<&'a Ticket>,
    pub(super) found: Option<NotesFound>,
    /// The service as configured for all its stages: part of what CQ and QA approve.
    pub(super) whole: Option<&'a Service>,
    /// The service as it is deployed in this environment.
    pub(super) service: Option<Service>,
    /// Where it is deployed.
    pub(super) environment: EnvironmentName,
    pub(super) candidate: Option<Candidate>,
    /// What a model has said so far.
    pub(super) advice: &'a Advice,
    /// How often the checks have run before.
    pub(super) checked: u32,
}

impl Desk<'_> {
    pub(super) fn found_notes(&self) -> Option<&FoundNotes> {
        match &self.found {
            Some(NotesFound::Found(found)) => Some(found),
            _ => None,
        }
    }

    pub(super) fn notes(&self) -> Option<&Notes> {
        self.found_notes().map(|found| &found.notes)
    }

    /// The service's name in `ops.yaml`.
    pub(super) fn named(&self) -> Option<&ServiceName> {
        self.whole.map(|service| &service.name)
    }

    pub(super) fn rollback(&self) -> bool {
        matches!(self.created.kind, Kind::Rollback { .. })
    }

    pub(super) fn rotation(&self) -> bool {
        matches!(self.created.kind, Kind::Rotation { .. })
    }

    /// Whether neither a ticket nor a person asks for it.
    pub(super) fn ticketless(&self) -> bool {
        self.rotation() || self.adoption()
    }

    /// Whether something is started again that served before, instead of what a ticket asks for.
    pub(super) fn again(&self) -> bool {
        self.rollback() || self.rotation()
    }
}

/// Where no model has said anything.
static NO_ADVICE: Advice = Advice::none();

/// Judges the facts. The same facts give the same judgement.
pub fn judge(created: &Created, facts: &Facts) -> Judged {
    judge_advised(created, facts, &NO_ADVICE, 0)
}

/// The same, where a model may have said something, and the checks have run `checked` times.
pub fn judge_advised(created: &Created, facts: &Facts, advice: &Advice, checked: u32) -> Judged {
    if let Kind::Settings { commit } = &created.kind {
        return super::settings::judge(created, facts, commit);
    }
    let desk = Desk { advice, checked, ..desk(created, facts) };
    let mut checklist = Checklist { checks: each::all(&desk) };
    fix::relax(&desk, &mut checklist);
    let (dossier, ask) = advisor::judge(&desk, &mut checklist);
    let terms = desk.settings.and_then(|settings| settings.advisor.as_ref()).map(Terms::from);
    let plan = plan(&desk);
    Judged {
        checklist: Arc::new(checklist),
        ticket: desk.ticket.cloned().map(Arc::new),
        people: desk.settings.map(|settings| Arc::new(settings.people.clone())),
        candidate: desk.candidate.as_ref().map(Candidate::hash),
        ask: terms.filter(|_| ask && plan.is_some()),
        plan: plan.map(Box::new),
        moot: rotation::moot(&desk)
            .or_else(|| adoption::moot(&desk))
            .or_else(|| promoted::moot(&desk)),
        dossier: dossier.map(Arc::new),
    }
}

fn desk<'a>(created: &'a Created, facts: &'a Facts) -> Desk<'a> {
    let settings = facts.settings.as_deref().ok();
    let ticket = facts.ticket.as_ref().ok().and_then(Option::as_ref);
    let found = match (&created.kind, ticket, settings) {
        (Kind::Release, Some(ticket), Some(settings)) => {
            Some(find_notes(ticket, |who| settings.people.is(who, Role::Dev)))
        }
        _ => None,
    };
    let mut desk = Desk {
        created,
        facts,
        settings,
        ticket,
        found,
        whole: None,
        service: None,
        environment: created.environment.clone(),
        candidate: None,
        advice: &NO_ADVICE,
        checked: 0,
    };
    let name = match (&created.kind, desk.notes(), &facts.undo) {
        (Kind::Release, Some(notes), _) => Some(notes.service.clone()),
        (Kind::Rollback { .. } | Kind::Rotation { .. }, _, Some(undo)) => {
            Some(undo.candidate.service.clone())
        }
        (Kind::Adoption, ..) => Some(created.service.clone()),
        _ => None,
    };
    // The team's gates are those that govern; only the service's own configuration is the
    // candidate's (S3).
    let source = match &facts.proposed {
        None => settings,
        Some(proposed) => proposed.as_deref().ok(),
    };
    desk.whole = source.zip(name).and_then(|(source, name)| source.services.get(&name));
    if let Some(whole) = desk.whole {
        desk.candidate = candidate(&desk);
        if created.kind == Kind::Release {
            let hash = desk.candidate.as_ref().map(Candidate::hash);
            let stage = whole.stage_of(hash.as_ref(), facts.soaked.as_ref());
            desk.environment = stage.unwrap_or(&created.environment).clone();
        }
        desk.service = whole.in_stage(&desk.environment);
    }
    desk.candidate = candidate(&desk);
    desk
}

fn candidate(desk: &Desk<'_>) -> Option<Candidate> {
    if desk.adoption() {
        return adoption::candidate(desk);
    }
    if desk.again() {
        return desk.facts.undo.as_ref().map(|undo| undo.candidate.clone());
    }
    let found = desk.found_notes()?;
    let artifact = desk.facts.artifact.as_ref()?.as_ref().ok()?;
    Some(candidate_of(found, desk.whole?, artifact.digest.clone()))
}

/// The candidate of these notes with this artifact.
pub fn candidate_of(found: &FoundNotes, service: &Service, artifact: Digest) -> Candidate {
    let FoundNotes { notes, hash, .. } = found;
    Candidate {
        artifact,
        service: notes.service.clone(),
        version: notes.version.clone(),
        commit: notes.commit.clone(),
        config: service.hash(),
        migrations: notes.migrations.clone(),
        notes: hash.clone(),
    }
}

/// The notes of another ticket in `rfp` whose own evidence passes for its own candidate.
pub(super) fn passes(rival: &Rival, settings: &Settings) -> Option<Notes> {
    let found = find_notes(&rival.ticket, |who| settings.people.is(who, Role::Dev));
    let NotesFound::Found(found) = found else { return None };
    let service = settings.services.get(&found.notes.service)?;
    let candidate = candidate_of(&found, service, rival.artifact.clone()?);
    let at = NotesAt::from(&*found);
    let hash = candidate.hash();
    let evidence = evidence::judge(&rival.ticket, &settings.people, at, Some(&hash), &[]);
    matches!(evidence, Evidence::Passed { .. }).then_some(found.notes)
}

/// The artifact that is seen to run and to be healthy, for what is to be adopted (S2).
pub fn adoptable(created: &Created, facts: &Facts) -> Option<Digest> {
    adoption::was_seen(&desk(created, facts))
}

/// The comment with QA's verdict for this candidate, if its evidence passes.
pub fn qa_verdict(created: &Created, facts: &Facts) -> Option<String> {
    let desk = desk(created, facts);
    desk.candidate.as_ref()?;
    match proof::evidence(&desk)? {
        Evidence::Passed { qa, .. } => {
            desk.ticket?.comments.get(qa.comment).map(|comment| comment.id.clone())
        }
        Evidence::Held { .. } => None,
    }
}

/// The asking ticket, those of the same candidate whose own evidence passes, and those that it
/// says it includes, whose commits it holds, and whose own evidence passes (S8).
fn tickets(desk: &Desk<'_>) -> Vec<TicketId> {
    let mut ids = match desk.created.kind {
        Kind::Rollback { .. } | Kind::Rotation { .. } | Kind::Adoption | Kind::Settings { .. } => {
            return desk.created.tickets.clone();
        }
        Kind::Release => desk.created.tickets.first().cloned().into_iter().collect::<Vec<_>>(),
    };
    let (Some(settings), Some(ours)) = (desk.settings, desk.found_notes()) else {
        return ids;
    };
    for sibling in &desk.facts.siblings {
        let found = find_notes(sibling, |who| settings.people.is(who, Role::Dev));
        let NotesFound::Found(theirs) = found else {
            continue;
        };
        let at = NotesAt::from(&*theirs);
        let hash = desk.candidate.as_ref().map(Candidate::hash);
        let evidence = evidence::judge(sibling, &settings.people, at, hash.as_ref(), &[]);
        if theirs.hash == ours.hash && matches!(evidence, Evidence::Passed { .. }) {
            ids.push(sibling.id.clone());
        }
    }
    let includes = |rival: &&Rival| {
        rival.age == Age::Ancestor
            && ours
                .notes
                .includes
                .iter()
                .any(|name| name.eq_ignore_ascii_case(rival.ticket.id.as_str()))
            && (passes(rival, settings).is_some() || on(Mutation::CloseUnproven))
            && !ids.contains(&rival.ticket.id)
    };
    let along: Vec<_> = desk.facts.rivals.iter().flatten().filter(includes).collect();
    let along: Vec<_> = along.into_iter().map(|rival| rival.ticket.id.clone()).collect();
    ids.extend(along);
    ids
}

/// What follows the stage of this deployment.
fn soak(desk: &Desk<'_>) -> Option<Soak> {
    let stages = &desk.whole?.stages;
    let at = stages.iter().position(|stage| stage.environment == desk.environment)?;
    let next = stages.get(at + 1)?.environment.clone();
    Some(Soak { seconds: stages.get(at)?.soak_seconds, next })
}

/// What served before, with the secrets with which it starts now.
fn again(desk: &Desk<'_>) -> Option<ReleaseSpec> {
    let mut spec = desk.facts.undo.as_ref().filter(|_| desk.again())?.spec.clone();
    spec.secrets = rotation::starts_with(desk)?;
    Some(spec)
}

/// What declared signals said of what serves.
fn signals_before(desk: &Desk<'_>) -> BTreeMap<String, SignalBefore> {
    let known = desk.facts.declared.iter().filter(|_| desk.facts.old.is_some());
    known
        .filter_map(|(name, read)| {
            let before = SignalBefore::from_readings(read.as_ref().ok()?);
            (before.windows > 0).then(|| (name.clone(), before))
        })
        .collect()
}

fn plan(desk: &Desk<'_>) -> Option<Plan> {
    let settings = desk.settings?;
    let mut service = desk.service.clone()?;
    if desk.adoption() {
        service = adoption::watched(service);
    }
    let candidate = desk.candidate.clone()?;
    let reference = match desk.notes() {
        Some(notes) => notes.artifact.reference(),
        None => candidate.artifact.to_string(),
    };
    let baseline = match (&desk.facts.old, &desk.facts.signals) {
        (Some(old), Ok(seconds)) => Baseline::from_seconds(seconds, &old.spec.release),
        _ => Baseline::unknown(),
    };
    Some(Plan::make(PlanInput {
        deployment: desk.created.id,
        kind: desk.created.kind.clone(),
        tickets: tickets(desk),
        environment: desk.environment.clone(),
        soak: soak(desk),
        revision: settings.revision.clone(),
        service,
        reference,
        images: desk.notes().map(|notes| notes.images.clone()).unwrap_or_default(),
        candidate,
        again: again(desk),
        secrets: desk.facts.secrets.clone(),
        old: desk.facts.old.clone(),
        old_secrets: rotation::goes_back_with(desk),
        frozen: super::fix::left(desk),
        baseline,
        signals_before: signals_before(desk),
        senses: desk.facts.senses,
    }))
}
