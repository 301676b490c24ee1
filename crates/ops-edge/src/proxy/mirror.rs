//! Copies of requests to a release that gets none: what it would have answered is counted, and
//! thrown away.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use hyper::body::Body as _;
use tokio::{sync::Semaphore, time::timeout};

use super::{
    attempts::{Exchange, Incident, try_backends},
    outgoing::Outgoing,
};
use crate::{
    config::EdgeConfig,
    state::{About, Completed, LiveRoute, Outcome},
};

/// Most copies under way at a time; further requests are not copied.
const MAX_COPIES: usize = 64;

/// Longest time of one copy, its answer's body included.
const LONGEST: Duration = Duration::from_secs(30);

/// Sends a copy of a request, if its route asks for one and there is room.
pub(super) fn copy(
    config: &Arc<EdgeConfig>,
    route: &Arc<LiveRoute>,
    about: About,
    outgoing: &Outgoing,
) {
    static PLACES: LazyLock<Arc<Semaphore>> =
        LazyLock::new(|| Arc::new(Semaphore::new(MAX_COPIES)));
    let Some(mirror) = &route.mirror else { return };
    if fastrand::u8(0..100) >= mirror.weight {
        return;
    }
    let (Some(copy), Ok(place)) = (outgoing.safe_copy(), Arc::clone(&PLACES).try_acquire_owned())
    else {
        return;
    };
    let (config, route) = (Arc::clone(config), Arc::clone(route));
    tokio::spawn(async move {
        let _ = timeout(LONGEST, send(&config, &route, about, copy)).await;
        drop(place);
    });
}

async fn send(config: &EdgeConfig, route: &LiveRoute, about: About, copy: Outgoing) {
    let Some(mirror) = &route.mirror else { return };
    let began = Instant::now();
    let answer = try_backends(config, None, mirror, copy).await;
    let latency_micros = began.elapsed().as_micros() as u64;
    let mut bytes = (0, 0);
    let outcome = match answer {
        Ok((answer, exchange)) => {
            let outcome = Outcome::Answered(answer.status().as_u16());
            match read_away(answer.into_body()).await {
                Ok(count) => {
                    bytes.1 = count;
                    let Exchange { used, connection, .. } = exchange;
                    used.backend().keep(connection, config.max_idle_per_backend);
                    outcome
                }
                Err(_) => Outcome::Reset,
            }
        }
        Err(Incident::Silent) => Outcome::TimedOut,
        Err(Incident::Broken) => Outcome::Broken,
        Err(_) => Outcome::Reset,
    };
    let About { template, .. } = about;
    let done = Completed { outcome, latency_micros, held: false, bytes, unit: None, template };
    route.service.count_mirrored(mirror.release.id(), done);
}

async fn read_away(mut body: hyper::body::Incoming) -> hyper::Result<u64> {
    let mut count = 0;
    while let Some(frame) =
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await
    {
        count += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(count)
}
