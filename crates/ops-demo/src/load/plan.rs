//! What a load is to do.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, uri::PathAndQuery};

use super::{LoadError, schedule::Schedule};

/// Highest rate, in requests per second.
pub const RATE_MAX: f64 = 20_000.0;
/// Most connections of one load.
pub const CONNECTIONS_MAX: usize = 512;
/// Most requests that may be outstanding, waiting ones included.
pub const OUTSTANDING_MAX: usize = 100_000;
/// Most requests that are kept one by one.
pub const RECORDS_MAX: usize = 2_000_000;
/// Longest time that a request may take.
pub const TIMEOUT_MAX: Duration = Duration::from_mins(5);
/// Most different visits in a mix.
pub const VISITS_MAX: usize = 64;

/// One kind of request, and how often it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// The body, JSON; empty for none.
    pub body: Bytes,
    /// How often it comes, relative to the others.
    pub weight: u32,
}

impl Visit {
    /// A `GET`.
    pub fn get(path: impl Into<String>, weight: u32) -> Self {
        Self { method: Method::GET, path: path.into(), body: Bytes::new(), weight }
    }

    /// A `POST` with a JSON body.
    pub fn post(path: impl Into<String>, body: impl Into<Bytes>, weight: u32) -> Self {
        Self { method: Method::POST, path: path.into(), body: body.into(), weight }
    }
}

/// What a load is to do. Everything is bounded; [`start`](super::start) checks the bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadPlan {
    /// Where requests go; only this machine itself.
    pub target: SocketAddr,
    /// Value of the `Host` header.
    pub host: String,
    /// When requests depart.
    pub schedule: Schedule,
    /// Which requests they are.
    pub mix: Vec<Visit>,
    /// Decides the order of the mix.
    pub seed: u64,
    /// How long a request may take, from its intended departure to the last byte of its answer.
    pub timeout: Duration,
    /// Most connections that are open. Requests that find none free wait for one.
    pub connections: usize,
    /// Most requests that are outstanding, waiting ones included. What departs beyond it is
    /// counted as lost by overflow.
    pub outstanding: usize,
    /// Most requests that are kept one by one; further ones are only counted.
    pub records: usize,
}

impl LoadPlan {
    /// Customers of the shop: they look around more often than they buy.
    pub fn shop(target: SocketAddr, schedule: Schedule) -> Self {
        let buy = r#"{"product":3,"quantity":1}"#;
        Self {
            target,
            host: target.to_string(),
            schedule,
            mix: vec![
                Visit::get("/", 2),
                Visit::get("/products", 4),
                Visit::get("/products/3", 2),
                Visit::get("/products/7", 1),
                Visit::post("/cart", buy, 1),
            ],
            seed: 1,
            timeout: Duration::from_secs(5),
            connections: 256,
            outstanding: 10_000,
            records: RECORDS_MAX,
        }
    }

    /// Refuses what cannot be, and targets that are not this machine.
    pub(super) fn check(&self) -> Result<(), LoadError> {
        // `::ffff:127.0.0.1` is this machine too; the unspecified address is not a target.
        if !self.target.ip().to_canonical().is_loopback() {
            return Err(LoadError::Foreign(self.target));
        }
        let within = |name, value: usize, most: usize| {
            let why = format!("{name} is {value}, it must lie between 1 and {most}");
            if (1..=most).contains(&value) { Ok(()) } else { Err(LoadError::Plan(why)) }
        };
        within("connections", self.connections, CONNECTIONS_MAX)?;
        within("outstanding", self.outstanding, OUTSTANDING_MAX)?;
        within("records", self.records, RECORDS_MAX)?;
        within("mix", self.mix.len(), VISITS_MAX)?;
        if self.timeout.is_zero() || self.timeout > TIMEOUT_MAX {
            return Err(LoadError::Plan("timeout must lie between 0 and 300 s".into()));
        }
        if let Some(why) = self.schedule.complaint() {
            return Err(LoadError::Plan(why));
        }
        if HeaderValue::from_str(&self.host).is_err() || self.host.is_empty() {
            return Err(LoadError::Plan("host must be printable text".into()));
        }
        if self.mix.iter().all(|visit| visit.weight == 0) {
            return Err(LoadError::Plan("all weights of the mix are 0".into()));
        }
        match self.mix.iter().find(|visit| !is_path(&visit.path)) {
            Some(visit) => Err(LoadError::Plan(format!("`{}` is no path", visit.path))),
            None => Ok(()),
        }
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && PathAndQuery::try_from(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(target: &str) -> LoadPlan {
        LoadPlan::shop(target.parse().unwrap(), Schedule::constant(10.0))
    }

    #[test]
    fn only_this_machine_is_a_target() {
        for own in ["127.0.0.1:80", "127.9.9.9:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            plan(own).check().unwrap();
        }
        let foreign =
            ["10.0.0.1:80", "192.0.2.7:80", "8.8.8.8:80", "0.0.0.0:80", "[2001:db8::1]:80"];
        for foreign in foreign.into_iter().chain(["[::ffff:192.0.2.7]:80", "[::]:80"]) {
            let error = plan(foreign).check().unwrap_err();
            assert!(matches!(error, LoadError::Foreign(_)), "{foreign}: {error}");
        }
    }

    #[test]
    fn what_is_out_of_bounds_is_named() {
        let named = |change: fn(&mut LoadPlan), name: &str| {
            let mut plan = plan("127.0.0.1:80");
            change(&mut plan);
            let error = plan.check().unwrap_err().to_string();
            assert!(error.contains(name), "{name}: {error}");
        };
        named(|plan| plan.connections = 0, "connections");
        named(|plan| plan.outstanding = OUTSTANDING_MAX + 1, "outstanding");
        named(|plan| plan.records = RECORDS_MAX + 1, "records");
        named(|plan| plan.mix = Vec::new(), "mix");
        named(|plan| plan.mix = vec![Visit::get("/", 0)], "weights");
        named(|plan| plan.mix = vec![Visit::get("/a b", 1)], "/a b");
        named(|plan| plan.mix = vec![Visit::get("http://x/", 1)], "no path");
        named(|plan| plan.timeout = Duration::ZERO, "timeout");
        named(|plan| plan.host = "a\nb".into(), "host");
        named(|plan| plan.schedule = Schedule::constant(0.0), "pauses");
        named(|plan| plan.schedule = Schedule::constant(f64::NAN), "rate");
        named(|plan| plan.schedule = Schedule::stages(Vec::new()), "stages");
    }
}
