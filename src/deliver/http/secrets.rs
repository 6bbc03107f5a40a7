//! The secrets of one sink, read again when their files change.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::{Secret, SinkAuth, SinkConfig, SinkConnection, SinkProxy};

/// How long a look at the files is believed. Their content is compared, not their times: times can
/// stand still over a change, and a few small files are as quickly read as looked up.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for the file system. What it gives later is used by the next request.
const LOOK_MAX: Duration = Duration::from_secs(5);

/// Everything of a sink that may hold a secret.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Material {
    pub(super) endpoint: Secret,
    pub(super) headers: BTreeMap<String, Secret>,
    pub(super) connection: SinkConnection,
}

impl Material {
    pub(super) fn of(sink: &SinkConfig) -> Self {
        Self {
            endpoint: sink.endpoint.clone(),
            headers: sink.headers.clone(),
            connection: sink.connection.clone(),
        }
    }

    /// Every secret with its key below the sink.
    fn secrets(&mut self) -> Vec<(String, &mut Secret)> {
        let mut all = vec![("endpoint".to_owned(), &mut self.endpoint)];
        let mut table = |name: &str, secrets| {
            let secrets: &mut BTreeMap<String, Secret> = secrets;
            let keys = secrets.iter_mut();
            all.extend(keys.map(|(key, secret)| (format!("{name}.{key}"), secret)));
        };
        table("headers", &mut self.headers);
        let connection = &mut self.connection;
        table("query", &mut connection.query);
        let mut one = |key: &str, secret| all.push((key.to_owned(), secret));
        match &mut connection.auth {
            SinkAuth::None | SinkAuth::Entra { .. } => {}
            SinkAuth::Token { token, .. } => one("auth.token", token),
            SinkAuth::Basic { user, password } => {
                one("auth.user", user);
                one("auth.password", password);
            }
            SinkAuth::OAuth2(oauth2) => {
                one("auth.token_url", &mut oauth2.token_url);
                one("auth.client_secret", &mut oauth2.client_secret);
                for (name, secret) in &mut oauth2.parameters {
                    one(&format!("auth.parameters.{name}"), secret);
                }
            }
            SinkAuth::Hmac(signature) => one("auth.key", &mut signature.key),
        }
        if let Some(ca) = &mut connection.tls.ca {
            one("tls.ca", ca);
        }
        if let Some((certificate, key)) = &mut connection.tls.identity {
            one("tls.certificate", certificate);
            one("tls.key", key);
        }
        if let Some(SinkProxy::At(proxy)) = &mut connection.proxy {
            one("proxy", proxy);
        }
        all
    }

    fn has_files(&mut self) -> bool {
        self.secrets().iter().any(|(_, it)| it.file().is_some())
    }

    /// Reads every file. What cannot be read stays as it was.
    fn read(mut self) -> Looked {
        let (mut changed, mut wrong) = (Vec::new(), Vec::new());
        for (key, secret) in self.secrets() {
            let Some(file) = secret.file() else { continue };
            match file.read() {
                Ok(read) if read == *secret => {}
                // A proxy is no longer one: what it was is not what it is.
                Ok(read) if key == "proxy" && read.expose() == "none" => {
                    wrong.push(format!("{key}_file: \"none\" needs a restart"));
                }
                Ok(read) => {
                    *secret = read;
                    changed.push(key);
                }
                Err(error) => wrong.push(format!("{key}_file: {error}")),
            }
        }
        Looked {
            material: self,
            changed,
            wrong,
        }
    }
}

/// What a look at the files has shown.
#[derive(Debug)]
pub(super) struct Looked {
    /// Everything, as far as it could be read.
    pub(super) material: Material,
    /// The keys whose values are new.
    pub(super) changed: Vec<String>,
    /// What could not be read: key and reason.
    pub(super) wrong: Vec<String>,
}

/// Looks at the files, one look at a time.
#[derive(Debug)]
pub(super) struct Watch {
    has_files: bool,
    looked_at: Option<Instant>,
    under_way: Option<JoinHandle<Looked>>,
}

impl Watch {
    pub(super) fn new(material: &Material) -> Self {
        Self {
            has_files: material.clone().has_files(),
            looked_at: None,
            under_way: None,
        }
    }

    /// Whether it is time for a look, or `now` is told.
    pub(super) fn is_due(&self, now: bool) -> bool {
        let is_old = || self.looked_at.is_none_or(|it| it.elapsed() >= LOOK_EVERY);
        self.has_files && (now || is_old())
    }

    /// Reads the files of `material`; `None` when that takes too long, or nothing is new or wrong.
    ///
    /// # Cancel safety
    /// A look that is dropped goes on, and is the next one's.
    pub(super) async fn look(&mut self, material: &Material) -> Option<Looked> {
        let material = material.clone();
        let look = self
            .under_way
            .get_or_insert_with(|| tokio::task::spawn_blocking(move || material.read()));
        let looked = tokio::time::timeout(LOOK_MAX, look).await;
        self.looked_at = Some(Instant::now());
        let looked = looked.ok()?;
        self.under_way = None;
        looked.ok()
    }
}
