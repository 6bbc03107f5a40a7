use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::config::{OAuth2Config, Secret, SinkAuth, SinkConnection, SinkProxy, TlsConfig};
use crate::deliver::response::BODY_BYTES_MAX;

/// A server that reads one request per connection, keeps it, writes these bytes, and then closes
/// or keeps the connection open.
struct Server {
    address: std::net::SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(answer: &'static [u8], stays_open: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let kept = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = Vec::new();
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                // The body that the tests send ends with "end".
                while !request.ends_with(b"end") {
                    let mut buffer = [0; 4096];
                    let bytes = socket.read(&mut buffer).await.unwrap();
                    if bytes == 0 {
                        break;
                    }
                    request.extend_from_slice(&buffer[..bytes]);
                }
                kept.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&request).into_owned());
                socket.write_all(answer).await.unwrap();
                if stays_open {
                    open.push(socket);
                }
            }
        });
        Self {
            address,
            requests,
            _tasks: tasks,
        }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn transport(endpoint: &str, timeout: Duration) -> HttpTransport {
    with(endpoint, timeout, SinkConnection::default()).unwrap()
}

fn with(
    endpoint: &str,
    timeout: Duration,
    connection: SinkConnection,
) -> Result<HttpTransport, BuildError> {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let sink = SinkConfig {
        endpoint: Secret::new(endpoint),
        headers: BTreeMap::from([
            (
                "authorization".to_owned(),
                Secret::new("Bearer marked-secret"),
            ),
            ("x-index".to_owned(), Secret::new("entra")),
        ]),
        connection,
        connect_timeout: timeout,
        timeout,
        ..SinkConfig::default()
    };
    HttpTransport::new("main", &sink, None)
}

async fn send(endpoint: &str, timeout: Duration) -> Result<Answer, TransportError> {
    transport(endpoint, timeout).send(request()).await
}

fn request() -> Request {
    Request {
        target: None,
        body: Bytes::from_static(b"the body ... end"),
        content_type: "application/x-ndjson",
        id: RequestId::of_probe(b"the body ... end"),
        content_encoding: Some("gzip"),
    }
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(200);

#[tokio::test]
async fn a_request_carries_what_was_configured() {
    let server = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true).await;
    let answer = send(&format!("http://{}/in?a=b", server.address), LONG)
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (200, &b"ok"[..]));
    let request = &server.requests()[0];
    assert!(
        request.starts_with("POST /in?a=b HTTP/1.1\r\n"),
        "{request}"
    );
    for line in [
        "content-encoding: gzip",
        "content-type: application/x-ndjson",
        "content-length: 16",
        "authorization: Bearer marked-secret",
        "x-index: entra",
    ] {
        assert!(
            request.contains(&format!("\r\n{line}\r\n")),
            "{line} in {request}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let other = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true).await;
    let listener = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{}/login\r\ncontent-length: 0\r\n\r\n",
        other.address
    );
    let server = Server::start(Box::leak(listener.into_boxed_str()).as_bytes(), true).await;
    let answer = send(&format!("http://{}/", server.address), LONG)
        .await
        .unwrap();
    assert_eq!(answer.status, 302);
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn retry_after_is_read() {
    let server = Server::start(
        b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
        true,
    )
    .await;
    let answer = send(&format!("http://{}/", server.address), LONG)
        .await
        .unwrap();
    assert_eq!(
        (answer.status, answer.retry_after),
        (503, Some(Duration::from_secs(7)))
    );
}

#[tokio::test]
async fn no_answer_and_half_an_answer_are_told_apart() {
    let silent = Server::start(b"", true).await;
    let endpoint = format!("http://{}/", silent.address);
    assert_eq!(
        send(&endpoint, SHORT).await.unwrap_err(),
        TransportError::Timeout
    );
    let closing = Server::start(b"", false).await;
    let endpoint = format!("http://{}/", closing.address);
    assert!(matches!(
        send(&endpoint, LONG).await,
        Err(TransportError::Broken(_))
    ));
    let cut = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", false).await;
    let endpoint = format!("http://{}/", cut.address);
    assert!(matches!(
        send(&endpoint, LONG).await,
        Err(TransportError::Broken(_))
    ));
    let slow = Server::start(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok", true).await;
    let endpoint = format!("http://{}/", slow.address);
    assert_eq!(
        send(&endpoint, SHORT).await.unwrap_err(),
        TransportError::Timeout
    );
    let nonsense = Server::start(b"nonsense\r\n\r\n", false).await;
    let endpoint = format!("http://{}/", nonsense.address);
    assert!(matches!(
        send(&endpoint, LONG).await,
        Err(TransportError::Broken(_))
    ));
}

#[tokio::test]
async fn a_body_is_read_to_its_bound() {
    let body = "x".repeat(3 * BODY_BYTES_MAX);
    let answer = format!(
        "HTTP/1.1 500 Oh\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let server = Server::start(Box::leak(answer.into_boxed_str()).as_bytes(), true).await;
    let answer = send(&format!("http://{}/", server.address), LONG)
        .await
        .unwrap();
    assert_eq!((answer.status, answer.body.len()), (500, BODY_BYTES_MAX));
}

#[tokio::test]
async fn errors_name_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoints = [
        format!("http://user:marked-secret@{address}/marked-secret?token=marked-secret"),
        "http://marked-secret.invalid/?token=marked-secret".replace("marked-secret.", "no."),
    ];
    for endpoint in endpoints {
        let error = send(&endpoint, LONG).await.unwrap_err();
        assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
        assert!(
            !format!("{error} {error:?}").contains("marked-secret"),
            "{error:?}"
        );
    }
}

const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n";

/// What cannot be renewed is not tried again at once.
#[tokio::test]
async fn a_401_with_nothing_new_is_the_answer() {
    let server = Server::start(UNAUTHORIZED, false).await;
    let connection = SinkConnection {
        auth: SinkAuth::Basic {
            user: Secret::new("user"),
            password: Secret::new("marked-secret"),
        },
        ..SinkConnection::default()
    };
    let transport = with(&format!("http://{}/", server.address), LONG, connection).unwrap();
    assert_eq!(transport.send(request()).await.unwrap().status, 401);
    assert_eq!(server.requests().len(), 1);
}

fn oauth2(token_url: &str) -> SinkConnection {
    SinkConnection {
        auth: SinkAuth::OAuth2(OAuth2Config {
            token_url: Secret::new(token_url),
            client_id: "forwarder".to_owned(),
            client_secret: Secret::new("marked-secret"),
            client_authentication: Default::default(),
            scope: None,
            audience: None,
            parameters: BTreeMap::new(),
        }),
        ..SinkConnection::default()
    }
}

/// Proxies and token servers that are not there, whose URLs hold secrets.
#[tokio::test]
async fn errors_on_the_way_name_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = listener.local_addr().unwrap();
    drop(listener);
    let secret = format!("http://user:marked-secret@{nobody}/");
    let by_proxy = SinkConnection {
        proxy: Some(SinkProxy::At(Secret::new(secret.trim_end_matches('/')))),
        ..SinkConnection::default()
    };
    let by_token = oauth2(&format!("{secret}marked-secret?token=marked-secret"));
    for (scheme, connection) in [
        ("http", &by_proxy),
        ("https", &by_proxy),
        ("http", &by_token),
    ] {
        let endpoint = format!("{scheme}://siem.invalid/marked-secret?token=marked-secret");
        let transport = with(&endpoint, LONG, connection.clone()).unwrap();
        let error = transport.send(request()).await.unwrap_err();
        let text = format!("{error} {error:?} {transport:?}");
        let is_expected = match connection.proxy {
            Some(_) => matches!(error, TransportError::Connect(_)),
            None => matches!(error, TransportError::NoToken(_)),
        };
        assert!(is_expected, "{error:?}");
        assert!(!text.contains("marked-secret"), "{text}");
    }
}

#[test]
fn certificates_that_are_of_no_use_are_named_without_their_text() {
    let authority = rcgen::generate_simple_self_signed(["marked-secret".to_owned()]).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    let certificate = authority.cert.pem();
    for (tls, expected) in [
        (
            TlsConfig {
                ca: Some(Secret::new(
                    "-----BEGIN CERTIFICATE-----\nbWFya2Vk\n-----END CERTIFICATE-----\n",
                )),
                identity: None,
            },
            "tls",
        ),
        (
            TlsConfig {
                ca: None,
                identity: Some((Secret::new(certificate), Secret::new(other.serialize_pem()))),
            },
            "tls",
        ),
    ] {
        let connection = SinkConnection {
            tls,
            ..SinkConnection::default()
        };
        let error = with("https://siem.invalid/", LONG, connection).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(expected), "{text}");
        assert!(
            !text.contains("marked") && !text.contains("BEGIN"),
            "{text}"
        );
    }
}

