//! What replicas take of their machine, and what they write.

mod cgroup;
mod ears;
mod memory;
mod pulse;
mod segments;
mod tail;

use ops_core::{
    id::ServiceName,
    reading::{LogReading, Usage},
    time::Now,
};
use ops_engine::ports::{Look, Senses};

pub(super) use self::{ears::Ears, pulse::Pulse};
use super::ProcessTarget;

impl Senses for ProcessTarget {
    fn usage(&self, service: &ServiceName) -> Look<Vec<Usage>> {
        self.feel(service)
    }

    fn logs(&self, service: &ServiceName, now: &Now) -> Look<LogReading> {
        self.listen(service, now)
    }
}
