//! `ops watch replay`.

use std::{fs::File, io::Read as _, path::PathBuf, str::FromStr};

use ops_core::{
    record::duration,
    settings::floor,
    watch::{
        recorded,
        replay::{Decision, Replayed},
    },
};

use crate::{context::Context, exit::Exit, problem::Problem, ui::Paint};

/// Largest file that is read, in bytes.
const FILE_MAX: u64 = 256 << 20;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The series: CSV (`t,nc,xc,nb,xb`), JSON (`new`, `old`, `before`, `seconds`), or the answer
    /// of a Prometheus range query with the label `ops_role`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Bound of the chance of a false rollback
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    alpha: Share,
    /// The new version's share of the traffic, where the file does not say it
    #[arg(long, value_name = "SHARE")]
    weight: Option<Share>,
}

/// A share, written `10%` or `0.1`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Share(f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, part) = match text.strip_suffix('%') {
            Some(percent) => (percent.trim_end(), 100.0),
            None => (text, 1.0),
        };
        let share = number.parse::<f64>().map(|number| number / part).ok();
        share
            .filter(|share| *share > 0.0 && *share <= 1.0)
            .map(Self)
            .ok_or_else(|| "write a share above 0 and up to 100 %, like 10% or 0.1".to_owned())
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    if args.alpha.0 > floor::ALPHA_MAX {
        let most = 100.0 * floor::ALPHA_MAX;
        return Err(Problem::refused(format!("--alpha is above {most} %"))
            .hint("no deployment may have more false alarms; leave it out for 1 %"));
    }
    let name = args.file.display();
    let text = text(&args.file)?;
    let recorded = recorded::read(&text).map_err(|wrong| {
        Problem::refused(format!("{name}, {}: {}", wrong.place, wrong.why)).hint(wrong.next)
    })?;
    for note in &recorded.notes {
        context.ui.status(note);
    }
    let share = args.weight.map(|share| share.0).or(recorded.share);
    if share.is_none() && recorded.seconds.iter().all(|second| second.weights.is_empty()) {
        return Err(Problem::refused(format!("{name} does not say how traffic was shared"))
            .hint("name the new version's share, such as --weight 10%"));
    }
    let replayed = recorded.replayed(args.alpha.0, share);
    context.ui.answer(&replayed, |paint| words(&replayed, paint))?;
    Ok(Exit::Ok)
}

fn text(path: &PathBuf) -> Result<String, Problem> {
    let failed = |error: std::io::Error| Problem::file("read", path, &error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(Problem::refused(format!(
            "{} is larger than {} MB",
            path.display(),
            FILE_MAX >> 20
        ))
        .hint("cut it to one deployment"));
    }
    String::from_utf8(bytes).map_err(|wrong| {
        let at = wrong.utf8_error().valid_up_to();
        Problem::refused(format!("{} is no text from byte {at} on", path.display()))
            .hint("give it CSV, JSON or the answer of a Prometheus, in UTF-8")
    })
}

fn words(replayed: &Replayed, paint: Paint) -> String {
    let at = duration(replayed.at_seconds * 1_000);
    let decision = match replayed.decision {
        Decision::Rollback => paint.red("rollback"),
        Decision::Continue => paint.bold("continue"),
        Decision::GoodEnough => paint.green("good enough"),
    };
    let by = replayed.stream.as_ref().map_or_else(String::new, |stream| format!(" by {stream}"));
    format!("{decision} after {at}{by}: {}\n", replayed.words)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERR: &str = include_str!("../../../tests/data/watch-err10.csv");
    const NULL: &str = include_str!("../../../tests/data/watch-null.csv");
    const LAT: &str = include_str!("../../../tests/data/watch-lat2.csv");

    fn run(text: &str) -> Replayed {
        let recorded = recorded::read(text).unwrap();
        recorded.replayed(0.01, recorded.share)
    }

    #[test]
    fn ten_points_of_errors_twice_the_latency_and_nothing_are_told_apart() {
        let found = run(ERR);
        assert_eq!(found.decision, Decision::Rollback, "{found:?}");
        assert_eq!(found.stream.as_deref(), Some("errors"));
        let slow = run(LAT);
        assert_eq!(slow.decision, Decision::Rollback, "{slow:?}");
        assert!(slow.at_seconds > 30, "only what was warm counts: {slow:?}");
        assert_eq!(run(NULL).decision, Decision::Continue);
        let all = [ERR, NULL, LAT].map(|text| words(&run(text), Paint::PLAIN));
        insta::assert_snapshot!("replays", all.concat());
    }

    #[test]
    fn shares_are_read_in_both_ways() {
        assert_eq!("10%".parse(), Ok(Share(0.1)));
        assert_eq!("0.1".parse(), Ok(Share(0.1)));
        for wrong in ["", "%", "0", "-1%", "101%", "NaN", "inf", "ten"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
