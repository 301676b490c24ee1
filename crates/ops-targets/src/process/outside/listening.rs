//! Which sockets listen at an address, as `/proc/net/tcp` and `tcp6` say.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use ops_core::world::Fault;
use ops_engine::ports::Look;

/// The state of a listening socket in those tables.
const LISTEN: &str = "0A";

/// The inodes of the sockets that take connections to an address.
pub(super) fn sockets(address: &str) -> Look<BTreeSet<u64>> {
    let wanted: SocketAddr = address.parse().map_err(|_| {
        Fault::new(
            "this is no address with a port",
            address,
            "write it like 127.0.0.1:8080 under `adopt.listens` in ops.yaml",
        )
    })?;
    let mut found = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match std::fs::read_to_string(table) {
            Ok(text) => found.extend(text.lines().filter_map(|line| listens(line, wanted))),
            // A machine may have no IPv6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let what = format!("who listens cannot be read: {error}");
                return Err(Fault::new(what, table, "check that /proc is mounted"));
            }
        }
    }
    Ok(found)
}

/// The inode of a table's line, if it listens there.
fn listens(line: &str, wanted: SocketAddr) -> Option<u64> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let takes = *state == LISTEN && port == wanted.port() && takes(parse(ip)?, wanted.ip());
    takes.then(|| inode.parse().ok()).flatten()
}

/// Whether a socket that listens at `at` takes connections to `wanted`.
fn takes(at: IpAddr, wanted: IpAddr) -> bool {
    let plain = |ip: IpAddr| ip.to_canonical();
    // The unspecified IPv6 address takes IPv4, too, unless told otherwise.
    let any = at.is_unspecified() && (at.is_ipv6() || wanted.is_ipv4());
    any || wanted.is_unspecified() || plain(at) == plain(wanted)
}

/// Words of 32 bits in the machine's own order.
fn parse(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let part = hex.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(part, 16).ok()?.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(local: &str, state: &str) -> String {
        format!(
            "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  1000  0 4711 1"
        )
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn an_address_is_taken_by_who_listens_there_or_everywhere() {
        let wanted = "127.0.0.1:8080".parse().unwrap();
        let six = "00000000000000000000000000000000:1F90";
        let mapped = "0000000000000000FFFF00000100007F:1F90";
        for (local, state, there) in [
            ("0100007F:1F90", "0A", true),
            ("00000000:1F90", "0A", true),
            (six, "0A", true),
            (mapped, "0A", true),
            ("0100007F:1F90", "01", false),
            ("0100007F:1F91", "0A", false),
            ("0200007F:1F90", "0A", false),
            ("nonsense", "0A", false),
        ] {
            let found = listens(&line(local, state), wanted);
            assert_eq!(found, there.then_some(4711), "{local} {state}");
        }
    }

    #[test]
    fn a_real_listener_is_found_and_a_free_port_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(sockets(&address).unwrap().len(), 1);
        drop(listener);
        assert!(sockets(&address).unwrap().is_empty());
    }
}
