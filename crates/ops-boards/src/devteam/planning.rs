//! The planning board.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ops_core::{
    id::{Identity, TicketId},
    ticket::Ticket,
    world::Fault,
};
use ops_engine::ports::{Act, Clock, Look, Planning};
use serde_json::{Value, json};

use super::{
    follow::{Dialect, Follower},
    gateway::Knock,
    line::{AddressError, Found, Line, Method, Patience, Renew},
    told,
};
use crate::client::encoded;

/// Tickets asked for at once. The board's own limit is 100, and it cuts off the oldest.
const PAGE: usize = 1_000;
/// Pages of one reading: more tickets are never ready at once.
const PAGES: usize = 20;
/// How old the queue may be for those who only wait.
const GLANCE_MS: u64 = 30_000;

/// `DevTeam`'s planning board, as ops.
pub struct DevTeamPlanning {
    line: Arc<Line>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

/// What need not be asked for again.
#[derive(Debug, Default)]
struct Known {
    me: Option<Identity>,
    /// The queue, while it fits one page, and its tag.
    queue: Option<(String, Vec<Ticket>)>,
    /// Boot time at which the board was asked for it last.
    asked: Option<u64>,
}

impl fmt::Debug for DevTeamPlanning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevTeamPlanning").field("line", &self.line).finish_non_exhaustive()
    }
}

impl DevTeamPlanning {
    /// Takes the board's address (`PLANNING_BOARD_URL`) and ops's token on it
    /// (`PLANNING_BOARD_TOKEN`).
    ///
    /// # Errors
    ///
    /// If one of them cannot be used. Whether the board takes them is told by the first look.
    pub fn new(base: &str, token: &str, clock: Arc<dyn Clock>) -> Result<Self, AddressError> {
        Ok(Self { line: Arc::new(Line::new(base, token)?), clock, known: Mutex::default() })
    }

    /// The same, giving each exchange up after another time than 8 s.
    #[must_use]
    pub fn waiting(self, patience: Patience) -> Self {
        Self { line: Arc::new(self.line.waiting(patience)), ..self }
    }

    /// The same, asking for the token anew where the board does not know it any more.
    #[must_use]
    pub fn renewing(self, renew: Renew) -> Self {
        Self { line: Arc::new(self.line.renewing(renew)), ..self }
    }

    /// Knocks at every write on the board, until the follower is dropped.
    ///
    /// # Errors
    ///
    /// If no thread can be started. A board that cannot be followed is tried again, for ever.
    pub fn follow(&self, knock: Knock) -> io::Result<Follower> {
        Follower::start(Arc::clone(&self.line), Dialect::Planning, Arc::new(move |_| knock()))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One page of the queue as it was told, with its tag; `None` if it is what is known.
    fn page(&self, offset: usize, tag: Option<&str>) -> Look<Option<(Vec<Value>, Option<String>)>> {
        let path = format!("/api/tickets?status=rfp&limit={PAGE}&offset={offset}");
        match self.line.look(&path, tag)? {
            Found::Same => Ok(None),
            Found::Fresh(Value::Array(told), tag) => Ok(Some((told, tag))),
            Found::Fresh(..) | Found::Nothing => Err(self.strange("its queue is no list")),
        }
    }

    /// A ticket of the queue that is known, and whether that is fresh enough for those who wait.
    fn in_queue(&self, id: &TicketId) -> (bool, Option<Ticket>) {
        let now = self.clock.now().ms;
        let known = self.known();
        // A clock of another boot began anew.
        let fresh = known.asked.is_some_and(|at| at <= now && now - at < GLANCE_MS);
        let tickets = known.queue.iter().flat_map(|(_, tickets)| tickets);
        let mut its = tickets.filter(|ticket| ticket.id == *id);
        (fresh, its.next().filter(|_| fresh).cloned())
    }

    fn strange(&self, what: &str) -> Fault {
        Fault::new(what, self.line.base(), "check that a planning board answers at this address")
    }
}

/// Of what was told, the tickets that are ready: a filter that a board forgets lets nothing in.
fn ready(told: &[Value]) -> Vec<Ticket> {
    told.iter().filter_map(told::ticket).filter(|ticket| ticket.status == "rfp").collect()
}

impl Planning for DevTeamPlanning {
    fn me(&self) -> Look<Identity> {
        if let Some(me) = self.known().me.clone() {
            return Ok(me);
        }
        let Found::Fresh(told, _) = self.line.look("/api/me", None)? else {
            return Err(self.strange("it does not say who the token belongs to"));
        };
        let me = told::known(&told, "email")
            .ok_or_else(|| self.strange("it does not say who the token belongs to"))?;
        let me = Identity::new(me);
        self.known().me = Some(me.clone());
        Ok(me)
    }

    fn ready(&self) -> Look<Vec<Ticket>> {
        let queue = self.known().queue.clone();
        let tag = queue.as_ref().map(|(tag, _)| tag.as_str());
        let asked = self.clock.now().ms;
        let Some((first, tag)) = self.page(0, tag)? else {
            self.known().asked = Some(asked);
            return Ok(queue.map(|(_, tickets)| tickets).unwrap_or_default());
        };
        let mut tickets = ready(&first);
        if first.len() < PAGE {
            let mut known = self.known();
            known.queue = tag.map(|tag| (tag, tickets.clone()));
            known.asked = Some(asked);
            return Ok(tickets);
        }
        self.known().queue = None;
        for page in 1..PAGES {
            let told = self.page(page * PAGE, None)?.map(|(told, _)| told).unwrap_or_default();
            for ticket in ready(&told) {
                // Whatever was touched in between has moved to another page.
                if !tickets.iter().any(|known| known.id == ticket.id) {
                    tickets.push(ticket);
                }
            }
            if told.len() < PAGE {
                return Ok(tickets);
            }
        }
        Err(Fault::new(
            format!("there are {} tickets in rfp or more", PAGE * PAGES),
            self.line.base(),
            "ask PO to take tickets back",
        ))
    }

    fn ticket(&self, id: &TicketId) -> Look<Option<Ticket>> {
        match self.line.look(&format!("/api/tickets/{}", encoded(id.as_str())), None)? {
            Found::Nothing => Ok(None),
            Found::Fresh(told, _) if told::is_ticket(&told, id) => Ok(told::ticket(&told)),
            Found::Fresh(..) | Found::Same => {
                Err(self.strange(&format!("asked for {id}, it told of something else")))
            }
        }
    }

    fn glance(&self, id: &TicketId) -> Look<Option<Ticket>> {
        let (fresh, found) = self.in_queue(id);
        if found.is_some() {
            return Ok(found);
        }
        if !fresh {
            self.ready()?;
            let (_, found) = self.in_queue(id);
            if found.is_some() {
                return Ok(found);
            }
        }
        // It has left the queue, or there are more than a page holds.
        self.ticket(id)
    }

    fn comment(&self, id: &TicketId, text: &str) -> Act {
        let path = format!("/api/tickets/{}/comments", encoded(id.as_str()));
        self.line.write(Method::Post, &path, &json!({ "text": text }))
    }

    fn close(&self, id: &TicketId) -> Act {
        let path = format!("/api/tickets/{}/status", encoded(id.as_str()));
        self.line.write(Method::Put, &path, &json!({ "status": "closed" }))
    }
}
