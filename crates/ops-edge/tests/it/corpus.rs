//! Requests that two readers could read differently. Whatever the door makes of one, the service
//! must make the same of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use crate::{
    house::{House, leg, route},
    raw::{Server, connect, read_all},
};

const REQUESTS: &str = include_str!("corpus/requests.txt");

/// Requests under way at a time.
const AT_A_TIME: usize = 32;

/// What the service read: per line of the corpus, the targets in order.
type Seen = Arc<Mutex<BTreeMap<usize, Vec<String>>>>;

/// One line of the corpus.
struct Case {
    number: usize,
    status: u16,
    bytes: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let lines = REQUESTS.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(at, line)| {
            let (status, text) = line.split_once(' ').unwrap();
            Case { number: at + 1, status: status.parse().unwrap(), bytes: bytes(text, at + 1) }
        })
        .collect()
}

fn bytes(text: &str, number: usize) -> Vec<u8> {
    let text = text.replace("{id}", &number.to_string());
    let mut bytes = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next().unwrap() {
                'r' => bytes.push(b'\r'),
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                'x' => {
                    let digits: String = chars.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                other => bytes.push(other as u8),
            },
            '{' => {
                let inside: String = chars.by_ref().take_while(|c| *c != '}').collect();
                match inside.split_once('*') {
                    Some((what, times)) => {
                        bytes.extend(what.repeat(times.parse().unwrap()).into_bytes());
                    }
                    None => bytes.extend(format!("{{{inside}}}").into_bytes()),
                }
            }
            other => bytes.push(other as u8),
        }
    }
    bytes
}

/// A strict reader of its own making: what it cannot read in one way only, it calls bad.
struct Reader {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads until there are `count` bytes.
    async fn fill(&mut self, count: usize) -> Option<()> {
        let mut piece = [0; 4096];
        while self.bytes.len() < count {
            let read = self.stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
            self.bytes.extend_from_slice(&piece[..read]);
        }
        Some(())
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=at).collect();
                let line = line.strip_suffix(b"\r\n").map(<[u8]>::to_vec);
                // A bare line feed is read differently by different readers.
                return Some(line.map_or("BAD".to_owned(), |line| {
                    line.iter().map(|byte| char::from(*byte)).collect()
                }));
            }
            self.fill(self.bytes.len() + 1).await?;
        }
    }

    /// The target of the next request; its body is read too. `None` at the end.
    async fn request(&mut self) -> Option<Result<String, String>> {
        let first = self.line().await?;
        let words: Vec<&str> = first.split(' ').collect();
        let [_, target, "HTTP/1.1"] = words[..] else { return Some(Err(first)) };
        let (mut length, mut chunked, mut hosts) = (None, false, 0);
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let Some((name, value)) = line.split_once(": ") else { return Some(Err(line)) };
            match (name.to_ascii_lowercase().as_str(), value) {
                ("content-length", value) if length.is_none() => {
                    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                    length = value.parse::<usize>().ok().filter(|_| digits);
                    if length.is_none() {
                        return Some(Err(line));
                    }
                }
                ("transfer-encoding", "chunked") if !chunked => chunked = true,
                ("content-length" | "transfer-encoding", _) => return Some(Err(line)),
                ("host", _) => hosts += 1,
                _ => {}
            }
        }
        if (chunked && length.is_some()) || hosts > 1 {
            return Some(Err(format!("{target}: two lengths or {hosts} hosts")));
        }
        if chunked && let Err(bad) = self.chunks().await? {
            return Some(Err(bad));
        }
        if let Some(length) = length {
            self.fill(length).await?;
            self.bytes.drain(..length);
        }
        Some(Ok(target.to_owned()))
    }

    async fn chunks(&mut self) -> Option<Result<(), String>> {
        loop {
            let line = self.line().await?;
            let Ok(size) = usize::from_str_radix(&line, 16) else { return Some(Err(line)) };
            if size == 0 {
                while !self.line().await?.is_empty() {}
                return Some(Ok(()));
            }
            self.fill(size + 2).await?;
            let chunk: Vec<u8> = self.bytes.drain(..size + 2).collect();
            if !chunk.ends_with(b"\r\n") {
                return Some(Err("a chunk without end".to_owned()));
            }
        }
    }
}

/// The number of the line that a target belongs to.
fn number(target: &str) -> usize {
    let digits = target.trim_start_matches("//x").trim_start_matches('/');
    let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

async fn serve(stream: TcpStream, seen: Seen) {
    let mut reader = Reader { stream, bytes: Vec::new() };
    while let Some(request) = reader.request().await {
        let target = request.unwrap_or_else(|bad| format!("BAD {bad:?}"));
        seen.lock().unwrap().entry(number(&target)).or_default().push(target.clone());
        let bad = target.starts_with("BAD");
        let answer = format!("HTTP/1.1 200 OK\r\nx-target: {target}\r\ncontent-length: 0\r\n\r\n");
        if reader.stream.write_all(answer.as_bytes()).await.is_err() || bad {
            return;
        }
    }
}

/// Statuses of all answers, and the targets that the service named in them.
fn answers(text: &str) -> (Vec<u16>, Vec<String>) {
    let statuses =
        text.split("HTTP/1.").skip(1).filter_map(|answer| answer.get(2..5)?.parse().ok());
    let targets = text.lines().filter_map(|line| line.strip_prefix("x-target: "));
    (statuses.filter(|status| *status >= 200).collect(), targets.map(str::to_owned).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn p1_door_and_service_agree_where_each_request_ends() {
    let limit = Duration::from_millis(400);
    let house = House::with(|config| {
        config.header_timeout = limit;
        config.response_timeout = limit;
    })
    .await;
    let seen = Seen::default();
    let inside = Arc::clone(&seen);
    let service = Server::start(move |stream| serve(stream, Arc::clone(&inside))).await;
    let mut to = route(vec![leg("a", 100, &[])]);
    to.legs[0].backends = vec![service.text()];
    house.set(1, &to);
    let cases = cases();
    assert!(cases.len() >= 200, "{} requests", cases.len());
    let (mut asked, mut wrong) = (JoinSet::new(), Vec::new());
    for Case { number, status, bytes } in cases {
        if asked.len() >= AT_A_TIME {
            wrong.extend(asked.join_next().await.unwrap().unwrap());
        }
        let (address, seen) = (house.address, Arc::clone(&seen));
        asked.spawn(async move {
            let mut client = connect(address, &bytes).await;
            let text = read_all(&mut client).await;
            let text = String::from_utf8_lossy(&text);
            let (statuses, told) = answers(&text);
            let saw = seen.lock().unwrap().get(&number).cloned().unwrap_or_default();
            let agreed = told == saw && saw.iter().all(|target| !target.starts_with("BAD"));
            let first = statuses.first().copied();
            let as_said =
                first == Some(status) && (status == 200 || saw.is_empty() || status == 408);
            let agreed = agreed || (status == 408 && told.is_empty());
            (!agreed || !as_said)
                .then(|| format!("line {number}: {status}, got {statuses:?} {told:?}, saw {saw:?}"))
        });
    }
    while let Some(ended) = asked.join_next().await {
        wrong.extend(ended.unwrap());
    }
    let stray = seen.lock().unwrap().get(&0).cloned().unwrap_or_default();
    assert!(wrong.is_empty() && stray.is_empty(), "{stray:?}\n{}", wrong.join("\n"));
}
