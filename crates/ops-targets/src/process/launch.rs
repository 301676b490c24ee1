//! Making replicas and starting their keepers.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
    process::{Command, Stdio},
    sync::PoisonError,
};

use ops_core::{
    id::Digest,
    world::{Fault, ReleaseSpec},
};
use ops_engine::ports::Look;
use ops_keeper::{INHERITED_ENV, Spec};

use super::{
    ProcessTarget,
    layout::{Known, replica_id, unwritable},
};

/// A keeper's own words, should it be unable to work.
const KEEPER_LOG: &str = "keeper.log";
/// Bytes of them that are passed on.
const KEEPER_WORDS_MAX: u64 = 500;

impl ProcessTarget {
    /// What a keeper is to run for one replica of a release.
    pub(super) fn keeper_spec(
        &self,
        spec: &ReleaseSpec,
        index: u32,
        port: u16,
        folder: &Path,
    ) -> Look<Spec> {
        let artifact = self.artifacts.join(spec.artifact.hex());
        let filled = |text: &String| {
            text.replace("{port}", &port.to_string())
                .replace("{artifact}", &artifact.display().to_string())
        };
        let Some((program, args)) = spec.command.split_first() else {
            return Err(Fault::new(
                "the release has no command",
                spec.release.as_str(),
                "declare it",
            ));
        };
        let id = replica_id(&spec.release, index);
        let own = [
            ("PORT", port.to_string()),
            ("OPS_SERVICE", spec.service.to_string()),
            ("OPS_RELEASE", spec.release.to_string()),
            ("OPS_ARTIFACT", artifact.display().to_string()),
        ];
        let mut env = spec.env.clone();
        env.extend(own.map(|(name, value)| (name.to_owned(), value)));
        Ok(Spec {
            marker: format!("{id}.{}", nonce()?),
            id,
            service: spec.service.to_string(),
            release: spec.release.to_string(),
            artifact: spec.artifact.to_string(),
            index,
            port,
            // An absolute program stays what it is.
            program: artifact.join(program),
            args: args.iter().map(filled).collect(),
            env,
            secrets: spec.secrets.clone(),
            cwd: folder.join("work"),
            stop_grace_ms: spec.stop_grace_ms,
            log_quota: self.log_quota,
        })
    }

    /// Gives a replica's work folder a link to everything at the top of its artifact, so that
    /// arguments can name files of the artifact, and the service can still write files of its own
    /// beside them. What is there already stays.
    pub(super) fn link_artifact(&self, replica: &Known, artifact: &Digest) -> Look<()> {
        let failed = |error: io::Error| unwritable(&replica.folder, &error);
        for entry in std::fs::read_dir(self.artifacts.join(artifact.hex())).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let link = replica.spec.cwd.join(entry.file_name());
            match std::os::unix::fs::symlink(entry.path(), link) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Starts a replica's keeper: in a session of its own, with none of this process's files, and
    /// of its variables only those that services inherit or the replica's secrets are read from.
    pub(super) fn spawn_keeper(&self, folder: &Path, spec: &Spec) -> Look<()> {
        self.collect_children();
        let no_keeper = |why: &str| {
            let next = "check that the ops program is still where it was started from";
            Fault::new(format!("no keeper can be started: {why}"), &spec.id, next)
        };
        let (program, args) = self.keeper.split_first().ok_or_else(|| no_keeper("no command"))?;
        // On a full disk a keeper without words is better than none.
        let words =
            File::create(folder.join(KEEPER_LOG)).map_or_else(|_| Stdio::null(), Stdio::from);
        let mut command = Command::new(program);
        command.args(args).arg(folder).env_clear().current_dir("/");
        let referenced = spec.secrets.iter().filter_map(|(_, from)| from.strip_prefix("env:"));
        for name in INHERITED_ENV.into_iter().chain(referenced) {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words);
        let child = command.spawn().map_err(|error| no_keeper(&error.to_string()))?;
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(child);
        Ok(())
    }

    /// Waits for keepers that have ended, so that they do not stay in the process table.
    pub(super) fn collect_children(&self) {
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

/// What a keeper said when it could not work.
pub(super) fn keeper_words(folder: &Path) -> String {
    let mut words = String::new();
    if let Ok(file) = File::open(folder.join(KEEPER_LOG)) {
        // Without its words the fault is still told.
        let _ = file.take(KEEPER_WORDS_MAX).read_to_string(&mut words);
    }
    words.trim().to_owned()
}

/// Random hex digits, so that no two replicas of this machine bear one mark, whatever their names.
fn nonce() -> Look<String> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| unwritable(Path::new("/dev/urandom"), &error))?;
    Ok(format!("{:016x}", u64::from_ne_bytes(bytes)))
}
