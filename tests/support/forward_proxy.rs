//! A forward proxy, as organisations have them: `CONNECT` for https, the whole URL in the request
//! line for http (<https://www.rfc-editor.org/rfc/rfc9112#section-3.2>).

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::server::{FREE, Server};

/// The running proxy; it ends, with all its connections, when this is dropped.
pub(crate) struct ForwardProxy {
    server: Server,
    asked: Arc<Mutex<Vec<String>>>,
}

impl ForwardProxy {
    /// Starts on a free port. It knows these hosts, which nobody else does, and no other.
    pub(crate) async fn start(routes: &[(&str, SocketAddr)]) -> Self {
        let owned = |(host, address): &(&str, SocketAddr)| ((*host).to_owned(), *address);
        let routes: Arc<BTreeMap<_, _>> = Arc::new(routes.iter().map(owned).collect());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let shared = Arc::clone(&asked);
        let converse = move |client| serve(client, Arc::clone(&routes), Arc::clone(&shared));
        let server = Server::start(FREE, converse).await;
        Self { server, asked }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The request line of every connection so far, without the version.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Serves one connection. One with the whole URL in its request line is closed after one answer:
/// what is reused would have to be read request by request.
async fn serve(
    mut client: TcpStream,
    routes: Arc<BTreeMap<String, SocketAddr>>,
    asked: Arc<Mutex<Vec<String>>>,
) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let (line, fields) = head.split_once("\r\n").unwrap();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    asked.lock().unwrap().push(format!("{method} {target}"));
    let (authority, rest) = match method {
        "CONNECT" => (target, None),
        _ => {
            let rest = target.strip_prefix("http://").unwrap();
            let (authority, path) = rest.split_once('/').unwrap();
            let fields = fields.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
            (
                authority,
                Some(format!("{method} /{path} HTTP/1.1\r\n{fields}")),
            )
        }
    };
    let host = authority.split(':').next().unwrap();
    let Some(address) = routes.get(host) else {
        return client
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            .await;
    };
    let mut server = TcpStream::connect(address).await?;
    match rest {
        None => client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?,
        Some(head) => server.write_all(head.as_bytes()).await?,
    }
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
