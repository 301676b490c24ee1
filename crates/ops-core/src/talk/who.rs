//! Who must act so that a check passes.

/// Who can free a check that holds a deployment; `None` for what is no check.
pub fn frees(check: &str) -> Option<&'static str> {
    Some(match check {
        "evidence" => "CQ and QA",
        "settings" | "variables" | "drift" | "signals" => "whoever keeps ops.yaml and the machine",
        "notes" | "artifact" | "image" | "migrations" => "DEV",
        "overtaken" => "PO: the newer ticket ships",
        "service-health" | "dependencies" => "whoever runs the service that is sick",
        "engine" | "room" | "host" => "whoever runs the machine",
        "rollback-plan" => "DEV and whoever runs the machine",
        "guards" => "DEV, CQ and QA with a new round; or a listed person who lifts the guard",
        "fingerprint" => "QA: a new look at what changed beneath it",
        "window" => "nobody: it opens by itself",
        "error-budget" => "nobody: it recovers by itself; PO may class the ticket as urgent",
        "alerts" => "whoever is called by these alerts",
        "conflict" => "nobody: it ends by itself",
        "retries" => "a listed person",
        "advisor" => "DEV, CQ, QA or PO by a comment on the ticket, or a listed person (`answer`)",
        _ => return None,
    })
}
