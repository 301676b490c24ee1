//! Help texts are part of the interface.

use crate::{house::Site, told::snapshot};

#[test]
fn help_names_every_command_and_every_exit_code() {
    let site = Site::empty();
    let said = site.ops(&["--help"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    snapshot(&site, "help", &said.out);
}

#[test]
fn each_command_explains_itself() {
    let site = Site::empty();
    let commands = [
        "init",
        "check",
        "serve",
        "edge",
        "plan",
        "deploy",
        "explain",
        "watch",
        "halt",
        "resume",
        "abort",
        "rollback",
        "history",
        "show",
        "board",
        "audit",
        "doctor",
        "completions",
    ];
    let texts = commands.map(|command| {
        let said = site.ops(&[command, "--help"]);
        assert_eq!(said.code, 0, "{command}");
        let own = said.out.split("Global options:").next().unwrap_or_default().to_owned();
        format!("# {command}\n{}", own.trim_end())
    });
    let texts = [
        &texts[..],
        &["replay", "selftest"].map(|part| {
            let said = site.ops(&["watch", part, "--help"]);
            assert_eq!(said.code, 0, "watch {part}");
            let own = said.out.split("Global options:").next().unwrap_or_default().to_owned();
            format!("# watch {part}\n{}", own.trim_end())
        }),
    ]
    .concat();
    snapshot(&site, "help_of_commands", &texts.join("\n\n"));
}

#[test]
fn p3_nothing_skips_a_check() {
    let site = Site::empty();
    for command in ["deploy", "serve", "plan", "resume"] {
        let said = site.ops(&[command, "--help"]);
        for word in ["force", "skip", "bypass", "no-check", "ignore"] {
            assert!(!said.out.to_lowercase().contains(word), "{command} offers {word}");
        }
        assert_eq!(site.ops(&[command, "--force"]).code, 2);
    }
}

#[test]
fn completions_and_schema_are_printed() {
    let site = Site::empty();
    for shell in ["bash", "zsh", "fish"] {
        let said = site.ops(&["completions", shell]);
        assert!(said.code == 0 && said.out.contains("rollback"), "{shell}");
    }
    assert_eq!(site.ops(&["schema"]).json()["title"], "ops.yaml");
}

#[test]
fn a_reader_who_went_away_is_no_error() {
    let site = Site::empty();
    let mut child = site.begin(&["schema"]);
    drop(child.stdout.take());
    let said = crate::house::finish(child);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}
