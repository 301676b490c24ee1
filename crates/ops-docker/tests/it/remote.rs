//! An engine that is reached over TCP with TLS.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use ops_conformance::{Ground as _, done, stamp};
use ops_core::world::ReplicaState::{Running, Stopped};
use ops_docker::{DockerTarget, Engine, Grounds};
use ops_engine::ports::{ActError, Target as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

use crate::{own::OwnEngine, stand::Stand};

/// Writes an authority and what it signed, for the server and for the client, as Docker names
/// them.
fn certificates(folder: &Path) {
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", authority.self_signed(&authority_key).unwrap().pem());
    let issuer = Issuer::new(authority, authority_key);
    for (certificate, key_file) in [("server-cert.pem", "server-key.pem"), ("cert.pem", "key.pem")]
    {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
        write(certificate, params.signed_by(&key, &issuer).unwrap().pem());
        write(key_file, key.serialize_pem());
    }
}

/// An engine that asks for the client's certificate, and where it is.
fn guarded() -> (OwnEngine, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let engine = OwnEngine::on_a_bridge(|folder| {
        certificates(folder);
        let file = |name: &str| folder.join(name).display().to_string();
        vec![
            format!("--host=tcp://{address}"),
            "--tlsverify".to_owned(),
            format!("--tlscacert={}", file("ca.pem")),
            format!("--tlscert={}", file("server-cert.pem")),
            format!("--tlskey={}", file("server-key.pem")),
        ]
    });
    (engine, address)
}

fn target(stand: &Stand, address: &str, certificates: &Path) -> DockerTarget {
    let grounds = Grounds {
        state_dir: stand.state().to_owned(),
        records_dir: stand.state().to_owned(),
        secrets_dir: stand.secrets_dir(),
        resolve: std::sync::Arc::new(|_: &str| Ok("value".to_owned())),
        ports: stand.ports,
        publish: Ipv4Addr::LOCALHOST,
        log_quota_mb: 2,
    };
    DockerTarget::new(Engine::remote(address, certificates).unwrap(), grounds)
}

#[test]
fn an_engine_is_spoken_to_over_tls_and_only_by_who_it_knows() {
    let (engine, address) = guarded();
    let stand = Stand::at(&engine.socket());
    let spec = stand.one("abc-1");
    let far = target(&stand, &address, engine.folder());
    done(|| far.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/"), "ok");
    assert_eq!(far.look(&stand.service()).unwrap(), stand.view());
    done(|| far.stop(stamp(1, 2), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped]);

    let strange = tempfile::tempdir().unwrap();
    certificates(strange.path());
    let stranger = target(&stand, &address, strange.path());
    assert!(stranger.look(&stand.service()).is_err());
    let answer = stranger.start(stamp(1, 3), &spec);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    stand.wait_for(&[Stopped]);
}

#[test]
fn p13_secrets_are_not_sent_to_an_engine_that_could_not_keep_them() {
    let (engine, address) = guarded();
    let stand = Stand::at(&engine.socket());
    let mut spec = stand.one("abc-1");
    spec.secrets = vec![("TOKEN".to_owned(), "env:TOKEN".to_owned())];
    let answer = target(&stand, &address, engine.folder()).start(stamp(1, 1), &spec);
    let Err(ActError::NotApplied(fault)) = answer else { panic!("{answer:?}") };
    assert!(fault.to_string().contains("another machine"), "{fault}");
    assert_eq!(stand.containers(), [""; 0]);
}
