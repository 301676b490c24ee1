//! The words of an answer: short, exact, nothing that the facts do not say.

use std::fmt::Write as _;

use super::{
    Capacity, Explained, Facts, Health, Past, Reported, Room, ServiceRoom, Serving, UnderWay,
};
use crate::record::{duration, person, quoted, said};

/// Longest answer, in characters: a board takes more, nobody reads it.
const ANSWER_MAX: usize = 6_000;
/// Longest evidence or remedy that an answer quotes.
const QUOTE: usize = 600;
/// Longest words of a person.
const SAID: usize = 300;
const HELP: &str = "I answer to: status (of a service), explain MNS-7 or D-12, health, capacity, history, \
                    incidents, metrics. I do: halt (D-12), look at MNS-7 now, incident shop: what users \
                    see; for listed people resume (D-12), abort D-12, rollback D-12, lift D-12: why, answer MNS-7: why, \
                    resolved I-1.";

/// Says facts.
pub fn words(facts: &Facts) -> String {
    let text = match facts {
        Facts::Serving { serving } if serving.is_empty() => "nothing of that serves.".to_owned(),
        Facts::Serving { serving } => list(serving.iter().map(served)),
        Facts::Status { serving, under_way, more, halted_by } => {
            status(serving, under_way, *more, halted_by.as_deref())
        }
        Facts::Explained(explained) => explain(explained),
        Facts::NoSuch { named, list } => {
            format!("there is no {}; `{list}` names those that there are.", said(named, 40))
        }
        Facts::Queued { ticket, words } => {
            format!(
                "{ticket} is in rfp, and nothing is under way for it: {}.",
                quoted(words, QUOTE)
            )
        }
        Facts::Unknown { named, queue_ms } => unknown(named, *queue_ms),
        Facts::Health { services, alerts } => health(services, alerts.as_ref()),
        Facts::Capacity(capacity) => room(capacity),
        Facts::History { past } if past.is_empty() => "no deployment of that is known.".to_owned(),
        Facts::History { past } => list(past.iter().map(was)),
        Facts::Incidents { open } if open.is_empty() => "no incident is open.".to_owned(),
        Facts::Incidents { open } => list(open.iter().map(incident)),
        Facts::Incident(one) => format!("{}.", incident(one)),
        Facts::Noted { incident, raised, again } => noted(incident, *raised, *again),
        Facts::Done { by, words } | Facts::Refused { by, words } => format!("{by}: {words}."),
        Facts::Never { by, promise } => format!(
            "{by}: no, {} ({}). Instead: {}.",
            promise.reason(),
            promise.number(),
            promise.instead()
        ),
        Facts::Metrics(metrics) => metrics.words(),
        Facts::Help => HELP.to_owned(),
    };
    bounded(text)
}

fn bounded(text: String) -> String {
    if text.chars().count() <= ANSWER_MAX {
        return text;
    }
    let mut short: String = text.chars().take(ANSWER_MAX).collect();
    short.push('…');
    short
}

fn list(lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<_> = lines.collect();
    format!("\n- {}", lines.join("\n- "))
}

fn ago(ms: u64) -> String {
    format!("{} ago", duration(ms / 1_000 * 1_000))
}

fn served(one: &Serving) -> String {
    let version = quoted(&one.version, 64);
    format!("{} {version} serves on {} ({})", one.service, one.environment, one.by)
}

fn goes(one: &UnderWay) -> String {
    let UnderWay { id, asked_by, service, environment, phase, waits } = one;
    let waits = quoted(waits, QUOTE);
    format!("{id} ({asked_by}, {service} on {environment}) is {phase}: {waits}.")
}

fn status(
    serving: &[Serving],
    under_way: &[UnderWay],
    more: usize,
    halted_by: Option<&str>,
) -> String {
    let halted = halted_by.map(|by| {
        format!("everything is halted by {by}; nothing begins until a listed person says resume")
    });
    let more = (more > 0).then(|| format!("and {more} more under way"));
    let lines: Vec<_> = halted
        .into_iter()
        .chain(serving.iter().map(served))
        .chain(under_way.iter().map(goes))
        .chain(more)
        .collect();
    if lines.is_empty() {
        return "nothing serves yet and nothing is under way.".into();
    }
    list(lines.into_iter())
}

