//! Who is who: the meeting board knows ids, the planning board and `ops.yaml` know e-mails.

use ops_core::id::Identity;
use serde_json::Value;

use super::told;

/// What makes an id an e-mail where nothing else is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Convention {
    /// Follows the `@`.
    pub domain: String,
}

impl Default for Convention {
    /// As both installations of `DevTeam` have it.
    fn default() -> Self {
        Self { domain: "devteam.local".to_owned() }
    }
}

impl Convention {
    /// The identity of a member of the meeting board, as the planning board knows it.
    pub(super) fn identity(&self, id: &str) -> Identity {
        if id.contains('@') {
            return Identity::new(id);
        }
        Identity::new(format!("{id}@{}", self.domain))
    }
}

/// ops on the meeting board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Me {
    /// Its id there.
    pub(super) id: String,
    /// Its display name, if the board tells it.
    pub(super) name: Option<String>,
}

impl Me {
    /// ops among the agents that a board knows; boards without a registry know none.
    pub(super) fn among(agents: &Value, id: &str) -> Self {
        let agents = agents.as_array().into_iter().flatten();
        let mut mine = agents.filter(|agent| told::text(agent, "id").eq_ignore_ascii_case(id));
        let name = mine.next().and_then(|agent| told::known(agent, "name"));
        Self { id: id.to_lowercase(), name }
    }

    /// Whether a text calls ops by its id, its name or the handle of its role. The board's own
    /// parsing is not asked: it knows no end of a word, so that `x@opsworks.example` and `@everyone`
    /// would be calls too, and where it has no registry it parses nothing. Here a handle ends where a
    /// word ends.
    pub(super) fn is_called(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let name = self.name.as_ref().map(|name| name.to_lowercase());
        let handles = ["ops", self.id.as_str()].into_iter().chain(name.as_deref());
        let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        handles.filter(|handle| !handle.is_empty()).any(|handle| {
            text.match_indices('@').any(|(at, _)| {
                let before = text[..at].chars().next_back();
                let rest = text[at + 1..].strip_prefix(handle);
                let after = rest.map(|rest| {
                    let mut rest = rest.chars();
                    let next = rest.next();
                    // A full stop ends a sentence; one with a word behind it is a host's name.
                    let then = rest.next();
                    next.is_some_and(|c| {
                        in_word(c) || c == '.' && then.is_some_and(char::is_alphanumeric)
                    })
                });
                !before.is_some_and(in_word) && after == Some(false)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn doug() -> Me {
        Me::among(
            &json!([{ "id": "doug", "name": "Doug O" }, { "id": "quinn", "name": "Quinn" }]),
            "doug",
        )
    }

    #[test]
    fn ops_is_called_by_id_name_and_role() {
        let doug = doug();
        let calls = [
            "@ops halt",
            "hey @OPS, status?",
            "(@doug)",
            "@Doug O: hello",
            "@ops.",
            "@doug @quinn",
        ];
        for text in calls {
            assert!(doug.is_called(text), "{text}");
        }
        let others = [
            "mail x@ops",
            "@opsworks",
            "@ops.example.org",
            "@quinn",
            "@ ops",
            "@ops-2",
            "@everyone",
        ];
        for text in others {
            assert!(!doug.is_called(text), "{text}");
        }
    }

    #[test]
    fn an_id_becomes_an_e_mail_by_the_convention() {
        let convention = Convention::default();
        assert_eq!(convention.identity("doug").as_str(), "doug@devteam.local");
        assert_eq!(convention.identity("a@b.example").as_str(), "a@b.example");
    }
}
