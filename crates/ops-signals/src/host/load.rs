//! How busy the machine is.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
};

use ops_core::world::Fault;
use ops_engine::ports::Look;

/// Longest beginning of `/proc/stat` that is read, in bytes: some thousands of cores.
const STAT_LIMIT: u64 = 1 << 20;

/// The load average over five minutes, divided by the number of cores that are online.
///
/// The load is that of the whole machine, so the cores are, too: what a control group or an
/// affinity leaves to ops itself has nothing to do with it.
pub(super) fn per_core(proc: &Path) -> Look<f64> {
    let path = proc.join("loadavg");
    let text = super::read(&path)?.ok_or_else(|| unreadable(&path, "there is none"))?;
    let load = text
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|word| word.parse::<f64>().ok())
        .filter(|load| load.is_finite() && *load >= 0.0)
        .ok_or_else(|| unreadable(&path, "its second word is not a load"))?;
    Ok(load / f64::from(cores(&proc.join("stat"))?))
}

/// Lines `cpu0`, `cpu1` and so on, which stand first.
fn cores(path: &Path) -> Look<u32> {
    let file = File::open(path).map_err(|e| unreadable(path, e))?;
    let mut cores = 0;
    for line in BufReader::new(file.take(STAT_LIMIT)).lines() {
        let line = line.map_err(|e| unreadable(path, e))?;
        let Some(rest) = line.strip_prefix("cpu") else { break };
        cores += u32::from(rest.starts_with(|c: char| c.is_ascii_digit()));
    }
    if cores == 0 { Err(unreadable(path, "it names no core")) } else { Ok(cores) }
}

fn unreadable(path: &Path, why: impl std::fmt::Display) -> Fault {
    let what = format!("cannot learn how busy the machine is: {why}");
    Fault::new(what, path.display().to_string(), "mount /proc and let ops's user read it")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUR: &str =
        "cpu  1 2 3\ncpu0 1\ncpu1 1\ncpu2 1\ncpu3 1\nintr 5\ncpu9 is no line of it\n";

    fn load(loadavg: &str, stat: &str) -> Look<f64> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("loadavg"), loadavg).unwrap();
        std::fs::write(dir.path().join("stat"), stat).unwrap();
        per_core(dir.path())
    }

    #[test]
    fn it_is_the_five_minutes_per_core() {
        let told = load("8.00 2.00 1.00 1/112 31320\n", FOUR).unwrap();
        assert!((told - 0.5).abs() < 1e-9, "{told}");
        let here = per_core(Path::new("/proc")).unwrap();
        assert!((0.0..100_000.0).contains(&here), "{here}");
    }

    #[test]
    fn p8_what_makes_no_sense_is_an_error() {
        for text in ["", "1.0", "1.0 many 1.0", "1.0 NaN 1.0", "1.0 -1 1.0", "1.0 inf 1.0"] {
            assert!(load(text, FOUR).is_err(), "{text:?}");
        }
        for stat in ["", "cpu  1 2 3\n", "intr 1\ncpu0 1\n", "\u{0}"] {
            let told = load("1 1 1 1/1 1", stat).unwrap_err();
            assert!(told.place.ends_with("stat"), "{told}");
        }
        assert!(per_core(Path::new("/nowhere")).is_err());
    }
}
