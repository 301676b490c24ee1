//! A process that is killed while it appends.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use ops_engine::ports::Journal;

use super::{Place, SqliteJournal, append};

const CHILD: &str = "OPS_STORE_TEST_APPENDS_TO";
const ACK: &str = "ack ";

/// Kills and reaps the child however the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Appends without end and tells each record that was acknowledged.
fn append_until_killed(path: &std::path::Path) {
    let mut journal = SqliteJournal::open(path).unwrap();
    let first = journal.head().unwrap().0 + 1;
    for number in first.. {
        let record = append(&mut journal, number).unwrap();
        // Written past the test harness, which keeps the output of tests to itself.
        let mut out = std::io::stdout().lock();
        writeln!(out, "{ACK}{} {}", record.seq, record.hash).unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn p5_what_was_acknowledged_survives_a_kill() {
    if let Some(path) = std::env::var_os(CHILD) {
        append_until_killed(path.as_ref());
        return;
    }
    let place = Place::new();
    for round in 1..=8 {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--test-threads=1"])
            .arg("sqlite::tests::crash::p5_what_was_acknowledged_survives_a_kill")
            .env(CHILD, place.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut child = Killed(child);
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        let mut take = |line: String| {
            // The harness may have begun the line with its own words.
            if let Some((_, ack)) = line.split_once(ACK) {
                acknowledged.push(ack.to_owned());
            }
            acknowledged.len()
        };
        while take(lines.next().unwrap().unwrap()) < round * 5 {}
        child.0.kill().unwrap();
        // What was told between our last look and the kill counts too.
        for line in lines.map_while(Result::ok) {
            take(line);
        }
        child.0.wait().unwrap();

        let journal = place.open();
        let (last, _) = journal.verify().unwrap();
        let records = journal.after(0, usize::MAX).unwrap();
        assert_eq!(records.len() as u64, last);
        for ack in acknowledged {
            // The last line may have been cut by the kill.
            let Some((seq, hash)) = ack.split_once(' ').filter(|(_, hash)| hash.len() == 71) else {
                continue;
            };
            let seq: usize = seq.parse().unwrap();
            assert_eq!(records[seq - 1].hash.as_str(), hash);
            assert_eq!(records[seq - 1].body["number"], seq);
        }
    }
}
