//! Delivers notices to the gateways of members: one thread per gateway that has something to be
//! told, none otherwise, so that a slow gateway delays nobody but itself.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use serde::Serialize;

use crate::{limits, notice::Notice, settings::ResolveSecret};

/// Pause before a notice is offered again; doubled each time.
const PAUSE: Duration = Duration::from_millis(500);

/// Notices that wait, by member. A member stands here exactly while a thread works for them.
type Boxes = Arc<Mutex<HashMap<String, VecDeque<Notice>>>>;

/// What a gateway is sent.
#[derive(Serialize)]
struct Completion<'a> {
    model: &'static str,
    messages: [Turn<'a>; 1],
    stream: bool,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'static str,
    content: &'a str,
}

/// The post office.
#[derive(Default)]
pub(crate) struct Mail {
    boxes: Boxes,
}

/// Why a notice did not arrive.
#[derive(Debug, PartialEq, Eq)]
enum Failure {
    /// It surely was not taken, so that it may be offered again.
    NotTaken(String),
    /// It may have been taken, or will never be.
    Final(String),
}

impl Mail {
    /// Hands notices over for delivery and returns at once. Beyond the bound the newest is dropped
    /// and said so: whoever is told polls the board as well.
    pub(crate) fn post(&self, notices: Vec<Notice>, resolve: &ResolveSecret) {
        for notice in notices {
            let mut boxes = held(&self.boxes);
            if let Some(waiting) = boxes.get_mut(&notice.to) {
                if waiting.len() >= limits::NOTICES_WAITING {
                    tracing::warn!(to = notice.to, "a notice is dropped: too many wait already");
                } else {
                    waiting.push_back(notice);
                }
                continue;
            }
            let to = notice.to.clone();
            boxes.insert(to.clone(), VecDeque::from([notice]));
            drop(boxes);
            self.start(to, Arc::clone(resolve));
        }
    }

    fn start(&self, to: String, resolve: ResolveSecret) {
        let boxes = Arc::clone(&self.boxes);
        let name = to.clone();
        let started = thread::Builder::new().name("ops-notices".to_owned()).spawn(move || {
            while let Some(notice) = next(&boxes, &to) {
                deliver(&notice, &resolve);
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, to = name, "notices are dropped: no thread can be started");
            held(&self.boxes).remove(&name);
        }
    }
}

/// The next notice for a member; without one the member leaves the map and its thread may end.
fn next(boxes: &Boxes, to: &str) -> Option<Notice> {
    let mut boxes = held(boxes);
    let notice = boxes.get_mut(to)?.pop_front();
    if notice.is_none() {
        boxes.remove(to);
    }
    notice
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Offers a notice until it is taken or the tries are used up, and says how it ended.
pub(crate) fn deliver(notice: &Notice, resolve: &ResolveSecret) {
    let mut pause = PAUSE;
    for attempt in 1..=limits::NOTICE_TRIES {
        match offer(notice, resolve) {
            Ok(()) => {
                tracing::debug!(to = notice.to, "a notice was taken");
                return;
            }
            Err(Failure::Final(why)) => {
                tracing::warn!(to = notice.to, why, "a notice may not have been taken");
                return;
            }
            Err(Failure::NotTaken(why)) if attempt == limits::NOTICE_TRIES => {
                tracing::warn!(to = notice.to, why, attempt, "a notice was not taken: given up");
            }
            Err(Failure::NotTaken(why)) => {
                tracing::debug!(to = notice.to, why, attempt, "a notice was not taken");
                thread::sleep(pause);
                pause *= 2;
            }
        }
    }
}

fn offer(notice: &Notice, resolve: &ResolveSecret) -> Result<(), Failure> {
    // A proxy of the environment or a redirect would carry the token elsewhere.
    let agent = ureq::Agent::config_builder()
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(limits::NOTICE_CONNECT_SECONDS)))
        .timeout_global(Some(Duration::from_secs(limits::NOTICE_SECONDS)))
        .build()
        .new_agent();
    let mut request = agent.post(format!("{}/v1/chat/completions", notice.gateway));
    if let Some(reference) = &notice.secret {
        let token = resolve(reference).map_err(Failure::Final)?;
        request = request.header("Authorization", format!("Bearer {}", token.trim_end()));
    }
    let messages = [Turn { role: "user", content: &notice.content }];
    let body = Completion { model: "default", messages, stream: false };
    // Only the status is read, as on DevTeam's board: the body may be of any length.
    let answer = request.send_json(&body).map_err(|error| match &error {
        ureq::Error::Io(why) if why.kind() == std::io::ErrorKind::ConnectionRefused => {
            Failure::NotTaken(error.to_string())
        }
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => {
            Failure::NotTaken(error.to_string())
        }
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Failure::NotTaken(error.to_string())
        }
        _ => Failure::Final(error.to_string()),
    })?;
    let status = answer.status();
    let said = format!("the gateway answered {status}");
    if status.is_success() {
        Ok(())
    } else if status.is_server_error() || status.as_u16() == 429 {
        Err(Failure::NotTaken(said))
    } else {
        Err(Failure::Final(said))
    }
}
