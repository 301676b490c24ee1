//! How many reads a second the boards answer: `cargo run --release -p ops-boards --example reads`.
//!
//! Starts the boards on the loopback with 1,000 tickets of five comments each, then reads single
//! tickets, and the list of what is ready, over connections that are kept.

#![expect(clippy::print_stdout, reason = "it is there to print")]

use std::{
    error::Error,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ops_boards::{BoardSettings, BoardStore, NewMember, NewTicket, Rate, Role, router};
use ops_core::time::{BootId, Now};
use ops_engine::ports::Clock;

const TICKETS: usize = 1_000;
/// How many of them are ready.
const READY: usize = 20;
const COMMENTS: usize = 5;
const CONNECTIONS: usize = 8;
const LASTS: Duration = Duration::from_secs(5);

type Failure = Box<dyn Error + Send + Sync>;

#[derive(Default)]
struct Steps(AtomicI64);

impl Clock for Steps {
    fn now(&self) -> Now {
        let step = self.0.fetch_add(1, Ordering::Relaxed);
        let wall = jiff::Timestamp::from_millisecond(step).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Now { boot: BootId::default(), ms: step.unsigned_abs(), wall }
    }
}

fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let store = BoardStore::open(&folder.path().join("boards.sqlite"), Arc::<Steps>::default())?;
    let member = store.put_member(&NewMember {
        id: "pia".to_owned(),
        email: "pia@example.org".to_owned(),
        name: "Pia".to_owned(),
        role: Role::Po,
        avatar: String::new(),
        gateway: None,
    })?;
    for n in 0..TICKETS {
        let status = if n < READY { "rfp" } else { "todo" };
        let ticket = store.create(
            &member,
            &NewTicket {
                title: format!("ticket {n}"),
                description: Some("what to do, and how to see that it is done\n".repeat(20)),
                status: Some(status.to_owned()),
                ..NewTicket::default()
            },
        )?;
        for _ in 0..COMMENTS {
            store.comment(&member, &ticket.ticket_number, &"said and done. ".repeat(20))?;
        }
    }
    let token = store.issue_token("pia")?;
    let mut settings = BoardSettings::default();
    settings.rates.reads = Rate { per_second: 1e9, burst: 1e9 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let boards = router(Arc::new(store), settings);
    runtime.spawn(async move { axum::serve(listener, boards).await });
    let ticket = |n: usize| format!("/api/tickets/MNS-{}", n % TICKETS + 1);
    println!("one ticket: {:.0} reads/s", measure(address, &token, ticket)?);
    let ready = |_: usize| "/api/tickets?status=rfp&limit=1000".to_owned();
    println!("the list of {READY} ready tickets: {:.0} reads/s", measure(address, &token, ready)?);
    runtime.shutdown_background();
    Ok(())
}

fn measure(
    address: SocketAddr,
    token: &str,
    path: impl Fn(usize) -> String + Sync,
) -> Result<f64, Failure> {
    let started = Instant::now();
    let done: Result<usize, Failure> = thread::scope(|scope| {
        let callers: Vec<_> = (0..CONNECTIONS)
            .map(|caller| {
                let path = &path;
                scope.spawn(move || read(address, token, |n| path(n * CONNECTIONS + caller)))
            })
            .collect();
        let stopped = || Failure::from("a caller stopped");
        callers.into_iter().map(|caller| caller.join().map_err(|_| stopped())?).sum()
    });
    Ok(done? as f64 / started.elapsed().as_secs_f64())
}

fn read(
    address: SocketAddr,
    token: &str,
    path: impl Fn(usize) -> String,
) -> Result<usize, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut body = Vec::new();
    let started = Instant::now();
    let mut count = 0;
    while started.elapsed() < LASTS {
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: boards\r\nAuthorization: Bearer {token}\r\n\r\n",
            path(count)
        );
        stream.write_all(request.as_bytes())?;
        let mut length = 0;
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if !line.contains("200") {
            return Err(format!("answered {line}").into());
        }
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line)?;
            if let Some((name, value)) = line.split_once(": ")
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
        }
        body.resize(length, 0);
        reader.read_exact(&mut body)?;
        count += 1;
    }
    Ok(count)
}
