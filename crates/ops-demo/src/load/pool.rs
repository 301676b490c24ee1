//! Requests on their way: who waits, who has a connection, and what became of them.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use tokio::{
    sync::Notify,
    time::{Instant, timeout, timeout_at},
};

use super::{
    LoadError,
    exchange::{Connection, Template, exchange},
    plan::LoadPlan,
    record::{Ended, Loss, Outcome},
    report::LoadReport,
};
use crate::clock::boot_us;

/// A request that has departed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departure {
    /// Its place in the mix.
    pub(super) visit: u8,
    /// When it was to depart.
    pub(super) intended_us: u64,
}

/// Connections and the requests that need them. The oldest waiting request gets the next free
/// connection; a request that comes alone gets the connection that was used last.
#[derive(Debug)]
pub(super) struct Pool {
    target: SocketAddr,
    templates: Vec<Template>,
    timeout: Duration,
    connections_max: usize,
    outstanding_max: usize,
    traffic: Mutex<Traffic>,
    report: Arc<Mutex<LoadReport>>,
    empty: Notify,
}

#[derive(Debug, Default)]
struct Traffic {
    idle: Vec<Connection>,
    waiting: VecDeque<Departure>,
    /// Connections and requests that are about to open one.
    in_use: usize,
    outstanding: usize,
}

/// Locks; what a panicking thread left is still only counts.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pool {
    pub(super) fn new(plan: &LoadPlan, report: Arc<Mutex<LoadReport>>) -> Result<Self, LoadError> {
        let host = HeaderValue::from_str(&plan.host)
            .map_err(|error| LoadError::Plan(format!("host: {error}")))?;
        Ok(Self {
            target: plan.target,
            templates: plan.mix.iter().map(|visit| Template::new(visit.clone(), &host)).collect(),
            timeout: plan.timeout,
            connections_max: plan.connections,
            outstanding_max: plan.outstanding,
            traffic: Mutex::default(),
            report,
            empty: Notify::new(),
        })
    }

    /// Requests that have departed and not ended.
    pub(super) fn outstanding(&self) -> u64 {
        lock(&self.traffic).outstanding as u64
    }

    /// Lets a request depart: over a connection if one is free or may be opened, else it waits.
    pub(super) fn depart(self: &Arc<Self>, departure: Departure) {
        let mut traffic = lock(&self.traffic);
        if traffic.outstanding >= self.outstanding_max {
            drop(traffic);
            self.record(departure, None, Outcome::lost(Loss::Overflow));
            return;
        }
        traffic.outstanding += 1;
        let kept = traffic.idle.pop();
        if kept.is_none() && traffic.in_use >= self.connections_max {
            traffic.waiting.push_back(departure);
            return;
        }
        traffic.in_use += usize::from(kept.is_none());
        drop(traffic);
        tokio::spawn(Arc::clone(self).carry(kept, departure));
    }

    /// Waits until no request is outstanding, at most `limit`.
    pub(super) async fn drained(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        while self.outstanding() > 0 {
            if timeout_at(deadline, self.empty.notified()).await.is_err() {
                break;
            }
        }
    }

    /// Carries a request, and then those that wait, over one connection.
    async fn carry(self: Arc<Self>, kept: Option<Connection>, first: Departure) {
        let mut kept = kept;
        let mut departure = first;
        loop {
            kept = self.fulfil(kept.take(), departure).await;
            match self.next(&mut kept) {
                Some(next) => departure = next,
                None => return,
            }
        }
    }

    async fn fulfil(&self, kept: Option<Connection>, departure: Departure) -> Option<Connection> {
        let deadline_us = departure.intended_us + self.timeout.as_micros() as u64;
        let left = deadline_us.saturating_sub(boot_us());
        if left == 0 {
            // It waited for a connection until its time was over.
            self.record(departure, None, Outcome::lost(Loss::Timeout));
            return kept;
        }
        let mut sent_us = None;
        let template = &self.templates[usize::from(departure.visit)];
        let exchange = exchange(kept, self.target, template, &mut sent_us);
        let (outcome, kept) = timeout(Duration::from_micros(left), exchange)
            .await
            .unwrap_or((Outcome::lost(Loss::Timeout), None));
        self.record(departure, sent_us, outcome);
        kept
    }

    /// Ends a request: its connection goes on with the oldest waiting one or lies idle.
    fn next(&self, kept: &mut Option<Connection>) -> Option<Departure> {
        let mut traffic = lock(&self.traffic);
        traffic.outstanding -= 1;
        if let Some(next) = traffic.waiting.pop_front() {
            return Some(next);
        }
        match kept.take() {
            Some(connection) => traffic.idle.push(connection),
            None => traffic.in_use -= 1,
        }
        if traffic.outstanding == 0 {
            self.empty.notify_one();
        }
        None
    }

    fn record(&self, departure: Departure, sent_us: Option<u64>, outcome: Outcome) {
        lock(&self.report).add(&Ended {
            visit: departure.visit,
            intended_us: departure.intended_us,
            sent_us,
            finished_us: boot_us(),
            outcome,
        });
    }
}
