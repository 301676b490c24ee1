//! What a person sees while the demo runs. Everything goes to stderr; stdout is for the report.

use std::{cell::RefCell, io::Write as _};

use crate::load::LoadHandle;
use ops_engine::DeploymentView;

/// The stage of the demo.
pub struct Show {
    quiet: bool,
    last: RefCell<String>,
}

impl Show {
    /// Says nothing at all if `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, last: RefCell::new(String::new()) }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            // Nobody to tell is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Where everything is.
    pub fn opening(&self, door: &str, boards: &str) {
        self.line(&format!(
            "shop: http://{door}/   boards: http://{boards}/   (Ctrl-C ends and clears everything)"
        ));
    }

    /// A ticket has come through the pipeline.
    pub fn ticket(&self, ticket: &str, title: &str, version: &str, fault: &str) {
        let fault = if fault == "nothing" {
            String::new()
        } else {
            format!("  (nobody knows yet: {fault})")
        };
        self.line(&format!("\n{ticket} «{title}» {version}: DEV, CQ and QA are done{fault}"));
    }

    /// Says what changed, and how the users fare.
    pub fn progress(&self, view: &DeploymentView, load: Option<&LoadHandle>) {
        let weight = view.weight.unwrap_or(0);
        let waiting = view.waiting_for.clone().unwrap_or_default();
        let key = format!("{} {weight} {waiting}", view.phase);
        if *self.last.borrow() == key {
            return;
        }
        self.last.replace(key);
        let users = load.map_or_else(String::new, |load| {
            let total = load.snapshot().total;
            format!(
                "  [{} requests, {} failed, {} lost]",
                total.requests,
                total.bad,
                total.lost.total()
            )
        });
        self.line(&format!("  {:<13} {weight:>3} %  {waiting}{users}", view.phase));
    }

    /// A deployment came to rest.
    pub fn ended(&self, view: &DeploymentView) {
        let cause = view.cause.as_ref().map_or_else(String::new, |cause| format!(": {cause}"));
        self.line(&format!("  → {} {}{cause}", view.id, view.phase));
    }
}
