//! Asks the admin listener of a running forwarder.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use url::Url;

use super::exit::Exit;
use super::failure::Failure;
use crate::config::{AdminConfig, Secret};
use crate::telemetry::admin::{Answer, LOG_LEVEL_PATH, STATUS_PATH};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// Characters of an answer that are shown when it is a refusal.
const SHOWN_MAX: usize = 300;

/// Which forwarder is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Ask this admin listener, e.g. http://127.0.0.1:9090, instead of `admin.listen` on this
    /// machine.
    #[arg(long, value_name = "URL")]
    admin: Option<Url>,

    /// File with its token, instead of `admin.token`.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Speaks to one admin listener.
pub(super) struct Client {
    /// Where it is.
    url: Url,
    token: Option<Secret>,
    http: reqwest::Client,
}

impl Client {
    /// For the one that is meant; `None` when the configuration has none and no other is named.
    ///
    /// # Errors
    /// When the arguments cannot be right.
    pub(super) fn new(config: &AdminConfig, target: &Target) -> Result<Option<Self>, Failure> {
        let url = match (&target.admin, config.listen) {
            (Some(url), _) if matches!(url.scheme(), "http" | "https") => url.clone(),
            (Some(_), _) => {
                let sentence = "--admin: expected a URL such as http://127.0.0.1:9090";
                return Err(Failure::new(Exit::Usage, sentence));
            }
            (None, None) => return Ok(None),
            (None, Some(listen)) => own(listen)?,
        };
        let token = match (&target.token_file, &target.admin) {
            (Some(path), _) => Some(read(path)?),
            (None, None) => config.token.clone(),
            // The token of this machine's listener is no business of another one's.
            (None, Some(_)) => None,
        };
        // It is on this machine or named: no proxy leads there.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        Ok(Some(Self { url, token, http }))
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    /// What the process looks like.
    ///
    /// # Errors
    /// When it does not answer, refuses, or answers something else.
    pub(super) async fn status(&self) -> Result<Answer, Failure> {
        let body = self.ask(Method::GET, STATUS_PATH, None).await?;
        serde_json::from_slice(&body).map_err(|_| {
            let url = self.url();
            let sentence = format!("what answers at {url} is no entra-forwarder of this version");
            Failure::new(Exit::Unavailable, sentence)
        })
    }

    /// Changes what the process logs, for this many seconds.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub(super) async fn set_log_level(&self, filter: &str, seconds: u64) -> Result<(), Failure> {
        let wanted = serde_json::json!({"filter": filter, "seconds": seconds}).to_string();
        let answer = self.ask(Method::PUT, LOG_LEVEL_PATH, Some(wanted)).await;
        answer.map(|_| ())
    }

    /// Sends a request, with JSON if there is any; gives the body of the answer.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        json: Option<String>,
    ) -> Result<Vec<u8>, Failure> {
        let url = self.url();
        let address = self.url.join(path);
        let address = address.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
        let mut request = self.http.request(method, address);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(json) = json {
            request = request
                .header("content-type", "application/json")
                .body(json);
        }
        let silent = |error: reqwest::Error| {
            let why = if error.is_connect() {
                "nothing listens there"
            } else if error.is_timeout() {
                "no answer in time"
            } else {
                "the connection broke"
            };
            let sentence = format!("the replica at {url} does not answer: {why}");
            Failure::new(Exit::Unavailable, sentence)
        };
        let mut answer = request.send().await.map_err(silent)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(silent)? {
            if body.len() + piece.len() > ANSWER_MAX {
                let sentence = format!("the answer of {url} is too large");
                return Err(Failure::new(Exit::Unavailable, sentence));
            }
            body.extend_from_slice(&piece);
        }
        if status.is_success() {
            return Ok(body);
        }
        let sentence = if status == StatusCode::UNAUTHORIZED {
            format!("the replica at {url} refuses the token: set admin.token or --token-file")
        } else {
            let text: String = String::from_utf8_lossy(&body)
                .chars()
                .take(SHOWN_MAX)
                .filter(|c| !c.is_control())
                .collect();
            format!("the replica at {url} answers {}: {text}", status.as_u16())
        };
        Err(Failure::new(meaning(status), sentence))
    }
}

/// What a refusal means for a command.
fn meaning(status: StatusCode) -> Exit {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => Exit::Usage,
        // No token, a wrong one, or asked for by a name that needs one.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST => {
            Exit::NotPermitted
        }
        _ => Exit::Unavailable,
    }
}

/// Where a listener of this machine is asked.
fn own(listen: SocketAddr) -> Result<Url, Failure> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, listen.port());
    Url::parse(&format!("http://{address}"))
        .map_err(|error| Failure::new(Exit::Configuration, format!("admin.listen: {error}")))
}

fn read(path: &PathBuf) -> Result<Secret, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(error) => {
            let sentence = format!("--token-file: {} cannot be read: {error}", path.display());
            Err(Failure::new(Exit::Configuration, sentence))
        }
    }
}
