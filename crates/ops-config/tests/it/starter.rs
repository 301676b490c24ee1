//! The file that `ops init` writes fits the folder and reads without complaint.

use std::{fs, path::Path};

use ops_config::starter;
use ops_core::settings::Settings;

use crate::{good, read};

fn command(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::Builder::new().prefix("My Shop-2.").tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if name.starts_with("bin/") || !name.contains('.') && text.starts_with("#!") {
            executable(&path);
        }
    }
    let text = starter(folder.path());
    let settings = read(&text).unwrap_or_else(|complaints| panic!("{complaints}\n{text}"));
    settings.services.values().next().unwrap().command.clone()
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("Shop");
    fs::create_dir(&shop).unwrap();
    let text = starter(&shop);
    assert_eq!(good(&text).project, "shop");
    insta::assert_snapshot!(text);
}

#[test]
fn what_stands_in_the_comments_is_valid_too() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop");
    fs::create_dir(&shop).unwrap();
    fs::write(shop.join("Dockerfile"), "FROM x\nEXPOSE 7000\nCMD [\"bin/shop\"]\n").unwrap();
    let settings = opened(&starter(&shop));
    assert_eq!(settings.services.values().next().unwrap().replicas, 2);
    fs::remove_file(shop.join("Dockerfile")).unwrap();
    fs::write(shop.join("Procfile"), "worker: bin/work\n").unwrap();
    let settings = opened(&starter(&shop).replace("# route:", "# no route:"));
    let worker = settings.services.values().next().unwrap();
    assert_eq!((worker.signals.len(), worker.route.is_some()), (1, false));
}

/// What a starter means once all settings in its comments are taken in.
fn opened(text: &str) -> Settings {
    let open = |line: &str| -> Option<String> {
        // Settings in comments begin with a key; sentences do not.
        let (indent, rest) = line.split_once("# ")?;
        let key = rest.trim_start().split(':').next()?;
        let is_key = rest.contains(": ") && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let section = rest.ends_with(':') && key.chars().all(|c| c.is_ascii_lowercase());
        (indent.trim().is_empty() && key != "fixed_port" && (is_key || section))
            .then(|| format!("{indent}{rest}"))
    };
    let opened: Vec<String> =
        text.lines().map(|line| open(line).unwrap_or_else(|| line.to_owned())).collect();
    let opened = opened.join("\n") + "\n";
    read(&opened).unwrap_or_else(|complaints| panic!("{complaints}\n{opened}"))
}

#[test]
fn rust() {
    let package = "[package]\nname = \"shop\" # ours\n[dependencies]\nname = \"no\"\n";
    assert_eq!(
        command(&[("Cargo.toml", package), ("src/main.rs", "")]),
        ["target/release/shop", "--port", "{port}"]
    );
    let two = "[package]\nname = \"shop\"\n[[bin]]\nname = \"door\"\npath = \"x.rs\"\n";
    assert_eq!(command(&[("Cargo.toml", two)])[0], "target/release/door");
    assert_eq!(
        command(&[("Cargo.toml", package), ("src/bin/tool.rs", "")])[0],
        "target/release/tool"
    );
}

#[test]
fn node() {
    let start = r#"{"scripts": {"start": "node x.js"}}"#;
    assert_eq!(command(&[("package.json", start)]), ["npm", "start", "--", "--port", "{port}"]);
    assert_eq!(
        command(&[("package.json", r#"{"main": "app.js"}"#), ("app.js", "")])[..2],
        ["node", "app.js"]
    );
}

#[test]
fn python() {
    let project = "[project]\nname = \"x\"\n[project.scripts]\nshop = \"shop:main\"\n";
    assert_eq!(command(&[("pyproject.toml", project)])[0], ".venv/bin/shop");
    assert_eq!(
        command(&[("requirements.txt", "flask\n"), ("app.py", "")])[..2],
        [".venv/bin/python", "app.py"]
    );
}

#[test]
fn other_signs() {
    assert_eq!(
        command(&[("Procfile", "worker: bin/w\nweb: bin/shop -p $PORT\n")]),
        ["bin/shop", "-p", "{port}"]
    );
    assert_eq!(
        command(&[("Procfile", "web: A=1 bin/shop -p ${PORT} | tee log\n")]),
        ["sh", "-c", "A=1 bin/shop -p {port} | tee log"]
    );
    assert_eq!(
        command(&[("Procfile", "worker: bin/w --true 1 yes\n")]),
        ["bin/w", "--true", "1", "yes"]
    );
    assert_eq!(command(&[("bin/shop", "#!")])[0], "bin/shop");
    assert_eq!(command(&[("shop", "#!")])[0], "./shop");
    assert_eq!(command(&[("Makefile", "run:\n\tx\n")]), ["make", "run", "PORT={port}"]);
    assert_eq!(
        command(&[("Dockerfile", "FROM x\nEXPOSE 80/tcp\nENTRYPOINT [\"bin/s\"]\nCMD [\"-v\"]\n")]),
        ["bin/s", "-v", "--port", "{port}"]
    );
}

#[test]
fn strange_folders_give_valid_files_too() {
    let secret = "web: bin/x --db postgres://a:hunter2@b\n";
    assert!(!command(&[("Procfile", secret)]).concat().contains("hunter2"));
    assert_eq!(command(&[("Procfile", "web: ../../x\n")])[1], "--port");
    command(&[("Cargo.toml", "[package]\nname = \"a\\\" ]: b\"\n"), ("src/main.rs", "")]);
    command(&[("package.json", "not json")]);
    command(&[("package.json", r#"{"main": 7}"#), ("Dockerfile", "CMD [1]\nEXPOSE x\n")]);
    let folder = tempfile::tempdir().unwrap();
    for name in ["true", "null", "123", "---", "ÄÖ", "a\nb", "yes", "x: y", &"long".repeat(30)] {
        let dir = folder.path().join(name);
        fs::create_dir(&dir).unwrap();
        let text = starter(&dir);
        read(&text).unwrap_or_else(|complaints| panic!("{name}: {complaints}"));
    }
}