fn explain(one: &Explained) -> String {
    let mut text = format!(
        "{} ({}, {} on {}) is {}.",
        one.deployment, one.asked_by, one.service, one.environment, one.phase
    );
    if let Some(because) = &one.because {
        let _ = write!(text, " Why: {}.", quoted(because, QUOTE));
    }
    for lack in &one.lacks {
        let _ = write!(
            text,
            "\n- {} ({}): {}",
            lack.check,
            lack.verdict,
            quoted(&lack.evidence, QUOTE)
        );
        if !lack.remedy.is_empty() {
            let _ = write!(text, "\n  First: {}", quoted(&lack.remedy, QUOTE));
        }
        if let Some(who) = &lack.who {
            let _ = write!(text, "\n  Who: {who}");
        }
    }
    if !one.untold.is_empty() {
        let _ = write!(text, "\n- cannot be told before that: {}", one.untold.join(", "));
    }
    let behind = if one.lacks.is_empty() && one.untold.is_empty() { " " } else { "\n" };
    if let Some(waits) = &one.waits {
        let _ = write!(text, "{behind}It is {}.", quoted(waits, QUOTE));
    }
    if let Some(next) = &one.next {
        let space = if one.waits.is_some() { " " } else { behind };
        let _ = write!(text, "{space}Next: {}.", quoted(next, QUOTE));
    }
    text
}

fn unknown(named: &str, queue_ms: Option<u64>) -> String {
    let named = said(named, 40);
    let read = match queue_ms {
        Some(ms) => format!("it was not in rfp when the queue was read, {}", ago(ms)),
        None => "the queue has not been read since ops started".into(),
    };
    format!(
        "nothing is known of {named}: no deployment of it, and {read}. What ops takes up has status rfp, \
         moved there by QA (or by DEV after a merge), a verdict each of CQ and QA after its last change, \
         and deployment notes with service, artifact and version. Check the number, or ask PO where it is."
    )
}

fn health(services: &[Health], alerts: Option<&(Vec<String>, u64)>) -> String {
    if services.is_empty() {
        return "ops.yaml has no service of that name.".into();
    }
    let alerts = match alerts {
        None => "alerts: not read since ops started".to_owned(),
        Some((names, ms)) if names.is_empty() => format!("alerts: none fired, {}", ago(*ms)),
        Some((names, ms)) => {
            format!("alerts: {} fired, {}", quoted(&names.join(", "), SAID), ago(*ms))
        }
    };
    list(services.iter().map(does).chain([alerts]))
}

fn does(one: &Health) -> String {
    let mut text = format!("{} on {}", one.service, one.environment);
    match &one.serves {
        Some((version, by)) => {
            let _ = write!(text, ": {} serves ({by})", quoted(version, 64));
        }
        None => text.push_str(": nothing that ops deployed serves"),
    }
    if let Some((id, phase)) = &one.under_way {
        let _ = write!(text, "; {id} is {phase}");
    }
    match &one.seen {
        None => text.push_str("; not looked at since ops started: it looks while it deploys"),
        Some(seen) => {
            let _ = write!(text, "; seen {}: ", ago(seen.ago_ms));
            let each = seen.probed.iter().map(|probed| {
                let why = probed.why.as_ref();
                let why = why.map_or_else(String::new, |why| format!(" ({})", quoted(why, 120)));
                let version = quoted(&probed.version, 64);
                format!("{} of {} of {version} healthy{why}", probed.healthy, probed.asked)
            });
            let each: Vec<_> = each.collect();
            let probed =
                if each.is_empty() { "no replica answered".into() } else { each.join(", ") };
            text.push_str(&probed);
            if !seen.sick.is_empty() {
                let _ =
                    write!(text, "; sick dependencies: {}", quoted(&seen.sick.join(", "), SAID));
            }
        }
    }
    if !one.incidents.is_empty() {
        let _ = write!(text, "; open incidents: {}", one.incidents.join(", "));
    }
    text
}

