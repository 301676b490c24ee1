//! `ops init --adopt`: takes in what somebody else started, and writes what ops needs to adopt it.

mod words;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use ops_config::{Adopted, FILE_NAME, adopted_block, starter_adopting};
use ops_core::{id::Digest, settings::Adopt, world::Proof};
use ops_engine::ports::{ActError, Artifacts as _, Target as _};
use ops_targets::{ArtifactStore, ProcessTarget, Running, running};

use super::Args;
use crate::{context::Context, exit::Exit, problem::Problem};

/// Quota of the store in MiB where no `ops.yaml` says one yet.
const STORE_MB: u64 = 5_000;
/// Programs below these belong to the system: they only run what the service is.
const OF_THE_SYSTEM: [&str; 5] = ["/usr/", "/bin/", "/sbin/", "/lib/", "/opt/homebrew/"];

/// Where it is found.
struct Place {
    listens: Option<String>,
    pid: Option<u32>,
}

pub(super) fn run(context: &Context, args: &Args, place: &str) -> Result<Exit, Problem> {
    let place = place_of(place)?;
    let found = running(place.listens.as_deref(), place.pid)?;
    context.make_state()?;
    let taken = TakenIn::of(context, args, &found)?;
    let port = place.listens.as_deref().and_then(|at| at.rsplit_once(':')?.1.parse().ok());
    let told = words::command(&found, &taken.program, taken.folder.as_deref(), port);
    let digest = store(context, &taken.reference, &told.command)?;
    let adopted = Adopted {
        name: args.name.clone().unwrap_or_else(|| words::name(&found, &told.command)),
        adopt: Adopt {
            artifact: digest,
            version: args.release.clone().unwrap_or_else(|| words::version(&found)),
            commit: args.commit.clone(),
            listens: place.listens,
        },
        fixed: port.is_some() && !told.names_port && !found.port_by_variable,
        notes: words::notes(&found, &told),
        command: told.command,
        port,
    };
    prove(context, &adopted)?;
    write(context, args, &found, &adopted)
}

/// What is taken in, and what is started of it.
struct TakenIn {
    /// What the store reads.
    reference: PathBuf,
    /// Program relative to it, or an absolute one of the system.
    program: String,
    /// The folder that it was started from, where one was named.
    folder: Option<PathBuf>,
    /// Removed when it has been taken in.
    _copy: Option<Copy>,
}

/// A copy of a running program, which may have no file any more.
struct Copy(PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl TakenIn {
    fn of(context: &Context, args: &Args, found: &Running) -> Result<Self, Problem> {
        let shown = found.program_was.display();
        match &args.artifact {
            Some(path) => {
                let path = fs::canonicalize(path)
                    .map_err(|error| Problem::file("open", path, &error))?;
                if !path.is_dir() {
                    return Self::program(context, found);
                }
                let program = found.program_was.strip_prefix(&path).unwrap_or(&found.program_was);
                let program = program.display().to_string();
                Ok(Self { reference: path.clone(), program, folder: Some(path), _copy: None })
            }
            None if OF_THE_SYSTEM.iter().any(|root| found.program_was.starts_with(root)) => {
                Err(Problem::refused(format!(
                    "process {} runs {shown}, a program of the system: what it runs must be named",
                    found.pid
                ))
                .hint(format!(
                    "--artifact names the folder of your service (it works in {}), or {shown} itself \
                     if that is your service",
                    found.folder.display()
                )))
            }
            None => Self::program(context, found),
        }
    }

    /// The program alone, as the kernel runs it.
    fn program(context: &Context, found: &Running) -> Result<Self, Problem> {
        let name = found
            .program_was
            .file_name()
            .map_or_else(|| "program".to_owned(), |name| name.to_string_lossy().into_owned());
        let folder = context.state.join(format!("adopting-{}", std::process::id()));
        let path = folder.join(&name);
        let failed = |error| Problem::file("copy the program to", &path, &error);
        fs::create_dir_all(&folder).map_err(failed)?;
        let copy = Copy(folder);
        fs::copy(&found.program, &path).map_err(failed)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
        Ok(Self { reference: path, program: name, folder: None, _copy: Some(copy) })
    }
}

fn place_of(text: &str) -> Result<Place, Problem> {
    let text = text.trim();
    if let Ok(pid) = text.parse() {
        return Ok(Place { listens: None, pid: Some(pid) });
    }
    let address = if text.starts_with(':') { format!("127.0.0.1{text}") } else { text.to_owned() };
    if address.parse::<std::net::SocketAddr>().is_err() {
        return Err(Problem::refused(format!("`{text}` names nothing that runs")).hint(
            "--adopt takes an address such as 127.0.0.1:8080 or :8080, or a process number",
        ));
    }
    Ok(Place { listens: Some(address), pid: None })
}

fn store(context: &Context, reference: &Path, command: &[String]) -> Result<Digest, Problem> {
    let quota = context.load().map_or(STORE_MB, |loaded| loaded.settings.retention.store_mb);
    let store = ArtifactStore::new(&context.state, quota);
    let reference = reference.display().to_string();
    let digest = store.resolve(&reference, command)?.digest;
    store.import(&reference, &digest).map_err(|failed| match failed {
        ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault) => fault,
    })?;
    Ok(digest)
}

/// What ops will ask before it adopts, asked now, while somebody reads the answer.
fn prove(context: &Context, adopted: &Adopted) -> Result<(), Problem> {
    let target = ProcessTarget::new(&context.state, Vec::new(), (0, 0), 0);
    match target.outside(&adopted.adopt, &adopted.command)? {
        Some(foreign) => match foreign.proof {
            Proof::Program | Proof::Files => Ok(()),
            Proof::Differs { how } => {
                Err(Problem::refused(format!("what runs is not what was taken in: {how}"))
                    .hint("--artifact names the folder that it was started from"))
            }
        },
        None => Err(Problem::refused("it does not run any more")
            .hint("start it again, and see why it ended")),
    }
}

fn write(
    context: &Context,
    args: &Args,
    found: &Running,
    adopted: &Adopted,
) -> Result<Exit, Problem> {
    let ui = &context.ui;
    let path = context.config.join(FILE_NAME);
    let exists = path.exists();
    let text = if exists { adopted_block(adopted) } else { starter_adopting(adopted) };
    ui.hint(&format!(
        "process {} runs since {}; what it runs is in the store as {}",
        found.pid,
        found.since,
        adopted.adopt.artifact.short()
    ));
    if exists || args.print {
        let answer = serde_json::json!({ "text": text, "artifact": adopted.adopt.artifact });
        ui.answer(&answer, |_| text.clone())?;
        if exists {
            ui.hint(&format!(
                "{} is there already: put this under its `services:`, then commit it",
                path.display()
            ));
        }
    } else {
        super::create(&path, &text)?;
        let written = path.display().to_string();
        let answer = serde_json::json!({ "written": written, "artifact": adopted.adopt.artifact });
        ui.answer(&answer, |_| format!("wrote {written}"))?;
        ui.hint("read it, then `ops check`, then `git add ops.yaml && git commit`");
    }
    ui.hint(
        "`ops serve` then starts a copy beside it and watches that for 30 min; what runs now is never \
         touched",
    );
    Ok(Exit::Ok)
}
