//! The meeting board.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ops_boards::{
    BoardSettings,
    devteam::{AddressError, Convention, DevTeamMeeting},
};
use ops_core::time::{BootId, Now};
use ops_engine::ports::{ActError, Clock, Meeting as _};

use super::front::{Fate, Front};
use crate::desk::{Desk, Served};

/// A clock that stands still until it is moved, a minute after the desk's.
#[derive(Default)]
pub(super) struct Still(pub(super) AtomicU64);

impl Clock for Still {
    fn now(&self) -> Now {
        let ms = self.0.load(Ordering::SeqCst);
        let start = 1_795_330_811_000;
        let wall = jiff::Timestamp::from_millisecond(start + i64::try_from(ms).unwrap()).unwrap();
        Now { boot: BootId::default(), ms, wall }
    }
}

struct Site {
    desk: Desk,
    served: Served,
    front: Front,
    clock: Arc<Still>,
    board: DevTeamMeeting,
}

fn site() -> Site {
    let desk = Desk::new();
    let settings = BoardSettings { permissive: true, ..BoardSettings::default() };
    let served = desk.serve_with(settings);
    let front = Front::before(served.address);
    let clock = Arc::new(Still::default());
    let board = member(&front, &served, &clock);
    Site { desk, served, front, clock, board }
}

fn member(front: &Front, served: &Served, clock: &Arc<Still>) -> DevTeamMeeting {
    let convention = Convention { domain: "example.org".to_owned() };
    let clock: Arc<dyn Clock> = Arc::<Still>::clone(clock);
    DevTeamMeeting::new(&front.base, &served.token("otto"), "otto", convention, clock).unwrap()
}

fn texts(messages: &[ops_core::ticket::Message]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

#[test]
fn what_was_posted_is_found_again_however_much_stands_before_it() {
    let site = site();
    let dan = site.desk.member("dan");
    for n in 0..1_203 {
        site.desk.store.post(&dan, "standup", &format!("message {n}"), None).unwrap();
    }
    site.board.post("#standup", "OPS: noted").unwrap();
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = site.board.messages("standup", after.as_deref()).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        all.extend(page);
    }
    assert_eq!(all.len(), 1_204);
    assert_eq!((all[0].text.as_str(), all[1_203].text.as_str()), ("message 0", "OPS: noted"));
    assert_eq!(all[1_203].author.as_str(), "otto@example.org");
    site.front.asked();
    let first = site.board.messages("standup", None).unwrap();
    assert_eq!(first.len(), 500);
    assert_eq!(site.front.asked(), [""; 0], "what is known is not asked for again");
    site.desk.store.post(&dan, "standup", "new", None).unwrap();
    assert_eq!(texts(&site.board.messages("standup", after.as_deref()).unwrap()), ["new"]);
}

#[test]
fn ops_hears_its_name_everywhere_and_its_role_in_channels_each_once() {
    let site = site();
    let (dan, mia) = (site.desk.member("dan"), site.desk.member("mia"));
    let root = site.desk.store.post(&dan, "standup", "good morning", None).unwrap();
    site.desk.store.post(&mia, "standup", "@Otto status", Some(&root.id)).unwrap();
    site.desk.store.post(&dan, "ad-hoc", "@ops halt", None).unwrap();
    site.desk.store.post(&dan, "ad-hoc", "mail x@opsworks.example", None).unwrap();
    let mut heard = Vec::new();
    let mut after: Option<String> = None;
    for beat in 0..20 {
        site.clock.0.store(beat * 15_000, Ordering::SeqCst);
        for message in site.board.mentions(after.as_deref()).unwrap() {
            after = Some(message.id.clone());
            heard.push((message.channel, message.author.to_string(), message.text));
        }
    }
    heard.sort();
    let one = |channel: &str, who: &str, text: &str| {
        (channel.to_owned(), format!("{who}@example.org"), text.to_owned())
    };
    let wanted = [one("ad-hoc", "dan", "@ops halt"), one("standup", "mia", "@Otto status")];
    assert_eq!(heard, wanted);
}

#[test]
fn while_it_is_followed_ops_hears_its_role_in_threads_too_once() {
    let site = site();
    let (knock, knocks) = super::knocks::knocks();
    let (base, token) = (site.served.base(), site.served.token("otto"));
    let convention = Convention { domain: "example.org".to_owned() };
    let clock: Arc<dyn Clock> = Arc::<Still>::clone(&site.clock);
    let board = DevTeamMeeting::new(&base, &token, "otto", convention, clock).unwrap();
    let follower = board.follow(knock).unwrap();
    super::knocks::knocked(&knocks);
    board.mentions(None).unwrap();
    let (dan, mia) = (site.desk.member("dan"), site.desk.member("mia"));
    let root = site.desk.store.post(&dan, "standup", "good morning", None).unwrap();
    for text in ["@ops status", "@otto health", "mail x@opsworks.example"] {
        site.desk.store.post(&mia, "standup", text, Some(&root.id)).unwrap();
    }
    let mut heard = Vec::new();
    let mut after: Option<String> = None;
    while heard.len() < 2 {
        super::knocks::knocked(&knocks);
        for message in board.mentions(after.as_deref()).unwrap() {
            assert_eq!(
                (message.channel.as_str(), &message.thread),
                ("standup", &Some(root.id.clone()))
            );
            after = Some(message.id.clone());
            heard.push(message.text);
        }
    }
    for beat in 1..20 {
        site.clock.0.store(beat * 15_000, Ordering::SeqCst);
        heard.extend(board.mentions(after.as_deref()).unwrap().into_iter().map(|one| one.text));
    }
    heard.sort();
    assert_eq!(heard, ["@ops status", "@otto health"]);
    drop(follower);
}

