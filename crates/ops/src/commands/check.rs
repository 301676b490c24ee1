//! `ops check`.

use ops_core::{id::ServiceName, record::Notice, settings::Settings, watch::selftest::weak};
use ops_engine::ports::{ActError, Ports, Target as _};

use super::{doctor, engines, findings::Findings};
use crate::{context::Context, exit::Exit, problem::Problem, serve};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Prove too that boards, edge, target, artifacts, secrets and alerts answer, and send a test
    /// to everybody whom `notify` lists
    #[arg(long)]
    online: bool,
}

pub(crate) fn run(context: &Context, args: &Args) -> Result<Exit, Problem> {
    // The file as it is being written: what governs is told by whether it is committed.
    let loaded = match ops_config::load_working_copy(&context.config) {
        Ok(loaded) => loaded,
        // For a program, what is wrong is the answer.
        Err(error) if context.ui.json() => {
            context.ui.answer(&error.to_json(), |_| String::new())?;
            return Ok(Exit::Configuration);
        }
        Err(error) => return Err(error.into()),
    };
    if loaded.uncommitted {
        context.ui.warning("this ops.yaml is not committed: until it is, the last commit governs");
    }
    let settings = &loaded.settings;
    let mut findings = Findings::default();
    findings.good("ops.yaml", summary(settings));
    gates(settings, &mut findings);
    if args.online {
        online(context, settings, &mut findings)?;
    }
    context.ui.answer(&findings, |paint| findings.text(paint))?;
    Ok(if findings.well() { Exit::Ok } else { Exit::Refused })
}

fn summary(settings: &Settings) -> String {
    let services: Vec<_> = settings.services.keys().map(ServiceName::as_str).collect();
    format!(
        "is right: {} with {} ({})",
        settings.project,
        if services.len() == 1 { "one service" } else { "several services" },
        services.join(", ")
    )
}

/// A watch that would not find a regression is no gate (S22).
fn gates(settings: &Settings, findings: &mut Findings) {
    for (name, service) in &settings.services {
        if let Some(why) = weak(service) {
            findings.bad(
                &format!("watch of {name}"),
                format!("is no gate: {why}"),
                format!("raise `services.{name}.watch.min_requests` in ops.yaml"),
            );
        }
    }
}

fn online(context: &Context, settings: &Settings, findings: &mut Findings) -> Result<(), Problem> {
    if !context.state.is_dir() {
        findings.bad(
            "state",
            format!("there is no {}", context.state.display()),
            "start `ops serve`",
        );
        return Ok(());
    }
    let ports = serve::looking_ports(context, settings)?;
    findings.look("boards", ports.planning.me().map(|me| format!("open; ops is {me}")));
    doctor::door(context, Some(settings), findings)?;
    for environment in settings.environments.values() {
        let (first, last) = environment.ports;
        let free = context.target(settings)?.free_ports(first, last, &[]);
        let about = format!("target {}", environment.name);
        let seen = free.map(|free| format!("{free} of the ports {first}-{last} are free"));
        findings.look(&about, seen);
    }
    engines::look(&*ports.target, settings, findings);
    artifacts(context, findings);
    secrets(&ports, settings, findings);
    outside(&ports, settings, findings);
    Ok(())
}

/// Systems and people outside: alerts are asked, and people get a test.
fn outside(ports: &Ports, settings: &Settings, findings: &mut Findings) {
    for source in &settings.gate.alerts {
        let seen = ports.alerts.firing(source);
        let about = format!("alerts of {}", source.name);
        findings.look(&about, seen.map(|firing| format!("answer; {} fire now", firing.len())));
    }
    let notice = Notice::test(&settings.project);
    for who in &settings.notify {
        let about = format!("notice to {}", who.name);
        match ports.herald.tell(who, &notice) {
            Ok(()) => findings.good(&about, "a test was taken".to_owned()),
            Err(
                ActError::NotApplied(fault) | ActError::Unknown(fault) | ActError::Stale(fault),
            ) => findings.bad(&about, fault.what, fault.next),
        }
    }
    for environment in settings.environments.values() {
        for path in &environment.host.certificates {
            let left = ports.host.certificate(path);
            let seen = left.map(|seconds| format!("valid for {} days", seconds / 86_400));
            findings.look(&format!("certificate {path}"), seen);
        }
    }
}

fn artifacts(context: &Context, findings: &mut Findings) {
    let folder = context.state.join("artifacts");
    let made = std::fs::create_dir_all(&folder);
    let proven = made.and_then(|()| {
        let probe = folder.join(".probe");
        std::fs::write(&probe, b"ops")?;
        std::fs::remove_file(&probe)
    });
    match proven {
        Ok(()) => findings.good("artifacts", format!("{} can be written", folder.display())),
        Err(error) => findings.bad(
            "artifacts",
            format!("{} cannot be written: {error}", folder.display()),
            "check its owner and the room on its disk",
        ),
    }
}

fn secrets(ports: &Ports, settings: &Settings, findings: &mut Findings) {
    for service in settings.services.values() {
        for (name, secret) in &service.secrets {
            let about = format!("secret {} of {}", name, service.name);
            match ports.secrets.version(&secret.from) {
                Ok(Some(_)) => findings.good(&about, "is there"),
                Ok(None) => {
                    findings.bad(&about, "has no value", "set it, for the daemon's account");
                }
                Err(fault) => findings.bad(&about, fault.what, fault.next),
            }
        }
    }
}
