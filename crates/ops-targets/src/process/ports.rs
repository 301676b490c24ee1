//! Ports that replicas may listen on.

use std::{
    collections::BTreeSet,
    fs::File,
    net::{Ipv4Addr, SocketAddrV4},
};

use ops_core::{id::ServiceName, world::Fault};
use ops_engine::ports::Look;
use rustix::{
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt},
};

use super::{ProcessTarget, layout::unwritable, orders::resting, turn};

const PLACE: &str = "process target";

impl ProcessTarget {
    /// Ports are chosen by one act at a time, over all services; a port is taken once its
    /// replica's folder stands.
    pub(super) fn port_turn(&self) -> Look<File> {
        std::fs::create_dir_all(&self.replicas).map_err(|e| unwritable(&self.replicas, &e))?;
        turn::lock(&self.replicas.join(".ports"))
    }

    /// The fixed port if it can be had, else the first of the range that nobody owns or holds.
    pub(super) fn choose_port(&self, fixed: Option<u16>) -> Look<u16> {
        if let Some(port) = fixed {
            return check_bindable(port).map(|()| port);
        }
        let owned = self.owned()?;
        let (first, last) = self.ports;
        for port in (first..=last).filter(|port| !owned.contains(port)) {
            if bindable(port)? {
                return Ok(port);
            }
        }
        Err(Fault::new(
            format!("no port of {first} to {last} is free"),
            PLACE,
            "widen the port range in ops.yaml, or keep fewer releases",
        ))
    }

    pub(super) fn count_free_ports(&self, first: u16, last: u16) -> Look<u32> {
        let owned = self.owned()?;
        let mut free = 0;
        for port in (first..=last).filter(|port| !owned.contains(port)) {
            free += u32::from(bindable(port)?);
        }
        Ok(free)
    }

    pub(super) fn port_can_be_had(&self, port: u16, service: &ServiceName) -> Look<bool> {
        let (mut by_us, mut by_others) = (false, false);
        for replica in self.all_known()?.iter().filter(|replica| replica.spec.port == port) {
            if replica.spec.service == service.as_str() {
                by_us |= !resting(&replica.folder)?;
            } else {
                by_others = true;
            }
        }
        Ok(!by_others && (by_us || bindable(port)?))
    }

    fn owned(&self) -> Look<BTreeSet<u16>> {
        Ok(self.all_known()?.iter().map(|replica| replica.spec.port).collect())
    }
}

/// Says so if something listens on a port.
pub(super) fn check_bindable(port: u16) -> Look<()> {
    if bindable(port)? {
        return Ok(());
    }
    Err(Fault::new(
        format!("something else has port {port}"),
        format!("port {port}"),
        format!("find it (`ss -ltnp sport = :{port}`) and stop it, or use another port"),
    ))
}

/// Whether a server could listen on a port now, on any address. Nothing listens meanwhile.
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
