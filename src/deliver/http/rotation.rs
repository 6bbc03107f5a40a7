//! Takes over what changed in the files of a sink.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::Url;
use tokio::time::Instant;

use super::connection::Connection;
use super::secrets::{Looked, Material, Watch};
use super::{BuildError, HttpTransport};
use crate::config::{Secret, SinkAuth, is_clear};

/// The files of a sink, and what was said of them.
#[derive(Debug)]
pub(super) struct Watching {
    watch: Watch,
    /// What was last said to be wrong with the files.
    complaint: String,
}

impl Watching {
    pub(super) fn new(material: &Material) -> Self {
        Self {
            watch: Watch::new(material),
            complaint: String::new(),
        }
    }

    pub(super) fn has_files(&self) -> bool {
        self.watch.has_files()
    }
}

impl HttpTransport {
    /// What to make a request with, after a look at the files if it is time for one. After a
    /// refusal, by a look that began after the refused request did (`since`). Requests beside the
    /// one that looks go on with what they know.
    pub(super) async fn connection(&self, since: Option<Instant>) -> Arc<Connection> {
        let watching = match since {
            Some(_) => Some(self.watch.lock().await),
            None => self.watch.try_lock().ok(),
        };
        let Some(mut watching) = watching.filter(|it| it.watch.is_due(since)) else {
            return self.current();
        };
        let current = self.current();
        if let Some(looked) = watching.watch.look(&current.material, since).await {
            self.take_over(looked, &mut watching.complaint);
        }
        self.current()
    }

    /// Uses what is new, if it is of use; says what is new and what is wrong, once.
    fn take_over(&self, looked: Looked, complaint: &mut String) {
        let Looked { changed, mut wrong } = looked;
        if !changed.is_empty() {
            let (built, of_no_use) = self.build(&changed);
            if let Some(built) = built {
                let is_used = |key: &str| !of_no_use.iter().any(|(it, _)| it == key);
                let keys = changed.iter().map(|(key, _)| key.as_str());
                let keys: Vec<_> = keys.filter(|key| is_used(key)).collect();
                self.say_changed(&keys, &built);
                *self.lock() = Arc::new(built);
                self.changes.fetch_add(1, Ordering::Relaxed);
                self.note_ends();
            }
            wrong.extend(
                of_no_use
                    .into_iter()
                    .map(|(key, why)| format!("{key}: {why}")),
            );
        }
        let wrong = wrong.join("; ");
        if wrong != *complaint && !wrong.is_empty() {
            let sink = self.fixed.sink();
            tracing::warn!(
                event = "secrets_unreadable",
                sink,
                reason = wrong,
                "sink {sink} goes on with the values that it had: {wrong}"
            );
        }
        *complaint = wrong;
    }

    /// A connection with as much of this as can be used; and the keys that cannot, with the reason.
    fn build(&self, changed: &[(String, Secret)]) -> (Option<Connection>, Vec<(String, String)>) {
        let current = self.current();
        let build = |values: &[(String, Secret)]| {
            let mut material = current.material.clone();
            material.adopt(values);
            Connection::build(material, &self.fixed, Some(&current))
        };
        if let Ok(built) = build(changed) {
            return (Some(built), Vec::new());
        }
        let (mut built, mut of_no_use) = (None, Vec::new());
        let mut usable: Vec<(String, Secret)> = Vec::new();
        // A certificate and its key are of use together only.
        let (tls, others): (Vec<_>, Vec<_>) = changed
            .iter()
            .cloned()
            .partition(|(key, _)| key.starts_with("tls."));
        for group in others.into_iter().map(|it| vec![it]).chain([tls]) {
            let tried: Vec<_> = usable.iter().chain(&group).cloned().collect();
            match build(&tried) {
                _ if group.is_empty() => {}
                Ok(connection) => {
                    built = Some(connection);
                    usable = tried;
                }
                Err(BuildError(why)) => {
                    of_no_use.extend(group.into_iter().map(|(key, _)| (key, why.clone())));
                }
            }
        }
        (built, of_no_use)
    }

