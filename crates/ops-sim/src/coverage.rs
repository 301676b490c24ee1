//! What a simulation has met: states and inputs, rows of the table, faults and acts.

use std::{collections::BTreeMap, fmt::Write as _};

use ops_core::deploy::{
    Deployment, Input, PhaseName,
    table::{ROWS, allows},
};

use crate::world::{Deal, faults::Fate};

/// A phase, an input and the phase after it.
pub type Move = (PhaseName, &'static str, PhaseName);

/// Counts of one run or of many.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Decisions by phase and input.
    pub cells: BTreeMap<(PhaseName, &'static str), u64>,
    /// Decisions by phase, input and next phase.
    pub moves: BTreeMap<Move, u64>,
    /// Requests by people that a phase refused.
    pub refused: BTreeMap<(PhaseName, &'static str), u64>,
    /// Acts by fate.
    pub fates: BTreeMap<(Fate, &'static str), u64>,
    /// Decisions that the table does not allow, in words.
    pub forbidden: Vec<String>,
    /// Ends of deployments, by phase and cause.
    pub ends: BTreeMap<(&'static str, &'static str), u64>,
    /// Happenings by name.
    pub happenings: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Notes a decision.
    pub fn decided(&mut self, before: &Deployment, input: &Input, after: &Deployment) {
        let made = (before.phase_name(), input.name(), after.phase_name());
        *self.cells.entry((made.0, made.1)).or_insert(0) += 1;
        *self.moves.entry(made).or_insert(0) += 1;
        if !allows(made.0, made.1, made.2) {
            let (id, kind) = (after.id(), &after.created.kind);
            self.forbidden.push(format!("{id} ({kind:?}): {made:?}"));
        }
        let ended = after.at_rest() || made.2 == PhaseName::Frozen;
        if made.0 != made.2 && ended {
            let cause = after.cause().map_or("-", |cause| cause.name());
            *self.ends.entry((made.2.text(), cause)).or_insert(0) += 1;
        }
    }

    /// Notes a request by a person that was refused.
    pub fn was_refused(&mut self, phase: PhaseName, input: &'static str) {
        *self.refused.entry((phase, input)).or_insert(0) += 1;
        *self.cells.entry((phase, input)).or_insert(0) += 1;
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        sum(&mut self.cells, &other.cells);
        sum(&mut self.moves, &other.moves);
        sum(&mut self.refused, &other.refused);
        sum(&mut self.fates, &other.fates);
        sum(&mut self.ends, &other.ends);
        sum(&mut self.happenings, &other.happenings);
        self.forbidden.extend(other.forbidden.iter().cloned());
    }

    /// Rows of the table that were taken fewer than `least` times, except those listed.
    pub fn rare_rows(&self, least: u64, except: &[(Move, &str)]) -> Vec<(Move, u64)> {
        let all =
            ROWS.iter().flat_map(|(from, input, next)| next.iter().map(|to| (*from, *input, *to)));
        let wanted = all.filter(|row| !except.iter().any(|(listed, _)| listed == row));
        let count = |row: &Move| self.moves.get(row).copied().unwrap_or(0);
        wanted.map(|row| (row, count(&row))).filter(|(_, hits)| *hits < least).collect()
    }

    /// Cells that were met fewer than `least` times, except those listed.
    pub fn rare_cells(
        &self,
        least: u64,
        except: &dyn Fn(PhaseName, &str) -> Option<&'static str>,
    ) -> Vec<(PhaseName, &'static str, u64)> {
        let all = PhaseName::ALL.iter().flat_map(|phase| Input::NAMES.map(|input| (*phase, input)));
        let wanted = all.filter(|(phase, input)| except(*phase, input).is_none());
        let count = |cell| self.cells.get(&cell).copied().unwrap_or(0);
        wanted
            .map(|(phase, input)| (phase, input, count((phase, input))))
            .filter(|(_, _, hits)| *hits < least)
            .collect()
    }

    /// Acts that met one of the faults fewer than `least` times.
    pub fn rare_faults(&self, least: u64) -> Vec<(&'static str, &'static str, u64)> {
        let all = Fate::FAULTS.iter().flat_map(|fate| Deal::NAMES.map(|act| (*fate, act)));
        let count = |met| self.fates.get(&met).copied().unwrap_or(0);
        all.map(|(fate, act)| (fate.name(), act, count((fate, act))))
            .filter(|(_, _, hits)| *hits < least)
            .collect()
    }

    /// The tables, for people.
    pub fn tables(&self) -> String {
        let mut out = String::from("state × input\n");
        let _ = write!(out, "{:16}", "");
        for input in Input::NAMES {
            let _ = write!(out, "{input:>15}");
        }
        out.push('\n');
        for phase in PhaseName::ALL {
            let _ = write!(out, "{:16}", phase.text());
            for input in Input::NAMES {
                let hits = self.cells.get(&(phase, input)).copied().unwrap_or(0);
                let _ = write!(out, "{hits:>15}");
            }
            out.push('\n');
        }
        out.push_str("\nfault × act\n");
        let _ = write!(out, "{:18}", "");
        for act in Deal::NAMES {
            let _ = write!(out, "{act:>14}");
        }
        out.push('\n');
        for fate in Fate::FAULTS.iter().chain(&[Fate::Done]) {
            let _ = write!(out, "{:18}", fate.name());
            for act in Deal::NAMES {
                let hits = self.fates.get(&(*fate, act)).copied().unwrap_or(0);
                let _ = write!(out, "{hits:>14}");
            }
            out.push('\n');
        }
        out.push_str("\nends\n");
        for ((phase, cause), hits) in &self.ends {
            let _ = writeln!(out, "{phase:18}{cause:18}{hits:>8}");
        }
        out.push_str("\nhappenings\n");
        for (name, hits) in &self.happenings {
            let _ = writeln!(out, "{name:36}{hits:>8}");
        }
        out
    }
}

fn sum<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (key, hits) in from {
        *into.entry(*key).or_insert(0) += hits;
    }
}