#[test]
fn at_rest_it_asks_every_15_seconds_and_at_once_when_it_is_stirred() {
    let site = site();
    site.board.mentions(None).unwrap();
    site.front.asked();
    site.clock.0.store(14_999, Ordering::SeqCst);
    site.board.mentions(None).unwrap();
    assert_eq!(site.front.asked(), [""; 0]);
    site.board.stir();
    site.board.mentions(None).unwrap();
    assert_eq!(site.front.asked().len(), 1, "mentions");
    // Without news it asks one thing at a time: mentions, or one of the channels.
    for beat in 1..=40 {
        site.clock.0.store(beat * 15_000 + 14_999, Ordering::SeqCst);
        site.board.mentions(None).unwrap();
        let asked = site.front.asked();
        assert!(asked.len() == 1 || beat == 1 && asked.len() == 2, "{asked:?}");
    }
}

#[test]
fn what_could_not_be_asked_is_asked_again_soon_and_nothing_is_lost() {
    let site = site();
    site.board.mentions(None).unwrap();
    let dan = site.desk.member("dan");
    site.desk.store.post(&dan, "standup", "@otto status", None).unwrap();
    site.board.stir();
    site.front.order([Fate::LoseRequest, Fate::LoseRequest]);
    site.board.mentions(None).unwrap_err();
    site.front.asked();
    site.board.stir();
    site.clock.0.store(5_000, Ordering::SeqCst);
    assert_eq!(texts(&site.board.mentions(None).unwrap()), ["@otto status"]);
}

#[test]
fn a_channel_in_which_something_was_said_is_read_at_once_and_no_other_one() {
    let site = site();
    // The follower needs the board itself: the front closes each connection after one answer.
    let convention = Convention { domain: "example.org".to_owned() };
    let clock: Arc<dyn Clock> = Arc::<Still>::clone(&site.clock);
    let (base, token) = (site.served.base(), site.served.token("otto"));
    let board = DevTeamMeeting::new(&base, &token, "otto", convention, clock).unwrap();
    let (knock, knocks) = super::knocks::knocks();
    let follower = board.follow(knock).unwrap();
    super::knocks::knocked(&knocks);
    board.mentions(None).unwrap();
    let dan = site.desk.member("dan");
    site.desk.store.post(&dan, "retrospective", "@ops status", None).unwrap();
    super::knocks::knocked(&knocks);
    assert_eq!(texts(&board.mentions(None).unwrap()), ["@ops status"], "its clock stands still");
    drop(follower);
}

#[test]
fn a_call_from_long_ago_is_not_answered_any_more() {
    let site = site();
    let dan = site.desk.member("dan");
    site.desk.store.post(&dan, "standup", "@ops status", None).unwrap();
    site.clock.0.store(25 * 3_600 * 1_000, Ordering::SeqCst);
    let late = member(&site.front, &site.served, &site.clock);
    for _ in 0..10 {
        late.stir();
        site.clock.0.fetch_add(15_000, Ordering::SeqCst);
        assert_eq!(texts(&late.mentions(None).unwrap()), [""; 0]);
    }
    assert_eq!(texts(&late.messages("standup", None).unwrap()), ["@ops status"]);
}

#[test]
fn posts_are_told_as_what_they_are() {
    let site = site();
    let answer = site.board.post("nowhere", "x");
    let Err(ActError::NotApplied(fault)) = answer else { panic!("{answer:?}") };
    assert!(fault.what.contains("channel not found"), "{fault}");
    site.front.order([Fate::LoseAnswer]);
    assert!(matches!(site.board.post("standup", "once"), Err(ActError::Unknown(_))));
    assert_eq!(texts(&site.board.messages("#standup", None).unwrap()), ["once"]);
    let told = site.board.messages("nowhere", None).unwrap_err().to_string();
    assert!(told.contains("no channel #nowhere"), "{told}");
}

#[test]
fn p3_ops_never_speaks_as_the_manager() {
    for token in ["", "dashboard"] {
        let clock: Arc<dyn Clock> = Arc::new(Still::default());
        let refused = DevTeamMeeting::new(
            "http://meeting-board:8080",
            token,
            "ops",
            Convention::default(),
            clock,
        );
        assert!(matches!(refused, Err(AddressError::Token(_))), "{token}");
    }
}
