//! Tells followers of what was written, in the order in which it was written.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::limits;

/// What a write is about: followers name the same.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic<'a> {
    /// A planning board, by id.
    Board(&'a str),
    /// A channel of the meeting board, by id.
    Channel(&'a str),
}

/// What one follower wants to be told of: one planning board at most, and any channels.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    pub(crate) board: Option<String>,
    pub(crate) channels: HashSet<String>,
}

impl Interest {
    fn covers(&self, topic: Topic<'_>) -> bool {
        match topic {
            Topic::Board(id) => self.board.as_deref() == Some(id),
            Topic::Channel(id) => self.channels.contains(id),
        }
    }
}

struct Listener {
    id: u64,
    interest: Arc<Mutex<Interest>>,
    frames: mpsc::Sender<Arc<str>>,
    waiting: Arc<AtomicUsize>,
}

/// All followers. Telling never waits for one of them: who falls too far behind is let go.
#[derive(Default)]
pub(crate) struct Feed {
    listeners: Mutex<Vec<Listener>>,
    next: AtomicU64,
}

/// One follower's end.
pub(crate) struct Following {
    feed: Arc<Feed>,
    id: u64,
    interest: Arc<Mutex<Interest>>,
    frames: mpsc::Receiver<Arc<str>>,
    waiting: Arc<AtomicUsize>,
}

impl Feed {
    /// Joins the followers, with no interest yet; `None` if there are too many.
    pub(crate) fn follow(self: &Arc<Self>) -> Option<Following> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.len() >= limits::FOLLOWERS {
            return None;
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, frames) = mpsc::channel(limits::FRAMES_WAITING);
        let interest = Arc::<Mutex<Interest>>::default();
        let waiting = Arc::<AtomicUsize>::default();
        listeners.push(Listener {
            id,
            interest: Arc::clone(&interest),
            frames: sender,
            waiting: Arc::clone(&waiting),
        });
        Some(Following { feed: Arc::clone(self), id, interest, frames, waiting })
    }

    /// Tells all followers of a topic; the frame is made only if there is one.
    pub(crate) fn tell(&self, topic: Topic<'_>, frame: impl FnOnce() -> String) {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let covers = |listener: &Listener| {
            listener.interest.lock().unwrap_or_else(PoisonError::into_inner).covers(topic)
        };
        if !listeners.iter().any(covers) {
            return;
        }
        let frame: Arc<str> = frame().into();
        listeners.retain(|listener| !covers(listener) || listener.offer(&frame));
    }
}

impl Listener {
    /// Whether the follower keeps up.
    fn offer(&self, frame: &Arc<str>) -> bool {
        let before = self.waiting.fetch_add(frame.len(), Ordering::SeqCst);
        let room = before == 0 || before + frame.len() <= limits::FRAME_BYTES_WAITING;
        room && self.frames.try_send(Arc::clone(frame)).is_ok()
    }
}

impl Following {
    /// The next frame; `None` once this follower fell too far behind.
    pub(crate) async fn next(&mut self) -> Option<Arc<str>> {
        let frame = self.frames.recv().await?;
        self.waiting.fetch_sub(frame.len(), Ordering::SeqCst);
        Some(frame)
    }

    /// Changes what this follower wants to be told of.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Interest)) {
        change(&mut self.interest.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut listeners = self.feed.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower(feed: &Arc<Feed>) -> Following {
        let following = feed.follow().unwrap();
        following.change(|interest| interest.board = Some("a".to_owned()));
        following
    }

    #[tokio::test]
    async fn a_follower_that_is_too_far_behind_is_let_go_and_the_others_are_not() {
        let feed = Arc::<Feed>::default();
        let (mut slow, mut quick) = (follower(&feed), follower(&feed));
        for n in 0..=limits::FRAMES_WAITING {
            feed.tell(Topic::Board("a"), || n.to_string());
            feed.tell(Topic::Board("b"), || unreachable!("nobody follows it"));
            assert_eq!(quick.next().await.as_deref(), Some(n.to_string().as_str()));
        }
        for n in 0..limits::FRAMES_WAITING {
            assert_eq!(slow.next().await.as_deref(), Some(n.to_string().as_str()));
        }
        assert_eq!(slow.next().await, None);
    }

    #[tokio::test]
    async fn the_bytes_that_wait_are_bounded_too() {
        let feed = Arc::<Feed>::default();
        let mut slow = follower(&feed);
        let big = "x".repeat(limits::FRAME_BYTES_WAITING + 1);
        feed.tell(Topic::Board("a"), || big.clone());
        assert_eq!(slow.next().await.map(|frame| frame.len()), Some(big.len()), "one always fits");
        feed.tell(Topic::Board("a"), || big.clone());
        feed.tell(Topic::Board("a"), || "more".to_owned());
        assert!(slow.next().await.is_some());
        assert_eq!(slow.next().await, None);
    }

    #[test]
    fn followers_are_bounded_and_leave_room_behind() {
        let feed = Arc::<Feed>::default();
        let all: Vec<_> = (0..limits::FOLLOWERS).map(|_| feed.follow().unwrap()).collect();
        assert!(feed.follow().is_none());
        drop(all);
        assert!(feed.follow().is_some());
    }
}
