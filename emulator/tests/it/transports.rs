//! AMQP over TLS and over WebSockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use entra_forwarder_emulator::{Action, Emulator, Fault, Layers, Options, Tls};
use fe2o3_amqp::types::messaging::Body;
use fe2o3_amqp::types::primitives::Value;
use fe2o3_amqp::{Receiver, Sender};
use fe2o3_amqp_ws::WebSocketStream;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::Authority;
use crate::raw::{Raw, address};
use crate::support::*;

const LIMIT: usize = 20 * 1024 * 1024;
const PATH: &str = "/$servicebus/websocket/";

/// An emulator with a port over TLS and one for WebSockets over TLS.
struct Ports {
    emulator: Emulator,
    authority: Authority,
    tls: SocketAddr,
    websocket: SocketAddr,
}

impl Ports {
    async fn open() -> Self {
        let options = Options {
            max_message_size: LIMIT,
            ..Options::with_hub(HUB, 1)
        };
        let emulator = Emulator::start(options).await.unwrap();
        let authority = Authority::new();
        let made = authority.certify(&["localhost"]);
        let tls = Tls::from_pem(&made.certificate, &made.key).unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let amqps = emulator.listen(any, Layers::tls(tls.clone())).await;
        let websocket = emulator.listen(any, Layers::websocket(tls)).await;
        Self {
            tls: amqps.unwrap(),
            websocket: websocket.unwrap(),
            emulator,
            authority,
        }
    }

    async fn connect(&self, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        let pem = self.authority.pem();
        let own = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        roots.add(own).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    async fn over_tls(&self) -> Raw {
        Raw::over(self.connect(self.tls).await.unwrap()).await
    }

    async fn over_websocket(&self) -> Raw {
        let stream = self.connect(self.websocket).await.unwrap();
        let url = format!("wss://localhost{PATH}");
        let opening = WebSocketStream::connect_with_stream(url, stream);
        Raw::over(in_time(opening).await.unwrap()).await
    }
}

fn body(number: usize, length: usize) -> Vec<u8> {
    (0..length)
        .map(|n| ((n * 7 + number) % 251) as u8)
        .collect()
}

async fn next(reading: &mut Receiver) -> Vec<u8> {
    let delivery = in_time(reading.recv::<Body<Value>>()).await.unwrap();
    match delivery.into_body() {
        Body::Data(sections) => sections.into_iter().flat_map(|data| data.0).collect(),
        other => panic!("{other:?}"),
    }
}

/// Reads events of all sizes, survives a detach, and sends one.
async fn goes_both_ways(mut raw: Raw, emulator: &Emulator) {
    let sizes = [1, 1_000, 100_000, LIMIT - 1_000, 10];
    for (number, size) in sizes.into_iter().enumerate() {
        emulator.append(HUB, 0, body(number, size)).unwrap();
    }
    raw.authorise().await;
    let attach = async |raw: &mut Raw, name: &str| {
        let attached = Receiver::attach(&mut raw.session, name, address(0)).await;
        attached.unwrap()
    };
    let mut reading = attach(&mut raw, "a").await;
    for (number, size) in sizes.into_iter().enumerate() {
        let came = next(&mut reading).await;
        assert!(came == body(number, size), "event {number} of {size} bytes");
    }
    emulator.faults().inject(Fault::once(Action::detach()));
    let ended = in_time(reading.recv::<Body<Value>>()).await;
    assert!(format!("{ended:?}").contains("DetachForced"), "{ended:?}");
    let mut reading = attach(&mut raw, "b").await;
    assert!(next(&mut reading).await == body(0, 1));
    let mut sending = Sender::attach(&mut raw.session, "p", HUB).await.unwrap();
    in_time(sending.send("sent")).await.unwrap();
    assert_eq!(emulator.last_sequence(HUB, 0).unwrap(), 5);
    raw.close().await;
    until("the end", || emulator.open_connections() == 0).await;
}

#[tokio::test]
async fn amqp_over_tls() {
    let ports = Ports::open().await;
    goes_both_ways(ports.over_tls().await, &ports.emulator).await;
    assert_eq!(ports.emulator.stop().await.leaked, 0);
}

#[tokio::test]
async fn amqp_over_websocket_over_tls() {
    let ports = Ports::open().await;
    goes_both_ways(ports.over_websocket().await, &ports.emulator).await;
    assert_eq!(ports.emulator.stop().await.leaked, 0);
}

/// The status line and headers of the answer to a request to upgrade.
async fn upgrade(ports: &Ports, path: &str, protocols: &str) -> String {
    let mut stream = ports.connect(ports.websocket).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {protocols}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(in_time(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(answer).unwrap().to_ascii_lowercase()
}

#[tokio::test]
async fn websockets_of_other_clients() {
    let ports = Ports::open().await;
    for (offered, chosen) in [("AMQPWSB10", "amqpwsb10"), ("x, amqp", "amqp")] {
        let answer = upgrade(&ports, PATH, offered).await;
        assert!(answer.starts_with("http/1.1 101"), "{answer}");
        let line = format!("\r\nsec-websocket-protocol: {chosen}\r\n");
        assert!(answer.contains(&line), "{answer}");
    }
    let answer = upgrade(&ports, "/elsewhere", "amqp").await;
    assert!(answer.starts_with("http/1.1 404"), "{answer}");
    let answer = upgrade(&ports, PATH, "mqtt").await;
    assert!(answer.starts_with("http/1.1 400"), "{answer}");
}

#[tokio::test]
async fn who_speaks_no_tls_is_cut_off_and_a_frozen_port_answers_nobody() {
    let ports = Ports::open().await;
    let mut plain = TcpStream::connect(ports.tls).await.unwrap();
    plain.write_all(b"AMQP\x03\x01\x00\x00").await.unwrap();
    let mut said = Vec::new();
    in_time(plain.read_to_end(&mut said)).await.unwrap();
    assert!(!said.starts_with(b"AMQP"), "{said:?}");

    ports.emulator.faults().freeze_all();
    let waiting = Duration::from_millis(200);
    let frozen = tokio::time::timeout(waiting, ports.connect(ports.tls)).await;
    assert!(frozen.is_err(), "a handshake with a frozen broker");
    ports.emulator.faults().thaw();
    in_time(ports.connect(ports.tls)).await.unwrap();
    // A client in the middle of its handshake does not hold up the end.
    let _silent = TcpStream::connect(ports.websocket).await.unwrap();
    assert_eq!(in_time(ports.emulator.stop()).await.leaked, 0);
}

#[test]
fn certificates_that_cannot_be_used() {
    let authority = Authority::new();
    let (one, other) = (authority.certify(&["a"]), authority.certify(&["b"]));
    assert!(Tls::from_pem(&one.certificate, &one.key).is_ok());
    let text = |certificate: &str, key: &str| {
        let error = Tls::from_pem(certificate, key).unwrap_err();
        error.to_string()
    };
    assert!(text("", &one.key).contains("the certificate cannot be used"));
    assert!(text(&one.certificate, "").contains("the key cannot be used"));
    assert!(text(&one.certificate, &other.key).contains("the certificate cannot be used"));
}
