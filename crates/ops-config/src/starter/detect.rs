//! Guesses what a folder holds and how it is started. Looks at names and at small, known files.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

mod manifest;

/// Most bytes of a file that are looked at.
const LOOK_MAX: u64 = 256_000;
/// Most entries of a folder that are looked at.
const ENTRIES_MAX: usize = 2_000;

/// What was found.
pub(super) struct Found {
    /// A name made from the folder's.
    pub(super) project: String,
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// From what the command was guessed, one line.
    pub(super) reason: String,
    /// What else a person should know, one line each.
    pub(super) notes: Vec<String>,
    /// Whether it likely takes requests on a port.
    pub(super) routed: bool,
    /// The port on which it listened so far.
    pub(super) port: Option<u16>,
}

/// A guessed command.
struct Guess {
    command: Vec<String>,
    reason: String,
    routed: bool,
}

impl Guess {
    fn new(command: &[&str], reason: impl Into<String>) -> Self {
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        let routed = command.iter().any(|word| word.contains("{port}"));
        Self { command, reason: reason.into(), routed }
    }
}

pub(super) fn detect(dir: &Path) -> Found {
    let project = project(dir);
    // The surest sign first: a Procfile says how it is started, a Makefile only how it is made.
    let guesses: [fn(&Path) -> Option<Guess>; 7] =
        [procfile, cargo, node, python, executable, makefile, dockerfile];
    let guess = guesses
        .iter()
        .find_map(|guess| guess(dir))
        .unwrap_or_else(|| {
            let program = format!("bin/{project}");
            let reason = "Nothing here says how it is started: put program and arguments, relative to what a \
             ticket names.";
        Guess::new(&[&program, "--port", "{port}"], reason)
        });
    let docker = look(dir, "Dockerfile");
    let port = docker.as_deref().and_then(manifest::exposed);
    let mut notes = Vec::new();
    if docker.is_some() {
        notes.push(
            "The Dockerfile is not used: services run as processes of this machine.".to_owned(),
        );
    }
    let routed = guess.routed || port.is_some();
    let mut command = guess.command;
    if routed && !command.iter().any(|word| word.contains("{port}")) {
        command.extend(["--port".to_owned(), "{port}".to_owned()]);
    }
    if command.iter().any(|word| word == "{port}") {
        notes.push("`{port}` becomes the port of each replica.".to_owned());
    }
    Found { project, command, reason: guess.reason, notes, routed, port }
}

fn procfile(dir: &Path) -> Option<Guess> {
    let text = look(dir, "Procfile")?;
    let (kind, line) = manifest::procfile(&text)?;
    let mut command: Vec<String> =
        line.split_whitespace().map(|word| with_port(word.trim_matches(['"', '\'']))).collect();
    // Shell words: only a shell gives them their meaning.
    if line.contains(['|', '&', ';', '>', '<', '`', '(', '=']) || line.contains("$(") {
        command = vec!["sh".to_owned(), "-c".to_owned(), with_port(&line)];
    }
    let routed = kind == "web";
    (!command.is_empty() && usable(&command)).then(|| Guess {
        command,
        reason: format!("From the Procfile, process type `{kind}`."),
        routed,
    })
}

fn cargo(dir: &Path) -> Option<Guess> {
    let text = look(dir, "Cargo.toml")?;
    let mut names = manifest::cargo_binaries(&text);
    if names.is_empty() {
        let sources = files(&dir.join("src/bin"), |_, _| true);
        names =
            sources.iter().filter_map(|name| name.strip_suffix(".rs")).map(str::to_owned).collect();
        if dir.join("src/main.rs").is_file() {
            names.extend(manifest::cargo_package(&text));
        }
    }
    names.retain(|name| usable(std::slice::from_ref(name)));
    let name = names.first()?;
    let program = format!("target/release/{name}");
    let mut reason = "From Cargo.toml; `cargo build --release` puts the program there.".to_owned();
    if names.len() > 1 {
        let shown: Vec<&str> = names.iter().take(10).map(String::as_str).collect();
        reason = format!("{reason} Binaries: {}.", shown.join(", "));
    }
    Some(Guess::new(&[&program, "--port", "{port}"], reason))
}

fn node(dir: &Path) -> Option<Guess> {
    let text = look(dir, "package.json")?;
    let package: serde_json::Value = serde_json::from_str(&text).ok()?;
    if package.get("scripts").and_then(|scripts| scripts.get("start")).is_some() {
        let reason = "From package.json, script `start`.";
        return Some(Guess::new(&["npm", "start", "--", "--port", "{port}"], reason));
    }
    let main = package.get("main").and_then(serde_json::Value::as_str).unwrap_or("index.js");
    let there = usable(&[main.to_owned()]) && dir.join(main).is_file();
    let reason = "From package.json, which has no script `start`.";
    there.then(|| Guess::new(&["node", main, "--port", "{port}"], reason))
}

