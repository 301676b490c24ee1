//! ops's two ports to the boards: the real clients, with what becomes of each call decided by dice.
//! What the boards took is copied into the simulated world, where the promises are checked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ops_boards::devteam::{Convention, DevTeamMeeting, DevTeamPlanning, Patience, Renew};
use ops_core::{
    id::{Identity, TicketId},
    ticket::{Message, Ticket},
    time::Now,
};
use ops_engine::ports::{Act, Clock, Look, Meeting, Planning};
use ops_sim::{
    dice::Dice,
    world::{Shared, lock, marker, planning::ME},
};

use crate::front::{Asked, Fate, Front};

/// What ops waits for an answer, in virtual time.
pub(crate) const GIVES_UP_MS: u64 = 8_000;
/// What it waits in truth where nobody answers.
const SHORT: Duration = Duration::from_millis(50);
/// What it waits in truth where somebody does: long enough for a machine that is busy.
const LONG: Duration = Duration::from_mins(1);
/// The longest time after which a board does what it was asked: as long as `DevTeam`'s waits for its
/// database.
const LATE_MS: u64 = 30_000;

/// How often something goes wrong, in thousandths.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Troubles {
    pub(crate) writes: u64,
    pub(crate) reads: u64,
}

/// A letter on its way.
#[derive(Debug, Clone)]
enum Letter {
    Comment(TicketId, String),
    Close(TicketId),
    Post(String, String),
}

struct State {
    dice: Dice,
    troubles: Troubles,
    late: Vec<(u64, Asked, Letter)>,
    /// Until when each board answers nothing: planning, meeting.
    away: [u64; 2],
    /// Calls so far by what became of them.
    counts: BTreeMap<String, u64>,
    /// Requests and writes by board and second.
    by_second: BTreeMap<(usize, u64), (u64, usize)>,
}

/// The clock of the simulated world, for boards and client.
pub(crate) struct WorldClock(pub(crate) Shared);

impl Clock for WorldClock {
    fn now(&self) -> Now {
        lock(&self.0).clock.now()
    }
}

/// Both ports.
pub(crate) struct Guest {
    world: Shared,
    front: Arc<Front>,
    token: Arc<Mutex<String>>,
    wait_ms: Arc<AtomicU64>,
    planning: Mutex<Arc<DevTeamPlanning>>,
    meeting: Mutex<Arc<DevTeamMeeting>>,
    state: Mutex<State>,
}

