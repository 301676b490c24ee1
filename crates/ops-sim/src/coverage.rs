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
    /// Decisions by phase, input and next phase, but for ticks that changed no phase.
    pub moves: BTreeMap<Move, u64>,
    /// Ticks that changed no phase, by phase: most decisions are one of these.
    stills: [u64; PhaseName::ALL.len()],
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
        if matches!(input, Input::Tick) && made.0 == made.2 {
            if let Some(count) = self.stills.get_mut(made.0 as usize) {
                *count += 1;
            }
            return;
        }
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
    }

    /// Decisions and refusals by phase and input.
    fn cells(&self) -> BTreeMap<(PhaseName, &'static str), u64> {
        let mut cells = self.refused.clone();
        for ((from, input, _), count) in &self.moves {
            *cells.entry((*from, *input)).or_insert(0) += count;
        }
        for phase in PhaseName::ALL {
            *cells.entry((phase, Input::Tick.name())).or_insert(0) +=
                self.still(&(phase, Input::Tick.name(), phase));
        }
        cells
    }

    /// How often this was a tick that changed no phase.
    fn still(&self, (from, input, to): &Move) -> u64 {
        let still = from == to && *input == Input::Tick.name();
        let count = self.stills.get(*from as usize).filter(|_| still);
        count.copied().unwrap_or(0)
    }

    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        sum(&mut self.moves, &other.moves);
        for (all, one) in self.stills.iter_mut().zip(other.stills) {
            *all += one;
        }
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
        let count = |row: &Move| self.moves.get(row).copied().unwrap_or(0) + self.still(row);
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
        let cells = self.cells();
        let count = |cell| cells.get(&cell).copied().unwrap_or(0);
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
        let cells = self.cells();
        let _ = write!(out, "{:16}", "");
        for input in Input::NAMES {
            let _ = write!(out, "{input:>15}");
        }
        out.push('\n');
        for phase in PhaseName::ALL {
            let _ = write!(out, "{:16}", phase.text());
            for input in Input::NAMES {
                let hits = cells.get(&(phase, input)).copied().unwrap_or(0);
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
