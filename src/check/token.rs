//! Tokens: whether there is one, whose it is, and when it ends. The token itself is never shown.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::finding::{Cause, Log, Point};
use crate::auth;

/// Tokens of Event Hubs, in every cloud
/// (<https://learn.microsoft.com/azure/event-hubs/authenticate-application>).
pub(crate) const HUBS: &str = "https://eventhubs.azure.net/.default";
/// Tokens of storage, in every cloud.
pub(crate) const STORAGE: &str = "https://storage.azure.com/.default";

/// Longest wait for a token: `auto` may try one identity after the other.
const TOKEN_MAX: Duration = Duration::from_secs(25);

/// What a token says of its owner
/// (<https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// `appid` or `azp`: the application's client id.
    pub(crate) app_id: Option<String>,
    /// `oid`: the object that roles are given to.
    pub(crate) object_id: Option<String>,
    /// `tid`.
    pub(crate) tenant_id: Option<String>,
    /// Whether a person stands behind it.
    pub(crate) is_user: bool,
}

impl Claims {
    /// Reads them; `None` when the token is another text than a JSON Web Token. Nothing is verified.
    pub(crate) fn of(token: &str) -> Option<Self> {
        let part = token.split('.').nth(1)?;
        let json = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        let claims: Value = serde_json::from_slice(&json).ok()?;
        claims.as_object()?;
        let text = |name: &str| id(claims.get(name)?.as_str()?);
        let has = |name: &str| claims.get(name).is_some();
        Some(Self {
            app_id: text("appid").or_else(|| text("azp")),
            object_id: text("oid"),
            tenant_id: text("tid"),
            is_user: match claims.get("idtyp").and_then(Value::as_str) {
                Some(kind) => kind == "user",
                None => has("upn") || has("unique_name") || has("scp"),
            },
        })
    }

    fn shown(&self) -> String {
        let known = [
            ("app id", &self.app_id),
            ("object id", &self.object_id),
            ("tenant", &self.tenant_id),
        ];
        let known = known.into_iter();
        let known = known.filter_map(|(name, id)| Some(format!("{name} {}", id.as_deref()?)));
        let known: Vec<_> = known.collect();
        match known.is_empty() {
            true => "of an owner that it does not name".to_owned(),
            false => format!("of {}", known.join(", ")),
        }
    }
}

/// An id, which is letters, digits and hyphens, and else not shown.
fn id(text: &str) -> Option<String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let fits = !text.is_empty() && text.len() <= 64 && text.chars().all(is_plain);
    fits.then(|| text.to_owned())
}

/// Asks for a token. Gives what is known of its owner, or nothing when there is none.
///
/// # Errors
/// `()` when there is no token, which is reported.
pub(crate) async fn ask(
    log: &Log,
    credential: &Arc<dyn TokenCredential>,
    scope: &str,
) -> Result<Option<Claims>, ()> {
    let asked = tokio::time::timeout(TOKEN_MAX, credential.get_token(&[scope], None)).await;
    let (cause, why) = match asked {
        Ok(Ok(token)) => {
            let claims = Claims::of(token.token.secret());
            let whose = match &claims {
                Some(claims) => claims.shown(),
                None => "that cannot be read".to_owned(),
            };
            let ends = std::time::SystemTime::from(token.expires_on);
            let ends = crate::event_hub::Timestamp::from(ends);
            log.ok(
                Point::Credential,
                format!("a token {whose}; ends at {ends} and is renewed before"),
            );
            return Ok(claims);
        }
        Ok(Err(error)) => {
            let cause = match auth::is_unreachable(&error) {
                true => Cause::Unavailable,
                false => Cause::NotPermitted,
            };
            (cause, auth::whole(&error))
        }
        Err(_) => {
            let why = format!("no answer within {} s", TOKEN_MAX.as_secs());
            (Cause::Unavailable, why)
        }
    };
    let remedy = match cause {
        Cause::Unavailable => {
            "let this machine reach the identity service (docs/network.md; see `login` where it is listed)"
        }
        _ => {
            "check the credential: its type, tenant_id, client_id, and its secret or certificate \
             (docs/credentials.md)"
        }
    };
    log.failed(Point::Credential, cause, format!("no token: {why}"), remedy);
    Err(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.MARK", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_owner_is_in_the_claims() {
        let of = |claims: &str| Claims::of(&token(claims)).unwrap();
        let app = of(r#"{"appid":"a-1","oid":"o-2","tid":"t-3","idtyp":"app","upn":"x"}"#);
        assert_eq!(app.shown(), "of app id a-1, object id o-2, tenant t-3");
        assert!(!app.is_user);
        let user = of(r#"{"azp":"a-1","upn":"MARK@contoso.com"}"#);
        assert!(user.is_user && !user.shown().contains("MARK"));
        let odd = of(r#"{"oid":"<script>","tid":"\u001b[0m"}"#);
        assert_eq!(odd.shown(), "of an owner that it does not name");
        for text in ["opaque", "a.b.c", "", "a.W10.c"] {
            assert_eq!(Claims::of(text), None, "{text}");
        }
    }
}
