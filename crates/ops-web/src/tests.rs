//! Addresses, and HTTPS with certificates that hold and that do not.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    process::Command,
    thread,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, Stream};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use super::*;

/// Tells a copy of this test which address to ask, and that it is the copy.
const ASK: &str = "OPS_TEST_ASK";

/// What the copy prints before what it was told.
const TOLD: &str = "the caller was told: ";

/// The name of the test that starts a copy of itself.
const HTTPS: &str = "tests::https_is_spoken_with_whom_the_machine_trusts_and_nobody_else";

#[test]
fn p13_of_an_address_only_scheme_and_host_are_told() {
    let told = origin("https://hooks.example:8443/services/T0/hunter2?key=hunter2").unwrap();
    assert_eq!(told, "https://hooks.example:8443");
    assert_eq!(origin("http://[::1]:9093").as_deref(), Ok("http://[::1]:9093"));
    for wrong in [
        "",
        "hunter2",
        "/hunter2",
        "ftp://hunter2/",
        "hunter2.example:80",
        "http://",
        "http:///x",
        "https://me:hunter2@chat.example/",
        "http://a b/",
        "http://a:99999/",
        "http://a:/",
        "http://a:hunter2/",
        "http://a/\r\nX: hunter2",
        &format!("http://a/{}", "x".repeat(ADDRESS_LIMIT)),
    ] {
        assert!(!origin(wrong).unwrap_err().contains("hunter2"), "{wrong}");
    }
}

/// A server that speaks TLS with a certificate for 127.0.0.1 and answers each request once.
struct Server {
    address: String,
    pem: String,
}

impl Server {
    fn with(name: &str, until: i32) -> Self {
        let mut wish = CertificateParams::new(vec![name.to_owned()]).unwrap();
        wish.not_before = date_time_ymd(2020, 1, 1);
        wish.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = wish.self_signed(&key).unwrap();
        let chain = vec![CertificateDer::from(certificate.der().to_vec())];
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key.into())
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = format!("https://{}", listener.local_addr().unwrap());
        // It ends with the process of the test; nobody waits for it.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let mut tls = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = Stream::new(&mut tls, &mut stream);
                // A caller that does not trust it goes away.
                if stream.read(&mut [0; 4096]).is_ok() {
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            }
        });
        Self { address, pem: certificate.pem() }
    }

    /// What a caller is told whose machine trusts this certificate, or another one.
    fn told_to_one_who_trusts(&self, pem: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let trusted = dir.path().join("trusted.pem");
        std::fs::write(&trusted, pem).unwrap();
        let copy = Command::new(std::env::current_exe().unwrap())
            .args([HTTPS, "--exact", "--nocapture"])
            .env(ASK, &self.address)
            .env("SSL_CERT_FILE", &trusted)
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&copy.stdout).into_owned();
        let line = text.lines().find_map(|line| line.split_once(TOLD)).map(|(_, told)| told);
        line.unwrap_or_else(|| panic!("the copy said nothing: {text}")).to_owned()
    }
}

fn ask(address: &str) -> String {
    match agent(Duration::from_secs(3), Some(Duration::from_secs(20))).get(address).call() {
        Ok(mut answer) => answer.body_mut().read_to_string().unwrap(),
        Err(error) => format!("{:?}", Broken::from(error)),
    }
}

/// What a machine trusts is read from files that are named in the environment, so the question is
/// asked by a copy of this test with another environment.
#[test]
fn https_is_spoken_with_whom_the_machine_trusts_and_nobody_else() {
    if let Ok(address) = std::env::var(ASK) {
        println!("\n{TOLD}{}", ask(&address));
        return;
    }
    let good = Server::with("127.0.0.1", 2100);
    let stranger = Server::with("127.0.0.1", 2100);
    assert_eq!(good.told_to_one_who_trusts(&good.pem), "ok");
    let told = good.told_to_one_who_trusts("");
    assert!(told.contains("ca-certificates") && told.contains("unsent: true"), "{told}");
    let ended = Server::with("127.0.0.1", 2021);
    let misnamed = Server::with("elsewhere.example", 2100);
    for (server, trusted, why) in [
        (&good, &stranger, "is from nobody this machine trusts"),
        (&ended, &ended, "has ended"),
        (&misnamed, &misnamed, "is for another name"),
    ] {
        let told = server.told_to_one_who_trusts(&trusted.pem);
        assert!(told.contains(why) && told.contains("unsent: true"), "{told}");
    }
    let plain = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("https://{}", plain.local_addr().unwrap());
    let answering = thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
    });
    assert!(ask(&address).starts_with("Broken"), "plain HTTP is no HTTPS");
    answering.join().unwrap();
}
