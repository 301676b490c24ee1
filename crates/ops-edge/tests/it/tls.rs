//! TLS at the door.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use ops_core::route::{Manner, Route};
use ops_edge::{CertificateFiles, Edge, EdgeConfig, EdgeError};
use ops_engine::ports::Door as _;
use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::block_in_place,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

use crate::{
    backend::{Backend, Refusing},
    house::{House, config, leg, route, until},
    raw::{Server, agree_and_echo},
};

/// Writes a certificate of its own authority and its key.
fn write(dir: &Path, stem: &str, names: &[&str]) -> CertificateFiles {
    let files = CertificateFiles {
        chain: dir.join(format!("{stem}.pem")),
        key: dir.join(format!("{stem}.key")),
    };
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_after = rcgen::date_time_ymd(2200, 1, 1);
    let certificate = params.self_signed(&key).unwrap();
    fs::write(&files.chain, certificate.pem()).unwrap();
    fs::write(&files.key, key.serialize_pem()).unwrap();
    files
}

/// Connects to a name, trusting only the certificate of a file.
async fn connect(
    address: SocketAddr,
    name: &str,
    trusted: &Path,
    alpn: &[&[u8]],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(trusted).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

struct Secure {
    house: House,
    address: SocketAddr,
    temp: TempDir,
}

impl Secure {
    async fn open(certificates: impl FnOnce(&Path) -> Vec<CertificateFiles>) -> Self {
        let temp = TempDir::new().unwrap();
        let certificates = certificates(temp.path());
        let house = House::with(|config| {
            config.tls_listen = vec!["127.0.0.1:0".parse().unwrap()];
            config.certificates = certificates;
        })
        .await;
        let address = block_in_place(|| house.door.status()).unwrap().listen[1];
        Self { house, address, temp }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.temp.path().join(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_name_is_shown_its_certificate() {
    let secure = Secure::open(|dir| {
        vec![
            write(dir, "shop", &["shop.example", "*.shop.example"]),
            write(dir, "api", &["API.example"]),
        ]
    })
    .await;
    let (shop, api) = (secure.file("shop.pem"), secure.file("api.pem"));
    for (name, shown, other) in [
        ("shop.example", &shop, &api),
        ("www.shop.example", &shop, &api),
        ("api.example", &api, &shop),
    ] {
        connect(secure.address, name, shown, &[]).await.unwrap();
        assert!(connect(secure.address, name, other, &[]).await.is_err(), "{name}");
    }
    let status = block_in_place(|| secure.house.door.status()).unwrap().tls;
    assert_eq!(status.certificates[0].names, ["shop.example", "*.shop.example"]);
    assert!(status.certificates.iter().all(|it| it.days_left > 365.0), "{status:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_are_offered_and_services_are_told() {
    let secure = Secure::open(|dir| vec![write(dir, "shop", &["shop.example"])]).await;
    let a = Backend::start("a").await;
    secure.house.set(1, &route(vec![leg("a", 100, &[&a])]));
    let shop = secure.file("shop.pem");
    let stream = connect(secure.address, "shop.example", &shop, &[b"h2", b"http/1.1"]).await;
    let stream = stream.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, http_body_util::Empty<bytes::Bytes>>(
            executor, io,
        )
        .await
        .unwrap();
    tokio::spawn(connection);
    let ask = http::Request::get("https://shop.example/").body(http_body_util::Empty::new());
    assert_eq!(sender.send_request(ask.unwrap()).await.unwrap().status(), 200);
    let mut stream = connect(secure.address, "shop.example", &shop, &[]).await.unwrap();
    let ask = b"GET /headers HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains(r#""x-forwarded-proto": "https""#), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn p6_tunnels_pass_through_tls_and_are_told_to_go_when_their_release_leaves() {
    let secure = Secure::open(|dir| vec![write(dir, "shop", &["shop.example"])]).await;
    let server = Server::start(agree_and_echo).await;
    let mut to = route(vec![leg("old", 100, &[])]);
    to.legs[0].backends = vec![server.text()];
    to.manner.drain_ms = Some(100);
    secure.house.set(1, &to);
    let shop = secure.file("shop.pem");
    let alpn: &[&[u8]] = &[b"h2", b"http/1.1"];
    let (mut open, mut silent) = (Vec::new(), Vec::new());
    for (protocol, all) in [("websocket", &mut open), ("mine/1", &mut silent)] {
        // Who wants a tunnel asks for HTTP/1.1, as browsers do.
        let mut tunnel = connect(secure.address, "shop.example", &shop, &alpn[1..]).await.unwrap();
        assert_eq!(tunnel.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let ask = format!(
            "GET /chat HTTP/1.1\r\nhost: shop.example\r\nconnection: Upgrade\r\n\
             upgrade: {protocol}\r\n\r\n"
        );
        tunnel.write_all(ask.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tunnel.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        all.push(tunnel);
    }
    // Larger than a record of TLS, a buffer of ours and a socket's.
    let mut frame = vec![0x82, 127];
    frame.extend(1_000_000_u64.to_be_bytes());
    frame.resize(frame.len() + 1_000_000, b'x');
    for tunnel in open.iter_mut().chain(&mut silent) {
        let (mut read, mut write) = tokio::io::split(tunnel);
        let mut back = vec![0; frame.len()];
        let (sent, came) = tokio::join!(write.write_all(&frame), read.read_exact(&mut back));
        sent.unwrap();
        came.unwrap();
        assert!(back == frame, "the bytes came back changed");
    }
    assert_eq!(secure.house.in_flight("old"), Some(2));
    let new = Backend::start("new").await;
    secure.house.set(2, &Route { manner: to.manner, ..route(vec![leg("new", 100, &[&new])]) });
    // The end of TLS is said too, so that nobody could have cut the farewell off.
    let mut rest = Vec::new();
    open[0].read_to_end(&mut rest).await.expect("close_notify");
    assert_eq!(rest, [0x88, 0x02, 0x03, 0xe9]);
    rest.clear();
    silent[0].read_to_end(&mut rest).await.expect("close_notify");
    assert!(rest.is_empty(), "{rest:?}");
    drop((open, silent));
    until("the old release is drained", || secure.house.in_flight("old").is_none()).await;
    let arm = secure.house.arm_of("old", 2).await;
    assert_eq!((arm.s2xx, arm.errors()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_is_watched_through_the_front_where_all_of_it_is_tls() {
    let temp = TempDir::new().unwrap();
    let files = write(temp.path(), "shop", &["shop.example"]);
    let house = House::with(|config| {
        config.tls_listen = std::mem::take(&mut config.listen);
        config.certificates = vec![files];
    })
    .await;
    let (named, any) = (Backend::start("named").await, Backend::start("any").await);
    let probed = |service: &str| {
        let seconds = block_in_place(|| house.door.signals(&service.into(), 0)).unwrap();
        seconds.iter().fold((0, 0), |sum, it| (sum.0 + it.probes.sent, sum.1 + it.probes.failed))
    };
    let manner = || Box::new(Manner { probe_path: Some("/alive".to_owned()), ..Manner::default() });
    let all = Route { manner: manner(), ..route(vec![leg("any", 100, &[&any])]) };
    let one = Route { service: "named".into(), host: Some("shop.example".into()), ..all.clone() };
    house.set(1, &Route { legs: vec![leg("named", 100, &[&named])], ..one.clone() });
    house.set(1, &all);
    until("both were asked", || probed("shop").0 >= 2 && probed("named").0 >= 2).await;
    assert_eq!((probed("shop").1, probed("named").1), (0, 0));
    assert!(any.arrived() >= 2 && named.arrived() >= 2);
    let gone = Refusing::new();
    let mut bad = leg("named", 100, &[]);
    bad.backends = vec![gone.address.to_string()];
    house.set(2, &Route { legs: vec![bad], ..one });
    until("the front says that it fails", || probed("named").1 >= 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_files_come_into_force_together_or_not_at_all() {
    let secure = Secure::open(|dir| vec![write(dir, "shop", &["shop.example"])]).await;
    let old = secure.file("old.pem");
    fs::copy(secure.file("shop.pem"), &old).unwrap();
    let next = TempDir::new().unwrap();
    let new = write(next.path(), "shop", &["shop.example"]);
    let status = || block_in_place(|| secure.house.door.status()).unwrap().tls;
    // The certificate comes before its key: the old pair stays in force, and that is told.
    fs::copy(&new.chain, secure.file("shop.pem")).unwrap();
    until("the half pair was refused", || status().failed_reloads == 1).await;
    assert!(status().refused.is_some_and(|why| why.contains("does not go with")));
    connect(secure.address, "shop.example", &old, &[]).await.unwrap();
    fs::copy(&new.key, secure.file("shop.key")).unwrap();
    until("the whole pair is in force", || status().reloads == 1).await;
    connect(secure.address, "shop.example", &new.chain, &[]).await.unwrap();
    let status = status();
    assert_eq!((status.refused, status.failed_reloads), (None, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_does_not_start_with_a_key_of_another_certificate() {
    let temp = TempDir::new().unwrap();
    let (one, two) = (write(temp.path(), "one", &["a"]), write(temp.path(), "two", &["b"]));
    let with = |files: CertificateFiles| EdgeConfig {
        tls_listen: vec!["127.0.0.1:0".parse().unwrap()],
        certificates: vec![files],
        ..config(&temp.path().join("state"))
    };
    let mixed = CertificateFiles { key: two.key.clone(), ..one.clone() };
    let missing = CertificateFiles { chain: temp.path().join("none"), ..one.clone() };
    let no_pem = CertificateFiles { chain: two.key, ..one };
    for files in [mixed, missing, no_pem] {
        let error = Edge::bind(with(files)).await.err().unwrap();
        assert!(matches!(error, EdgeError::Certificate { .. }), "{error}");
    }
    let none = EdgeConfig { certificates: Vec::new(), ..with(two_files(temp.path())) };
    assert!(matches!(Edge::bind(none).await.err().unwrap(), EdgeError::Tls { .. }));
}

fn two_files(dir: &Path) -> CertificateFiles {
    write(dir, "three", &["c"])
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tls_hurts_nobody() {
    let secure = Secure::open(|dir| vec![write(dir, "shop", &["shop.example"])]).await;
    let mut odd = TcpStream::connect(secure.address).await.unwrap();
    odd.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let _ = odd.read_to_end(&mut rest).await;
    connect(secure.address, "shop.example", &secure.file("shop.pem"), &[]).await.unwrap();
}
