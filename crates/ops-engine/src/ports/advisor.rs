use ops_core::{
    judgement::{Exchange, Prompt},
    settings,
};

/// A model.
///
/// A call may take as long as `to.timeout_seconds`, unlike those of all other ports: nothing waits
/// for it but the one deployment or message that asked, and that one no longer than this.
pub trait Advisor: Send + Sync {
    /// Asks once. Whatever goes wrong is told in the exchange; only what came whole is its text.
    fn ask(&self, to: &settings::Advisor, prompt: &Prompt) -> Exchange;
}

/// Where no model can be asked.
#[derive(Debug)]
pub struct NoAdvisor;

impl Advisor for NoAdvisor {
    fn ask(&self, _: &settings::Advisor, _: &Prompt) -> Exchange {
        Exchange::none("this ops asks no model")
    }
}
