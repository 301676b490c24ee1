//! What is wanted of a replica and what lives of it, as it stands on disk.

use serde::{Deserialize, Serialize};

use crate::protocol::Order;

/// What every order carries, compared by generation, then deployment, then operation (P4).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Generation of the lease.
    pub generation: u64,
    /// Number of the deployment.
    pub deployment: u64,
    /// Number of the operation within the deployment.
    pub op: u32,
}

/// What was last ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Desired {
    /// It shall run, also after a crash or a reboot.
    Running,
    /// It shall not run.
    #[default]
    Stopped,
}

/// Whether the service lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its main process runs.
    Running,
    /// It ended and will be started after a pause.
    BackingOff,
    /// It was told to stop and something of it still lives.
    Stopping,
    /// Nothing of it lives.
    #[default]
    Stopped,
}

/// The service's first process. Pid and start time together name a process of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct MainProcess {
    /// Its process id, which is also its process group.
    pub pid: i32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub start: u64,
    /// The session that it was started in.
    pub session: i32,
}

/// A replica as it stands on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What was last ordered.
    pub desired: Desired,
    /// What is so.
    pub state: State,
    /// The highest stamp seen.
    pub stamp: Stamp,
    /// The boot in which `main` counts.
    pub boot: String,
    /// The main process, if one was started and has not been seen to end.
    pub main: Option<MainProcess>,
    /// Whether a start was under way whose process is not written down yet.
    pub launching: bool,
    /// How often it ended by itself and was started again.
    pub restarts: u32,
    /// The last end that nobody asked for, in words.
    pub last_exit: Option<String>,
    /// Log lines that could not be kept.
    pub dropped_lines: u64,
}

/// An order came with a stamp below the highest seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale {
    /// The highest stamp seen.
    pub highest: Stamp,
}

impl Status {
    /// Takes an order, or refuses it because a later one was taken before (P4). Taking one twice
    /// changes nothing.
    pub fn take(&mut self, order: Order, stamp: Stamp) -> Result<(), Stale> {
        if stamp < self.stamp {
            return Err(Stale { highest: self.stamp });
        }
        self.stamp = stamp;
        self.desired = match order {
            Order::Start => Desired::Running,
            Order::Stop => Desired::Stopped,
        };
        match (self.desired, self.state) {
            (Desired::Stopped, State::Running | State::BackingOff) => {
                self.state = State::Stopping;
            }
            (Desired::Running, State::Stopped) => self.state = State::BackingOff,
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(generation: u64, deployment: u64, op: u32) -> Stamp {
        Stamp { generation, deployment, op }
    }

    #[test]
    fn p4_an_order_below_the_highest_stamp_is_refused_and_changes_nothing() {
        let mut status = Status::default();
        status.take(Order::Stop, stamp(5, 2, 7)).unwrap();
        let before = status.clone();
        for lower in [stamp(4, 9, 9), stamp(5, 1, 9), stamp(5, 2, 6)] {
            let refused = status.take(Order::Start, lower);
            assert_eq!(refused, Err(Stale { highest: stamp(5, 2, 7) }));
            assert_eq!(status, before);
        }
        status.take(Order::Stop, stamp(5, 2, 7)).unwrap();
        status.take(Order::Start, stamp(6, 1, 1)).unwrap();
        assert_eq!(status.desired, Desired::Running);
    }

    #[test]
    fn orders_move_the_state_before_anything_has_happened() {
        let mut status = Status { state: State::Running, ..Status::default() };
        status.take(Order::Stop, stamp(1, 1, 1)).unwrap();
        assert_eq!(status.state, State::Stopping);
        status.take(Order::Start, stamp(1, 1, 2)).unwrap();
        assert_eq!((status.state, status.desired), (State::Stopping, Desired::Running));
    }
}
