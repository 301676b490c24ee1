//! Running a program to its end, bounded in time and output.

use std::{
    io::{self, Read, Write as _},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionbio},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};

/// Bytes of complaint (standard error) that are kept; the rest is read and dropped.
const COMPLAINT_LIMIT: usize = 4 << 10;

/// Longest line of a complaint that is told, in characters.
const LINE_LIMIT: usize = 200;

/// Bytes that are taken from one pipe before the deadline is looked at again. No pipe holds more.
const ROUND: usize = 1 << 20;

/// Bytes that are read at a time.
const PIECE: usize = 16 << 10;

/// How long a killed program may take to be gone before somebody else waits for it.
const REAP: Duration = Duration::from_millis(500);

/// Where programs are looked for if ops itself has no `PATH`.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program to run, without a shell, in a process group of its own and with nothing of ops's
/// environment but `PATH`.
#[derive(Debug)]
pub(crate) struct Program<'a> {
    /// Program and arguments.
    pub(crate) command: &'a [String],
    /// What it gets on its standard input; nothing at all if `None`.
    pub(crate) input: Option<&'a [u8]>,
    /// Most bytes that it may print; if `None`, output and complaints are dropped unread.
    pub(crate) output: Option<usize>,
    /// How long it may run.
    pub(crate) limit: Duration,
}

/// How a program ended by itself.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// All that it printed.
    pub(crate) output: Vec<u8>,
    complaint: Vec<u8>,
}

impl Ended {
    /// The first line of its standard error, cut and fit to be shown.
    pub(crate) fn complaint(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.complaint);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        Some(line.chars().filter(|c| !c.is_control()).take(LINE_LIMIT).collect())
    }
}

/// Why a program did not end by itself.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was never started.
    NotStarted(io::Error),
    /// It was killed because its time was over.
    Late,
    /// It was killed because it printed too much.
    TooMuch,
    /// It was killed because it could not be watched.
    Unwatched(io::Error),
}

impl Program<'_> {
    /// Runs it. Afterwards it is gone, and so is all that it left behind in its process group.
    pub(crate) fn run(&self) -> Result<Ended, Failure> {
        let end = Instant::now() + self.limit;
        let mut running = self.start()?;
        let (mut output, mut complaint) = (Vec::new(), Vec::new());
        let mut input = self.input.unwrap_or_default();
        let printable = self.output.unwrap_or(0);
        loop {
            let exited = running.wait(end).map_err(Failure::Unwatched)?;
            running.feed(&mut input);
            drain(&mut running.output, printable + 1, &mut output);
            drain(&mut running.complaint, COMPLAINT_LIMIT, &mut complaint);
            if output.len() > printable {
                return Err(Failure::TooMuch);
            }
            if exited {
                break;
            }
            if Instant::now() >= end {
                return Err(Failure::Late);
            }
        }
        let status = running.reap().map_err(Failure::Unwatched)?;
        Ok(Ended { status, output, complaint })
    }

    fn start(&self) -> Result<Running, Failure> {
        let [program, arguments @ ..] = self.command else {
            let none = io::Error::new(io::ErrorKind::InvalidInput, "no program is named");
            return Err(Failure::NotStarted(none));
        };
        let pipe_if = |wanted: bool| if wanted { Stdio::piped() } else { Stdio::null() };
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| USUAL_PATH.into()))
            .env("LC_ALL", "C")
            .process_group(0)
            .stdin(pipe_if(self.input.is_some()))
            .stdout(pipe_if(self.output.is_some()))
            .stderr(pipe_if(self.output.is_some()))
            .spawn()
            .map_err(Failure::NotStarted)?;
        let mut running = Running {
            input: child.stdin.take(),
            output: child.stdout.take(),
            complaint: child.stderr.take(),
            exit: None,
            child: Some(child),
        };
        running.prepare().map_err(Failure::Unwatched)?;
        Ok(running)
    }
}

/// A program that runs. When it is dropped, its process group is killed.
struct Running {
    child: Option<Child>,
    /// Readable once the program has ended.
    exit: Option<OwnedFd>,
    input: Option<ChildStdin>,
    output: Option<ChildStdout>,
    complaint: Option<ChildStderr>,
}

impl Running {
    fn prepare(&mut self) -> io::Result<()> {
        let pid = self.pid().ok_or(io::ErrorKind::NotFound)?;
        self.exit = Some(pidfd_open(pid, PidfdFlags::empty())?);
        self.input.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        self.output.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        self.complaint.as_ref().map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        Ok(())
    }

    fn pid(&self) -> Option<Pid> {
        self.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()))
    }

    /// Waits until there is something to do or `end` has come; whether the program has ended.
    fn wait(&self, end: Instant) -> io::Result<bool> {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        let exit = self.exit.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let mut pipes = vec![PollFd::new(exit, PollFlags::IN)];
        let readable = |pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN);
        pipes.extend(self.output.as_ref().map(|pipe| readable(pipe.as_fd())));
        pipes.extend(self.complaint.as_ref().map(|pipe| readable(pipe.as_fd())));
        pipes.extend(self.input.as_ref().map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        match poll(&mut pipes, Some(&left)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
        Ok(pipes.first().is_some_and(|exit| exit.revents().contains(PollFlags::IN)))
    }

    /// Hands as much input over as it takes. One that closes its input early is not wrong: its
    /// exit status says what it made of it.
    fn feed(&mut self, input: &mut &[u8]) {
        let Some(pipe) = &mut self.input else { return };
        while !input.is_empty() {
            match pipe.write(input) {
                Ok(taken) => *input = input.get(taken..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => break,
            }
        }
        self.input = None;
    }

    /// The exit status of a program that has ended. What it left in its process group is killed
    /// before, because afterwards the number of the group could be another's.
    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.kill();
        self.child.take().ok_or(io::ErrorKind::NotFound)?.wait()
    }

    fn kill(&self) {
        if let Some(pid) = self.pid() {
            // It may be gone already, or may have become somebody whom we may not kill.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        (self.input, self.output, self.complaint) = (None, None, None);
        let end = Instant::now() + REAP;
        while self.exit.is_some() && Instant::now() < end && !matches!(self.wait(end), Ok(true)) {}
        if let Some(mut child) = self.child.take()
            && !matches!(child.try_wait(), Ok(Some(_)))
        {
            // It hangs in the kernel. Whoever waits for it must not be us.
            let _ = thread::Builder::new().name("reaper".into()).spawn(move || child.wait());
        }
    }
}

/// Takes what a pipe holds now, keeps it up to a limit, and closes the pipe at its end.
fn drain(pipe: &mut Option<impl Read>, limit: usize, into: &mut Vec<u8>) {
    let mut piece = [0; PIECE];
    for _ in 0..ROUND / PIECE {
        let Some(open) = pipe else { return };
        match open.read(&mut piece) {
            Ok(0) => *pipe = None,
            Ok(read) => {
                let room = limit.saturating_sub(into.len()).min(read);
                into.extend_from_slice(piece.get(..room).unwrap_or_default());
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => *pipe = None,
        }
    }
}

#[cfg(test)]
mod tests;
