//! Questions about tickets, as the gate asks them.

use ops_core::{
    checks::Checklist,
    deploy::Created,
    id::{DeploymentId, Digest, EnvironmentName},
    judgement::{Material, Prompt, before_the_plan, for_judgement},
    plan::Kind,
    settings::{People, Role},
    ticket::{Comment, Ticket},
};

/// What a model is asked about a ticket with this description and, where there is one, this comment
/// by a stranger.
pub(crate) fn question(description: &str, comment: Option<&str>, answer_tokens: u64) -> Prompt {
    let comment = comment.map(|text| Comment {
        id: "1".into(),
        author: "eve".into(),
        text: text.into(),
        at: String::new(),
        candidate: None,
    });
    let ticket = Ticket {
        id: "MNS-7".into(),
        title: "A nicer greeting".into(),
        description: description.into(),
        status: "rfp".into(),
        priority: 3,
        kind: "story".into(),
        comments: comment.into_iter().collect(),
        history: Vec::new(),
    };
    let roles = [("cleo".into(), vec![Role::Cq]), ("quinn".into(), vec![Role::Qa])];
    let people = People { roles: roles.into(), operators: Vec::new(), solo: false };
    let created = Created {
        id: DeploymentId(1),
        kind: Kind::Release,
        tickets: vec![ticket.id.clone()],
        service: "shop".into(),
        environment: EnvironmentName::new("production"),
        group: "production/production".into(),
        me: "ops".into(),
        channel: "standup".into(),
        retries: 0,
    };
    let dossier = before_the_plan(&Material {
        created: &created,
        candidate: &Digest::of(b"candidate"),
        artifact: &Digest::of(b"artifact"),
        version: "v2",
        commit: None,
        migrations: 0,
        serves: None,
        ticket: &ticket,
        people: &people,
        evidence: None,
        checklist: &Checklist::default(),
        condemned: &[],
    });
    for_judgement(&dossier, answer_tokens)
}
