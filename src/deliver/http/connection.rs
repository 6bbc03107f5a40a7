//! A client with everything that its requests carry, made of the secrets as they are now.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Url};

use super::BuildError;
use super::auth::Auth;
use super::client::{self, Times};
use super::entra::EntraCredentials;
use super::secrets::Material;
use crate::config::{SinkAuth, is_clear};
use crate::deliver::response::TransportError;

/// What stays while the secrets change.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    /// Path of the sink in the configuration.
    pub(super) place: String,
    pub(super) times: Times,
    /// Path of an endpoint that is given without one.
    pub(super) path: Option<String>,
    /// Bytes of an answer's body that are read at most.
    pub(super) answer_bytes_max: usize,
    /// Those of `auth.type = "entra"`.
    pub(super) credentials: Option<EntraCredentials>,
}

impl Fixed {
    /// Name of the sink.
    pub(super) fn sink(&self) -> &str {
        self.place.strip_prefix("sinks.").unwrap_or(&self.place)
    }
}

/// What requests are made with until a secret changes.
pub(super) struct Connection {
    pub(super) material: Material,
    pub(super) client: Client,
    pub(super) url: Url,
    /// Of every request, without what `auth` adds.
    pub(super) headers: HeaderMap,
    pub(super) id_header: Option<HeaderName>,
    pub(super) auth: Auth,
}

impl fmt::Debug for Connection {
    // The URL may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Connection({:?})", self.auth)
    }
}

impl Connection {
    /// Takes the tokens of the one `before` it, if they are still right.
    ///
    /// # Errors
    /// When the configuration holds something that no request can carry; names it without its
    /// value.
    pub(super) fn build(
        material: Material,
        fixed: &Fixed,
        before: Option<&Self>,
    ) -> Result<Self, BuildError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &material.headers {
            let known = header_name(name)?;
            let value = sensitive(value.expose()).ok_or_else(|| {
                BuildError(format!("header `{name}` has a value no header can have"))
            })?;
            headers.insert(known, value);
        }
        let mut url: Url = material
            .endpoint
            .expose()
            .parse()
            .map_err(|error| BuildError(format!("`endpoint` is no URL: {error}")))?;
        if let Some(path) = &fixed.path
            && url.path() == "/"
        {
            url.set_path(path);
        }
        let connection = &material.connection;
        if matches!(connection.auth, SinkAuth::Entra { .. }) && is_clear(&url) {
            let problem =
                "`endpoint` is a URL without https, and the identity's token is sent there";
            return Err(BuildError(problem.to_owned()));
        }
        if !connection.query.is_empty() {
            let mut query = url.query_pairs_mut();
            for (name, value) in &connection.query {
                query.append_pair(name, value.expose());
            }
        }
        let id_header = connection.request_id_header.as_deref().map(header_name);
        let id_header = id_header.transpose()?;
        Ok(Self {
            client: client::build(connection, &url, fixed.times)?,
            auth: Auth::build(connection, fixed, before)?,
            // A header of that name is there on purpose.
            id_header: id_header.filter(|name| !headers.contains_key(name)),
            headers,
            url,
            material,
        })
    }

    /// Where a request goes: to the endpoint, or to a place relative to it, with the same query.
    pub(super) fn target(&self, target: Option<&str>) -> Result<Url, TransportError> {
        let Some(target) = target else {
            return Ok(self.url.clone());
        };
        let joined = self.url.join(target);
        let mut url = joined
            .map_err(|_| TransportError::Declined("no URL can be made for this request".into()))?;
        if url.query().is_none() {
            url.set_query(self.url.query());
        }
        Ok(url)
    }
}

fn header_name(name: &str) -> Result<HeaderName, BuildError> {
    HeaderName::try_from(name).map_err(|_| BuildError(format!("`{name}` is no header name")))
}

/// A header's value that no debug output shows; `None` when no header can have it.
pub(super) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
