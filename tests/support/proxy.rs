//! A TCP proxy that counts requests, can hold one of them or its answer, lose everything on some
//! connections in silence, and be down.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::server::{FREE, Server};

/// What is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The request: the server never sees it.
    Request,
    /// The answer: the server has done it, and the client does not know.
    Answer,
}

#[derive(Default)]
struct State {
    /// Holds the next request whose first line contains all of these.
    armed: Option<(Hold, Vec<String>)>,
    held: usize,
    requests: Vec<String>,
    /// Connections so far.
    connections: usize,
    /// Loses everything on the connections up to this one whose client has sent this.
    lost: Option<(usize, Vec<u8>)>,
}

/// Bytes from the client that are remembered to find out what its connection is for.
const REMEMBERED: usize = 16 * 1024;

/// The running proxy; it ends, with all its connections, when this is dropped.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    is_down: watch::Sender<bool>,
    _server: Server,
}

impl Proxy {
    /// Starts on a free port, in front of `server`.
    pub(crate) async fn start(server: SocketAddr) -> Self {
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let (is_down, down) = watch::channel(false);
        let converse = move |client| {
            let (state, mut down) = (Arc::clone(&shared), down.clone());
            let number = {
                let mut state = state.lock().unwrap();
                state.connections += 1;
                state.connections
            };
            async move {
                tokio::select! {
                    biased;
                    _ = down.wait_for(|is_down| *is_down) => {}
                    () = pass(client, number, server, state) => {}
                }
            }
        };
        let server = Server::start(FREE, converse).await;
        Self {
            address: server.address,
            state,
            is_down,
            _server: server,
        }
    }

    /// Holds the next request whose first line contains all of `words`.
    pub(crate) fn hold(&self, hold: Hold, words: &[&str]) {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        self.state.lock().unwrap().armed = Some((hold, words));
    }

    /// The first lines of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// From now on loses everything, in both directions, on the present connections whose client
    /// has sent `text` in its first bytes. The sockets stay open.
    pub(crate) fn lose(&self, text: &str) {
        let mut state = self.state.lock().unwrap();
        state.lost = Some((state.connections, text.as_bytes().to_vec()));
    }

    /// Closes all connections, and every new one at once.
    pub(crate) fn go_down(&self) {
        self.is_down.send_replace(true);
    }

    /// Takes connections again.
    pub(crate) fn come_up(&self) {
        self.is_down.send_replace(false);
    }

    /// How many connections were made so far, also those that were closed at once.
    pub(crate) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// How many were held so far.
    pub(crate) fn held(&self) -> usize {
        self.state.lock().unwrap().held
    }
}

/// Passes bytes on until one side closes. Requests without a body come in one piece, so that a
/// piece's beginning is a request's.
async fn pass(mut client: TcpStream, number: usize, server: SocketAddr, state: Arc<Mutex<State>>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let (mut request, mut answer) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut holds_answer = false;
    let mut sent = Vec::new();
    loop {
        tokio::select! {
            read = client.read(&mut request) => {
                let piece = match read {
                    Ok(length) if length > 0 => &request[..length],
                    _ => return,
                };
                sent.extend_from_slice(&piece[..piece.len().min(REMEMBERED - sent.len())]);
                if is_lost(&state, number, &sent) {
                    continue;
                }
                let hold = due(&state, piece);
                holds_answer |= hold == Some(Hold::Answer);
                if hold != Some(Hold::Request) && server.write_all(piece).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answer) => match read {
                Ok(length) if length > 0 => {
                    if is_lost(&state, number, &sent) {
                        continue;
                    }
                    if holds_answer {
                        // Only now the server has done it.
                        state.lock().unwrap().held += 1;
                    } else if client.write_all(&answer[..length]).await.is_err() {
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

/// Whether nothing passes on this connection.
fn is_lost(state: &Mutex<State>, number: usize, sent: &[u8]) -> bool {
    let state = state.lock().unwrap();
    let (last, text) = match &state.lost {
        Some(lost) => lost,
        None => return false,
    };
    number <= *last && sent.windows(text.len()).any(|window| window == text)
}

/// Whether this request is to be held. One that never gets to the server counts at once.
fn due(state: &Mutex<State>, piece: &[u8]) -> Option<Hold> {
    let text = String::from_utf8_lossy(piece);
    let line = text.lines().next().unwrap_or_default();
    let mut state = state.lock().unwrap();
    if line.ends_with(" HTTP/1.1") {
        state.requests.push(line.to_owned());
    }
    let (hold, _) = state
        .armed
        .take_if(|(_, words)| words.iter().all(|word| line.contains(word)))?;
    if hold == Hold::Request {
        state.held += 1;
    }
    Some(hold)
}
