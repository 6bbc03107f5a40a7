//! The secrets of one sink, read again when their files change.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::config::{Secret, SinkAuth, SinkConfig, SinkConnection, SinkProxy};

/// How long a look at the files is believed. Their content is compared, not their times: times can
/// stand still over a change, and a few small files are as quickly read as looked up.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How far apart two looks are that have to read the same, where [`is_read_twice`] says so.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
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

    /// Reads every file.
    fn read(mut self) -> Read {
        let (mut found, mut wrong) = (Vec::new(), Vec::new());
        for (key, secret) in self.secrets() {
            let Some(file) = secret.file() else { continue };
            match file.read() {
                Ok(read) if read == *secret => {}
                Ok(read) => found.push((key, read)),
                Err(error) => wrong.push(format!("{key}_file: {error}")),
            }
        }
        Read { found, wrong }
    }

    /// Takes these values for those of their keys.
    pub(super) fn adopt(&mut self, values: &[(String, Secret)]) {
        for (key, secret) in self.secrets() {
            if let Some((_, value)) = values.iter().find(|(known, _)| *known == key) {
                *secret = value.clone();
            }
        }
    }

    fn get(&mut self, key: &str) -> Option<Secret> {
        let mut all = self.secrets().into_iter();
        let found = all.find(|(known, _)| known == key);
        found.map(|(_, secret)| secret.clone())
    }
}

/// What the files hold that is not known, and those that cannot be read.
#[derive(Debug)]
struct Read {
    found: Vec<(String, Secret)>,
    wrong: Vec<String>,
}

/// What a look at the files has shown.
#[derive(Debug)]
pub(super) struct Looked {
    /// The keys whose values are new, with the values.
    pub(super) changed: Vec<(String, Secret)>,
    /// What could not be read: key and reason.
    pub(super) wrong: Vec<String>,
}

/// Whether half of a value may pass for a whole one: the beginning of a URL is a URL, and records
/// or credentials would go to whomever it names.
fn is_read_twice(key: &str) -> bool {
    matches!(key, "endpoint" | "auth.token_url" | "proxy") || key.starts_with("query.")
}

/// Looks at the files, one look at a time.
#[derive(Debug)]
pub(super) struct Watch {
    has_files: bool,
    looked_at: Option<Instant>,
    /// When the last look that was of use began.
    began_at: Option<Instant>,
    under_way: Option<(Instant, JoinHandle<Read>)>,
    /// Values that have to be read once more, and since when they are known.
    unsettled: BTreeMap<String, (Secret, Instant)>,
}

impl Watch {
    pub(super) fn new(material: &Material) -> Self {
        Self {
            has_files: material.clone().has_files(),
            looked_at: None,
            began_at: None,
            under_way: None,
            unsettled: BTreeMap::new(),
        }
    }

    pub(super) fn has_files(&self) -> bool {
        self.has_files
    }

    /// Whether it is time for a look: if one that began after `since` is needed, or the last one is
    /// old.
    pub(super) fn is_due(&self, since: Option<Instant>) -> bool {
        let every = match self.unsettled.is_empty() {
            true => LOOK_EVERY,
            false => SETTLED_AFTER,
        };
        let is_old = || self.looked_at.is_none_or(|it| it.elapsed() >= every);
        self.has_files
            && match since {
                Some(since) => self.began_at.is_none_or(|began| began < since),
                None => is_old(),
            }
    }

    /// Reads the files of `material`, by a look that began after `since`; `None` when that takes too
    /// long.
    ///
    /// # Cancel safety
    /// A look that is dropped goes on, and is the next one's.
    pub(super) async fn look(
        &mut self,
        material: &Material,
        since: Option<Instant>,
    ) -> Option<Looked> {
        let ends = Instant::now() + LOOK_MAX;
        loop {
            let (began, look) = self.under_way.get_or_insert_with(|| {
                let material = material.clone();
                let look = tokio::task::spawn_blocking(move || material.read());
                (Instant::now(), look)
            });
            let began = *began;
            let read = tokio::time::timeout_at(ends, look).await;
            self.looked_at = Some(Instant::now());
            let read = read.ok()?;
            self.under_way = None;
            let read = read.ok()?;
            if since.is_none_or(|since| began >= since) {
                self.began_at = Some(began);
                return Some(self.settle(material.clone(), read, began));
            }
        }
    }

    fn settle(&mut self, mut material: Material, read: Read, began: Instant) -> Looked {
        let known = std::mem::take(&mut self.unsettled);
        let mut changed = Vec::new();
        for (key, secret) in read.found {
            // A look may have begun before the last change was taken over.
            if material.get(&key).as_ref() == Some(&secret) {
                continue;
            }
            if is_read_twice(&key) {
                let before = known.get(&key).filter(|(value, _)| *value == secret);
                let since = before.map_or_else(Instant::now, |(_, since)| *since);
                // Remembered until it is taken over: what is of no use is said once.
                let value = (secret.clone(), since);
                self.unsettled.insert(key.clone(), value);
                if before.is_none() || began < since + SETTLED_AFTER {
                    continue;
                }
            }
            changed.push((key, secret));
        }
        Looked {
            changed,
            wrong: read.wrong,
        }
    }
}

#[cfg(test)]
mod tests;