fn room(capacity: &Capacity) -> String {
    let rooms = capacity.rooms.iter().map(left);
    list(rooms.chain(capacity.services.iter().map(takes)))
}

fn left(one: &Room) -> String {
    let Some(ms) = one.ago_ms else {
        return format!(
            "{}: room not known, no deployment was checked there since ops started",
            one.environment
        );
    };
    format!(
        "{}: {} of disk, {} of memory, {} ports free, read {}",
        one.environment,
        size(one.disk_free),
        size(one.memory_free),
        one.ports_free,
        ago(ms)
    )
}

fn size(bytes: u64) -> String {
    const MB: u64 = 1 << 20;
    const GB: u64 = 1 << 30;
    if bytes >= 10 * GB { format!("{} GB", bytes / GB) } else { format!("{} MB", bytes / MB) }
}

fn takes(one: &ServiceRoom) -> String {
    let rate = match &one.rate {
        Some(rate) => {
            let span = duration(rate.seconds.saturating_mul(1_000));
            format!("{:.1} requests per second over {span} ({})", rate.per_second, rate.counted)
        }
        None => "requests per second not known".into(),
    };
    let memory = match one.memory_mb {
        0 => String::new(),
        mb => format!(" of {mb} MB each"),
    };
    format!(
        "{} on {}: {} replicas{memory}, at least {} serve; {rate}",
        one.service, one.environment, one.replicas, one.min_serving
    )
}

fn was(one: &Past) -> String {
    let version = one.version.as_ref().map_or_else(String::new, |v| format!(" {}", quoted(v, 64)));
    let tickets = one.tickets.join(" and ");
    let tickets = if tickets.is_empty() { String::new() } else { format!(" ({tickets})") };
    let cause =
        one.cause.as_ref().map_or_else(String::new, |why| format!(": {}", quoted(why, 160)));
    let when = one.last.strftime("%Y-%m-%d %H:%M UTC");
    format!(
        "{}{tickets} {}{version} on {}: {}, {when}{cause}",
        one.id, one.service, one.environment, one.phase
    )
}

fn incident(one: &Reported) -> String {
    let Reported { incident, resolved } = one;
    let attached = incident
        .deployment
        .map_or_else(|| "attached to no deployment".to_owned(), |id| format!("attached to {id}"));
    let ended = resolved.as_ref().map_or_else(String::new, |(by, at)| {
        format!(", resolved by {} at {}", person(by), at.strftime("%Y-%m-%d %H:%M UTC"))
    });
    format!(
        "{} on {} of {}, reported by {} at {}: «{}», {attached}{ended}",
        incident.id,
        incident.environment,
        incident.service,
        person(&incident.by),
        incident.at.strftime("%Y-%m-%d %H:%M UTC"),
        said(&incident.words, SAID)
    )
}

fn noted(one: &Reported, raised: bool, again: bool) -> String {
    let incident = &one.incident;
    let id = incident.id;
    let what = if again { "is known already" } else { "is noted" };
    let attached = match incident.deployment {
        Some(deployment) if raised => format!(
            "{deployment} is watched for longer because of it; that proves nothing and takes nothing \
             back by itself"
        ),
        Some(deployment) => format!(
            "it is attached to {deployment}, whose watch is not running; nothing is taken back by itself"
        ),
        None => "nothing that ops deployed serves there, so it is attached to nothing".into(),
    };
    let back = incident.deployment.map_or_else(String::new, |deployment| {
        let word = if raised { "abort" } else { "rollback" };
        format!(" `{word} {deployment}` by a listed person takes it back;")
    });
    format!(
        "{}: {id} {what} ({} on {}, «{}»): {attached}. Next:{back} a ticket with `fixes: {id}` mends it; \
         `resolved {id}` by a listed person ends it.",
        person(&incident.by),
        incident.service,
        incident.environment,
        said(&incident.words, SAID)
    )
}
