//! From what a process shows to what `ops.yaml` says.

use std::path::Path;

use ops_targets::Running;

/// Variables that a login, a shell or an init system sets.
const USUAL: [&str; 20] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PWD",
    "OLDPWD",
    "SHLVL",
    "LANG",
    "LANGUAGE",
    "TERM",
    "MAIL",
    "_",
    "TZ",
    "PORT",
    "HOSTNAME",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "SYSTEMD_EXEC_PID",
    "LS_COLORS",
];
const USUAL_BEGINNINGS: [&str; 4] = ["LC_", "XDG_", "SSH_", "DBUS_"];
/// Words that name something secret.
const SECRET: [&str; 7] = ["pass", "secret", "token", "key", "credential", "auth", "private"];
/// What stands in place of a value that looks secret.
const LEFT_OUT: &str = "LEFT-OUT";
/// Longest name of a service.
const NAME_MAX: usize = 40;

/// A command as `ops.yaml` has it.
pub(super) struct Told {
    pub(super) command: Vec<String>,
    /// Whether the port stands in its words.
    pub(super) names_port: bool,
    /// Whether something that looked secret was left out (P13).
    pub(super) left_out: bool,
}

pub(super) fn command(
    found: &Running,
    program: &str,
    folder: Option<&Path>,
    port: Option<u16>,
) -> Told {
    let mut told = Told { command: vec![program.to_owned()], names_port: false, left_out: false };
    let mut secret_next = false;
    for word in found.arguments.iter().skip(1) {
        let flag = word.starts_with('-');
        if secret_next && !flag {
            told.command.push(LEFT_OUT.to_owned());
            told.left_out = true;
            secret_next = false;
            continue;
        }
        secret_next = flag && !word.contains('=') && names_secret(word);
        told.push(word, folder, port);
    }
    told
}

impl Told {
    fn push(&mut self, word: &str, folder: Option<&Path>, port: Option<u16>) {
        if let Some((name, _)) = word.split_once('=').filter(|(name, _)| names_secret(name)) {
            self.left_out = true;
            return self.command.push(format!("{name}={LEFT_OUT}"));
        }
        if bears_password(word) {
            self.left_out = true;
            return self.command.push(LEFT_OUT.to_owned());
        }
        let inside = folder.and_then(|folder| Path::new(word).strip_prefix(folder).ok());
        let word = inside.map_or_else(|| word.to_owned(), |path| path.display().to_string());
        let with_port = port.and_then(|port| put_port(&word, port));
        self.names_port |= with_port.is_some();
        self.command.push(with_port.unwrap_or(word));
    }
}

fn names_secret(word: &str) -> bool {
    let word = word.to_lowercase();
    SECRET.iter().any(|part| word.contains(part))
}

/// An address with a password in it: `scheme://user:password@host`.
fn bears_password(word: &str) -> bool {
    let rest = word.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or(""));
    rest.and_then(|host| host.split_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

/// The word with `{port}` where the port stands as a number of its own; `None` if it does not.
fn put_port(word: &str, port: u16) -> Option<String> {
    let digits = port.to_string();
    let (at, _) = word.match_indices(&digits).find(|(at, _)| {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || c == '.');
        let before = word.get(..*at).and_then(|text| text.chars().next_back());
        let after = word.get(at + digits.len()..).and_then(|text| text.chars().next());
        !digit(before) && !digit(after)
    })?;
    let (before, rest) = word.split_at(at);
    Some(format!("{before}{{port}}{}", rest.get(digits.len()..).unwrap_or("")))
}

/// A name from what is started: the last word of the program, or of the script.
pub(super) fn name(found: &Running, command: &[String]) -> String {
    let script = command.iter().skip(1).find(|word| !word.starts_with('-'));
    let program = command.first().filter(|program| !program.starts_with('/'));
    let from = program.or(script).map_or_else(
        || found.folder.file_name().map(|name| name.to_string_lossy().into_owned()),
        |word| Path::new(word).file_stem().map(|name| name.to_string_lossy().into_owned()),
    );
    let from = from.unwrap_or_default().to_lowercase();
    let part = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = from.chars().map(part).take(NAME_MAX).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
    if name.is_empty() { "service".to_owned() } else { name.to_owned() }
}

