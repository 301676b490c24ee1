//! The model that ops.yaml names: its key, and what must not leave the house with a question.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ops_advisor::ChatModel;
use ops_core::settings::Settings;
use ops_engine::ports::Advisor;

/// Values are read anew after this long: they rotate.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// A shorter value would take letters out of every text.
const VALUE_MIN: usize = 4;
/// What stands where a value was taken out.
const GONE: &str = "(redacted)";

/// The model; `settings` gives what governs, as it is known now.
pub(crate) fn advisor(
    settings: impl Fn() -> Option<Arc<Settings>> + Send + Sync + 'static,
) -> Arc<dyn Advisor> {
    let values = Values { settings: Box::new(settings), read: Mutex::default() };
    Arc::new(ChatModel::new(key, move |text| values.taken_out_of(text)))
}

/// Takes the values of all secrets that these settings refer to out of a text.
pub(crate) fn secrets_out_of(settings: &Settings) -> impl Fn(&str) -> String + use<> {
    let settings = Arc::new(settings.clone());
    let known = move || Some(Arc::clone(&settings));
    let values = Values { settings: Box::new(known), read: Mutex::default() };
    move |text| values.taken_out_of(text)
}

fn key(reference: &str) -> Result<Option<String>, String> {
    let found = ops_signals::secret_text(reference, "`advisor.api_key` in ops.yaml");
    found.map(Some).map_err(|fault| fault.to_string())
}

struct Values {
    settings: Box<dyn Fn() -> Option<Arc<Settings>> + Send + Sync>,
    read: Mutex<Option<(Instant, Vec<String>)>>,
}

impl Values {
    /// The text without the values of all secrets that ops.yaml refers to (P13).
    fn taken_out_of(&self, text: &str) -> String {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = read.as_ref().is_some_and(|(at, _)| at.elapsed() < READ_AGAIN);
        if !fresh {
            *read = Some((Instant::now(), self.values()));
        }
        let values = read.as_ref().map_or(&[][..], |(_, values)| values);
        values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), GONE))
    }

    /// Longest first: one may be part of another.
    fn values(&self) -> Vec<String> {
        let Some(settings) = (self.settings)() else { return Vec::new() };
        let found = references(&settings).into_iter().filter_map(|reference| {
            // What cannot be read cannot be in a text either.
            ops_signals::secret_text(&reference, "ops.yaml").ok()
        });
        let mut values: Vec<String> = found.filter(|value| value.len() >= VALUE_MIN).collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        values
    }
}

/// Every reference to a secret in ops.yaml.
fn references(settings: &Settings) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for secret in settings.services.values().flat_map(|service| service.secrets.values()) {
        all.push(secret.from.clone());
        all.extend(secret.previous.clone());
    }
    let boards = &settings.boards;
    all.extend(boards.gateways.values().filter_map(|gateway| gateway.token.clone()));
    if let Some(guest) = &boards.devteam {
        let own = |reference: &Option<String>, usual: &str| {
            reference.clone().unwrap_or_else(|| usual.to_owned())
        };
        all.push(own(&guest.planning_token, "env:PLANNING_BOARD_TOKEN"));
        all.push(own(&guest.meeting_token, "env:MEETING_BOARD_TOKEN"));
        all.push(own(&guest.gateway_token, "env:OPENCLAW_GATEWAY_TOKEN"));
    }
    all.extend(settings.advisor.as_ref().and_then(|advisor| advisor.key.clone()));
    all
}
