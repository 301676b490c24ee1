//! A program on a host that answers questions, each a line, with lines: in a container of the
//! engine, or started by the machine's `ssh`. It goes through what ops and the host have proved to
//! each other already; no port is opened for it.

use std::{
    collections::HashMap,
    io,
    path::Path,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, StartExecResults},
    query_parameters::ListContainersOptionsBuilder,
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use ops_core::world::Fault;
use ops_engine::ports::{ActError, Look};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    process::{Child, ChildStdout},
};

use super::{Engine, Trouble, ssh::Tunnel};

/// How long a question may take, all in all.
const ASK_MAX: Duration = Duration::from_secs(8);
/// A program that nobody asked for so long is left: it may have gone itself.
const KEPT_MAX: Duration = Duration::from_secs(30);
const PIECE: usize = 64 * 1024;

/// Where the program runs, and how it is started.
#[derive(Debug, Clone)]
enum Program {
    /// In the newest container that runs and bears a label.
    Inside { label: String, words: Vec<String> },
    /// On the host behind `ssh`.
    Behind { tunnel: Tunnel, words: Vec<String> },
}

/// The program, which is started when it is asked, and kept for the next question.
pub struct Answers {
    /// Through which it is reached, or by whose threads.
    engine: Engine,
    program: Program,
    place: String,
    answer_max: usize,
    kept: Mutex<Option<Open>>,
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("place", &self.place).finish_non_exhaustive()
    }
}

/// A program that runs.
struct Open {
    to: Pin<Box<dyn AsyncWrite + Send>>,
    from: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    used: Instant,
    _child: Option<Child>,
}

impl Answers {
    /// A program in the newest of an engine's containers that bears this label.
    pub(crate) fn inside(engine: Engine, label: String, words: Vec<String>, max: usize) -> Self {
        let place = engine.place();
        Self::new(engine, Program::Inside { label, words }, place, max)
    }

    /// A program on a host: `[user@]host[:port]`, with keys and known hosts as `ssh` has them. Its
    /// words are taken by the login shell there. Answers have at most so many bytes.
    pub fn behind_ssh(
        host: &str,
        config: Option<&Path>,
        words: Vec<String>,
        answer_max: usize,
    ) -> Look<Self> {
        let engine = Engine::through_ssh(host, config)?;
        let tunnel = Tunnel::new(host, config);
        let place = format!("{} behind ssh {host}", words.join(" "));
        Ok(Self::new(engine, Program::Behind { tunnel, words }, place, answer_max))
    }

    fn new(engine: Engine, program: Program, place: String, answer_max: usize) -> Self {
        Self { engine, program, place, answer_max, kept: Mutex::new(None) }
    }

    /// Where it is, in words.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Brings a question, a line with its end, and gives the line that answers it. *Not applied*
    /// where it certainly did not arrive. What is asked must bear to be asked twice: a program that
    /// ended while it was kept is started again.
    pub fn ask(&self, question: &[u8]) -> Result<Vec<u8>, ActError> {
        let kept = self.take().filter(|open| open.used.elapsed() < KEPT_MAX);
        let (engine, program, max) = (self.engine.clone(), self.program.clone(), self.answer_max);
        let question = question.to_vec();
        let asked = self.engine.within(ASK_MAX, async move {
            let mut sent = false;
            if let Some(mut open) = kept {
                if let Ok(answer) = open.exchange(&question, max).await {
                    return Ok((answer, open));
                }
                sent = true;
            }
            let mut open = dial(&engine, &program).await.map_err(|trouble| (sent, trouble))?;
            match open.exchange(&question, max).await {
                Ok(answer) => Ok((answer, open)),
                Err(error) => {
                    drop(open);
                    let words = program.last_words().await.unwrap_or_else(|| error.to_string());
                    Err((true, Trouble::Lost(words)))
                }
            }
        });
        match asked {
            Some(Ok((answer, open))) => {
                self.keep(open);
                Ok(answer)
            }
            Some(Err((false, trouble))) => Err(ActError::NotApplied(self.fault(&trouble))),
            Some(Err((true, trouble))) => Err(ActError::Unknown(self.fault(&trouble))),
            None => {
                let silent = Trouble::Lost("it did not answer in time".to_owned());
                Err(ActError::Unknown(self.fault(&silent)))
            }
        }
    }

