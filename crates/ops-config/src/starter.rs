//! The `ops.yaml` that `ops init` writes: short, commented, and fitting the folder.

mod adopted;
mod detect;

use std::path::Path;

pub use adopted::{Adopted, adopted_block};
use detect::{Found, detect};

/// A commented `ops.yaml` for a folder. It reads without complaint as it is; what is guessed says
/// so. The folder is only looked at: nothing is run or written.
pub fn starter(dir: &Path) -> String {
    let found = detect(dir);
    written(&quote(&found.project), &service(&found), DOOR)
}

/// The same for a service that somebody else started and that ops is to adopt.
pub fn starter_adopting(adopted: &Adopted) -> String {
    let door = if adopted.port == Some(DOOR_PORT) { MOVED_DOOR } else { DOOR };
    written(&quote(&adopted.name), &adopted::service(adopted), door)
}

/// `project` and `service` as YAML.
fn written(project: &str, service: &str, door: &str) -> String {
    format!(
        "\
# What ops deploys, where, how, and who decides. It governs as it stands in a commit.
# `ops check` reads this file and says what is wrong; `ops schema` is for your editor.
version: 1
project: {project}

# Who is who on the planning board. DEV, CQ and QA of a change must be three identities.
# Working alone? Add `solo: true`; one identity may then have the roles [dev, cq, qa].
people:
  po@example.org: po
  dev@example.org: dev
  cq@example.org: cq
  qa@example.org: qa
operators: [po@example.org]   # who may resume, answer and roll back

services:
  {project}:
{service}
# Everything below has a default; remove the `#` to change it.
# environments:
#   production: {{ ports: 20000-20999 }}   # replicas get ports from here
# boards:
#   embedded: {{ listen: 127.0.0.1:8088, me: ops@example.org, channel: standup }}
# windows: [{{ name: night, deny: {{ cron: \"0 20 * * *\", zone: Europe/Berlin, for: 11h }} }}]
# notify: [{{ name: on call, webhook: \"https://example.org/hook\", token: env:HOOK_TOKEN }}]
{door}
# retention: {{ releases: 5, store: 5GB, logs: 100MB }}
# heartbeat: 15m
# advisor: {{ model: gpt-5-mini, timeout: 30s, tokens_per_day: 200000 }}
"
    )
}

fn service(found: &Found) -> String {
    let command: Vec<String> = found.command.iter().map(|word| quote(word)).collect();
    let mut lines = vec![format!("    # {}", found.reason)];
    lines.extend(found.notes.iter().map(|note| format!("    # {note}")));
    lines.push(format!("    command: [{}]", command.join(", ")));
    if !found.routed {
        lines.push(WITHOUT_ROUTE.to_owned());
        return lines.join("\n");
    }
    lines.push("    route: { path: / }             # which requests are this service's".to_owned());
    lines.push(
        "    # health: { path: /healthz }    # without a path, the port must accept connections"
            .to_owned(),
    );
    if let Some(port) = found.port {
        lines.push(format!(
            "    # If it cannot listen elsewhere than on port {port}: `strategy: recreate`, and"
        ));
        lines.push(format!("    # fixed_port: {port}"));
    }
    lines.push(WITH_ROUTE.to_owned());
    lines.join("\n")
}

/// The port on which the door takes requests unless told otherwise.
const DOOR_PORT: u16 = 8080;
const DOOR: &str = "# edge: { listen: [127.0.0.1:8080] }     # where requests arrive";
const MOVED_DOOR: &str =
    "edge: { listen: [127.0.0.1:8000] }       # where requests arrive; 8080 is taken so far";

const WITH_ROUTE: &str = "    \
# env: { LOG: info }            # plain variables
    # secrets: { DB_URL: env:DB_URL }   # references, never values
    # replicas: 2
    # smoke: [{ get: /, status: 200 }]  # must succeed through the door
    # slo: { errors: 1%, p99: 500ms }   # limits whatever the old version did
    # strategy: canary              # 5 %, 25 %, 50 %; or blue-green, or recreate
    # watch: 15m                    # both versions side by side, the old one warm to the end
";

const WITHOUT_ROUTE: &str = "    \
# It takes no requests as far as can be seen. If it does, pass it its port with
    # \"{port}\" in the command, and say which requests are its own:
    # route: { path: / }
    # env: { LOG: info }            # plain variables
    # secrets: { DB_URL: env:DB_URL }   # references, never values
    # signals:                      # what Prometheus knows of each version
    #   queue: { prometheus: \"http://127.0.0.1:9090\", level: 'waiting{instance=~\"$instances\"}' }
    # watch: 15m
";

/// A word as YAML takes it, within a list in brackets.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-=".contains(c);
    let letter = |c: char| c.is_ascii_alphabetic() || c == '.' || c == '/';
    let flag = word.starts_with('-') && word.len() > 1 && !word.starts_with("---");
    let safe = word.chars().all(plain) && (word.starts_with(letter) || flag);
    let meaning = ["true", "false", "null", "yes", "no", "on", "off", ".nan", ".inf"];
    let number = word.trim_start_matches(['-', '.']).starts_with(|c: char| c.is_ascii_digit());
    if safe && !number && !meaning.contains(&word.to_lowercase().as_str()) {
        return word.to_owned();
    }
    // JSON's quotes are YAML's.
    serde_json::Value::from(word).to_string()
}
