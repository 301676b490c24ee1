//! An engine that is reached over TCP with TLS.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Command,
};

use ops_conformance::{Ground as _, done, stamp};
use ops_core::world::ReplicaState::{Running, Stopped};
use ops_docker::{DockerTarget, Engine, Grounds, Restored};
use ops_engine::ports::{ActError, Target as _};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, SanType};

use crate::{
    own::OwnEngine,
    secrets::{value, with_token},
    stand::{Stand, carrier_words, read_file},
};

/// Writes an authority and what it signed, for the server and for the client, as Docker names
/// them.
fn certificates(folder: &Path) {
    certificates_until(folder, 2_100);
}

/// The same, valid until the beginning of a year.
fn certificates_until(folder: &Path, year: i32) {
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
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.subject_alt_names = vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into())];
        write(certificate, params.signed_by(&key, &issuer).unwrap().pem());
        write(key_file, key.serialize_pem());
    }
}

/// An engine that asks for the client's certificate, and where it is.
fn guarded() -> (OwnEngine, String) {
    guarded_until(2_100)
}

fn guarded_until(year: i32) -> (OwnEngine, String) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let engine = OwnEngine::on_a_bridge(|folder| {
        certificates_until(folder, year);
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

fn grounds(stand: &Stand) -> Grounds {
    Grounds {
        state_dir: stand.state().to_owned(),
        records_dir: stand.state().to_owned(),
        secrets_dir: stand.secrets_dir(),
        carrier: carrier_words(),
        resolve: read_file(),
        ports: stand.ports,
        publish: Ipv4Addr::LOCALHOST,
        log_quota_mb: 2,
    }
}

fn target(stand: &Stand, address: &str, certificates: &Path) -> DockerTarget {
    DockerTarget::new(Engine::remote(address, certificates).unwrap(), grounds(stand))
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
    // Who shows a wrong certificate is told what is wrong, where, and what to do.
    let told = stranger.look(&stand.service()).unwrap_err().to_string();
    assert!(told.contains("certificate") && told.contains(&address), "{told}");
    assert!(told.contains("of one authority"), "{told}");
    let answer = stranger.start(stamp(1, 3), &spec);
    assert!(matches!(answer, Err(ActError::NotApplied(_))), "{answer:?}");
    stand.wait_for(&[Stopped]);
}

#[test]
fn p13_s16_s18_secrets_on_another_machine_are_as_on_this_one() {
    let (engine, address) = guarded();
    let stand = Stand::at(&engine.socket());
    let far = target(&stand, &address, engine.folder());
    let value = value(&stand);
    let (spec, source) = with_token(&stand, &value);
    let spec = Stand::with_container(spec, |one| one.user = Some("1234:1234".to_owned()));
    done(|| far.start(stamp(1, 1), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), value);
    assert!(stand.ask("/write/run/secrets/TOKEN").contains("ead-only"), "it is read-only");
    assert_eq!(stand.ask("/env/TOKEN"), "");

    // Nothing of it is in the engine or on a disk of its host, and no carrier is left.
    let id = stand.view().replicas[0].id.clone();
    assert!(!stand.docker(&["inspect", &id]).contains(&value));
    assert_eq!(stand.docker(&["ps", "-aq", "--filter", "label=ops.carrier"]), "");
    for place in [engine.folder(), stand.state()] {
        let found = Command::new("grep").args(["-r", "-l", &value]).arg(place).output().unwrap();
        assert!(found.stdout.is_empty(), "{}", String::from_utf8_lossy(&found.stdout));
    }

    // S16, S17: what runs keeps its own, also when it is started again; what was stopped does not.
    std::fs::write(&source, "second").unwrap();
    done(|| far.start(stamp(1, 2), &spec));
    stand.docker(&["restart", &id]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), value);
    done(|| far.stop(stamp(1, 3), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped]);
    done(|| far.start(stamp(1, 4), &spec));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), "second");

    // S18: what a reboot of that machine leaves.
    stand.docker(&["stop", &id]);
    assert_eq!(far.catch_up().unwrap(), Restored::default(), "somebody stopped it");
    std::fs::remove_dir_all(stand.secrets_dir()).unwrap();
    assert!(!stand.docker_says(&["start", &id]).status.success(), "it must not start without");
    let restored = far.catch_up().unwrap();
    assert_eq!((restored.started, restored.failed), (vec![id.clone()], vec![]));
    stand.wait_for(&[Running]);
    assert_eq!(stand.ask("/file/run/secrets/TOKEN"), "second");
    stand.docker(&["stop", &id]);
    assert_eq!(far.restore().unwrap().started, [id], "as on this machine");

    done(|| far.stop(stamp(1, 5), &stand.service(), &spec.release));
    stand.wait_for(&[Stopped]);
    done(|| far.remove(stamp(1, 6), &stand.service(), &spec.release));
    assert_eq!(std::fs::read_dir(stand.secrets_dir()).unwrap().count(), 0);
}

#[test]
fn p13_where_no_tmpfs_is_a_secret_is_not_brought() {
    let (engine, address) = guarded();
    let stand = Stand::at(&engine.socket());
    let (spec, _) = with_token(&stand, &value(&stand));
    let mut grounds = grounds(&stand);
    grounds.secrets_dir = stand.state().join("secrets");
    let far = DockerTarget::new(Engine::remote(&address, engine.folder()).unwrap(), grounds);
    let said = (0..20).map(|_| far.start(stamp(1, 1), &spec).unwrap_err().to_string());
    let told = said.into_iter().find(|said| !said.contains("being given it")).unwrap();
    assert!(told.contains("no tmpfs"), "{told}");
    assert_eq!(stand.containers(), [""; 0]);
    assert!(!stand.state().join("secrets").exists());
}

#[test]
fn p8_a_certificate_that_has_expired_is_told_as_that() {
    let (engine, address) = guarded_until(2_001);
    let stand = Stand::at(&engine.socket());
    let far = target(&stand, &address, engine.folder());
    let answer = far.start(stamp(1, 1), &stand.one("abc-1"));
    let Err(ActError::NotApplied(fault)) = answer else { panic!("{answer:?}") };
    let told = fault.to_string();
    assert!(told.to_lowercase().contains("expired") && told.contains(&address), "{told}");
    assert!(told.contains("valid now"), "{told}");
}

#[test]
fn p8_a_host_whose_name_nobody_knows_is_told_as_that() {
    let stand = Stand::new();
    let name = "no-such-host.invalid";
    let here = tempfile::tempdir().unwrap();
    certificates(here.path());
    let tls = Engine::remote(&format!("{name}:2376"), here.path()).unwrap();
    let ssh = Engine::through_ssh(name, Some(Path::new("/dev/null"))).unwrap();
    for engine in [tls, ssh] {
        let far = DockerTarget::new(engine, grounds(&stand));
        let answer = far.start(stamp(1, 1), &stand.one("abc-1"));
        let Err(ActError::NotApplied(fault)) = answer else { panic!("{answer:?}") };
        let told = fault.to_string();
        assert!(told.contains(name) && told.contains("correct the host's name"), "{told}");
    }
}
