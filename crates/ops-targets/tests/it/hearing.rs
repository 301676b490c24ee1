//! What is heard of the logs of real replicas under real keepers.

use std::{collections::BTreeMap, fs};

use ops_core::{
    id::{ReleaseId, ServiceName},
    logs::OTHER,
    reading::{LogCount, LogLevel, LogReading},
    time::{BootId, Now},
    world::{
        ReleaseSpec,
        ReplicaState::{BackingOff, Running, Stopped},
    },
};
use ops_engine::ports::{Look, Senses, Target as _};

use crate::stand::{Stand, eventually, stamp};

/// Does each thing that the test asks for, once: `$SCRATCH/do.1`, `do.2` … are scripts.
const OBEDIENT: &str = "n=1; echo WARN ready; while :; do \
    if [ -e $SCRATCH/do.$n ]; then . $SCRATCH/do.$n; n=$((n+1)); else sleep 0.01; fi; done";

/// Counts by release, level and template.
type Counts = BTreeMap<(String, LogLevel, String), u64>;

/// A stand whose service listens to the test, and what was heard of it.
struct Room {
    stand: Stand,
    asked: u32,
    ms: u64,
    heard: Counts,
    dropped: u64,
}

impl Room {
    fn new(name: &str, replicas: u32) -> Self {
        let stand = Stand::new();
        let mut spec = stand.release(name, OBEDIENT);
        spec.replicas = replicas;
        let room = Self { stand, asked: 0, ms: 5_000, heard: Counts::new(), dropped: 0 };
        room.start(&spec);
        room
    }

    fn start(&self, spec: &ReleaseSpec) {
        self.stand.target.start(stamp(1, 1), spec).unwrap();
        eventually("it is ready", || {
            let logs = self.texts();
            let logs = logs.iter().filter(|(release, _)| *release == spec.release);
            logs.filter(|(_, text)| text.contains("out WARN ready\n")).count()
                == spec.replicas as usize
        });
    }

    /// What the logs hold of each replica.
    fn texts(&self) -> Vec<(ReleaseId, String)> {
        let logs = self.stand.target.logs(&ServiceName::from("shop")).unwrap();
        let text = |files: &[std::path::PathBuf]| {
            let bytes = files.iter().flat_map(|file| fs::read(file).unwrap_or_default());
            String::from_utf8_lossy(&bytes.collect::<Vec<u8>>()).into_owned()
        };
        logs.iter().map(|log| (log.release.clone(), text(&log.files))).collect()
    }

    /// Has every replica run a script.
    fn tell(&mut self, script: &str) {
        self.asked += 1;
        let made = self.stand.state().join("made");
        fs::write(&made, script).unwrap();
        fs::rename(&made, self.stand.state().join(format!("do.{}", self.asked))).unwrap();
    }

    /// Has every replica run a script, and waits until all that it wrote is in the logs.
    fn ask(&mut self, script: &str) {
        let done = format!("the end of {}", self.asked + 1);
        self.tell(&format!("{script}\necho '{done}'\n"));
        eventually(&done, || self.texts().iter().all(|(_, text)| text.contains(&done)));
    }

    fn try_reading(&mut self) -> Look<LogReading> {
        self.ms += 1_000;
        let wall = "2026-11-22T12:00:00Z".parse().unwrap();
        let now = Now { boot: BootId("boot".to_owned()), ms: self.ms, wall };
        Senses::logs(&self.stand.target, &ServiceName::from("shop"), &now)
    }

    fn reading(&mut self) -> LogReading {
        let reading = self.try_reading().unwrap();
        assert_eq!(reading.second, self.ms / 1000);
        reading
    }

    /// Listens once, and adds what is heard.
    fn listen(&mut self) {
        let reading = self.reading();
        self.dropped += reading.dropped;
        for LogCount { release, level, template, lines } in reading.counts {
            *self.heard.entry((release.0, level, template)).or_default() += lines;
        }
    }

