//! An HTTP/1.1 endpoint made of sockets alone, so that it can go wrong at every byte.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::books::{Seen, records};
use crate::reply::{Ending, Fault, Reply};
use crate::server::{FREE, Server};

/// What becomes of a connection before anything was read from it.
#[derive(Clone)]
pub(crate) enum Knock {
    /// It is served.
    Serve,
    /// It ends at once.
    End(Ending),
    /// It gets bytes that are neither HTTP nor TLS, and ends.
    Garbage,
    /// It meets another end of TLS.
    Tls(TlsAcceptor),
}

type ByNumber<T> = Box<dyn FnMut(usize) -> T + Send>;
type ByRecords = Box<dyn FnMut(usize, &[Bytes]) -> Reply + Send>;
type ByHead = Box<dyn FnMut(usize, usize) -> Option<Reply> + Send>;

/// Script and books.
pub(crate) struct State {
    knock: ByNumber<Knock>,
    head: ByHead,
    body: ByRecords,
    connections: usize,
    begun: usize,
    seen: Vec<Seen>,
}

impl State {
    /// Enters a request whose body is here; says what to do.
    pub(crate) fn arrived(
        &mut self,
        number: usize,
        id: &str,
        wire: Bytes,
        encoding: Option<&str>,
    ) -> Reply {
        let at = Instant::now();
        let records = records(&wire, encoding);
        let reply = (self.body)(number, &records);
        self.seen.push(Seen {
            id: id.to_owned(),
            wire,
            records,
            is_accepted: reply.accepts,
            at,
        });
        reply
    }

    /// The number of a new request.
    pub(crate) fn begin(&mut self) -> usize {
        self.begun += 1;
        self.begun - 1
    }
}

/// What a running endpoint does and has seen.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<State>>);

impl Script {
    /// Asks `body` what to do with a request: its number from 0, and its records.
    pub(crate) fn new(body: impl FnMut(usize, &[Bytes]) -> Reply + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(State {
            knock: Box::new(|_| Knock::Serve),
            head: Box::new(|_, _| None),
            body: Box::new(body),
            connections: 0,
            begun: 0,
            seen: Vec::new(),
        })))
    }

    /// Answers with these one after the other, and then with 200.
    pub(crate) fn of(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<_> = replies.into_iter().collect();
        Self::new(move |number, _| replies.get(number).cloned().unwrap_or(Reply::status(200)))
    }

    /// Asks this first, with number and length of a request: what it says is done before the body
    /// is read.
    pub(crate) fn early(
        self,
        head: impl FnMut(usize, usize) -> Option<Reply> + Send + 'static,
    ) -> Self {
        self.lock().head = Box::new(head);
        self
    }

    /// Asks this what to do with a connection, by its number from 0.
    pub(crate) fn knocked(self, knock: impl FnMut(usize) -> Knock + Send + 'static) -> Self {
        self.lock().knock = Box::new(knock);
        self
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Requests whose bodies came whole.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Requests whose heads came.
    pub(crate) fn begun(&self) -> usize {
        self.lock().begun
    }

    /// Connections that came.
    pub(crate) fn connections(&self) -> usize {
        self.lock().connections
    }

    /// Serves it on a free port, over TLS if there is an acceptor.
    pub(crate) async fn serve(&self, acceptor: Option<TlsAcceptor>) -> Server {
        self.serve_at(FREE, acceptor).await
    }

    /// The same at an address.
    pub(crate) async fn serve_at(
        &self,
        address: SocketAddr,
        acceptor: Option<TlsAcceptor>,
    ) -> Server {
        let script = self.clone();
        Server::start(address, move |stream| {
            let (script, acceptor) = (script.clone(), acceptor.clone());
            async move { script.receive(stream, acceptor).await }
        })
        .await
    }

    async fn receive(self, mut stream: TcpStream, acceptor: Option<TlsAcceptor>) {
        let knock = {
            let mut state = self.lock();
            state.connections += 1;
            let number = state.connections - 1;
            (state.knock)(number)
        };
        let acceptor = match knock {
            Knock::Serve => acceptor,
            Knock::End(ending) => return end(stream, ending).await,
            Knock::Garbage => {
                let _gone = stream.write_all(b"220 mail.example ESMTP\r\n").await;
                return end(stream, Ending::Close).await;
            }
            Knock::Tls(other) => Some(other),
        };
        match acceptor {
            None => self.converse(stream).await,
            Some(acceptor) => {
                if let Ok(stream) = acceptor.accept(stream).await {
                    self.converse(stream).await;
                }
            }
        }
    }

    async fn converse(self, mut stream: impl Wire) {
        let mut buffer = BytesMut::new();
        while let Some(head) = read_head(&mut stream, &mut buffer).await {
            let early = {
                let mut state = self.lock();
                let number = state.begin();
                (state.head)(number, head.length).ok_or(number)
            };
            let reply = match early {
                Ok(reply) => reply,
                Err(number) => {
                    while buffer.len() < head.length {
                        match stream.read_buf(&mut buffer).await {
                            Ok(bytes) if bytes > 0 => {}
                            _ => return,
                        }
                    }
                    let wire = buffer.split_to(head.length).freeze();
                    let encoding = head.header("content-encoding");
                    let id = head.header("x-request-id").expect("an id");
                    self.lock().arrived(number, id, wire, encoding)
                }
            };
            match write(&mut stream, &reply).await {
                None => {}
                Some(ending) => return end(stream, ending).await,
            }
        }
    }
}

