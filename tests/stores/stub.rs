//! A server that gives every request the same answer, and counts them; or gives none at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

pub(crate) struct Stub {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
    /// Ends with the stub.
    _tasks: JoinSet<()>,
}

impl Stub {
    /// `None` accepts connections and says nothing, ever.
    pub(crate) async fn start(answer: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/account/box?sv=1&sig=VERYSECRET",
            listener.local_addr().unwrap()
        );
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut seen = Vec::new();
                while !seen.ends_with(b"\r\n\r\n") {
                    seen.push(connection.read_u8().await.unwrap());
                }
                counter.fetch_add(1, Ordering::Relaxed);
                match &answer {
                    Some(answer) => connection.write_all(answer.as_bytes()).await.unwrap(),
                    None => open.push(connection),
                }
            }
        });
        Self {
            url,
            requests,
            _tasks: tasks,
        }
    }

    /// An answer with these header lines and this body.
    pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Option<String> {
        let length = body.len();
        Some(format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        ))
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// Creates a blob with metadata names exactly as given, which HTTP clients put in lower case.
pub(crate) async fn put_exactly(blob_url: &str, metadata: &[(&str, &str)]) {
    let url = url::Url::parse(blob_url).unwrap();
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
    let mut request = format!(
        "PUT {}?{} HTTP/1.1\r\nhost: {host}:{port}\r\nx-ms-version: 2021-12-02\r\n\
         x-ms-blob-type: BlockBlob\r\ncontent-length: 0\r\nconnection: close\r\n",
        url.path(),
        url.query().unwrap()
    );
    for (name, value) in metadata {
        request.push_str(&format!("x-ms-meta-{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    let mut connection = tokio::net::TcpStream::connect((host, port)).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}
