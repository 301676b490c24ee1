//! Secrets for an engine on another machine (P13).
//!
//! There, as on this machine, they are files on a tmpfs of the host, mounted read-only into their
//! container, which does not start without them. What puts them there is the *carrier*: this very
//! program in a container of its own image ([`crate::OwnImage`]), with the host's tmpfs and nothing
//! else, which is sent the values through its standard input and ends. So they stand in no
//! inspection, variable, command line or log, and on no disk; what the host loses when it boots is
//! lost, and [`super::DockerTarget::restore`] brings it back.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use bollard::{
    container::LogOutput,
    models::{
        ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountBindOptions, MountType,
    },
    query_parameters::{
        AttachContainerOptionsBuilder, ListContainersOptionsBuilder, RemoveContainerOptionsBuilder,
    },
};
use futures_util::StreamExt as _;
use ops_core::world::Fault;
use ops_engine::ports::{Act, ActError, Look};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

use super::{
    Grounds, names,
    record::Record,
    secrets::{self, Values},
};
use crate::{
    engine::{Engine, Hand, Trouble},
    images::OwnImage,
};

/// Where a Linux machine has a tmpfs.
const TMPFS: [&str; 2] = ["/run", "/dev/shm"];
/// Where the host's tmpfs is inside.
const HOST: &str = "/host";
/// The label that tells for which replica a carrier was made.
const LABEL: &str = "ops.carrier";
/// What the carrier says when all is done, and when there was nothing to do.
const DONE: &str = "ops: done";
const THERE: &str = "ops: there";
/// Bytes of one errand; values of secrets are small.
const ERRAND_MAX: u64 = 16 * 1024 * 1024;
/// Of what a carrier says, so much is told.
const WORDS_MAX: usize = 4_000;
const MEMORY: i64 = 128 * 1024 * 1024;

/// What a carrier is sent.
#[derive(Serialize, Deserialize)]
struct Errand {
    /// The folder of all secrets, as the carrier sees it.
    folder: PathBuf,
    work: Work,
}

#[derive(Serialize, Deserialize)]
enum Work {
    Put {
        name: String,
        values: Values,
        /// Leaves what is there.
        unless_there: bool,
    },
    TakeAway {
        names: Vec<String>,
    },
}

/// What became of an errand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Done,
    /// There was something already.
    There,
}

/// How secrets come to the machine of an engine.
pub(super) struct Way<'a> {
    pub(super) engine: &'a Engine,
    pub(super) grounds: &'a Grounds,
}