fn python(dir: &Path) -> Option<Guess> {
    let project = look(dir, "pyproject.toml");
    if let Some(script) = project.as_deref().and_then(manifest::python_script) {
        let program = format!(".venv/bin/{script}");
        let reason = "From pyproject.toml; the artifact must hold the virtual environment.";
        return usable(&[script]).then(|| Guess::new(&[&program, "--port", "{port}"], reason));
    }
    let main = ["manage.py", "app.py", "main.py", "server.py"];
    let main = main.into_iter().find(|name| dir.join(name).is_file());
    let known = project.is_some() || dir.join("requirements.txt").is_file() || main.is_some();
    match (known, main) {
        (false, _) => None,
        (true, Some("manage.py")) => Some(Guess::new(
            &[".venv/bin/python", "manage.py", "runserver", "--noreload", "{port}"],
            "A Django project; put a production server in front, such as gunicorn.",
        )),
        (true, main) => Some(Guess::new(
            &[".venv/bin/python", main.unwrap_or("main.py"), "--port", "{port}"],
            "A Python project; the artifact must hold the virtual environment.",
        )),
    }
}

fn executable(dir: &Path) -> Option<Guess> {
    /// Programs that build, not serve.
    const BUILDERS: [&str; 4] = ["configure", "gradlew", "mvnw", "install.sh"];
    for folder in ["bin", ""] {
        let programs =
            files(&dir.join(folder), |name, path| !BUILDERS.contains(&name) && is_executable(path));
        let Some(name) = programs.into_iter().find(|name| usable(std::slice::from_ref(name)))
        else {
            continue;
        };
        let program = if folder.is_empty() { format!("./{name}") } else { format!("bin/{name}") };
        let reason = "From the executable that stands here.";
        return Some(Guess::new(&[&program, "--port", "{port}"], reason));
    }
    None
}

fn makefile(dir: &Path) -> Option<Guess> {
    let text = look(dir, "Makefile")?;
    let targets = ["serve", "start", "run"];
    let target = targets.into_iter().find(|target| {
        let rule = format!("{target}:");
        text.lines().any(|line| line.starts_with(&rule) && !line.starts_with(&format!("{rule}=")))
    })?;
    let reason = format!("From the Makefile, target `{target}`; the program itself is better.");
    Some(Guess::new(&["make", target, "PORT={port}"], reason))
}

fn dockerfile(dir: &Path) -> Option<Guess> {
    let command = manifest::docker_command(&look(dir, "Dockerfile")?)?;
    let command: Vec<String> = command.iter().map(|word| with_port(word)).collect();
    let routed = command.iter().any(|word| word.contains("{port}"));
    usable(&command).then(|| Guess {
        command,
        reason: "From the Dockerfile's command; paths are now relative to the artifact.".to_owned(),
        routed,
    })
}

/// A name for the project: the folder's, in the form that names have.
fn project(dir: &Path) -> String {
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let folder = full.file_name().map(|name| name.to_string_lossy().to_lowercase());
    let mut name = String::new();
    for c in folder.unwrap_or_default().chars() {
        if c.is_ascii_lowercase() || (c.is_ascii_digit() && !name.is_empty()) {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(40);
    let name = name.trim_end_matches('-');
    if name.is_empty() { "app".to_owned() } else { name.to_owned() }
}

fn with_port(word: &str) -> String {
    word.replace("${PORT}", "{port}").replace("$PORT", "{port}")
}

/// Whether words may stand in the file: no login, no control characters, not endless.
fn usable(words: &[String]) -> bool {
    let fine = |word: &String| {
        !word.is_empty()
            && word.len() <= 1_000
            && !word.chars().any(char::is_control)
            && !word.split('/').any(|part| part == "..")
            && !crate::rules::secrets::has_login(word)
    };
    words.len() <= 50
        && words.iter().all(fine)
        && words.first().is_some_and(|word| word.trim() == word)
}

/// The beginning of a file as text; `None` if there is none or it is no text.
fn look(dir: &Path, name: &str) -> Option<String> {
    let path = dir.join(name);
    if !path.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LOOK_MAX).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

/// Names of files in a folder that fit, sorted.
fn files(dir: &Path, fits: impl Fn(&str, &Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .take(ENTRIES_MAX)
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .filter(|(name, path)| !name.starts_with('.') && fits(name, path))
        .map(|(name, _)| name)
        .collect();
    names.sort();
    names
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "exe")
}