impl Guest {
    pub(crate) fn new(world: &Shared, front: &Arc<Front>, token: &str, dice: Dice) -> Self {
        let wait_ms = Arc::new(AtomicU64::new(LONG.as_millis() as u64));
        let token = Arc::new(Mutex::new(token.to_owned()));
        let (planning, meeting) = clients(world, front, &token, &wait_ms);
        let (troubles, late, away) = (Troubles::default(), Vec::new(), [0; 2]);
        Self {
            world: Arc::clone(world),
            front: Arc::clone(front),
            token,
            wait_ms,
            planning: Mutex::new(planning),
            meeting: Mutex::new(meeting),
            state: Mutex::new(State {
                dice,
                troubles,
                late,
                away,
                counts: BTreeMap::new(),
                by_second: BTreeMap::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        held(&self.state)
    }

    /// How often something goes wrong from now on.
    pub(crate) fn trouble(&self, troubles: Troubles) {
        self.state().troubles = troubles;
    }

    /// The planning board, the meeting board or both answer nothing for so long.
    pub(crate) fn away(&self, planning: bool, meeting: bool, ms: u64) {
        let until = lock(&self.world).t() + ms;
        let away = &mut self.state().away;
        for (one, _) in away.iter_mut().zip([planning, meeting]).filter(|(_, goes)| *goes) {
            *one = until;
        }
    }

    /// ops has started anew and remembers nothing of the boards.
    pub(crate) fn forget(&self) {
        let (planning, meeting) = clients(&self.world, &self.front, &self.token, &self.wait_ms);
        *held(&self.planning) = planning;
        *held(&self.meeting) = meeting;
    }

    /// Another token lies where ops reads it.
    pub(crate) fn token_is(&self, token: &str) {
        token.clone_into(&mut held(&self.token));
    }

    /// What became of how many calls.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        self.state().counts.clone()
    }

    /// Requests and writes so far, by board (planning, meeting) and second.
    pub(crate) fn by_second(&self) -> BTreeMap<(usize, u64), (u64, usize)> {
        self.state().by_second.clone()
    }

    /// Does what was put off until now.
    pub(crate) fn catch_up(&self) {
        let t = lock(&self.world).t();
        loop {
            let next = {
                let late = &mut self.state().late;
                late.sort_by_key(|(at, ..)| *at);
                if late.first().is_none_or(|(at, ..)| *at > t) {
                    return;
                }
                late.remove(0)
            };
            let (_, asked, letter) = next;
            if self.front.does(&asked) {
                self.copy(&letter);
            }
        }
    }

    /// Whether something is still to be done late.
    pub(crate) fn owes(&self) -> bool {
        !self.state().late.is_empty()
    }

    fn look<T>(&self, board: usize, ask: impl FnOnce() -> Look<T>) -> Look<T> {
        self.catch_up();
        let fates = self.fates(board, false);
        self.asks(board, &fates, ask)
    }

    fn write(&self, board: usize, letter: &Letter, ask: impl FnOnce() -> Act) -> Act {
        self.catch_up();
        let fates = self.fates(board, true);
        let answer = self.asks(board, &fates, ask);
        let second = lock(&self.world).t() / 1_000;
        self.state().by_second.entry((board, second)).or_default().1 += 1;
        let outcome = self.front.outcome();
        for n in 0..outcome.done {
            self.copy(letter);
            if n > 0 {
                self.doubled(letter);
            }
        }
        if let Some(asked) = outcome.later {
            let t = lock(&self.world).t();
            let mut state = self.state();
            let at = t + state.dice.between(GIVES_UP_MS + 500, LATE_MS);
            state.late.push((at, asked, letter.clone()));
        }
        answer
    }

    fn asks<T>(&self, board: usize, fates: &[Fate], ask: impl FnOnce() -> T) -> T {
        let before = self.front.requests()[board];
        self.front.order(fates);
        let silent = fates.iter().any(|fate| fate.silent());
        let wait = if silent { SHORT } else { LONG };
        self.wait_ms.store(wait.as_millis() as u64, Ordering::SeqCst);
        let answer = ask();
        if silent {
            self.front.given_up();
        }
        let requests = self.front.requests()[board] - before;
        let mut world = lock(&self.world);
        if silent {
            world.waited += GIVES_UP_MS;
        }
        let second = world.t() / 1_000;
        drop(world);
        self.state().by_second.entry((board, second)).or_default().0 += requests;
        answer
    }

    /// What becomes of the exchanges of a call.
    fn fates(&self, board: usize, writes: bool) -> Vec<Fate> {
        let t = lock(&self.world).t();
        let state = &mut *self.state();
        let fates: Vec<Fate> = if t < state.away[board] {
            vec![Fate::RequestLost; 40]
        } else if writes && state.dice.chance(state.troubles.writes) {
            vec![state.dice.weighted(&[
                (Fate::AnswerLost, 3),
                (Fate::RequestLost, 2),
                (Fate::AnsweredLate, 4),
                (Fate::Silence, 1),
                (Fate::PageAfter, 2),
                (Fate::PageInstead, 1),
                (Fate::Cut, 1),
                (Fate::Twice, 1),
                (Fate::DoneLater, 3),
            ])]
        } else if !writes && state.dice.chance(state.troubles.reads) {
            let fate = state.dice.weighted(&[
                (Fate::AnswerLost, 3),
                (Fate::RequestLost, 3),
                (Fate::Silence, 1),
                (Fate::PageInstead, 2),
                (Fate::Cut, 2),
            ]);
            let again = state.dice.chance(500);
            if again { vec![fate, fate] } else { vec![fate] }
        } else {
            Vec::new()
        };
        let kind = if writes { "write" } else { "read" };
        let fate = fates.first().copied().unwrap_or(Fate::Pass);
        *state.counts.entry(format!("{kind} {fate:?}")).or_default() += 1;
        fates
    }

    fn copy(&self, letter: &Letter) {
        let mut world = lock(&self.world);
        let t = world.t();
        match letter {
            Letter::Comment(ticket, text) => world.planning.say(ticket, ME, text),
            Letter::Close(ticket) => {
                let _ = world.planning.close(ticket, t);
            }
            Letter::Post(channel, text) => world.meeting.post(channel, ME, text, false),
        }
    }

    /// The board itself wrote it a second time: that is not ops's doing.
    fn doubled(&self, letter: &Letter) {
        let mut world = lock(&self.world);
        match letter {
            Letter::Comment(_, text) => {
                let marker = marker(text).map(str::to_owned);
                world.planning.late.extend(marker);
            }
            Letter::Post(_, text) => {
                let marker = marker(text).map(str::to_owned);
                world.meeting.late.extend(marker);
            }
            Letter::Close(_) => {}
        }
    }

    fn planning(&self) -> Arc<DevTeamPlanning> {
        Arc::clone(&held(&self.planning))
    }

    fn meeting(&self) -> Arc<DevTeamMeeting> {
        Arc::clone(&held(&self.meeting))
    }
}

fn held<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

fn clients(
    world: &Shared,
    front: &Arc<Front>,
    token: &Arc<Mutex<String>>,
    wait_ms: &Arc<AtomicU64>,
) -> (Arc<DevTeamPlanning>, Arc<DevTeamMeeting>) {
    let wait = Arc::clone(wait_ms);
    let patience: Patience = Arc::new(move || Duration::from_millis(wait.load(Ordering::SeqCst)));
    let convention = Convention { domain: "example.org".to_owned() };
    let clock: Arc<dyn Clock> = Arc::new(WorldClock(Arc::clone(world)));
    let read = Arc::clone(token);
    let renew: Renew = Arc::new(move || Some(held(&read).clone()));
    let token = &held(token).clone();
    let planning = DevTeamPlanning::new(&front.base, token, Arc::clone(&clock)).unwrap();
    let meeting = DevTeamMeeting::new(&front.base, token, "ops", convention, clock).unwrap();
    let planning = planning.waiting(Arc::clone(&patience)).renewing(Arc::clone(&renew));
    (Arc::new(planning), Arc::new(meeting.waiting(patience).renewing(renew)))
}

const PLANNING: usize = 0;
const MEETING: usize = 1;

impl Planning for Guest {
    fn me(&self) -> Look<Identity> {
        self.look(PLANNING, || self.planning().me())
    }

    fn ready(&self) -> Look<Vec<Ticket>> {
        self.look(PLANNING, || self.planning().ready())
    }

    fn ticket(&self, id: &TicketId) -> Look<Option<Ticket>> {
        self.look(PLANNING, || self.planning().ticket(id))
    }

    fn glance(&self, id: &TicketId) -> Look<Option<Ticket>> {
        self.look(PLANNING, || self.planning().glance(id))
    }

    fn comment(&self, id: &TicketId, text: &str) -> Act {
        let letter = Letter::Comment(id.clone(), text.to_owned());
        self.write(PLANNING, &letter, || self.planning().comment(id, text))
    }

    fn close(&self, id: &TicketId) -> Act {
        self.write(PLANNING, &Letter::Close(id.clone()), || self.planning().close(id))
    }
}

impl Meeting for Guest {
    fn post(&self, channel: &str, text: &str) -> Act {
        let letter = Letter::Post(channel.to_owned(), text.to_owned());
        self.write(MEETING, &letter, || self.meeting().post(channel, text))
    }

    fn messages(&self, channel: &str, after: Option<&str>) -> Look<Vec<Message>> {
        self.look(MEETING, || self.meeting().messages(channel, after))
    }

    fn mentions(&self, after: Option<&str>) -> Look<Vec<Message>> {
        self.look(MEETING, || self.meeting().mentions(after))
    }
}
