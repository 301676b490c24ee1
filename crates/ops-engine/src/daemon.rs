//! Runs the engine with threads and a real clock. The only place of the engine that waits.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use ops_core::{id::DeploymentId, time::Now};

use crate::{
    Ask, DeploymentView, Done, Engine, EngineError, JobKey, Reply, Status, Who, perform,
    ports::{Clock, Journal, Ports},
};

/// Questions that wait for the engine at the same time.
const COMMANDS_MAX: usize = 256;
/// Longest pause between two turns of the loop.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// Pause after the journal failed.
const JOURNAL_PAUSE: Duration = Duration::from_millis(500);

/// A question to the running engine.
pub enum Command {
    /// Do what a person asks.
    Ask(Who, Ask, Sender<Result<Reply, String>>),
    /// Everything under way.
    Status(Sender<Status>),
    /// One deployment, also one that has ended.
    Show(DeploymentId, Sender<Option<DeploymentView>>),
    /// Read the queue now.
    Nudge,
    /// End the loop. What is under way stays as it is, and is taken up at the next start.
    Stop,
}

enum Message {
    Command(Command),
    Done(JobKey, Box<Done>),
}

/// A handle to the running engine.
#[derive(Clone)]
pub struct Handle {
    sender: SyncSender<Message>,
}

impl Handle {
    /// Sends a question. False if the engine does not run any more.
    pub fn send(&self, command: Command) -> bool {
        self.sender.send(Message::Command(command)).is_ok()
    }

    fn call<T>(&self, make: impl FnOnce(Sender<T>) -> Command) -> Option<T> {
        let (sender, receiver) = channel();
        self.send(make(sender)).then(|| receiver.recv().ok()).flatten()
    }

    /// Everything under way; `None` if the engine does not run any more.
    pub fn status(&self) -> Option<Status> {
        self.call(Command::Status)
    }

    /// One deployment.
    pub fn show(&self, id: DeploymentId) -> Option<DeploymentView> {
        self.call(|sender| Command::Show(id, sender)).flatten()
    }

    /// Does what a person asks.
    pub fn ask(&self, who: Who, ask: Ask) -> Option<Result<Reply, String>> {
        self.call(|sender| Command::Ask(who, ask, sender))
    }
}

/// The engine and all that it needs to run.
pub struct Daemon<J: Journal> {
    engine: Engine<J>,
    ports: Ports,
    clock: Arc<dyn Clock>,
    sender: SyncSender<Message>,
    receiver: Receiver<Message>,
}

impl<J: Journal> Daemon<J> {
    /// Puts a daemon together.
    pub fn new(engine: Engine<J>, ports: Ports, clock: Arc<dyn Clock>) -> (Self, Handle) {
        let (sender, receiver) = sync_channel(COMMANDS_MAX);
        let handle = Handle { sender: sender.clone() };
        (Self { engine, ports, clock, sender, receiver }, handle)
    }

    /// Runs until told to stop.
    pub fn run(mut self) {
        loop {
            let now = self.clock.now();
            let pause = match self.turn(&now) {
                Ok(pause) => pause,
                Err(why) => {
                    tracing::error!(%why, "the engine could not go on; it tries again");
                    JOURNAL_PAUSE
                }
            };
            match self.receiver.recv_timeout(pause) {
                Ok(Message::Command(Command::Stop)) => return,
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(message) = self.receiver.try_recv() {
                if matches!(message, Message::Command(Command::Stop)) {
                    return;
                }
                self.take(message);
            }
        }
    }

    fn turn(&mut self, now: &Now) -> Result<Duration, EngineError> {
        for job in self.engine.run(now)? {
            let ports = self.ports.clone();
            let sender = self.sender.clone();
            let clock = Arc::clone(&self.clock);
            // One short-lived thread per job: jobs are few, each is short, and one that hangs in
            // a system call must not keep the others waiting.
            let spawned = thread::Builder::new().name("ops-job".into()).spawn(move || {
                let began = clock.now().ms;
                let done = perform(&ports, &job.work);
                tracing::debug!(key = ?job.key, ms = clock.now().ms.saturating_sub(began), "job");
                // If the loop has ended, nobody needs the answer: the next start looks first.
                let _ = sender.send(Message::Done(job.key, Box::new(done)));
            });
            if let Err(why) = spawned {
                tracing::error!(%why, "no thread could be started for a job; ops is out of room");
            }
        }
        let wake = self.engine.wake_at(now).saturating_sub(now.ms);
        Ok(Duration::from_millis(wake).clamp(Duration::from_millis(5), PAUSE_MAX))
    }

    fn take(&mut self, message: Message) {
        let now = self.clock.now();
        match message {
            Message::Done(key, done) => {
                if let Err(why) = self.engine.done(&key, *done, &now) {
                    tracing::error!(%why, ?key, "what a job brought could not be taken in");
                }
                let ms = self.clock.now().ms.saturating_sub(now.ms);
                tracing::debug!(?key, ms, "taken in");
            }
            Message::Command(command) => self.command(command, &now),
        }
    }

    fn command(&mut self, command: Command, now: &Now) {
        // A questioner who went away is no reason to stop.
        match command {
            Command::Ask(who, ask, answer) => {
                let reply = self.engine.ask(&who, &ask, now).map_err(|why| why.to_string());
                let _ = answer.send(reply);
            }
            Command::Status(answer) => {
                let _ = answer.send(self.engine.status(now));
            }
            Command::Show(id, answer) => {
                let found = self.engine.recall(id).ok().flatten();
                let _ = answer.send(found.map(|found| DeploymentView::full(&found, now)));
            }
            Command::Nudge => self.engine.nudge(),
            Command::Stop => {}
        }
    }
}