    fn lines(&self, release: &str, level: LogLevel, template: &str) -> u64 {
        let key = (release.to_owned(), level, template.to_owned());
        self.heard.get(&key).copied().unwrap_or(0)
    }
}

#[test]
fn the_first_reading_begins_and_later_ones_count_by_level_and_template() {
    let mut room = Room::new("abc-1", 2);
    let first = room.reading();
    assert_eq!((first.counts, first.dropped), (Vec::new(), 0));
    room.ask(
        "echo 'ERROR order 42 of jane@doe.example lost' >&2\n\
         echo '\tat com.acme.Cart.add(Cart.java:12)' >&2\n\
         echo '{\"level\":\"warn\",\"msg\":\"slow store\",\"user\":\"jane\"}'\n\
         echo 'ERROR order 43 of joe@doe.example lost' >&2",
    );
    room.listen();
    assert_eq!(room.lines("abc-1", LogLevel::Error, "order <*> of <*> lost"), 4);
    assert_eq!(room.lines("abc-1", LogLevel::Warn, "slow store"), 2);
    assert_eq!(room.lines("abc-1", LogLevel::Info, OTHER), 2, "said once by each");
    assert_eq!((room.heard.len(), room.dropped), (3, 0));
    let again = room.reading();
    assert_eq!((again.counts, again.dropped), (Vec::new(), 0), "nothing is told twice");
}

#[test]
fn nothing_is_lost_where_a_log_rotates_between_readings() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    // 600 kB: more than two of the four files that share 1 MiB.
    room.ask(
        "i=0; while [ $i -lt 6000 ]; do i=$((i+1)); \
         echo \"WARN number $i of a hundred bytes, more or less, with a stamp before it\"; done",
    );
    let written: usize = room.texts().iter().map(|(_, text)| text.len()).sum();
    assert!(written > 500_000, "{written}");
    room.listen();
    let template = "number <*> of a hundred bytes, more or less, with a stamp before it";
    assert_eq!(room.lines("abc-1", LogLevel::Warn, template), 6000);
    room.ask("echo 'WARN one more'");
    room.listen();
    assert_eq!(room.lines("abc-1", LogLevel::Warn, "one more"), 1);
    assert_eq!(room.dropped, 0);
}

#[test]
fn lines_are_counted_once_while_a_log_grows_and_rotates() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    let template = "number <*> of a hundred bytes, more or less, with a stamp before it";
    for part in 1..=9 {
        // However seldom it is listened meanwhile, so much is not gone before it is heard.
        room.tell(
            "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); \
             echo \"WARN number $i of a hundred bytes, more or less, with a stamp before it\"; \
             done; echo 'WARN all is said'",
        );
        eventually("all is heard", || {
            room.listen();
            room.lines("abc-1", LogLevel::Warn, "all is said") == part
        });
        assert_eq!(room.lines("abc-1", LogLevel::Warn, template), part * 1000);
    }
    assert_eq!(room.dropped, 0);
}

#[test]
fn a_service_that_crashes_is_heard_in_all_its_lives() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    // Its next life begins with the first thing again, which is no longer there.
    room.tell("rm $SCRATCH/do.1; echo 'ERROR lost'; exit 3");
    eventually("a second life", || {
        room.listen();
        room.lines("abc-1", LogLevel::Warn, "ready") == 1
    });
    assert_eq!(room.lines("abc-1", LogLevel::Error, "lost"), 1);
    assert_eq!((room.heard.len(), room.dropped), (2, 0), "{:?}", room.heard);
}

#[test]
fn a_release_that_starts_meanwhile_is_heard_from_its_first_line_and_told_apart() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    let mut next = room.stand.release("def-2", OBEDIENT);
    next.replicas = 1;
    room.stand.target.start(stamp(1, 2), &next).unwrap();
    room.stand.wait_for(&[Running, Running]);
    eventually("it is heard", || {
        room.listen();
        room.lines("def-2", LogLevel::Warn, "ready") == 1
    });
    room.ask("echo \"ERROR $OPS_RELEASE has no stock\"");
    room.listen();
    for release in ["abc-1", "def-2"] {
        assert_eq!(room.lines(release, LogLevel::Error, "<*> has no stock"), 1, "{:?}", room.heard);
    }
    assert_eq!(room.lines("abc-1", LogLevel::Warn, "ready"), 0, "it was said before");
}

