//! The meeting board.

use std::{
    collections::{BTreeSet, HashMap},
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use ops_core::{ticket::Message, world::Fault};
use ops_engine::ports::{Act, Clock, Look, Meeting};
use serde_json::{Value, json};

use super::{
    follow::{Dialect, Follower, Heard},
    gateway::Knock,
    line::{AddressError, Found, Line, Method, Patience, Renew},
    mirror::Mirror,
    team::{Convention, Me},
    told,
};
use crate::{client::encoded, wire::iso_ms};

/// Messages asked for at once. The board's own limit is 50, and it cuts off the newest.
const PAGE: usize = 500;
/// Pages read in one call, so that it stays short.
const PAGES: usize = 4;
/// With this token the board takes its caller for the manager.
const MANAGER: &str = "dashboard";
/// How far back channels are read, for what ops may have written there itself.
const READ_MS: i64 = 30 * 24 * 3_600 * 1_000;
/// How old a call for ops may be that is still answered.
const CALLED_MS: i64 = 24 * 3_600 * 1_000;
/// As whom the board shows callers without a token, and with the dashboard's: anybody.
const UNKNOWN_CALLER: &str = "manager";
/// At rest the board is asked one thing this often; news of something end the rest.
const REST_MS: u64 = 15_000;
/// After a question that was not answered it is asked again this much later.
const AGAIN_MS: u64 = 5_000;
/// How far the board's clock may be before ours.
const SKEW_MS: i64 = 60_000;
/// Channels with news that are told apart; with more of them all are read. So many messages in threads are kept until then.
const NEWS: usize = 50;

/// `DevTeam`'s meeting board, as ops.
pub struct DevTeamMeeting {
    line: Arc<Line>,
    id: String,
    convention: Convention,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    news: Arc<Mutex<News>>,
}

/// What may have been said since the board was asked last.
#[derive(Debug, Default)]
struct News {
    /// Perhaps something that mentions ops.
    mentions: bool,
    /// Something in these channels, by id.
    channels: BTreeSet<String>,
    /// Perhaps something in any channel.
    anywhere: bool,
    /// What was written in threads: the board tells it to followers, and to nobody who asks.
    threads: Vec<Value>,
}

impl News {
    fn any(&self) -> bool {
        self.mentions || self.anywhere || !self.channels.is_empty() || !self.threads.is_empty()
    }

    /// Takes note of a frame that a follower heard; of `None` where it began to listen.
    fn hear(&mut self, frame: Option<&Value>) {
        let reply = frame.filter(|frame| told::known(frame, "thread_id").is_some());
        self.threads.extend(reply.filter(|_| self.threads.len() < NEWS).cloned());
        match frame.map(|frame| told::known(frame, "channel_id")) {
            Some(Some(channel)) if self.channels.len() < NEWS => {
                self.mentions = true;
                self.channels.insert(channel);
            }
            _ => self.anywhere = true,
        }
    }

    /// Puts back what was taken for a question that was not answered.
    fn put_back(&mut self, other: Self) {
        self.mentions |= other.mentions;
        self.anywhere |= other.anywhere;
        self.channels.extend(other.channels);
        self.threads.splice(..0, other.threads);
    }
}

#[derive(Default)]
struct State {
    me: Option<Me>,
    /// Names of channels, by id.
    names: HashMap<String, String>,
    /// What was read of channels, by name.
    channels: HashMap<String, Mirror>,
    /// Messages that mean ops.
    calls: Mirror,
    /// Boot time until which nothing is asked without news.
    rests_until: u64,
    /// What is asked next at rest: mentions, or one channel after the other for calls that the board
    /// does not parse.
    turn: usize,
}

impl fmt::Debug for DevTeamMeeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevTeamMeeting").field("line", &self.line).finish_non_exhaustive()
    }
}