    fn say_changed(&self, changed: &[&str], built: &Connection) {
        let (sink, keys) = (self.fixed.sink(), changed.join(", "));
        tracing::info!(
            event = "secrets_changed",
            sink,
            keys,
            "sink {sink} uses the new content of the files of {keys}"
        );
        let token_url = match &built.material.connection.auth {
            SinkAuth::OAuth2(config) => Some(&config.token_url),
            _ => None,
        };
        for (key, url, what) in [
            (
                "endpoint",
                Some(&built.material.endpoint),
                "records and headers travel",
            ),
            ("auth.token_url", token_url, "the client's secret travels"),
        ] {
            let url = url.and_then(|it| it.expose().parse::<Url>().ok());
            if changed.contains(&key) && url.as_ref().is_some_and(is_clear) {
                tracing::warn!(
                    event = "unencrypted",
                    sink,
                    key,
                    "sinks.{sink}.{key} starts with http://: {what} unencrypted"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::config::{OAuth2Config, SinkConfig, SinkConnection, TlsConfig};
    use crate::deliver::http::auth::Auth;
    use crate::deliver::http::tokens::Token;
    use crate::telemetry::expiries::{Expiries, ExpiryKind};
    use crate::trust::certificate::Certificate;

    fn transport(endpoint: &str, connection: SinkConnection) -> HttpTransport {
        let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let sink = SinkConfig {
            endpoint: Secret::new(endpoint),
            headers: BTreeMap::from([("x-key".to_owned(), Secret::new("old"))]),
            connection,
            connect_timeout: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            ..SinkConfig::default()
        };
        HttpTransport::new("main", &sink, None).unwrap()
    }

    /// Takes over what a look has shown; gives what is said to be wrong.
    fn take_over(transport: &HttpTransport, changed: &[(&str, &str)]) -> String {
        let changed = changed.iter();
        let looked = Looked {
            changed: changed
                .map(|(key, value)| ((*key).to_owned(), Secret::new(*value)))
                .collect(),
            wrong: Vec::new(),
        };
        let mut complaint = String::new();
        transport.take_over(looked, &mut complaint);
        complaint
    }

    #[test]
    fn what_is_of_no_use_keeps_nothing_else_from_being_used() {
        let (one, other) = (pair(), pair_until(2041));
        let connection = SinkConnection {
            tls: TlsConfig {
                ca: None,
                identity: Some((Secret::new(&one.0), Secret::new(&one.1))),
            },
            ..SinkConnection::default()
        };
        let transport = transport("https://siem.invalid/", connection);
        let changed = [("headers.x-key", "new"), ("tls.certificate", &other.0)];
        let wrong = take_over(&transport, &changed);
        assert!(wrong.starts_with("tls.certificate: "), "{wrong}");
        assert_eq!(transport.current().headers["x-key"], "new");
        assert_eq!(transport.changes.load(Ordering::Relaxed), 1);
        let ends = |pem: &str| {
            let place = "sinks.main.tls.certificate".to_owned();
            vec![(
                ExpiryKind::Certificate,
                place,
                Certificate::of_pem(pem).unwrap().ends,
            )]
        };
        let expiries = Arc::<Expiries>::default();
        let transport = transport.noting(Arc::clone(&expiries));
        assert_eq!(expiries.read(), ends(&one.0));
        let changed = [("tls.certificate", &*other.0), ("tls.key", &*other.1)];
        assert_eq!(take_over(&transport, &changed), "");
        assert_eq!(expiries.read(), ends(&other.0));
        assert_ne!(ends(&one.0), ends(&other.0));
    }

    fn pair() -> (String, String) {
        pair_until(2040)
    }

    fn pair_until(year: i32) -> (String, String) {
        let mut parameters = rcgen::CertificateParams::new(["siem".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// A file with everything in it may be both.
    #[test]
    fn certificate_and_key_may_stand_in_one_file() {
        let (certificate, key) = pair();
        let bundle = format!("{key}{certificate}");
        let connection = SinkConnection {
            tls: TlsConfig {
                ca: None,
                identity: Some((Secret::new(&bundle), Secret::new(&bundle))),
            },
            ..SinkConnection::default()
        };
        transport("https://siem.invalid/", connection);
    }

    #[tokio::test]
    async fn a_token_outlives_changes_of_something_else() {
        let oauth2 = SinkAuth::OAuth2(OAuth2Config {
            token_url: Secret::new("https://login.invalid/"),
            client_id: "forwarder".to_owned(),
            client_secret: Secret::new("old"),
            client_authentication: Default::default(),
            scope: None,
            audience: None,
            parameters: BTreeMap::new(),
        });
        let connection = SinkConnection {
            auth: oauth2,
            ..SinkConnection::default()
        };
        let transport = transport("https://siem.invalid/", connection);
        let has_token = || match &transport.current().auth {
            Auth::Tokens(tokens) => tokens.current().is_some(),
            _ => false,
        };
        if let Auth::Tokens(tokens) = &transport.current().auth {
            tokens.set(Token::bearer("token", None).unwrap());
        }
        assert_eq!(take_over(&transport, &[("headers.x-key", "new")]), "");
        assert!(has_token());
        assert_eq!(take_over(&transport, &[("auth.client_secret", "new")]), "");
        assert!(!has_token());
    }
}
