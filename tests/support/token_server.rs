//! A stand-in for an OAuth 2.0 server that knows one client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Request, Response};

use crate::server::{FREE, Server};

/// A request for a token.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// The parameters in its form.
    pub(crate) form: BTreeMap<String, String>,
}

/// What it does when it is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Manner {
    /// Gives `token-1`, `token-2`, ... with this life in seconds.
    Gives(u64),
    /// Answers with this status and this body.
    Answers(u16, &'static str),
    /// Closes the connection without an answer.
    IsDown,
}

struct State {
    manner: Manner,
    asked: Vec<Asked>,
    given: usize,
}

/// The running server; it ends when this is dropped.
pub(crate) struct TokenServer {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _server: Server,
}

impl TokenServer {
    /// Starts on a free port.
    pub(crate) async fn start(manner: Manner) -> Self {
        let state = Arc::new(Mutex::new(State {
            manner,
            asked: Vec::new(),
            given: 0,
        }));
        let shared = Arc::clone(&state);
        let answer = move |request| answer(request, Arc::clone(&shared));
        let server = Server::http(FREE, None, answer).await;
        Self {
            address: server.address,
            state,
            _server: server,
        }
    }

    /// Its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/oauth2/token", self.address)
    }

    /// From now on does this.
    pub(crate) fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let headers = request.headers().clone();
    let body = request.into_body().collect().await;
    let body = body.map_err(std::io::Error::other)?.to_bytes();
    let form = url::form_urlencoded::parse(&body).into_owned().collect();
    let mut state = state.lock().unwrap();
    state.asked.push(Asked { headers, form });
    let (status, text) = match state.manner {
        Manner::Gives(life) => {
            state.given += 1;
            let token = serde_json::json!({
                "access_token": format!("token-{}", state.given),
                "token_type": "Bearer",
                "expires_in": life,
            });
            (200, token.to_string())
        }
        Manner::Answers(status, text) => (status, text.to_owned()),
        Manner::IsDown => return Err(std::io::Error::other("it is down")),
    };
    let answer = Response::builder().status(status);
    Ok(answer.body(Full::from(text)).unwrap())
}