    fn take(&self) -> Option<Open> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, open: Open) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(open);
    }

    fn fault(&self, trouble: &Trouble) -> Fault {
        match (trouble, &self.program) {
            (Trouble::Away(why), Program::Behind { .. }) => Fault::new(
                format!("the edge there cannot be reached: {why}"),
                self.place.clone(),
                "see that ops's user may log in there without a question, and that ops is there",
            ),
            (trouble, Program::Inside { .. }) if trouble.is_absent() => Fault::new(
                "the edge does not run there",
                self.place.clone(),
                "`ops serve` looks after it; `ops doctor` says what is in the way",
            ),
            (Trouble::Lost(why), _) => Fault::new(
                format!("the edge there did not answer: {why}"),
                self.place.clone(),
                "look again; `ops doctor` tells how the doors are",
            ),
            _ => trouble.fault(&self.place),
        }
    }
}

impl Program {
    /// What was said by what leads to it, if anything was.
    async fn last_words(&self) -> Option<String> {
        match self {
            Self::Inside { .. } => None,
            Self::Behind { tunnel, .. } => tunnel.last_words().await,
        }
    }
}

impl Open {
    async fn exchange(&mut self, question: &[u8], max: usize) -> io::Result<Vec<u8>> {
        self.used = Instant::now();
        self.to.write_all(question).await?;
        self.to.flush().await?;
        let mut answer = Vec::new();
        while answer.last() != Some(&b'\n') {
            let piece = self.from.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
            answer.extend_from_slice(&piece);
            if answer.len() > max {
                return Err(io::Error::other("its answer is too long"));
            }
        }
        Ok(answer)
    }
}

async fn dial(engine: &Engine, program: &Program) -> Result<Open, Trouble> {
    match program {
        Program::Inside { label, words } => inside(engine, label, words).await,
        Program::Behind { tunnel, words } => {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (to, from, child) =
                tunnel.run(&words).map_err(|error| Trouble::Away(format!("ssh: {error}")))?;
            let (to, used) = (Box::pin(to), Instant::now());
            Ok(Open { to, from: Box::pin(pieces(from)), used, _child: Some(child) })
        }
    }
}

async fn inside(engine: &Engine, label: &str, words: &[String]) -> Result<Open, Trouble> {
    let docker = engine.connect().await?;
    let filters = HashMap::from([("label", vec![label]), ("status", vec!["running"])]);
    let options = ListContainersOptionsBuilder::new().filters(&filters).build();
    // The newest comes first.
    let mut running = docker.list_containers(Some(options)).await?.into_iter();
    let Some(id) = running.next().and_then(|container| container.id) else {
        let words = "none of its containers runs".to_owned();
        return Err(Trouble::Refused { status: 404, words });
    };
    let options = CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        cmd: Some(words.to_vec()),
        ..CreateExecOptions::default()
    };
    let made = docker.create_exec(&id, options).await?;
    match docker.start_exec(&made.id, None).await? {
        StartExecResults::Attached { output, input } => {
            let said = output.filter_map(|piece| async move {
                match piece {
                    Ok(LogOutput::StdOut { message }) => Some(Ok(message)),
                    Ok(_) => None,
                    Err(error) => Some(Err(io::Error::other(error.to_string()))),
                }
            });
            Ok(Open { to: input, from: Box::pin(said), used: Instant::now(), _child: None })
        }
        StartExecResults::Detached => Err(Trouble::Lost("it cannot be spoken to".to_owned())),
    }
}

fn pieces(from: ChildStdout) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(from, |mut from| async move {
        let mut piece = vec![0; PIECE];
        match from.read(&mut piece).await {
            Ok(0) => None,
            Ok(count) => {
                piece.truncate(count);
                Some((Ok(Bytes::from(piece)), from))
            }
            Err(error) => Some((Err(error), from)),
        }
    })
}
