//! Tokens put to the `$cbs` node
//! (<https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide#claims-based-authorization>).

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

use crate::address;
use crate::broker::Broker;
use crate::sas::{self, Rights};

/// The text with which links go whose token has expired, and are refused
/// without one.
pub(crate) fn unauthorized(listen: bool, entity: &str) -> String {
    let claim = if listen { "Listen" } else { "Send" };
    format!(
        "Unauthorized access. '{claim}' claim(s) are required to perform this operation. Resource: 'sb://localhost/{entity}'."
    )
}

/// A token that holds on a connection.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    /// Path of the audience, in lower case.
    pub(crate) path: String,
    pub(crate) expires_ms: i64,
    pub(crate) rights: Rights,
}

/// The tokens of one connection.
#[derive(Debug, Default)]
pub(crate) struct Grants(Vec<Grant>);

impl Grants {
    /// Adds a token; it takes the place of an earlier one for its audience.
    pub(crate) fn put(&mut self, grant: Grant) {
        self.0.retain(|old| old.path != grant.path);
        self.0.push(grant);
    }

    /// Whether a link on `path` (lower case) may listen or send now.
    pub(crate) fn allow(&self, path: &str, listen: bool, now_ms: i64) -> bool {
        self.valid(now_ms).any(|grant| {
            address::covers(&grant.path, path)
                && (if listen {
                    grant.rights.listen
                } else {
                    grant.rights.send
                })
        })
    }

    /// Whether there is a token for this hub, its management node or something in it.
    pub(crate) fn manage(&self, hub: &str, now_ms: i64) -> bool {
        self.valid(now_ms)
            .any(|grant| address::covers(&grant.path, hub) || address::covers(hub, &grant.path))
    }

    /// Whether there is any token that still holds.
    pub(crate) fn any(&self, now_ms: i64) -> bool {
        self.valid(now_ms).next().is_some()
    }

    /// When the next one that still holds expires.
    pub(crate) fn next_expiry(&self, now_ms: i64) -> Option<i64> {
        self.valid(now_ms).map(|grant| grant.expires_ms).min()
    }

    fn valid(&self, now_ms: i64) -> impl Iterator<Item = &Grant> {
        self.0.iter().filter(move |grant| grant.expires_ms > now_ms)
    }
}

/// Checks a token that was put for `audience`.
///
/// # Errors
/// The text for a 401 answer.
pub(crate) fn check(
    broker: &Broker,
    kind: &str,
    audience: &str,
    token: &str,
) -> Result<Grant, String> {
    let now_ms = broker.now_ms();
    let path = address::path(audience).to_ascii_lowercase();
    if kind.eq_ignore_ascii_case("jwt") {
        return jwt(broker, token, now_ms).map(|expires_ms| Grant {
            path,
            expires_ms,
            rights: Rights::ALL,
        });
    }
    let granted = sas::check(token, &broker.keys, now_ms)?;
    let signed = address::path(&granted.audience).to_ascii_lowercase();
    if !address::covers(&signed, &path) {
        return Err(format!(
            "InvalidAudience: The token is for '{}', not for '{audience}'.",
            granted.audience
        ));
    }
    Ok(Grant {
        path,
        expires_ms: granted.expires_ms,
        rights: granted.rights,
    })
}

/// Audience and expiry of a JWT, whose signature is not looked at.
fn jwt(broker: &Broker, token: &str, now_ms: i64) -> Result<i64, String> {
    let malformed = || "MalformedToken: The token is no JWT.".to_owned();
    let payload = token.split('.').nth(1).ok_or_else(malformed)?;
    let bytes = URL_SAFE_NO_PAD
        .decode(payload)
        .or_else(|_| URL_SAFE.decode(payload))
        .map_err(|_| malformed())?;
    let claims: serde_json::Value = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
    let audience = claims
        .get("aud")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    let plain = |text: &str| text.trim_end_matches('/').to_ascii_lowercase();
    let known = &broker.options.jwt_audiences;
    if !known.iter().any(|one| plain(one) == plain(audience)) {
        return Err(format!(
            "InvalidAudience: The audience '{audience}' is not accepted."
        ));
    }
    let expires_ms = claims
        .get("exp")
        .and_then(serde_json::Value::as_f64)
        .map(|seconds| seconds * 1000.0)
        .ok_or_else(malformed)?;
    // Milliseconds of any sensible date are far below 2^53.
    #[allow(clippy::cast_possible_truncation)]
    let expires_ms = expires_ms as i64;
    match expires_ms > now_ms {
        true => Ok(expires_ms),
        false => Err("ExpiredToken: The token is expired.".into()),
    }
}
