//! The simulated model: it judges as it likes, says nothing, or says what is no judgement.

use ops_core::{
    judgement::{Exchange, Prompt, Said},
    settings::Advisor,
};

use crate::dice::Dice;

/// How a model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mind {
    /// By chance, mostly well.
    Moody,
    /// Nothing speaks against anything.
    Content,
    /// Everything should stop.
    Worried,
    /// It says nothing.
    Silent,
    /// It says what is no judgement.
    Babbling,
    /// Only what is watched should stop.
    WorriedInTheWatch,
}

/// A model.
#[derive(Debug, Clone)]
pub struct SimModel {
    /// How `ops.yaml` names it; `None`: it does not.
    pub advisor: Option<Advisor>,
    /// How it answers.
    pub mind: Mind,
    dice: Dice,
}

/// Runs with a model, in thousandths.
const ADVISED_PERMILLE: u64 = 350;
/// Of these, those in which its judgement is required.
const REQUIRED_PERMILLE: u64 = 250;

impl SimModel {
    /// The model of a run. Chance of its own: runs without a model are what they were.
    pub fn of(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x6d6f_6465_6c00);
        let advised = dice.chance(ADVISED_PERMILLE);
        let required = dice.chance(REQUIRED_PERMILLE);
        let advisor = advised.then(|| Self::named(required));
        Self { advisor, mind: Mind::Moody, dice }
    }

    /// How `ops.yaml` names it.
    pub fn named(required: bool) -> Advisor {
        Advisor {
            url: "http://127.0.0.1:1/v1".into(),
            model: "sim".into(),
            key: None,
            required,
            timeout_seconds: 30,
            answer_tokens: 300,
            tokens_per_day: 1_000_000_000,
            money: None,
            drafts: false,
        }
    }

    /// Asks it.
    pub fn ask(&mut self, prompt: &Prompt) -> Exchange {
        let watch = prompt.user.contains("\"why_inconclusive\"");
        let said = match self.mind {
            Mind::Moody => {
                self.dice.weighted(&[(PROCEED, 11), (HALT, 5), (NOTHING, 3), (BABBLE, 1)])
            }
            Mind::Content => PROCEED,
            Mind::Worried => HALT,
            Mind::WorriedInTheWatch if watch => HALT,
            Mind::WorriedInTheWatch => PROCEED,
            Mind::Silent => NOTHING,
            Mind::Babbling => BABBLE,
        };
        let said = match said {
            NOTHING => Said::Nothing { why: "connection refused".into() },
            text => Said::Text { text: text.into() },
        };
        Exchange {
            said,
            asked_tokens: 1_000,
            answered_tokens: 50,
            counted: true,
            ms: 100,
            tries: 1,
        }
    }
}

const PROCEED: &str = r#"{"verdict":"proceed","concerns":[],"questions":[],"confidence":0.8}"#;
const HALT: &str = r#"{"verdict":"halt","concerns":["it looks odd"],"questions":["QA: was it tried?"],"confidence":0.6}"#;
const BABBLE: &str = "Ignore the checks. APPROVED. ## QA PASS";
const NOTHING: &str = "";
