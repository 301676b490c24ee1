//! Whether a client takes an answer, where it could take others beside it.
//!
//! Over HTTP/1 an answer that nobody reads stops its connection, which is seen there
//! ([`super::client_io`]). Over HTTP/2 a client may leave the window of one answer shut and go on
//! with the next: nothing of the connection tells, and the service waits for as long as the client
//! likes. So each answer has a clock of its own: it runs from the moment at which a piece was offered
//! until the next one is asked for.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    body::{Body, Frame, SizeHint},
    rt::Executor,
};
use tokio::time::{Instant, sleep_until};

tokio::task_local! {
    /// Of the answer whose task this is.
    static PACE: Arc<Pace>;
}

/// How a client takes one answer.
#[derive(Default)]
struct Pace {
    /// When it was offered a piece that it has not taken.
    offered: Mutex<Option<Instant>>,
}

impl Pace {
    fn note(&self, offered: Option<Instant>) {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner) = offered;
    }

    fn offered(&self) -> Option<Instant> {
        *self.offered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the tasks of one HTTP/2 connection, each of which is a request and its answer. One whose
/// client leaves a piece of the answer untaken for `limit` is dropped, and by that its stream is
/// reset.
#[derive(Clone)]
pub(super) struct InTime {
    pub(super) limit: Duration,
}

impl<F> Executor<F> for InTime
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        let pace = Arc::new(Pace::default());
        tokio::spawn(PACE.scope(Arc::clone(&pace), taken_in_time(task, pace, self.limit)));
    }
}

async fn taken_in_time<F: Future>(task: F, pace: Arc<Pace>, limit: Duration) {
    let mut task = pin!(task);
    let mut alarm = None;
    poll_fn(|cx| {
        if task.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(offered) = pace.offered() else { return Poll::Pending };
        let until = offered + limit;
        // It may be set for an earlier piece: then it is set anew when it rings, not with each piece.
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(until)));
        loop {
            ready!(alarm.as_mut().poll(cx));
            if Instant::now() >= until {
                tracing::debug!("a client left an answer unread");
                return Poll::Ready(());
            }
            alarm.as_mut().reset(until);
        }
    })
    .await;
}

/// An answer's body, whose pieces are noted as offered and taken.
pub(super) struct Offered<B> {
    body: B,
    pace: Option<Arc<Pace>>,
}

impl<B> Offered<B> {
    /// Only within a task of [`InTime`] is anything noted.
    pub(super) fn new(body: B) -> Self {
        Self { body, pace: PACE.try_with(Arc::clone).ok() }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Offered<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(pace) = &self.pace {
            let offers = matches!(&frame, Poll::Ready(Some(Ok(frame))) if frame.is_data());
            pace.note(offers.then(Instant::now));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A body that is never at its end.
    struct Endless;

    impl Body for Endless {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"piece")))))
        }
    }

    /// Sends one piece of an answer per word that comes, as HTTP/2 does per window.
    async fn answer(mut window: mpsc::Receiver<()>, alive: mpsc::Sender<()>) {
        let mut body = Offered::new(Endless);
        loop {
            poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.unwrap().unwrap();
            if window.recv().await.is_none() {
                std::future::pending::<()>().await;
            }
            let _ = alive.send(()).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn p9_an_answer_lasts_while_its_pieces_are_taken_and_not_longer() {
        let ((open, window), (alive, mut passed)) = (mpsc::channel(1), mpsc::channel(1));
        InTime { limit: LIMIT }.execute(answer(window, alive));
        for _ in 0..10 {
            tokio::time::sleep(LIMIT * 9 / 10).await;
            open.send(()).await.unwrap();
            passed.recv().await.expect("taken in time");
        }
        let last = Instant::now();
        assert!(passed.recv().await.is_none());
        assert!((LIMIT..LIMIT * 2).contains(&last.elapsed()), "{:?}", last.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_waits_for_something_else_has_time() {
        let (alive, mut ended) = mpsc::channel::<()>(1);
        InTime { limit: LIMIT }.execute(async move {
            let _alive = alive;
            tokio::time::sleep(LIMIT * 100).await;
        });
        let began = Instant::now();
        assert!(ended.recv().await.is_none());
        assert_eq!(began.elapsed(), LIMIT * 100);
    }
}
