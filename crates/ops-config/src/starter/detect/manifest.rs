//! Reads the few lines of known files that say how a program is started.
//!
//! These are guesses for a person to look at, not parsers: a line that is written in an unusual
//! way is passed over.

/// Names of `[[bin]]` sections.
pub(super) fn cargo_binaries(text: &str) -> Vec<String> {
    named(text, "[[bin]]")
}

/// Name of the `[package]`.
pub(super) fn cargo_package(text: &str) -> Option<String> {
    named(text, "[package]").into_iter().next()
}

/// The first name in `[project.scripts]`.
pub(super) fn python_script(text: &str) -> Option<String> {
    let (key, _) = section(text, "[project.scripts]").find_map(|line| line.split_once('='))?;
    Some(key.trim().trim_matches('"').to_owned())
}

/// The `web` line of a Procfile, else its first: process type and command.
pub(super) fn procfile(text: &str) -> Option<(String, String)> {
    let lines = || {
        text.lines().filter(|line| !line.trim_start().starts_with('#')).filter_map(|line| {
            let (kind, command) = line.split_once(':')?;
            let known = !kind.trim().is_empty() && !command.trim().is_empty();
            let word = kind.trim().chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
            (known && word).then(|| (kind.trim().to_owned(), command.trim().to_owned()))
        })
    };
    lines().find(|(kind, _)| kind == "web").or_else(|| lines().next())
}

/// The last `CMD` or `ENTRYPOINT` of a Dockerfile that is written as a list.
pub(super) fn docker_command(text: &str) -> Option<Vec<String>> {
    let last = |word: &str| -> Vec<String> {
        let lists = text.lines().filter_map(|line| line.trim().strip_prefix(word)?.trim().into());
        lists
            .filter_map(|list: &str| serde_json::from_str(list).ok())
            .next_back()
            .unwrap_or_default()
    };
    let mut command = last("ENTRYPOINT");
    command.extend(last("CMD"));
    (!command.is_empty()).then_some(command)
}

/// The first port that a Dockerfile exposes.
pub(super) fn exposed(text: &str) -> Option<u16> {
    let ports = text.lines().filter_map(|line| line.trim().strip_prefix("EXPOSE "));
    ports
        .filter_map(|port| port.trim().split(['/', ' ']).next()?.parse().ok())
        .find(|port| *port > 0)
}

fn named(text: &str, head: &str) -> Vec<String> {
    section(text, head)
        .filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            let value = value.split('#').next()?.trim();
            (key.trim() == "name").then(|| value.trim_matches(['"', '\'']).to_owned())
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// The lines of all sections with this head.
fn section<'t>(text: &'t str, head: &'t str) -> impl Iterator<Item = &'t str> {
    let mut inside = false;
    text.lines().map(str::trim).filter(move |line| {
        if line.starts_with('[') {
            inside = line.split('#').next().is_some_and(|line| line.trim() == head);
            return false;
        }
        inside && !line.starts_with('#')
    })
}