impl DevTeamMeeting {
    /// Takes the board's address (`MEETING_BOARD_URL`), ops's token on it (`MEETING_BOARD_TOKEN`)
    /// and its id there (`AGENT_INSTANCE`, or `ops` where agents are called by their roles).
    ///
    /// # Errors
    ///
    /// If one of them cannot be used. Whether the board takes them is told by the first look.
    pub fn new(
        base: &str,
        token: &str,
        id: &str,
        convention: Convention,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, AddressError> {
        if token == MANAGER {
            return Err(AddressError::Token(base.to_owned()));
        }
        let line = Arc::new(Line::new(base, token)?);
        Ok(Self {
            line,
            id: id.to_owned(),
            convention,
            clock,
            state: Mutex::default(),
            news: Arc::default(),
        })
    }

    /// The same, giving each exchange up after another time than 8 s.
    #[must_use]
    pub fn waiting(self, patience: Patience) -> Self {
        Self { line: Arc::new(self.line.waiting(patience)), ..self }
    }

    /// The same, asking for the token anew where the board does not know it any more.
    #[must_use]
    pub fn renewing(self, renew: Renew) -> Self {
        let renew: Renew = Arc::new(move || renew().filter(|token| token != MANAGER));
        Self { line: Arc::new(self.line.renewing(renew)), ..self }
    }

    /// Knocks at every message in any channel, until the follower is dropped. The channel is read at
    /// the next question for mentions.
    ///
    /// # Errors
    ///
    /// If no thread can be started. A board that cannot be followed is tried again, for ever.
    pub fn follow(&self, knock: Knock) -> io::Result<Follower> {
        let news = Arc::clone(&self.news);
        let heard: Heard = Arc::new(move |frame| {
            news.lock().unwrap_or_else(PoisonError::into_inner).hear(frame);
            knock();
        });
        Follower::start(Arc::clone(&self.line), Dialect::Meeting, heard)
    }

    /// Somebody mentioned ops there: the next question for mentions is not held back.
    pub fn stir(&self) {
        self.news().mentions = true;
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self, path: &str, what: &str) -> Look<Vec<Value>> {
        match self.line.look(path, None)? {
            Found::Fresh(Value::Array(told), _) => Ok(told),
            // Go's encoder writes an empty list as null.
            Found::Fresh(Value::Null, _) => Ok(Vec::new()),
            Found::Nothing => Err(Fault::new(
                format!("the board has no {what}"),
                self.line.base(),
                "create it there, or name another in ops.yaml",
            )),
            Found::Fresh(..) | Found::Same => Err(Fault::new(
                format!("its {what} is no list"),
                self.line.base(),
                "check that a meeting board answers at this address",
            )),
        }
    }

    /// Milliseconds of the wall clock.
    fn wall(&self) -> i64 {
        self.clock.now().wall.as_millisecond()
    }

    fn read_names(&self, state: &mut State) -> Look<()> {
        for channel in self.list("/api/channels", "list of channels")? {
            if let Some(id) = told::known(&channel, "id") {
                state.names.insert(id, told::text(&channel, "name"));
            }
        }
        Ok(())
    }

    /// The name of a channel; its id where the board does not tell it.
    fn name(&self, state: &mut State, id: &str) -> Look<String> {
        if !state.names.contains_key(id) {
            self.read_names(state)?;
        }
        Ok(state.names.get(id).cloned().unwrap_or_else(|| id.to_owned()))
    }

    fn me(&self, state: &mut State) -> Look<Me> {
        if let Some(me) = &state.me {
            return Ok(me.clone());
        }
        let agents = self.list("/api/agents", "list of agents")?;
        let me = Me::among(&Value::Array(agents), &self.id);
        state.me = Some(me.clone());
        Ok(me)
    }

    /// Reads what is new in a channel, as far as one call may; what calls ops is noted.
    fn read_on(&self, state: &mut State, name: &str) -> Look<()> {
        let me = self.me(state)?;
        let (beginning, recent) = (self.wall() - READ_MS, self.wall() - CALLED_MS);
        let mut since = state.channels.entry(name.to_owned()).or_default().since(beginning);
        for _ in 0..PAGES {
            let path = format!(
                "/api/messages?channel={}&since={}&limit={PAGE}",
                encoded(name),
                encoded(&iso_ms(since))
            );
            let page = self.list(&path, &format!("channel #{name}"))?;
            let mut fresh = false;
            for told in &page {
                let (message, at) = self.message(&me, told, name.to_owned());
                since = since.max(at - 1);
                let mirror = state.channels.entry(name.to_owned()).or_default();
                if mirror.take(message.clone(), at) {
                    fresh = true;
                    if message.mentions_ops && at >= recent {
                        state.calls.take(message, at);
                    }
                }
            }
            if page.len() < PAGE || fresh {
                break;
            }
        }
        Ok(())
    }

    fn message(&self, me: &Me, told: &Value, channel: String) -> (Message, i64) {
        let at = told::text(told, "created_at");
        let ms = at.parse::<Timestamp>().map_or(0, Timestamp::as_millisecond);
        let text = told::text(told, "content");
        let author = told::text(told, "author");
        let message = Message {
            id: told::text(told, "id"),
            channel,
            thread: told::known(told, "thread_id"),
            author: self.convention.identity(&author),
            authenticated: author != UNKNOWN_CALLER,
            mentions_ops: me.is_called(&text),
            text,
            at,
        };
        (message, ms)
    }

    fn read_mentions(&self, state: &mut State) -> Look<()> {
        let me = self.me(state)?;
        let since = state.calls.since(self.wall() - CALLED_MS);
        let path = format!("/api/mentions?since={}", encoded(&iso_ms(since)));
        for told in self.list(&path, "list of mentions")? {
            let channel = self.name(state, &told::text(&told, "channel_id"))?;
            let (message, at) = self.message(&me, &told, channel);
            if message.mentions_ops {
                state.calls.take(message, at);
            }
        }
        Ok(())
    }

    fn names(&self, state: &mut State) -> Look<Vec<String>> {
        if state.names.is_empty() {
            self.read_names(state)?;
        }
        let mut names: Vec<String> = state.names.values().cloned().collect();
        names.sort();
        Ok(names)
    }

    /// Takes what was heard in threads and calls ops by its role: mentions do not tell that. They are
    /// read before, so that what is older is known.
    fn hear_threads(&self, state: &mut State, threads: &[Value]) -> Look<()> {
        let me = self.me(state)?;
        let (now, recent) = (self.wall(), self.wall() - CALLED_MS);
        for told in threads {
            let channel = self.name(state, &told::text(told, "channel_id"))?;
            let (message, at) = self.message(&me, told, channel);
            // What bears no date of now would hide what comes after it.
            if message.mentions_ops && (recent..=now + SKEW_MS).contains(&at) {
                state.calls.take(message, at);
            }
        }
        Ok(())
    }

    /// Reads where something was said, or perhaps was.
    fn read_news(&self, state: &mut State, news: &News) -> Look<()> {
        self.read_mentions(state)?;
        self.hear_threads(state, &news.threads)?;
        let names = if news.anywhere {
            self.names(state)?
        } else {
            let ids = news.channels.iter();
            ids.map(|id| self.name(state, id)).collect::<Look<_>>()?
        };
        names.iter().try_for_each(|name| self.read_on(state, name))
    }

    /// One question, where nothing tells of news: for mentions, or for one channel.
    fn read_at_rest(&self, state: &mut State) -> Look<()> {
        let turn = state.turn;
        state.turn = turn.wrapping_add(1);
        if turn.is_multiple_of(2) {
            return self.read_mentions(state);
        }
        let names = self.names(state)?;
        let next = names.get((turn / 2) % names.len().max(1));
        next.map_or(Ok(()), |name| self.read_on(state, name))
    }
}

impl Meeting for DevTeamMeeting {
    fn post(&self, channel: &str, text: &str) -> Act {
        let name = channel.strip_prefix('#').unwrap_or(channel);
        let body = json!({ "channel": format!("#{name}"), "content": text });
        self.line.write(Method::Post, "/api/messages", &body)
    }

    fn messages(&self, channel: &str, after: Option<&str>) -> Look<Vec<Message>> {
        let name = channel.strip_prefix('#').unwrap_or(channel);
        let state = &mut *self.state();
        let known = state.channels.get(name).map(|mirror| mirror.after(after));
        if let Some(known) = known.filter(|known| !known.is_empty()) {
            return Ok(known);
        }
        self.read_on(state, name)?;
        Ok(state.channels.get(name).map(|mirror| mirror.after(after)).unwrap_or_default())
    }

    fn mentions(&self, after: Option<&str>) -> Look<Vec<Message>> {
        let state = &mut *self.state();
        let news = std::mem::take(&mut *self.news());
        let now = self.clock.now().ms;
        // A clock of another boot began anew.
        let rests = now < state.rests_until && state.rests_until <= now + REST_MS;
        if !rests || news.any() {
            let read =
                if news.any() { self.read_news(state, &news) } else { self.read_at_rest(state) };
            if let Err(fault) = read {
                self.news().put_back(news);
                state.rests_until = now + AGAIN_MS;
                return Err(fault);
            }
            state.rests_until = now + REST_MS;
        }
        Ok(state.calls.after(after))
    }
}
