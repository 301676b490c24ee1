//! Ports that are somebody else's are left alone.

use std::net::TcpListener;

use ops_core::{
    id::{ReleaseId, ServiceName},
    world::ReplicaState::{Running, Stopped},
};
use ops_engine::ports::ActError;

use crate::ground::{Ground, Program, addresses, done, stamp, states, view, wait_for};

/// Listens on a port of the ground's range.
fn hold_a_port(ground: &dyn Ground) -> (TcpListener, u16) {
    let (first, last) = ground.ports();
    let held = (first..=last).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let held = held.expect("a port of the range is free");
    let port = held.local_addr().expect("it has an address").port();
    (held, port)
}

fn port_of(address: &str) -> u16 {
    let port = address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    port.expect("an address ends with a port")
}

/// Held ports and those of resting replicas are given to nobody else.
pub fn ports_that_are_held_or_owned_are_passed_over(ground: &dyn Ground) {
    let target = ground.open();
    let service = ground.service();
    let (_held, port) = hold_a_port(ground);
    assert!(target.free_ports(port, port + 9, &[]).unwrap() <= 9);
    assert_eq!(target.free_ports(port, port, &[]).unwrap(), 0);
    assert!(!target.port_free(port, &service, &[]).unwrap());
    let spec = ground.release("abc-1", Program::Lives);
    done(|| target.start(stamp(1, 1), &spec));
    wait_for(ground, &*target, &[Running, Running]);
    let given = addresses(ground, &*target);
    let (first, last) = ground.ports();
    for own in given.iter().map(|address| port_of(address)) {
        assert!(own != port && (first..=last).contains(&own), "{given:?}");
        assert!(target.port_free(own, &service, &[]).unwrap(), "it is its own");
        assert_eq!(target.free_ports(own, own, &[]).unwrap(), 0);
    }
    done(|| target.stop(stamp(1, 2), &service, &spec.release));
    wait_for(ground, &*target, &[Stopped, Stopped]);
    for own in given.iter().map(|address| port_of(address)) {
        assert!(target.port_free(own, &service, &[]).unwrap(), "it is its own, and it rests");
        assert!(!target.port_free(own, &ServiceName::from("other"), &[]).unwrap());
        assert_eq!(target.free_ports(own, own, &[]).unwrap(), 0);
    }
}

/// A fixed port is had by one release after the other, and not while somebody else has it.
pub fn s7_a_fixed_port_is_given_and_what_holds_it_is_named(ground: &dyn Ground) {
    let target = ground.open();
    let (held, port) = hold_a_port(ground);
    let mut spec = ground.release("abc-1", Program::Lives);
    (spec.replicas, spec.fixed_port) = (1, Some(port));
    let Err(ActError::NotApplied(fault)) = target.start(stamp(1, 1), &spec) else {
        panic!("the port is held");
    };
    assert!(fault.to_string().contains(&port.to_string()), "{fault}");
    assert_eq!(states(ground, &*target), []);
    drop(held);
    done(|| target.start(stamp(1, 2), &spec));
    wait_for(ground, &*target, &[Running]);
    assert_eq!(view(ground, &*target).replicas[0].address, Some(format!("127.0.0.1:{port}")));
    done(|| target.stop(stamp(1, 3), &spec.service, &spec.release));
    wait_for(ground, &*target, &[Stopped]);
    spec.release = ReleaseId::from("def-2");
    done(|| target.start(stamp(1, 4), &spec));
    wait_for(ground, &*target, &[Stopped, Running]);
    spec.replicas = 2;
    assert!(matches!(target.start(stamp(1, 5), &spec), Err(ActError::NotApplied(_))));
}
