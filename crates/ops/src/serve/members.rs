//! The team of `ops.yaml` as members of the embedded boards.

use ops_boards::{BoardStore, Gateway, Member, NewMember, Role as BoardRole};
use ops_core::{
    id::Identity,
    settings::{Role, Settings},
};

use crate::problem::Problem;

/// Roles of the pipeline that one identity may have at once only in solo mode.
const PIPELINE: [Role; 3] = [Role::Dev, Role::Cq, Role::Qa];

/// Puts everybody of `ops.yaml` on the boards; whoever is not listed any more loses the token.
pub(crate) fn sync(store: &BoardStore, settings: &Settings) -> Result<(), Problem> {
    let mut listed = vec![settings.boards.me.clone()];
    put(store, &settings.boards.me, BoardRole::Ops, settings)?;
    for (who, roles) in &settings.people.roles {
        if who != &settings.boards.me {
            put(store, who, board_role(roles), settings)?;
            listed.push(who.clone());
        }
    }
    for member in store.members()? {
        if !listed.iter().any(|who| who.as_str() == member.email()) {
            store.revoke_token(member.id())?;
        }
    }
    Ok(())
}

/// The member of an identity of `ops.yaml`: an e-mail, or the name before its `@` where that is
/// nobody else's.
pub(crate) fn member_of(
    store: &BoardStore,
    settings: &Settings,
    who: &str,
) -> Result<Member, Problem> {
    sync(store, settings)?;
    let members = store.members()?;
    let found = members
        .iter()
        .find(|member| member.email() == who)
        .or_else(|| members.iter().find(|member| member.id() == who));
    found.cloned().ok_or_else(|| {
        let known: Vec<_> = members.iter().map(Member::email).collect();
        Problem::refused(format!("ops.yaml lists nobody called {who}"))
            .hint(format!("add them under `people` and commit; listed are {}", known.join(", ")))
    })
}

/// The board's id of an identity that is on it.
pub(crate) fn id_of(store: &BoardStore, who: &Identity) -> Result<String, Problem> {
    let members = store.members()?;
    let found = members.iter().find(|member| member.email() == who.as_str());
    found.map(|member| member.id().to_owned()).ok_or_else(|| {
        Problem::internal(format!("{who} is not on the boards although ops.yaml names it"))
    })
}

fn put(
    store: &BoardStore,
    who: &Identity,
    role: BoardRole,
    settings: &Settings,
) -> Result<(), Problem> {
    let members = store.members()?;
    let known = members.iter().find(|member| member.email() == who.as_str());
    let wanted = settings.boards.gateways.get(who);
    let gateway = wanted.map(|one| Gateway { address: one.url.clone(), token: one.token.clone() });
    let same =
        known.is_some_and(|member| member.role() == role && member.gateway() == gateway.as_ref());
    if same {
        return Ok(());
    }
    let id = match known {
        Some(member) => member.id().to_owned(),
        None => free_id(&members, who),
    };
    let name = known.map_or_else(|| ops_core::record::person(who), |one| one.name().to_owned());
    let email = who.as_str().to_owned();
    let avatar = String::new();
    let member = store.put_member(&NewMember { id, email, name, role, avatar, gateway })?;
    if let Some(wanted) = wanted {
        store.set_watch(&member, &wanted.watch, true)?;
    }
    Ok(())
}

/// The name before the `@`; where that is taken, the whole address.
fn free_id(members: &[Member], who: &Identity) -> String {
    let plain = |text: &str| -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let lower = text.to_ascii_lowercase();
        lower.chars().map(|c| if allowed(c) { c } else { '-' }).collect()
    };
    let short = plain(who.as_str().split('@').next().unwrap_or_default());
    if members.iter().any(|member| member.id() == short) { plain(who.as_str()) } else { short }
}

/// The board knows one role per member. Whoever works alone must be able to make every move.
fn board_role(roles: &[Role]) -> BoardRole {
    if roles.contains(&Role::Po) || roles.iter().filter(|role| PIPELINE.contains(role)).count() > 1
    {
        return BoardRole::Po;
    }
    match roles.iter().find(|role| PIPELINE.contains(role)).or_else(|| roles.first()) {
        Some(Role::Po) => BoardRole::Po,
        Some(Role::Dev) => BoardRole::Dev,
        Some(Role::Cq) => BoardRole::Cq,
        Some(Role::Qa) => BoardRole::Qa,
        Some(Role::Ops) => BoardRole::Ops,
        Some(Role::Human) | None => BoardRole::Human,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ops_core::{id::Digest, settings::Revision};
    use ops_signals::SystemClock;

    use super::*;

    fn settings(people: &str) -> Settings {
        let text = format!(
            "version: 1\nproject: shop\npeople:\n{people}operators: [dan@example.org]\nservices:\n  shop:\n    \
             command: [bin/shop, \"{{port}}\"]\n    route: {{ path: / }}\n"
        );
        let revision = Revision { commit: None, hash: Digest::of(text.as_bytes()) };
        ops_config::parse("ops.yaml", &text, revision).unwrap()
    }

    fn roles(store: &BoardStore) -> Vec<(String, BoardRole)> {
        let members = store.members().unwrap();
        members.iter().map(|member| (member.id().to_owned(), member.role())).collect()
    }

    #[test]
    fn p3_the_boards_follow_the_team_of_ops_yaml() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(SystemClock::new().unwrap());
        let store = BoardStore::open(&folder.path().join("boards.db"), clock).unwrap();
        let team = "  dan@example.org: dev\n  cleo@example.org: cq\n  qa@example.org: qa\n";
        sync(&store, &settings(&format!("{team}  dan@example.com: human\n"))).unwrap();
        let known = [
            ("ops", BoardRole::Ops),
            ("cleo", BoardRole::Cq),
            ("dan", BoardRole::Human),
            ("dan-example.org", BoardRole::Dev),
            ("qa", BoardRole::Qa),
        ];
        let known = known.map(|(id, role)| (id.to_owned(), role));
        assert_eq!(roles(&store), known);
        let token = store.issue_token("dan").unwrap();
        // Whoever is not listed any more may not act any more; all others keep id and token.
        let kept = store.issue_token("cleo").unwrap();
        sync(&store, &settings(team)).unwrap();
        assert_eq!(store.member_by_token(&token).unwrap(), None);
        assert_eq!(store.member_by_token(&kept).unwrap().unwrap().id(), "cleo");
        assert_eq!(roles(&store), known);
    }

    #[test]
    fn whoever_works_alone_can_make_every_move() {
        assert_eq!(board_role(&[Role::Dev, Role::Cq, Role::Qa]), BoardRole::Po);
        assert_eq!(board_role(&[Role::Human, Role::Qa]), BoardRole::Qa);
        assert_eq!(board_role(&[]), BoardRole::Human);
    }
}
