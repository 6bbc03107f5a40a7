//! How a sink's endpoint is reached, and by whose right.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Secret;

/// How a sink's endpoint is reached, and by whose right.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SinkConnection {
    /// By whose right.
    pub auth: SinkAuth,
    /// Whom TLS trusts, and who this end is.
    pub tls: TlsConfig,
    /// What stands in between; `None` leaves it to the environment.
    pub proxy: Option<SinkProxy>,
    /// Parameters added to the query of the endpoint's URL.
    pub query: BTreeMap<String, Secret>,
    /// Which version of HTTP is spoken.
    pub http_version: HttpVersion,
    /// Header (lower case) with an id of the batch; `None` sends none.
    pub request_id_header: Option<String>,
}

/// By whose right records are delivered.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum SinkAuth {
    /// Nobody's, or by what stands among the headers.
    #[default]
    None,
    /// A fixed token.
    Token {
        /// The word before it, such as `Bearer`.
        scheme: &'static str,
        /// The token alone.
        token: Secret,
    },
    /// HTTP's basic authentication.
    Basic {
        /// The user.
        user: Secret,
        /// The password; empty where there is none.
        password: Secret,
    },
    /// Tokens of an OAuth 2.0 server.
    OAuth2(OAuth2Config),
    /// Tokens of Microsoft Entra ID.
    Entra {
        /// Name in [`super::Config::credentials`]; `None` is [`super::CredentialConfig::Auto`].
        credential: Option<String>,
        /// The scope that tokens are asked for.
        scope: String,
    },
    /// A signature of each body.
    Hmac(SignatureConfig),
}

/// OAuth 2.0 client credentials (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq)]
pub struct OAuth2Config {
    /// Where tokens are asked for.
    pub token_url: Secret,
    /// Who asks.
    pub client_id: String,
    /// Its secret.
    pub client_secret: Secret,
    /// How id and secret are sent.
    pub client_authentication: ClientAuthentication,
    /// `scope`, if any.
    pub scope: Option<String>,
    /// `audience`, if any.
    pub audience: Option<String>,
    /// Further parameters of the request.
    pub parameters: BTreeMap<String, Secret>,
}

/// How an OAuth 2.0 client says who it is (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// In the header `Authorization`.
    #[default]
    Basic,
    /// As parameters in the body.
    Body,
}

/// An HMAC-SHA256 of the body, as it travels, in a header.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureConfig {
    /// The key.
    pub key: Secret,
    /// How the key is written.
    pub key_encoding: KeyEncoding,
    /// Header with the signature, in lower case.
    pub header: String,
    /// How the signature is written.
    pub encoding: Digits,
    /// What stands before it.
    pub prefix: String,
}

/// How a key is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyEncoding {
    /// Its bytes are those of the text.
    #[default]
    Text,
    /// Base64.
    Base64,
    /// Hexadecimal digits.
    Hex,
}

impl KeyEncoding {
    /// The bytes of a key; `None` when it is not written in this way.
    pub fn decode(self, key: &Secret) -> Option<Vec<u8>> {
        let text = key.expose();
        match self {
            Self::Text => Some(text.as_bytes().to_vec()),
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Hex => {
                let digits: Option<Vec<u8>> = text
                    .chars()
                    .map(|digit| digit.to_digit(16).and_then(|it| u8::try_from(it).ok()))
                    .collect();
                let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
                let (pairs, _) = digits.as_chunks::<2>();
                Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
            }
        }
    }
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digits {
    /// Hexadecimal digits, lower case.
    #[default]
    Hex,
    /// Base64 with padding.
    Base64,
}

/// Whom TLS trusts beside the operating system's authorities, and who this end is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TlsConfig {
    /// More authorities, as PEM text.
    pub ca: Option<Secret>,
    /// Certificate of this end with its chain, and its private key, as PEM texts.
    pub identity: Option<(Secret, Secret)>,
}

/// What stands between this machine and the endpoint.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkProxy {
    /// Nothing, whatever the environment says.
    None,
    /// The HTTP proxy at this URL, whatever the environment says; nothing where a file says `none`.
    At(Secret),
}

/// Which version of HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/2 where the server offers it in TLS, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, also without TLS.
    Http2,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_told() {
        let decode = |encoding: KeyEncoding, text: &str| encoding.decode(&Secret::new(text));
        assert_eq!(decode(KeyEncoding::Text, "00ff"), Some(b"00ff".to_vec()));
        assert_eq!(decode(KeyEncoding::Hex, "00fF"), Some(vec![0, 255]));
        assert_eq!(decode(KeyEncoding::Hex, "00f"), None);
        assert_eq!(decode(KeyEncoding::Hex, "0g"), None);
        assert_eq!(decode(KeyEncoding::Base64, "AP8="), Some(vec![0, 255]));
        assert_eq!(decode(KeyEncoding::Base64, "A"), None);
    }
}
