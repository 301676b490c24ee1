//! What replicas take of their machine, and what they write.

use ops_core::{
    id::ServiceName,
    reading::{LogReading, Usage},
    time::Now,
};
use ops_engine::ports::{Look, Senses};

use super::ProcessTarget;

impl Senses for ProcessTarget {
    fn usage(&self, _service: &ServiceName) -> Look<Vec<Usage>> {
        Ok(Vec::new())
    }

    fn logs(&self, _service: &ServiceName, _now: &Now) -> Look<LogReading> {
        Ok(LogReading::default())
    }
}