#[test]
fn a_flood_is_heard_in_part_and_what_comes_after_it_is_heard() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    // Less than a keeper keeps in a second, so that the end of it is kept, too.
    room.ask(
        "yes 'ERROR flood of lines that never ends, of some eighty bytes each' | head -c 12000000",
    );
    let reading = room.reading();
    let lines: u64 = reading.counts.iter().map(|count| count.lines).sum();
    assert!((100..=10_000).contains(&lines), "{lines}");
    assert!(reading.dropped > 0);
    let rest = room.reading();
    assert_eq!((rest.counts, rest.dropped), (Vec::new(), 0));
    room.ask("echo 'WARN after the flood'");
    room.listen();
    assert_eq!(room.lines("abc-1", LogLevel::Warn, "after the flood"), 1);
}

#[test]
fn what_was_written_during_a_long_pause_is_no_news() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    room.ask("echo 'ERROR of long ago'");
    room.ms += 60_000;
    let reading = room.reading();
    assert_eq!(reading.counts, []);
    assert!(reading.dropped > 0);
    room.ask("echo 'ERROR of now'");
    room.listen();
    assert_eq!(room.lines("abc-1", LogLevel::Error, "of now"), 1);
    assert_eq!(room.lines("abc-1", LogLevel::Error, "of long ago"), 0);
}

#[test]
fn a_line_that_is_cut_counts_once_and_a_binary_one_breaks_nothing() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    room.ask(
        "echo \"ERROR no room $(head -c 30000 /dev/zero | tr '\\0' x)\"\n\
         head -c 5000 /dev/urandom | tr -d '\\n'; echo\n\
         printf 'WARN \\000\\377\\n'\n\
         echo 'WARN after it'",
    );
    room.listen();
    assert_eq!(room.lines("abc-1", LogLevel::Error, "no room <*>"), 1, "{:?}", room.heard);
    assert_eq!(room.lines("abc-1", LogLevel::Warn, "after it"), 1);
    assert_eq!(room.dropped, 0);
    assert!(room.heard.len() <= 5, "{:?}", room.heard);
}

#[test]
fn last_words_of_a_release_that_stops_are_heard() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    room.ask("trap 'echo WARN going; exit 0' TERM");
    let release = ReleaseId::from("abc-1");
    room.stand.target.stop(stamp(1, 2), &ServiceName::from("shop"), &release).unwrap();
    room.stand.wait_for(&[Stopped]);
    assert!(!room.stand.states().contains(&BackingOff));
    eventually("its last words", || {
        room.listen();
        room.lines("abc-1", LogLevel::Warn, "going") == 1
    });
    room.stand.target.remove(stamp(1, 3), &ServiceName::from("shop"), &release).unwrap();
    let reading = room.reading();
    assert_eq!((reading.counts, reading.dropped), (Vec::new(), 0));
}

#[test]
fn a_log_that_cannot_be_read_is_an_error_and_no_silence() {
    let mut room = Room::new("abc-1", 1);
    room.listen();
    room.ask("echo 'WARN kept for later'");
    let logs = room.stand.replica("abc-1.0").join("logs");
    // Even root reads no file through a folder that is none.
    fs::rename(&logs, logs.with_extension("away")).unwrap();
    fs::write(&logs, "").unwrap();
    assert!(room.try_reading().is_err());
    fs::remove_file(&logs).unwrap();
    fs::rename(logs.with_extension("away"), &logs).unwrap();
    room.listen();
    assert_eq!(room.lines("abc-1", LogLevel::Warn, "kept for later"), 1);
}
