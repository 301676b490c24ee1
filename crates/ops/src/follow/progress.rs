//! Shows how a deployment goes: one line per thing that happened, and on a terminal a last line
//! that moves.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ops_core::{checks::Check, record::duration};
use ops_engine::{DeploymentView, WatchView};

use crate::{ui::Ui, words};

/// Pause between two lines that say only that it still waits, where nothing moves.
const STILL_PAUSE: Duration = Duration::from_secs(15);
/// How often the last line moves.
const TICK: Duration = Duration::from_millis(120);

/// What was shown already.
pub(super) struct Progress<'a> {
    ui: &'a Ui,
    bar: Option<ProgressBar>,
    phase: String,
    checks: Vec<Check>,
    milestones: usize,
    concerns: usize,
    unreadable: Vec<String>,
    still: Instant,
}

impl<'a> Progress<'a> {
    pub(super) fn new(ui: &'a Ui) -> Self {
        let bar = ui.moves().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        let still = Instant::now();
        Self {
            ui,
            bar,
            phase: String::new(),
            checks: Vec::new(),
            milestones: 0,
            concerns: 0,
            unreadable: Vec::new(),
            still,
        }
    }

    /// Shows what is new.
    pub(super) fn show(&mut self, view: &DeploymentView) {
        if view.phase != self.phase {
            self.phase.clone_from(&view.phase);
            let phase = words::phase(&view.phase, self.ui.aside);
            self.line(&format!("{} {phase}", view.id));
        }
        let news = self.news(&view.checks);
        if !news.is_empty() {
            self.line(words::checks(&news, self.ui.aside, "  ").trim_end());
            self.checks.clone_from(&view.checks);
        }
        for (at, words) in view.milestones.iter().skip(self.milestones) {
            self.line(&format!("  {} {words}", at.strftime("%H:%M:%S")));
        }
        self.milestones = self.milestones.max(view.milestones.len());
        if let Some(watch) = view.watch.as_deref().filter(|_| view.observed_seconds > 0) {
            self.watch(watch);
        }
        let now = now_line(view);
        match &self.bar {
            Some(bar) => bar.set_message(now),
            None if self.still.elapsed() >= STILL_PAUSE => self.line(&format!("  … {now}")),
            None => {}
        }
    }

    /// What the watch has found odd, and which signals went away or came back.
    fn watch(&mut self, watch: &WatchView) {
        for concern in watch.concerns.iter().skip(self.concerns) {
            self.line(&format!("  looks odd: {concern}"));
        }
        self.concerns = self.concerns.max(watch.concerns.len());
        let gone = watch.signals.iter().filter(|signal| !signal.readable);
        let gone: Vec<_> = gone.map(|signal| signal.name.clone()).collect();
        let before = std::mem::replace(&mut self.unreadable, gone.clone());
        for name in gone.iter().filter(|name| !before.contains(name)) {
            self.line(&format!("  the signal {name} cannot be read: its seconds do not count"));
        }
        for name in before.iter().filter(|name| !gone.contains(name)) {
            self.line(&format!("  the signal {name} can be read again"));
        }
    }

    /// Says something beside it.
    pub(super) fn remark(&mut self, text: &str) {
        self.line(text);
    }

    /// Lets something else have the terminal.
    pub(super) fn pause<T>(&self, act: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(act),
            None => act(),
        }
    }

    /// Takes the moving line away.
    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// All checks at first; later those that say something else than before.
    fn news(&self, checks: &[Check]) -> Vec<Check> {
        let before = |check: &Check| self.checks.iter().find(|one| one.id == check.id);
        let news = |check: &&Check| before(check).is_none_or(|one| one.verdict != check.verdict);
        checks.iter().filter(news).cloned().collect()
    }

    fn line(&mut self, text: &str) {
        self.still = Instant::now();
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.ui.status(text),
        }
    }
}

fn now_line(view: &DeploymentView) -> String {
    let mut parts = Vec::new();
    if let Some(weight) = view.weight {
        parts.push(format!("{weight} % new"));
    }
    if let Some(left) = view.left_ms {
        parts.push(format!("{} left", duration(left)));
    }
    if let Some(watch) = view.watch.as_deref().filter(|_| view.observed_seconds > 0) {
        parts.push(words::watch_line(watch));
    }
    if let Some(waiting) = &view.waiting_for {
        parts.push(format!("waiting until {waiting}"));
    }
    parts.join(" · ")
}
