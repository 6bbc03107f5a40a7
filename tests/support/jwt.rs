//! Unsigned tokens, such as the emulators take them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// Audience of Event Hubs.
pub(crate) const EVENT_HUBS: &str = "https://eventhubs.azure.net";

/// The object that roles are given to.
pub(crate) const OBJECT_ID: &str = "99999999-8888-7777-6666-555555555555";

/// A token for an audience that ends at this moment, which may lie between two seconds: so tests
/// need not wait for whole ones.
pub(crate) fn jwt(audience: &str, ends: SystemTime) -> String {
    let seconds = |moment: SystemTime| {
        let since = moment.duration_since(UNIX_EPOCH);
        since.unwrap().as_millis() as f64 / 1000.0
    };
    let now = SystemTime::now() - Duration::from_secs(60);
    let claims = serde_json::json!({
        "aud": audience,
        "exp": seconds(ends),
        "iat": seconds(now),
        "nbf": seconds(now),
        "iss": "https://sts.windows.net/66666666-7777-8888-9999-000000000000/",
        "appid": "11111111-2222-3333-4444-555555555555",
        "oid": OBJECT_ID,
        "tid": "66666666-7777-8888-9999-000000000000",
        "idtyp": "app",
    });
    let head = BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#);
    format!("{head}.{}.", BASE64.encode(claims.to_string()))
}
