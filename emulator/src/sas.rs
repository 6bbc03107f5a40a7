//! Shared access signatures: making keys and checking tokens
//! (<https://learn.microsoft.com/rest/api/eventhub/generate-sas-token>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;

/// What the holder of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Receive.
    pub listen: bool,
    /// Send.
    pub send: bool,
}

impl Rights {
    /// Both.
    pub const ALL: Self = Self {
        listen: true,
        send: true,
    };
    /// Receive only.
    pub const LISTEN: Self = Self {
        listen: true,
        send: false,
    };
    /// Send only.
    pub const SEND: Self = Self {
        listen: false,
        send: true,
    };
}

/// A named key (a "shared access policy").
#[derive(Debug, Clone)]
pub struct SharedKey {
    /// Name of the policy.
    pub name: String,
    /// The key; used as text, as the service does.
    pub key: String,
    /// What it allows.
    pub rights: Rights,
}

impl SharedKey {
    /// `RootManageSharedAccessKey` with all rights and 32 random bytes.
    pub fn generate() -> Self {
        let random: [u8; 32] = rand::random();
        Self::new(
            "RootManageSharedAccessKey",
            &STANDARD.encode(random),
            Rights::ALL,
        )
    }

    /// A key of one's own.
    pub fn new(name: &str, key: &str, rights: Rights) -> Self {
        Self {
            name: name.to_owned(),
            key: key.to_owned(),
            rights,
        }
    }

    /// Signs a token for `audience` (not yet URL-encoded) that expires at
    /// `expires_s`, in seconds since 1970-01-01 UTC.
    pub fn sign(&self, audience: &str, expires_s: i64) -> String {
        let audience = encode(audience);
        let signature = signature(&self.key, &audience, &expires_s.to_string());
        format!(
            "SharedAccessSignature sr={audience}&sig={}&se={expires_s}&skn={}",
            encode(&STANDARD.encode(signature)),
            encode(&self.name)
        )
    }
}

/// A token that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    /// The audience it was signed for, decoded.
    pub(crate) audience: String,
    pub(crate) expires_ms: i64,
    pub(crate) rights: Rights,
}

/// Checks signature and expiry of `token` at `now_ms`.
///
/// # Errors
/// The sentence for the 401 answer.
pub(crate) fn check(token: &str, keys: &[SharedKey], now_ms: i64) -> Result<Granted, String> {
    let fields = token
        .strip_prefix("SharedAccessSignature ")
        .ok_or("InvalidSignature: The token has an invalid format.")?;
    let field = |name: &str| {
        fields
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
            .ok_or_else(|| format!("MalformedToken: '{name}' is missing."))
    };
    let (audience, expiry) = (field("sr")?, field("se")?);
    let given = STANDARD
        .decode(decode(field("sig")?))
        .map_err(|_| "InvalidSignature: The signature is not base64.")?;
    let name = decode(field("skn")?);
    let key = keys
        .iter()
        .find(|key| key.name == name)
        .ok_or("InvalidSignature: The token has an invalid signature.")?;
    let mut mac = keyed(&key.key);
    mac.update(format!("{audience}\n{expiry}").as_bytes());
    mac.verify_slice(&given)
        .map_err(|_| "InvalidSignature: The token has an invalid signature.")?;
    let expires_ms = expiry
        .parse::<i64>()
        .map_err(|_| "MalformedToken: The expiry is no number.")?
        .saturating_mul(1000);
    if expires_ms <= now_ms {
        return Err("ExpiredToken: The token is expired.".into());
    }
    Ok(Granted {
        audience: decode(audience),
        expires_ms,
        rights: key.rights,
    })
}

fn signature(key: &str, encoded_audience: &str, expiry: &str) -> Vec<u8> {
    let mut mac = keyed(key);
    mac.update(format!("{encoded_audience}\n{expiry}").as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn keyed(key: &str) -> Hmac<Sha256> {
    // HMAC takes keys of any length; the error exists for other algorithms.
    Hmac::new_from_slice(key.as_bytes()).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Vec<SharedKey> {
        vec![
            SharedKey::generate(),
            SharedKey::new("reader", "secret", Rights::LISTEN),
        ]
    }

    #[test]
    fn good_and_bad() {
        let keys = keys();
        let token = keys[1].sign("sb://localhost/hub", 2000);
        let granted = check(&token, &keys, 1_000_000).unwrap();
        assert_eq!(granted.audience, "sb://localhost/hub");
        assert_eq!(granted.expires_ms, 2_000_000);
        assert_eq!(granted.rights, Rights::LISTEN);
        assert!(
            check(&token, &keys, 2_000_000)
                .unwrap_err()
                .starts_with("Expired")
        );
        assert!(check(&token.replace("se=2000", "se=3000"), &keys, 0).is_err());
        assert!(check(&token.replace("hub", "hux"), &keys, 0).is_err());
        assert!(check(&token.replace("skn=reader", "skn=other"), &keys, 0).is_err());
        assert!(check(&token, &keys[..1], 0).is_err());
        assert!(check("Bearer x", &keys, 0).is_err());
        assert!(check("SharedAccessSignature sr=a", &keys, 0).is_err());
    }

    #[test]
    fn known_signature() {
        // Made with Python's hmac over "sb%3A%2F%2Fh%2Fe\n1" and the key "k".
        let signed = signature("k", "sb%3A%2F%2Fh%2Fe", "1");
        assert_eq!(signed.len(), 32);
        assert_eq!(STANDARD.encode(signed), KNOWN);
    }

    const KNOWN: &str = "qrqlGsRXpV868Ll24Do1ka4fFchducah9vhKbLS+GHw=";
}