/// Nobody knows what it is called: since when it runs tells it from what comes later.
pub(super) fn version(found: &Running) -> String {
    format!("before-ops-{}", found.since.strftime("%Y-%m-%d"))
}

pub(super) fn notes(found: &Running, told: &Told) -> Vec<String> {
    let mut notes = vec![format!(
        "Made from process {}, which runs {} since {}.",
        found.pid,
        found.program_was.display(),
        found.since
    )];
    let usual = |name: &&String| {
        USUAL.contains(&name.as_str())
            || USUAL_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
    };
    let own: Vec<&str> =
        found.variables.iter().filter(|name| !usual(name)).map(String::as_str).collect();
    if !own.is_empty() {
        notes.push(format!(
            "It has these variables. Those it needs belong under `env`, secret ones under `secrets`: {}",
            own.join(", ")
        ));
    }
    if told.left_out {
        notes.push(format!(
            "Words that looked secret were left out ({LEFT_OUT}): services get secrets as variables."
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(arguments: &[&str]) -> Running {
        Running {
            pid: 42,
            since: "2026-09-01T08:00:00Z".parse().unwrap(),
            program: "/proc/42/exe".into(),
            program_was: "/srv/shop/bin/Shop_Server".into(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            folder: "/srv/shop".into(),
            variables: vec!["HOME".into(), "LC_ALL".into(), "DB_URL".into()],
            port_by_variable: false,
        }
    }

    fn told(arguments: &[&str]) -> Told {
        command(&found(arguments), "bin/shop", Some(Path::new("/srv/shop")), Some(8080))
    }

    #[test]
    fn the_port_becomes_a_place_wherever_it_stands_as_a_number_of_its_own() {
        for (word, put) in [
            ("8080", Some("{port}")),
            ("--port=8080", Some("--port={port}")),
            ("127.0.0.1:8080", Some("127.0.0.1:{port}")),
            ("-p8080", Some("-p{port}")),
            ("18080", None),
            ("80801", None),
            ("1.8080", None),
            ("shop", None),
        ] {
            assert_eq!(put_port(word, 8080).as_deref(), put, "{word}");
        }
        let told = told(&["shop", "--port", "8080", "/srv/shop/conf/shop.toml", "/etc/other"]);
        assert_eq!(told.command, ["bin/shop", "--port", "{port}", "conf/shop.toml", "/etc/other"]);
        assert!(told.names_port && !told.left_out);
    }

    #[test]
    fn p13_what_looks_secret_is_not_written_down() {
        let told = told(&[
            "shop",
            "--db-password=amber",
            "--api-token",
            "cobalt",
            "--verbose",
            "postgres://shop:ochre@db/shop",
            "--level",
            "3",
        ]);
        let text = told.command.join(" ");
        for value in ["amber", "cobalt", "ochre"] {
            assert!(!text.contains(value), "{text}");
        }
        assert!(told.left_out && text.ends_with("--level 3"), "{text}");
    }

    #[test]
    fn names_fit_what_ops_yaml_allows() {
        let of = |command: &[&str]| {
            let words: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            name(&found(&[]), &words)
        };
        assert_eq!(of(&["bin/Shop_Server"]), "shop-server");
        assert_eq!(of(&["/usr/bin/python3.11", "app.py"]), "app");
        assert_eq!(of(&["/usr/bin/java"]), "shop");
        assert_eq!(of(&["bin/42"]), "service");
    }

    #[test]
    fn notes_name_the_variables_that_are_its_own() {
        let notes = notes(&found(&[]), &told(&["shop"]));
        assert!(notes[1].ends_with(": DB_URL"), "{notes:?}");
    }
}
