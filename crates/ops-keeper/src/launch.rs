//! Starting the service's main process.

use std::{
    fs::File,
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    INHERITED_ENV, MARKER_VARIABLE, secret, spec::Spec, status::MainProcess, table::Entry,
};

/// The search path of a service on a machine that gives none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Starts the service in a process group of its own, its output on the named pipes.
///
/// The service gets each pipe opened for reading and writing: as long as it lives there is a
/// reader, so writing never fails, even while no keeper is at work. Secret values go from their
/// source into the service's environment and nowhere else. Fails in words.
pub(crate) fn launch(spec: &Spec, out: &Path, err: &Path) -> Result<MainProcess, String> {
    let mut command = Command::new(&spec.program);
    command.args(&spec.args).env_clear().env("PATH", DEFAULT_PATH);
    for name in INHERITED_ENV {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.envs(spec.env.iter().map(|(name, value)| (name, value)));
    for (name, reference) in &spec.secrets {
        command.env(name, secret::resolve(reference).map_err(|error| error.to_string())?);
    }
    command
        .env(MARKER_VARIABLE, &spec.marker)
        .current_dir(&spec.cwd)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(both_ends(out).map_err(|error| format!("{}: {error}", out.display()))?)
        .stderr(both_ends(err).map_err(|error| format!("{}: {error}", err.display()))?);
    let child = command.spawn().map_err(|error| format!("{}: {error}", spec.program.display()))?;
    let pid = child.id() as i32;
    // Nobody has waited for the child yet, so even one that has ended is in the table.
    let entry = Entry::read(pid).ok_or("it is not in the process table; is /proc mounted?")?;
    Ok(entry.main_process())
}

fn both_ends(path: &Path) -> io::Result<Stdio> {
    Ok(File::options().read(true).write(true).open(path)?.into())
}
