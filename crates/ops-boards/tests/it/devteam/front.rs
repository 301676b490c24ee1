//! Stands between ops and a board, and does to one exchange after the other what it was told.

use std::{
    collections::VecDeque,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// What happens to one exchange; without an order it passes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// The board gets the request, nobody gets the answer.
    LoseAnswer,
    /// Neither.
    LoseRequest,
    /// The board gets the request, the answer is this.
    Say(&'static str),
    /// It passes.
    Pass,
}

/// A front; requests that passed it are counted.
pub(crate) struct Front {
    pub(crate) base: String,
    fates: Arc<Mutex<VecDeque<Fate>>>,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Front {
    pub(crate) fn before(board: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let fates: Arc<Mutex<VecDeque<Fate>>> = Arc::default();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (orders, log) = (Arc::clone(&fates), Arc::clone(&lines));
        thread::spawn(move || {
            for mut caller in listener.incoming().map_while(Result::ok) {
                let Some(request) = request(&mut caller) else { continue };
                let line = request.split("\r\n").next().unwrap_or_default().to_owned();
                log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                let fate = orders.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                answer(board, &mut caller, &request, fate.unwrap_or(Fate::Pass));
            }
        });
        Self { base, fates, lines }
    }

    /// What happens to the next exchanges, in the place of earlier orders.
    pub(crate) fn order(&self, fates: impl IntoIterator<Item = Fate>) {
        *self.fates.lock().unwrap() = fates.into_iter().collect();
    }

    /// The first lines of all requests since the last question.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.lock().unwrap())
    }
}

/// One request, whole, told to end its connection.
fn request(caller: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = caller.read(&mut part).ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = lengths.next().map_or(0, |(_, value)| value.trim().parse().unwrap());
        if body.len() >= length {
            return Some(text.replacen("\r\n", "\r\nConnection: close\r\n", 1));
        }
    }
}

fn answer(board: SocketAddr, caller: &mut TcpStream, request: &str, fate: Fate) {
    let pass = || {
        let mut line = TcpStream::connect(board).unwrap();
        line.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).unwrap();
        answer
    };
    // Whoever was promised an answer and hears nothing more has a broken connection.
    match fate {
        Fate::Pass => drop(caller.write_all(&pass())),
        Fate::LoseAnswer => drop(pass()),
        Fate::LoseRequest => {}
        Fate::Say(words) => {
            pass();
            let _ = caller.write_all(words.as_bytes());
        }
    }
}
