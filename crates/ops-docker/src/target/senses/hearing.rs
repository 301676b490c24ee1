//! What replicas write, listened to from one reading to the next.
//!
//! Lines stay on the host: what is told of them are counts of their shapes (P13).

use std::{collections::BTreeMap, sync::PoisonError};

use bollard::{Docker, container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use ops_core::{
    id::{ReleaseId, ServiceName},
    logs::{Miner, Stream, Tally},
    reading::{LogCount, LogReading},
    time::{BootMs, Now},
    world::Fault,
};
use ops_engine::ports::Look;

use crate::{
    engine::Trouble,
    target::{
        DockerTarget, beside,
        inspect::{self, seek},
    },
};

/// Lines and bytes of one replica that are looked at in one reading.
const LINES_MAX: usize = 2_000;
const BYTES_MAX: usize = 1 << 20;
/// Milliseconds without a reading after which what was written meanwhile is no news any more.
const PAUSE_MAX: BootMs = 60_000;

/// What is remembered of the logs of each service.
#[derive(Debug, Default)]
pub(in crate::target) struct Ears(BTreeMap<ServiceName, Ear>);

#[derive(Debug)]
struct Ear {
    miner: Miner,
    /// By container.
    tails: BTreeMap<String, Tail>,
    /// When it was read last, in milliseconds since boot, and by the engine's clock.
    read_at: BootMs,
    heard_until: Timestamp,
}

/// What is remembered of one container's log.
#[derive(Debug, Clone, Default)]
struct Tail {
    /// The time of the last line that was heard.
    last: Option<Timestamp>,
    /// Of standard output and standard error: which lines belong together.
    streams: [Stream; 2],
    /// Whether the last line of each had no end yet.
    cut: [bool; 2],
}

/// What a container wrote since a time.
struct Spoken {
    id: String,
    release: ReleaseId,
    /// The service of a project that it is, beside the replicas.
    service: Option<String>,
    lines: Vec<(usize, Timestamp, Vec<u8>)>,
    /// Lines beyond what is looked at.
    dropped: u64,
}

impl DockerTarget {
    pub(super) fn listen(&self, service: &ServiceName, now: &Now) -> Look<LogReading> {
        let records = self.records.of(service)?;
        let standing = self.records.standing(service)?;
        let mut ears = self.ears.lock().unwrap_or_else(PoisonError::into_inner);
        let known = ears.0.get(service);
        let late = known.is_none_or(|ear| now.ms.saturating_sub(ear.read_at) > PAUSE_MAX);
        let (tails, floor) = known.map(|ear| (ear.tails.clone(), ear.heard_until)).unzip();
        let (of, tails) = (service.clone(), tails.unwrap_or_default());
        let (time, spoken) = self.engine.ask(move |docker| async move {
            let time = docker.info().await?.system_time;
            let mut spoken = Vec::new();
            let all = if late { Vec::new() } else { inspect::of(&docker, &of).await? };
            let standing = standing.filter(|_| !late);
            for record in &records {
                for place in &record.places {
                    let Some(id) = seek(record, place, &all) else { continue };
                    let since = tails.get(&id).and_then(|tail| tail.last).or(floor);
                    let whose = (record.spec.release.clone(), None);
                    spoken.push(hear(&docker, id, whose, since.unwrap_or_default()).await?);
                }
            }
            for one in beside::all(&docker, standing.as_ref()).await? {
                let (Some((release, _)), Some(id)) = (one.stood.changed, one.id) else { continue };
                let since = tails.get(&id).and_then(|tail| tail.last).or(floor);
                let whose = (release, Some(one.name));
                spoken.push(hear(&docker, id, whose, since.unwrap_or_default()).await?);
            }
            Ok((time, spoken))
        })?;
        let time = time.and_then(|time| time.parse().ok()).ok_or_else(|| {
            let next = "look at the engine's version and its log";
            Fault::new("the engine does not say what time it is", self.engine.place(), next)
        })?;
        if late {
            // What was written until now is not heard.
            let ear = Ear {
                miner: ears.0.remove(service).map(|ear| ear.miner).unwrap_or_default(),
                tails: BTreeMap::new(),
                read_at: now.ms,
                heard_until: time,
            };
            ears.0.insert(service.clone(), ear);
            return Ok(LogReading { second: now.ms / 1000, ..LogReading::default() });
        }
        let Some(ear) = ears.0.get_mut(service) else { return Ok(LogReading::default()) };
        ear.read_at = now.ms;
        Ok(ear.take(spoken, now))
    }
}

impl Ear {
    fn take(&mut self, spoken: Vec<Spoken>, now: &Now) -> LogReading {
        self.tails.retain(|id, _| spoken.iter().any(|one| one.id == *id));
        self.miner.next_reading();
        let mut tallies: BTreeMap<Option<String>, Tally> = BTreeMap::new();
        let mut dropped = 0;
        for Spoken { id, release, service, lines, dropped: more } in spoken {
            let tally = tallies.entry(service).or_default();
            let tail = self.tails.entry(id).or_default();
            dropped += more;
            for (which, time, text) in lines {
                tail.last = Some(time);
                let goes_on = std::mem::replace(&mut tail.cut[which], !text.ends_with(b"\n"));
                if goes_on {
                    continue;
                }
                let text = text.strip_suffix(b"\n").unwrap_or(&text);
                if let Some(named) = self.miner.line(&mut tail.streams[which], text) {
                    tally.add(&release, named);
                }
            }
        }
        let counts = tallies.remove(&None).unwrap_or_default().counts();
        let beside = tallies.into_iter().flat_map(|(service, tally)| {
            let named = move |count: LogCount| {
                let service = service.as_deref().unwrap_or_default();
                LogCount { template: format!("{service}: {}", count.template), ..count }
            };
            tally.counts().into_iter().map(named)
        });
        LogReading { second: now.ms / 1000, counts, beside: beside.collect(), dropped }
    }
}

/// What a container wrote after a time. Of more than is looked at, the rest is counted as dropped
/// as far as it was read.
async fn hear(
    docker: &Docker,
    id: String,
    (release, service): (ReleaseId, Option<String>),
    after: Timestamp,
) -> Result<Spoken, Trouble> {
    // Docker takes whole seconds: what was heard of the first one is passed over below.
    let since = i32::try_from(after.as_second()).unwrap_or(i32::MAX);
    let options =
        LogsOptionsBuilder::new().stdout(true).stderr(true).timestamps(true).since(since).build();
    let mut spoken = Spoken { id, release, service, lines: Vec::new(), dropped: 0 };
    let mut bytes = 0;
    let mut frames = docker.logs(&spoken.id, Some(options));
    while let Some(frame) = frames.next().await {
        let frame = match frame.map_err(Trouble::from) {
            Ok(frame) => frame,
            // It was removed while we listened.
            Err(trouble) if trouble.is_absent() => break,
            Err(trouble) => return Err(trouble),
        };
        let which = usize::from(matches!(frame, LogOutput::StdErr { .. }));
        let Some((time, text)) = stamped(frame.as_ref()) else { continue };
        if time <= after {
            continue;
        }
        bytes += text.len();
        if spoken.lines.len() < LINES_MAX && bytes < BYTES_MAX {
            spoken.lines.push((which, time, text.to_vec()));
            continue;
        }
        spoken.dropped += 1;
        // The next reading goes on behind what was dropped.
        if let Some(last) = spoken.lines.last_mut() {
            last.1 = time;
        }
        if bytes > 8 * BYTES_MAX {
            break;
        }
    }
    Ok(spoken)
}

/// A line's time and its text.
fn stamped(line: &[u8]) -> Option<(Timestamp, &[u8])> {
    let space = line.iter().position(|byte| *byte == b' ')?;
    let time = std::str::from_utf8(&line[..space]).ok()?.parse().ok()?;
    Some((time, &line[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_time_before_it() {
        let (time, text) = stamped(b"2026-11-30T10:00:00.123456789Z WARN slow\n").unwrap();
        assert_eq!((time.subsec_nanosecond(), text), (123_456_789, b"WARN slow\n".as_slice()));
        assert!(stamped(b"no time here\n").is_none());
    }
}
