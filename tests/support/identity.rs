//! Stand-ins for the services that give tokens: a platform's managed identity endpoint, and the
//! token endpoint of Microsoft Entra.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::jwt::jwt;
use crate::server::{Acceptor, FREE, Server};
use crate::trust::Trust;

/// Path of the managed identity endpoint.
const PLATFORM_PATH: &str = "/msi/token";
/// What a platform's endpoint wants to see in `X-IDENTITY-HEADER`.
pub(crate) const IDENTITY_HEADER: &str = "only-this-replica-knows";
/// Tenant of the stand-in.
pub(crate) const TENANT: &str = "66666666-7777-8888-9999-000000000000";
/// The only client id that it knows.
pub(crate) const CLIENT_ID: &str = "11111111-2222-3333-4444-555555555555";

/// A request for a token.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Its parameters, from the query or the form.
    pub(crate) fields: BTreeMap<String, String>,
    /// The status that it was answered with.
    pub(crate) status: u16,
}

struct State {
    asked: Vec<Asked>,
    /// How long tokens live, in order, for each audience; the last one again and again.
    lives: Vec<Duration>,
    /// How many each audience got.
    given: BTreeMap<String, usize>,
    /// The answer that is given again until this moment, when answers are repeated.
    repeated: Option<Option<(SystemTime, String)>>,
    is_down: bool,
}

/// A running stand-in. It ends when this is dropped.
pub(crate) struct IdentityService {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    _server: Server,
}

impl IdentityService {
    /// A platform's endpoint, by plain HTTP.
    pub(crate) async fn platform(lives: &[Duration]) -> Self {
        Self::start(lives, None).await
    }

    /// From now on gives the same token, for one audience, until just before its end, as a cache in
    /// front of it would.
    pub(crate) fn repeat(&self) {
        self.state.lock().unwrap().repeated = Some(None);
    }

    /// The endpoint of Microsoft Entra at this host name, by TLS.
    pub(crate) async fn entra(trust: &Trust, name: &str, lives: &[Duration]) -> Self {
        Self::start(lives, Some(Arc::new(Mutex::new(trust.acceptor(name))))).await
    }

    async fn start(lives: &[Duration], tls: Option<Acceptor>) -> Self {
        let state = Arc::new(Mutex::new(State {
            asked: Vec::new(),
            lives: lives.to_vec(),
            given: BTreeMap::new(),
            repeated: None,
            is_down: false,
        }));
        let shared = Arc::clone(&state);
        let answer = move |request| answer(request, Arc::clone(&shared));
        let server = Server::http(FREE, tls, answer).await;
        Self {
            address: server.address,
            state,
            _server: server,
        }
    }

    /// `IDENTITY_ENDPOINT` of a platform.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://localhost:{}{PLATFORM_PATH}", self.address.port())
    }

    /// `AZURE_AUTHORITY_HOST`.
    pub(crate) fn authority_host(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }

    /// Breaks connections off, or no longer.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
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
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?;
    let body = body.to_bytes();
    let is_platform = head.method == "GET";
    let text = match is_platform {
        true => head.uri.query().unwrap_or_default().as_bytes(),
        false => &body,
    };
    let fields: BTreeMap<String, String> = url::form_urlencoded::parse(text).into_owned().collect();
    let field = |name: &str| fields.get(name).map(String::as_str);
    let header = head.headers.get("x-identity-header");
    let is_known = match is_platform {
        true => {
            head.uri.path() == PLATFORM_PATH
                && field("api-version") == Some("2019-08-01")
                && header.is_some_and(|header| header == IDENTITY_HEADER)
        }
        false => {
            head.uri.path() == format!("/{TENANT}/oauth2/v2.0/token")
                && field("grant_type") == Some("client_credentials")
        }
    };
    let audience = match is_platform {
        true => field("resource"),
        false => field("scope").and_then(|scope| scope.strip_suffix("/.default")),
    };
    let mut state = state.lock().unwrap();
    if state.is_down {
        return Err(std::io::Error::other("it is down"));
    }
    let (status, text) = match audience {
        Some(audience) if is_known && field("client_id") == Some(CLIENT_ID) => {
            let given = state.given.entry(audience.to_owned()).or_default();
            *given += 1;
            let number = *given;
            let life = state.lives[number.min(state.lives.len()) - 1];
            let now = SystemTime::now();
            let repeated = state.repeated.as_ref().and_then(Option::as_ref);
            let text = match repeated.filter(|(until, _)| *until > now) {
                Some((_, text)) => text.clone(),
                None => token(audience, life, is_platform),
            };
            // Ends are cut off to whole seconds.
            let until = now + life - Duration::from_millis(1_500);
            if let Some(kept) = &mut state.repeated
                && kept.as_ref().is_none_or(|(_, kept)| *kept != text)
            {
                *kept = Some((until, text.clone()));
            }
            (200, text)
        }
        _ => (
            400,
            r#"{"error":"invalid_request","error_description":"unknown identity"}"#.into(),
        ),
    };
    state.asked.push(Asked { fields, status });
    Ok(Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::from(text))
        .unwrap())
}

/// Ends are whole seconds, as those services give them.
fn token(audience: &str, life: Duration, is_platform: bool) -> String {
    let end = (SystemTime::now() + life).duration_since(UNIX_EPOCH);
    let end = end.unwrap().as_secs();
    let token = jwt(audience, UNIX_EPOCH + Duration::from_secs(end));
    let text = match is_platform {
        true => serde_json::json!({
            "access_token": token,
            "client_id": CLIENT_ID,
            "expires_on": end.to_string(),
            "resource": audience,
            "token_type": "Bearer",
        }),
        false => serde_json::json!({
            "access_token": token,
            "expires_in": life.as_secs(),
            "ext_expires_in": life.as_secs(),
            "token_type": "Bearer",
        }),
    };
    text.to_string()
}
