//! Followers: WebSocket connections that are told of every write.
//!
//! As on `DevTeam`'s boards the planning board answers on any path and takes
//! `{"type":"subscribe","boardId":…}`, the meeting board on `/ws` and takes
//! `{"action":"subscribe","channel":…}`; here either kind of request is taken on any path. Unlike
//! there a follower shows a token, unless the board is permissive.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{
        FromRequestParts as _, Request, State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::{
    Desk, Sender, Shown, Stop, admit,
    form::Form,
    rate::Caller,
    reply::{self, Dialect},
};
use crate::{feed::Following, limits, store};

/// How long a follower may take to read one frame.
const SEND_WAIT: Duration = Duration::from_secs(30);
/// On the meeting board only every so many beats are pings: `DevTeam`'s never pings, but a follower
/// whose machine is gone must not hold a place for ever.
const QUIET_BEATS: u32 = 10;

/// How many connections each member has.
#[derive(Default)]
pub(super) struct Crowd(Mutex<HashMap<String, usize>>);

/// A place in the crowd, given back when it is dropped.
struct Place {
    crowd: Arc<Crowd>,
    member: String,
}

impl Crowd {
    fn enter(self: &Arc<Self>, member: &str, most: usize) -> Option<Place> {
        let mut members = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = members.entry(member.to_owned()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place { crowd: Arc::clone(self), member: member.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut members = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = members.get_mut(&self.member) {
            *count -= 1;
            if *count == 0 {
                members.remove(&self.member);
            }
        }
    }
}

/// Takes connections that want to be upgraded; everything else goes on.
pub(super) async fn upgrades(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    if !wants_upgrade(request.headers()) {
        return next.run(request).await;
    }
    let meeting = request.uri().path() == "/ws";
    let dialect = if meeting { Dialect::Meeting } else { Dialect::Planning };
    let (mut parts, _) = request.into_parts();
    let mut sender = Sender::read(&parts);
    if desk.settings.permissive && sender.token == Shown::None {
        let query = Form::read(parts.uri.query().unwrap_or_default());
        sender.token = query.first("token").map_or(Shown::None, |t| Shown::Token(t.to_owned()));
    }
    let who = match who(&desk, dialect, sender).await {
        Ok(who) => who,
        Err(stop) => return stop.send(dialect),
    };
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade,
        Err(refusal) => return refusal.into_response(),
    };
    let (member, most) = match &who {
        Some((id, _)) => (id.as_str(), limits::FOLLOWERS_PER_MEMBER),
        None => ("", limits::FOLLOWERS),
    };
    let (Some(place), Some(following)) = (desk.crowd.enter(member, most), desk.store.follow())
    else {
        return reply::error(
            dialect,
            StatusCode::SERVICE_UNAVAILABLE,
            "too many connections: close one of them",
        );
    };
    upgrade.max_message_size(limits::FRAME_BYTES).max_frame_size(limits::FRAME_BYTES).on_upgrade(
        move |socket| async move {
            let hash = who.map(|(_, hash)| hash);
            serve(desk, socket, following, meeting, hash).await;
            drop(place);
        },
    )
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// The member's id and the hash of their token; `None` for a stranger on a permissive board.
async fn who(
    desk: &Desk,
    dialect: Dialect,
    sender: Sender,
) -> Result<Option<(String, Vec<u8>)>, Stop> {
    let (meter, permissive) = (Arc::clone(&desk.meter), desk.settings.permissive);
    desk.call(move |store| {
        let Shown::Token(token) = &sender.token else {
            if permissive {
                let peer = Caller::Stranger(sender.peer.map(|peer| peer.ip()));
                return meter.count(peer, store.running_ms()).map(|()| None).map_err(Stop::TooFast);
            }
            return admit(store, &meter, false, dialect, &sender).map(|_| None);
        };
        let hash = store::hash(token);
        match admit(store, &meter, permissive, dialect, &sender) {
            Ok(member) => Ok(Some((member.id().to_owned(), hash))),
            Err(Stop::WrongToken) if permissive => Ok(None),
            Err(stop) => Err(stop),
        }
    })
    .await
}

async fn serve(
    desk: Desk,
    mut socket: WebSocket,
    mut following: Following,
    meeting: bool,
    hash: Option<Vec<u8>>,
) {
    let every = desk.settings.ping_every;
    let mut beats = interval_at(Instant::now() + every, every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut beat = 0_u32;
    let mut answered = true;
    let mut pace = Pace::new();
    loop {
        let said = tokio::select! {
            frame = following.next() => match frame {
                Some(frame) => Message::Text(Utf8Bytes::from(&*frame)),
                None => break,
            },
            heard = socket.recv() => match heard {
                Some(Ok(message)) if pace.keeps() => {
                    answered = true;
                    match reaction(&message, &following) {
                        Some(answer) => Message::Text(answer.into()),
                        None => continue,
                    }
                }
                _ => break,
            },
            _ = beats.tick() => {
                beat += 1;
                let pings = !meeting || beat.is_multiple_of(QUIET_BEATS);
                if !valid(&desk, hash.clone()).await || pings && !answered {
                    break;
                }
                if !pings {
                    continue;
                }
                answered = false;
                Message::Ping(axum::body::Bytes::new())
            }
        };
        if !matches!(timeout(SEND_WAIT, socket.send(said)).await, Ok(Ok(()))) {
            break;
        }
    }
}

/// Whether the token with which a follower came is still somebody's.
async fn valid(desk: &Desk, hash: Option<Vec<u8>>) -> bool {
    let Some(hash) = hash else { return true };
    let known = desk.call(move |store| store.member_by_hash(&hash)).await;
    // A board that cannot be read is no reason to lose its followers.
    !matches!(known, Ok(None))
}

/// Follows what a message asks for, and gives the answer if it has one. Junk is ignored, as on
/// `DevTeam`'s boards.
fn reaction(message: &Message, following: &Following) -> Option<String> {
    let Message::Text(text) = message else { return None };
    let asked: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| asked.get(name).and_then(Value::as_str);
    if field("type") == Some("subscribe") {
        let board = field("boardId").filter(|board| board.len() <= limits::SHORT_BYTES)?;
        following.change(|interest| interest.board = Some(board.to_owned()));
        return Some(json!({ "type": "subscribed", "boardId": board }).to_string());
    }
    let channel = field("channel").filter(|id| store::is_id(id))?;
    following.change(|interest| match field("action") {
        Some("subscribe") if interest.channels.len() < limits::FOLLOWED_CHANNELS => {
            interest.channels.insert(channel.to_owned());
        }
        Some("unsubscribe") => drop(interest.channels.remove(channel)),
        _ => {}
    });
    None
}

/// How fast a follower talks.
struct Pace {
    left: f64,
    at: Instant,
}

impl Pace {
    const BURST: f64 = 10.0 * limits::FRAMES_PER_SECOND;

    fn new() -> Self {
        Self { left: Self::BURST, at: Instant::now() }
    }

    fn keeps(&mut self) -> bool {
        let now = Instant::now();
        let refill = (now - self.at).as_secs_f64() * limits::FRAMES_PER_SECOND;
        self.left = (self.left + refill).min(Self::BURST) - 1.0;
        self.at = now;
        self.left >= 0.0
    }
}
