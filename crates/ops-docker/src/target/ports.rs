//! Ports of the host that containers are published on.

use std::{
    collections::{BTreeSet, HashMap},
    net::{Ipv4Addr, SocketAddrV4},
};

use bollard::{Docker, models::ContainerSummary, query_parameters::ListContainersOptionsBuilder};
use ops_core::{id::ServiceName, world::Fault};
use ops_engine::ports::Look;
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt},
};

use super::{DockerTarget, names, record::Records};
use crate::engine::Trouble;

const PLACE: &str = "docker target";

/// What is known of the host's ports.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// Ports of replicas, by service; also of those that rest.
    ours: HashMap<u16, ServiceName>,
    /// Ports that containers have published, ours or not, and the service that their label names.
    published: HashMap<u16, Option<String>>,
    /// Whether this machine can be asked for the rest.
    local: bool,
}

impl Taken {
    /// Reads records and engine.
    pub(super) async fn read(
        records: &Records,
        docker: &Docker,
        local: bool,
    ) -> Result<Look<Self>, Trouble> {
        let filters = HashMap::from([("status", vec!["running", "paused", "restarting"])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let containers = docker.list_containers(Some(options)).await?;
        Ok(records.all().map(|all| {
            let mut taken = Self { local, ..Self::default() };
            for record in all {
                let ports = record.places.iter().filter_map(|place| place.port);
                taken.ours.extend(ports.map(|port| (port, record.spec.service.clone())));
            }
            taken.published.extend(containers.iter().flat_map(published));
            taken
        }))
    }

    /// Whether nothing listens on a port as far as can be told.
    pub(super) fn is_quiet(&self, port: u16) -> Look<bool> {
        if self.published.contains_key(&port) {
            return Ok(false);
        }
        if self.local { bindable(port) } else { Ok(true) }
    }

    /// The first port of a range that nobody owns or holds, apart from those that were tried.
    pub(super) fn choose(&self, (first, last): (u16, u16), tried: &BTreeSet<u16>) -> Look<u16> {
        for port in (first..=last).filter(|port| !tried.contains(port)) {
            if !self.ours.contains_key(&port) && self.is_quiet(port)? {
                return Ok(port);
            }
        }
        Err(Fault::new(
            format!("no port of {first} to {last} is free"),
            PLACE,
            "widen the port range in ops.yaml, or keep fewer releases",
        ))
    }
}

fn published(container: &ContainerSummary) -> Vec<(u16, Option<String>)> {
    let labels = container.labels.as_ref();
    let service = labels.and_then(|labels| labels.get(names::SERVICE)).cloned();
    let ports = container.ports.iter().flatten().filter_map(|port| port.public_port);
    ports.map(|port| (port, service.clone())).collect()
}

impl DockerTarget {
    fn taken(&self) -> Look<Taken> {
        let (records, local) = (self.records.clone(), self.engine.is_local());
        self.engine.ask(move |docker| async move { Taken::read(&records, &docker, local).await })?
    }

    pub(super) fn count_free_ports(&self, first: u16, last: u16) -> Look<u32> {
        let taken = self.taken()?;
        let mut free = 0;
        for port in (first..=last).filter(|port| !taken.ours.contains_key(port)) {
            free += u32::from(taken.is_quiet(port)?);
        }
        Ok(free)
    }

    pub(super) fn port_can_be_had(&self, port: u16, service: &ServiceName) -> Look<bool> {
        let taken = self.taken()?;
        match taken.ours.get(&port) {
            Some(owner) if owner != service => Ok(false),
            // What listens there is of the service itself, and leaves before the next one comes.
            Some(_)
                if taken
                    .published
                    .get(&port)
                    .is_some_and(|of| of.as_deref() == Some(service.as_str())) =>
            {
                Ok(true)
            }
            _ => taken.is_quiet(port),
        }
    }
}

/// What is to be said of a port that somebody else has.
pub(super) fn held(port: u16) -> Fault {
    Fault::new(
        format!("something else has port {port}"),
        format!("port {port}"),
        format!(
            "find it (`ss -ltnp sport = :{port}`, `docker ps`) and stop it, or use another port"
        ),
    )
}

/// Whether the engine's words say that a port is taken.
pub(super) fn says_taken(trouble: &Trouble) -> bool {
    let Trouble::Refused { words, .. } = trouble else { return false };
    words.contains("port is already allocated") || words.contains("address already in use")
}

/// Whether a server could listen on a port of this machine now, on any address.
fn bindable(port: u16) -> Look<bool> {
    let attempt = || {
        let socket =
            socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        // As servers do: connections that are fading away do not hold the port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port))
    };
    match attempt() {
        Ok(()) => Ok(true),
        Err(Errno::ADDRINUSE | Errno::ACCESS) => Ok(false),
        Err(error) => Err(Fault::new(
            format!("it cannot be told whether port {port} is free: {error}"),
            PLACE,
            "check the limit of open files",
        )),
    }
}
