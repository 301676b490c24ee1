//! Each goal can be missed: every test spoils one figure.

use super::*;
use crate::watch::{
    rivals,
    run::{Outcome, Trip},
    scenario::Truth,
    traffic::Cell,
};

/// Rows as they would be on a good day.
struct Day {
    nulls: Vec<nulls::Row>,
    harmful: Vec<detections::Row>,
    good: Vec<good::Row>,
}

fn outcome(ours: Option<Trip>, rival: Option<Trip>, good_enough: Option<u64>) -> Outcome {
    Outcome {
        ours: ours.map(|trip| (trip, "errors".to_owned())),
        good_enough,
        rivals: [rival; rivals::NAMES.len()],
        oracle: ours,
        bad: 9_000,
    }
}

fn at(at: u64, bad: u64) -> Trip {
    Trip { at, bad }
}

/// When ours finds a harm, and when the rivals do.
fn delays(cell: &Cell) -> (Trip, Trip) {
    match cell.scenario.name {
        "err100" => (at(2, 9), at(300, 1_500)),
        "err+10pp" => (at(10, 6), at(300, 150)),
        "err+2pp" if cell.rps > 100.0 => (at(11, 14), at(300, 375)),
        "err+2pp" => (at(100, 13), at(300, 40)),
        "lat1.5" => (at(20, 12), at(300, 190)),
        _ => (at(200, 60), at(300, 90)),
    }
}

fn day() -> Day {
    let null = |cell: &Cell| nulls::judge(cell, &vec![outcome(None, None, None); 10]);
    let harmful = |cell: &Cell| {
        let (ours, rival) = delays(cell);
        detections::judge(cell, &vec![outcome(Some(ours), Some(rival), None); 10])
    };
    let good = |cell: &Cell| {
        let said = (cell.scenario.truth == Truth::Continue).then_some(450);
        good::judge(cell, &vec![outcome(None, None, said); 10])
    };
    Day {
        nulls: cells::nulls().iter().map(null).collect(),
        harmful: cells::harmful().iter().map(harmful).collect(),
        good: cells::good().iter().chain(&cells::margins()).map(good).collect(),
    }
}

impl Day {
    fn goals(&self, whole: bool) -> Vec<Goal> {
        let Self { nulls, harmful, good } = self;
        goals(&Measured { nulls, harmful, good, whole })
    }

    /// The first words of all goals that are missed.
    fn missed(&self) -> Vec<String> {
        let missed = self.goals(true).into_iter().filter(|goal| !goal.met);
        missed.map(|goal| goal.goal.split(':').next().unwrap_or_default().to_owned()).collect()
    }

    fn null(&mut self, name: &str) -> &mut nulls::Row {
        self.nulls.iter_mut().find(|row| row.cell.unwrap().scenario.name == name).unwrap()
    }

    fn harm(&mut self, name: &str, rps: f64, warmup: u64) -> &mut detections::Row {
        let place = |row: &&mut detections::Row| {
            let cell = row.cell.unwrap();
            cells::is(&cell, name, rps, 0.1) && cell.warmup == warmup
        };
        self.harmful.iter_mut().find(place).unwrap()
    }

    fn good(&mut self, name: &str) -> &mut good::Row {
        let place = |row: &&mut good::Row| cells::is(&row.cell.unwrap(), name, 50.0, 0.1);
        self.good.iter_mut().find(place).unwrap()
    }
}

#[test]
fn a_good_day_meets_them_all() {
    assert_eq!(day().missed(), Vec::<String>::new());
    assert_eq!(day().goals(true).len(), 12);
}

#[test]
fn false_alarms_in_one_cell_are_enough_and_are_named() {
    let mut day = day();
    day.null("sticky").ours = 0.011;
    assert_eq!(day.missed(), ["G1"]);
    let figure = &day.goals(true)[0].figure;
    assert!(figure.contains("sticky 50/.1 1.10 %"), "{figure}");
}

#[test]
fn what_nobody_uses_must_stay_undecided() {
    for spoil in [(|row: &mut nulls::Row| row.ours = 0.001) as fn(&mut nulls::Row), |row| {
        row.good_enough = Some(0.001);
    }] {
        let mut day = day();
        spoil(day.null("null-night"));
        assert_eq!(
            day.missed(),
            ["a version that nobody uses is neither rolled back nor good enough"]
        );
    }
}

#[test]
fn total_failure_must_be_quick_and_cheap() {
    for spoil in [
        (|row: &mut detections::Row| row.ours.p95 = Some(6.0)) as fn(&mut detections::Row),
        |row| row.ours.bad = Some(16.0),
        |row| row.rivals.get_mut("F5").unwrap().bad = Some(800.0),
        |row| row.ours.p95 = None,
    ] {
        let mut day = day();
        spoil(day.harm("err100", 50.0, 30));
        assert_eq!(day.missed(), ["G2"]);
    }
}

#[test]
fn each_delay_is_compared_with_both_rivals() {
    for (name, rps, warmup, goal) in [
        ("err+10pp", 50.0, 30, "G3"),
        ("err+2pp", 50.0, 30, "G4"),
        ("err+2pp", 500.0, 30, "G4"),
        ("lat1.5", 50.0, 0, "G5"),
        ("lat1.2", 50.0, 0, "G5"),
        ("lat-tail", 50.0, 0, "G5"),
    ] {
        let mut later = day();
        later.harm(name, rps, warmup).ours.median = Some(290.0);
        assert_eq!(later.missed(), [goal], "{name}");
        let mut never = day();
        never.harm(name, rps, warmup).ours.median = None;
        assert_eq!(never.missed(), [goal], "{name}");
        let mut rival = day();
        rival.harm(name, rps, warmup).rivals.get_mut("F5").unwrap().median = Some(10.0);
        assert_eq!(rival.missed(), [goal], "{name}");
    }
}

#[test]
fn what_is_harmless_must_not_trip() {
    let mut day = day();
    day.null("null-harmless").ours = 0.001;
    assert_eq!(day.missed(), ["G6"]);
}

#[test]
fn good_enough_must_come_soon_and_rarely_where_it_is_wrong() {
    for (name, spoil) in [
        ("null", (|row: &mut good::Row| row.median = Some(501.0)) as fn(&mut good::Row)),
        ("null", |row| row.median = None),
        ("ni-margin-err", |row| row.said = 0.06),
        ("ni-margin-lat", |row| row.said = 0.06),
    ] {
        let mut day = day();
        spoil(day.good(name));
        assert_eq!(day.missed(), ["G7"], "{name}");
    }
}

#[test]
fn what_was_not_measured_is_missed_where_all_was_asked_for() {
    let nothing = Day { nulls: Vec::new(), harmful: Vec::new(), good: Vec::new() };
    assert_eq!(nothing.missed().len(), 12);
    assert!(nothing.goals(false).is_empty());
}
