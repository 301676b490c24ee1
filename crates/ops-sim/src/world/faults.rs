//! What goes wrong, and how often it did.

use std::collections::BTreeMap;

use crate::{dice::Dice, injections::Injections};

/// What becomes of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It is done, and says so.
    Done,
    /// It is done, and says that nobody knows.
    DoneThenError,
    /// Of several things it does the first one, and says that nobody knows.
    Half,
    /// It is not done, and says so.
    Refused,
    /// It is not done, and says that nobody knows.
    Lost,
    /// It is not done, and says that it is.
    Hollow,
    /// It is done seconds after saying that nobody knows.
    Late,
    /// It is done seconds after saying that it is done.
    LateThoughOk,
    /// Somebody with a higher generation acted just before.
    Outrun,
}

impl Fate {
    /// All that go wrong.
    pub const FAULTS: [Self; 8] = [
        Self::DoneThenError,
        Self::Half,
        Self::Refused,
        Self::Lost,
        Self::Hollow,
        Self::Late,
        Self::LateThoughOk,
        Self::Outrun,
    ];

    /// A short name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::DoneThenError => "done, then error",
            Self::Half => "half, then error",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Hollow => "ok, not done",
            Self::Late => "late after error",
            Self::LateThoughOk => "late after ok",
            Self::Outrun => "outrun",
        }
    }
}

/// Parts of the world that can be down as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Where services run.
    Target,
    /// The door.
    Door,
    /// The artifact store.
    Store,
    /// Tickets.
    Planning,
    /// Messages.
    Meeting,
    /// Health probes.
    Prober,
    /// Disk and memory.
    Host,
    /// Secret references.
    Secrets,
    /// `ops.yaml`.
    Wishes,
    /// Declared signals.
    Metrics,
    /// The model.
    Model,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 11] = [
        Self::Target,
        Self::Door,
        Self::Store,
        Self::Planning,
        Self::Meeting,
        Self::Prober,
        Self::Host,
        Self::Secrets,
        Self::Wishes,
        Self::Metrics,
        Self::Model,
    ];

    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Door => "door",
            Self::Store => "store",
            Self::Planning => "planning board",
            Self::Meeting => "meeting board",
            Self::Prober => "prober",
            Self::Host => "host",
            Self::Secrets => "secrets",
            Self::Wishes => "wishes",
            Self::Metrics => "metrics",
            Self::Model => "model",
        }
    }
}

/// However seldom an act is, not more of it than this goes wrong, in thousandths.
const MOST_PERMILLE: u64 = 350;

/// Most tickets close after everything is mended, so that closing goes wrong more often before.
const MOST_CLOSE_PERMILLE: u64 = 700;

/// Each fault is as likely as every other one.
const FAULT_WEIGHT: u64 = 4;

/// The faults of one run.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Share of acts that go wrong, in thousandths.
    pub act_permille: u64,
    /// Share of looks that fail, in thousandths.
    pub look_permille: u64,
    /// Fates that are forced on the next acts of a name, for scripted scenarios.
    pub forced: Vec<(&'static str, Fate)>,
    down_until: BTreeMap<Part, u64>,
    slow_until: BTreeMap<Part, u64>,
    /// How often each fate met each act.
    pub counted: BTreeMap<(Fate, &'static str), u64>,
}

impl Faults {
    /// What becomes of the next act with this name.
    pub fn fate(
        &mut self,
        act: &'static str,
        dice: &mut Dice,
        injections: &mut Injections,
    ) -> Fate {
        let fate = match self.forced.iter().position(|(name, _)| *name == act) {
            Some(at) => self.forced.remove(at).1,
            None if dice.chance(self.permille(act)) => {
                let fate = dice.weighted(&Fate::FAULTS.map(|fate| (fate, FAULT_WEIGHT)));
                if injections.strikes() { fate } else { Fate::Done }
            }
            None => Fate::Done,
        };
        *self.counted.entry((fate, act)).or_insert(0) += 1;
        fate
    }

    /// What is done seldom goes wrong more often, so that each way of going wrong is met.
    fn permille(&self, act: &str) -> u64 {
        let times = match act {
            "close" => 20,
            "remove-route" => 11,
            "set-route" => 6,
            "remove" | "stop" => 4,
            "start" => 3,
            "import" => 2,
            _ => 1,
        };
        let most = if act == "close" { MOST_CLOSE_PERMILLE } else { MOST_PERMILLE };
        (self.act_permille * times).min(most.max(self.act_permille))
    }

    /// A part answers nothing until then.
    pub fn down(&mut self, part: Part, until: u64) {
        let end = self.down_until.entry(part).or_insert(0);
        *end = until.max(*end);
    }

    /// A part takes many seconds for each answer until then.
    pub fn slow(&mut self, part: Part, until: u64) {
        self.slow_until.insert(part, until);
    }

    /// Whether a part answers nothing.
    pub fn is_down(&self, part: Part, t: u64) -> bool {
        self.down_until.get(&part).is_some_and(|until| t < *until)
    }

    /// Whether a part takes many seconds for each answer.
    pub fn is_slow(&self, part: Part, t: u64) -> bool {
        self.slow_until.get(&part).is_some_and(|until| t < *until)
    }

    /// Nothing goes wrong from now on.
    pub fn stop(&mut self) {
        self.act_permille = 0;
        self.look_permille = 0;
        self.forced.clear();
        self.down_until.clear();
        self.slow_until.clear();
    }
}