/// A connection, with or without TLS.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

struct Head {
    lines: String,
    length: usize,
}

impl Head {
    fn header(&self, wanted: &str) -> Option<&str> {
        let lines = self.lines.lines().skip(1);
        let mut fields = lines.filter_map(|line| line.split_once(": "));
        fields.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
    }
}

async fn read_head(stream: &mut impl Wire, buffer: &mut BytesMut) -> Option<Head> {
    let end = loop {
        let found = buffer.windows(4).position(|window| window == b"\r\n\r\n");
        match found {
            Some(at) => break at + 4,
            None if stream.read_buf(buffer).await.ok()? == 0 => return None,
            None => {}
        }
    };
    let lines = String::from_utf8(buffer.split_to(end).to_vec()).unwrap();
    let mut head = Head { lines, length: 0 };
    assert!(head.lines.starts_with("POST /in HTTP/1.1\r\n"));
    head.length = head.header("content-length").unwrap().parse().unwrap();
    Some(head)
}

/// Says how the connection goes on: `None` when it stays.
async fn write(stream: &mut impl Wire, reply: &Reply) -> Option<Ending> {
    let whole = reply.whole();
    let (text, ending) = match reply.fault {
        Fault::None => (whole.as_bytes(), None),
        Fault::Last(ending) => (whole.as_bytes(), Some(ending)),
        Fault::Silent(ending) => (&b""[..], Some(ending)),
        Fault::CutHead(ending) => (&whole.as_bytes()[..9], Some(ending)),
        Fault::Nonsense => (&b"\0nonsense\r\n\r\n"[..], Some(Ending::Close)),
        Fault::CutBody(ending) => {
            let text = format!("{}content-length: 40\r\n\r\nfor", reply.head());
            return send(stream, text.as_bytes(), Some(ending)).await;
        }
        Fault::TrickleHead | Fault::FloodHead => {
            let is_slow = reply.fault == Fault::TrickleHead;
            return without_end(stream, &reply.head(), "x-more: more\r\n", is_slow).await;
        }
        Fault::TrickleBody | Fault::FloodBody => {
            let is_slow = reply.fault == Fault::TrickleBody;
            let head = format!("{}transfer-encoding: chunked\r\n\r\n", reply.head());
            return without_end(stream, &head, "4\r\nmore\r\n", is_slow).await;
        }
    };
    send(stream, text, ending).await
}

async fn send(stream: &mut impl Wire, text: &[u8], ending: Option<Ending>) -> Option<Ending> {
    let sent = async {
        stream.write_all(text).await?;
        stream.flush().await
    };
    sent.await.map_or(Some(Ending::Close), |()| ending)
}

async fn without_end(
    stream: &mut impl Wire,
    first: &str,
    more: &str,
    is_slow: bool,
) -> Option<Ending> {
    let mut text = first.to_owned();
    let more = if is_slow {
        more.to_owned()
    } else {
        more.repeat(1000)
    };
    while send(stream, text.as_bytes(), None).await.is_none() {
        text.clone_from(&more);
        if is_slow {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Some(Ending::Close)
}

async fn end(mut stream: impl Wire, ending: Ending) {
    match ending {
        Ending::Close => {}
        Ending::Reset => stream.socket().set_zero_linger().unwrap(),
        // Until the client has had enough.
        Ending::Hang => {
            let mut rest = [0; 4096];
            while stream.read(&mut rest).await.is_ok_and(|bytes| bytes > 0) {}
        }
    }
}
