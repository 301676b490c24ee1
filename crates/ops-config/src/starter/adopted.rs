//! The block of a service that somebody else started (S2).

use ops_core::settings::Adopt;

use super::quote;

/// What is known of a service that already runs.
#[derive(Debug, Clone)]
pub struct Adopted {
    /// Its name in `ops.yaml`.
    pub name: String,
    /// Program and arguments, `{port}` for its port.
    pub command: Vec<String>,
    /// What a person should know, one line each.
    pub notes: Vec<String>,
    /// The port on which it listens now.
    pub port: Option<u16>,
    /// Whether it can listen on no other one.
    pub fixed: bool,
    /// What is adopted.
    pub adopt: Adopt,
}

/// Its block for an `ops.yaml` that is there already, to be put under `services:`.
pub fn adopted_block(adopted: &Adopted) -> String {
    format!("  {}:\n{}", quote(&adopted.name), service(adopted))
}

pub(super) fn service(adopted: &Adopted) -> String {
    let command: Vec<String> = adopted.command.iter().map(|word| quote(word)).collect();
    let mut lines: Vec<String> =
        adopted.notes.iter().map(|note| format!("    # {}", one_line(note))).collect();
    lines.push(format!("    command: [{}]", command.join(", ")));
    if let Some(port) = adopted.port {
        lines.push("    route: { path: / }             # which requests are its own".to_owned());
        lines.push(
            "    # health: { path: /healthz }    # without a path, the port must accept connections"
                .to_owned(),
        );
        if adopted.fixed {
            lines.push(
                "    # It was given its port by no word and no variable that ops can set.".into(),
            );
            lines.push("    strategy: recreate".to_owned());
            lines.push(format!("    fixed_port: {port}"));
        }
    }
    let Adopt { artifact, version, commit, listens } = &adopted.adopt;
    lines.push("    # What runs now. It stays as history once ops has adopted it.".to_owned());
    lines.push("    adopt:".to_owned());
    lines.push(format!("      artifact: {artifact}"));
    lines.push(format!("      version: {}", quote(version)));
    lines.extend(commit.as_ref().map(|commit| format!("      commit: \"{commit}\"")));
    lines.extend(listens.as_ref().map(|address| format!("      listens: \"{address}\"")));
    lines.push(String::new());
    lines.join("\n")
}

/// Comments end with their line, whatever a variable's name holds.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