impl Way<'_> {
    /// Puts the values of a replica's secrets where its container finds them; `None` if it has none.
    pub(super) async fn put(
        &self,
        hand: &Hand,
        record: &Record,
        name: &str,
    ) -> Result<Option<PathBuf>, ActError> {
        if record.spec.secrets.is_empty() {
            return Ok(None);
        }
        self.fill(hand, record, name, false).await?;
        Ok(Some(self.grounds.secrets_dir.join(name)))
    }

    /// The same, but leaves what is there.
    pub(super) async fn put_if_lost(
        &self,
        hand: &Hand,
        record: &Record,
        name: &str,
    ) -> Result<Ended, ActError> {
        // Those of a project stand beside its replicas, and come back with what stands there.
        if record.spec.secrets.is_empty() || record.spec.compose.is_some() {
            return Ok(Ended::There);
        }
        self.fill(hand, record, name, true).await
    }

    async fn fill(
        &self,
        hand: &Hand,
        record: &Record,
        name: &str,
        unless_there: bool,
    ) -> Result<Ended, ActError> {
        let all = &self.grounds.secrets_dir;
        if self.engine.is_local() && unless_there && secrets::are_there(all, name) {
            return Ok(Ended::There);
        }
        let values = secrets::values(self.grounds, &record.spec, name);
        let values = values.map_err(|fault| hand.ends(fault))?;
        if self.engine.is_local() {
            secrets::put(all, name, &values).map_err(|fault| hand.ends(fault))?;
            return Ok(Ended::Done);
        }
        self.send(hand, record, Work::Put { name: name.to_owned(), values, unless_there }).await
    }

    /// Takes the values of replicas away, if there are any.
    pub(super) async fn take_away(&self, hand: &Hand, record: &Record) -> Act {
        let names: Vec<String> = record.places.iter().map(|place| record.name(place)).collect();
        if self.engine.is_local() {
            let gone = names
                .iter()
                .try_for_each(|name| secrets::take_away(&self.grounds.secrets_dir, name));
            return gone.map_err(|fault| hand.ends(fault));
        }
        if record.spec.secrets.is_empty() {
            return Ok(());
        }
        self.send(hand, record, Work::TakeAway { names }).await.map(|_| ())
    }

    /// Makes a carrier, sends it on its errand and hears how that ended.
    async fn send(&self, hand: &Hand, record: &Record, work: Work) -> Result<Ended, ActError> {
        let place = self.engine.place();
        let own = OwnImage::of_this_program().map_err(|fault| hand.ends(fault))?;
        let image = own.id_in(&hand.docker).await.map_err(|trouble| hand.failed(&trouble))?;
        let Some(image) = image else {
            let next = "give the act again";
            return Err(hand.ends(Fault::new("the engine lacks ops's own image", place, next)));
        };
        let (tmpfs, folder) =
            inside(&self.grounds.secrets_dir).map_err(|fault| hand.ends(fault))?;
        let errand = serde_json::to_vec(&Errand { folder, work });
        let errand = errand.map_err(|error| {
            hand.ends(Fault::new(error.to_string(), "secrets", "report this as a defect of ops"))
        })?;
        let service = record.spec.service.as_str();
        let said = async {
            clear(hand, service, &record.token).await?;
            let body = self.body(service, &record.token, &image, tmpfs);
            let id = hand.docker.create_container(None, body).await?.id;
            let said = talk(hand, &id, &errand).await;
            if said.is_err() {
                clear(hand, service, &record.token).await?;
            }
            said
        };
        let said = said.await.map_err(|trouble| hand.failed(&trouble))?;
        ended(&said).ok_or_else(|| {
            let what = format!("secrets could not be brought to the host: {}", said.trim());
            hand.ends(Fault::new(
                what,
                place,
                "see that the host has a tmpfs at /run, then try again",
            ))
        })
    }

    fn body(&self, service: &str, token: &str, image: &str, tmpfs: &str) -> ContainerCreateBody {
        let mount = Mount {
            target: Some(HOST.to_owned()),
            source: Some(tmpfs.to_owned()),
            typ: Some(MountType::BIND),
            bind_options: Some(MountBindOptions {
                non_recursive: Some(true),
                ..MountBindOptions::default()
            }),
            ..Mount::default()
        };
        let none = HostConfigLogConfig { typ: Some("none".to_owned()), config: None };
        let labels = [(LABEL, service), (names::TOKEN, token)];
        ContainerCreateBody {
            image: Some(image.to_owned()),
            cmd: Some(self.grounds.carrier.clone()),
            user: Some("0:0".to_owned()),
            labels: Some(labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            open_stdin: Some(true),
            stdin_once: Some(true),
            host_config: Some(HostConfig {
                auto_remove: Some(true),
                cap_drop: Some(vec!["ALL".to_owned()]),
                log_config: Some(none),
                memory: Some(MEMORY),
                memory_swap: Some(MEMORY),
                mounts: Some(vec![mount]),
                network_mode: Some("none".to_owned()),
                readonly_rootfs: Some(true),
                security_opt: Some(
                    ["no-new-privileges", "label=disable"].map(str::to_owned).to_vec(),
                ),
                userns_mode: Some("host".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }
}

/// Starts a carrier, writes to it, and tells what it says until it ends.
async fn talk(hand: &Hand, id: &str, errand: &[u8]) -> Result<String, Trouble> {
    let options = AttachContainerOptionsBuilder::new()
        .stream(true)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .build();
    let mut line = hand.docker.attach_container(id, Some(options)).await?;
    hand.docker.start_container(id, None).await?;
    let broken = |error: io::Error| Trouble::Lost(format!("secrets could not be sent: {error}"));
    line.input.write_all(format!("{}\n", errand.len()).as_bytes()).await.map_err(broken)?;
    line.input.write_all(errand).await.map_err(broken)?;
    line.input.flush().await.map_err(broken)?;
    let mut said = String::new();
    while let Some(output) = line.output.next().await {
        let (LogOutput::StdOut { message } | LogOutput::StdErr { message }) = output? else {
            continue;
        };
        if said.len() < WORDS_MAX {
            said.push_str(&String::from_utf8_lossy(&message));
        }
    }
    Ok(said)
}

/// Removes carriers that were made for a release and never ended.
async fn clear(hand: &Hand, service: &str, token: &str) -> Result<(), Trouble> {
    let labels = [(LABEL, service), (names::TOKEN, token)];
    let labels = labels.map(|(name, value)| format!("{name}={value}"));
    let filters = HashMap::from([("label", labels.to_vec())]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    for left in hand.docker.list_containers(Some(options)).await? {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        let id = left.id.unwrap_or_default();
        match hand.docker.remove_container(&id, Some(options)).await.map_err(Trouble::from) {
            Err(trouble) if !trouble.is_absent() && !trouble.is_conflict() => return Err(trouble),
            _ => {}
        }
    }
    Ok(())
}

/// The host's tmpfs in which a folder lies, and where it lies inside.
fn inside(folder: &Path) -> Look<(&'static str, PathBuf)> {
    let within = |tmpfs: &'static str| Some((tmpfs, folder.strip_prefix(tmpfs).ok()?));
    let found = TMPFS.into_iter().find_map(within);
    let (tmpfs, rest) = found.ok_or_else(|| {
        Fault::new(
            "secrets would reach a disk here: this is no tmpfs",
            folder.display().to_string(),
            "let the folder for secrets be below /run or /dev/shm",
        )
    })?;
    Ok((tmpfs, Path::new(HOST).join(rest)))
}

fn ended(said: &str) -> Option<Ended> {
    said.lines().find_map(|line| match line.trim() {
        DONE => Some(Ended::Done),
        THERE => Some(Ended::There),
        _ => None,
    })
}

/// What this program does as a carrier: reads an errand from its standard input and does it.
pub fn carrier() -> ExitCode {
    let answer = carry(&mut BufReader::new(io::stdin().lock()));
    let written = match &answer {
        Ok(Ended::Done) => writeln!(io::stdout(), "{DONE}"),
        Ok(Ended::There) => writeln!(io::stdout(), "{THERE}"),
        Err(fault) => writeln!(io::stderr(), "{fault}"),
    };
    if answer.is_ok() && written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn carry(from: &mut impl BufRead) -> Look<Ended> {
    let failed = |what: String| Fault::new(what, "the carrier of secrets", "give the act again");
    let broken = |error: io::Error| failed(format!("nothing can be read: {error}"));
    let mut length = String::new();
    from.take(32).read_line(&mut length).map_err(broken)?;
    let length = length.trim().parse::<u64>().ok().filter(|length| *length <= ERRAND_MAX);
    let length = length.ok_or_else(|| failed("no errand came".to_owned()))?;
    let mut text = Vec::new();
    from.take(length).read_to_end(&mut text).map_err(broken)?;
    if text.len() as u64 != length {
        return Err(failed("the errand did not come whole".to_owned()));
    }
    // The parser's own words would show a part of the text.
    let errand: Errand = serde_json::from_slice(&text)
        .map_err(|_| failed("the errand is of another ops".to_owned()))?;
    let all = &errand.folder;
    match errand.work {
        Work::Put { name, unless_there, .. } if unless_there && secrets::are_there(all, &name) => {
            Ok(Ended::There)
        }
        Work::Put { name, values, .. } => secrets::put(all, &name, &values).map(|_| Ended::Done),
        Work::TakeAway { names } => {
            names.iter().try_for_each(|name| secrets::take_away(all, name)).map(|()| Ended::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(errand: &Errand) -> Vec<u8> {
        let text = serde_json::to_vec(errand).unwrap();
        [format!("{}\n", text.len()).into_bytes(), text].concat()
    }

    fn put(folder: &Path, value: &str, unless_there: bool) -> Errand {
        let values = vec![("TOKEN".to_owned(), value.to_owned())];
        let work = Work::Put { name: "one".to_owned(), values, unless_there };
        Errand { folder: folder.to_owned(), work }
    }

    #[test]
    fn an_errand_is_done_whole_or_not_at_all_and_what_is_wrong_names_no_value() {
        let scratch = tempfile::tempdir_in("/dev/shm").unwrap();
        let all = scratch.path().join("secrets");
        let whole = sent(&put(&all, "correct-horse", false));
        for length in 0..whole.len() {
            let fault = carry(&mut &whole[..length]).unwrap_err().to_string();
            assert!(!fault.contains("correct"), "{fault}");
        }
        let other = b"20\n{\"correct-horse\":0}xx".to_vec();
        assert!(!carry(&mut &other[..]).unwrap_err().to_string().contains("correct"));
        assert!(!all.exists(), "nothing was done");
        assert_eq!(carry(&mut &whole[..]).unwrap(), Ended::Done);
        let read = || std::fs::read_to_string(all.join("one/TOKEN")).unwrap();
        assert_eq!(read(), "correct-horse");
        assert_eq!(carry(&mut &sent(&put(&all, "other", true))[..]).unwrap(), Ended::There);
        assert_eq!(read(), "correct-horse");
        let work = Work::TakeAway { names: vec!["one".to_owned()] };
        let away = Errand { folder: all.clone(), work };
        assert_eq!(carry(&mut &sent(&away)[..]).unwrap(), Ended::Done);
        assert!(!all.join("one").exists());
        assert_eq!(carry(&mut &sent(&put(&all, "other", true))[..]).unwrap(), Ended::Done);
    }

    #[test]
    fn p13_only_a_tmpfs_of_the_host_is_shown_to_a_carrier() {
        let found = inside(Path::new("/run/ops/secrets")).unwrap();
        assert_eq!(found, ("/run", PathBuf::from("/host/ops/secrets")));
        assert!(inside(Path::new("/var/lib/ops")).is_err());
    }
}