/// Accepts one connection, reads what comes first, and writes these bytes.
async fn answering(answer: Vec<u8>) -> (std::net::SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _first = socket.read(&mut buffer).await.unwrap();
            socket.write_all(&answer).await.unwrap();
            open.push(socket);
        }
    });
    (address, tasks)
}

/// RFC 9113, section 6.8: a server may say anything in a GOAWAY.
#[tokio::test]
async fn the_words_of_a_peer_are_not_shown() {
    let mut answer = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
    answer.extend([0, 0, 8 + 4, 7, 0, 0, 0, 0, 0]);
    answer.extend([0, 0, 0, 0, 0, 0, 0, 11]);
    answer.extend(b"MARK");
    let (address, _tasks) = answering(answer).await;
    let connection = SinkConnection {
        http_version: crate::config::HttpVersion::Http2,
        ..SinkConnection::default()
    };
    let transport = with(&format!("http://{address}/"), LONG, connection).unwrap();
    let error = transport.send(request()).await.unwrap_err().to_string();
    assert!(error.contains("connection error received"), "{error}");
    assert!(!error.contains("MARK"), "{error}");
}

/// What a proxy says to CONNECT.
#[tokio::test]
async fn a_proxy_that_wants_credentials_refuses() {
    for (status, is_refusal) in [(407, true), (502, false)] {
        let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n");
        let (address, _tasks) = answering(answer.into_bytes()).await;
        let connection = SinkConnection {
            proxy: Some(SinkProxy::At(Secret::new(format!("http://{address}")))),
            ..SinkConnection::default()
        };
        let transport = with("https://siem.invalid/", LONG, connection).unwrap();
        let error = transport.send(request()).await.unwrap_err();
        assert!(error.to_string().contains("proxy"), "{error:?}");
        let is_refused = matches!(error, TransportError::Refused(_));
        assert_eq!(is_refused, is_refusal, "{error:?}");
    }
}

#[tokio::test]
async fn a_token_of_an_identity_is_not_sent_in_the_clear() {
    let connection = SinkConnection {
        auth: SinkAuth::Entra {
            credential: None,
            scope: "scope".to_owned(),
        },
        ..SinkConnection::default()
    };
    let error = with("http://siem.invalid/", LONG, connection).unwrap_err();
    assert!(error.to_string().contains("without https"), "{error}");
}
