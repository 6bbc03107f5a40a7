//! Secrets, and what each must look like. No mistake shows any part of one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

use super::Mistake;
use crate::config::connection_string::ConnectionString;

/// What a secret must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretRule {
    /// Anything but nothing.
    Any,
    /// A connection string of Event Hubs.
    ConnectionString,
    /// An `http` or `https` URL.
    HttpUrl,
    /// The URL of a blob container.
    ContainerUrl,
    /// The value of a request header.
    HeaderValue,
    /// A certificate with its private key: PEM text, or PKCS#12 in base64.
    Certificate,
    /// Certificates as PEM text.
    Certificates,
    /// A private key as PEM text.
    PrivateKey,
    /// The URL of an HTTP proxy, or `none`.
    Proxy,
    /// A token that fits behind `Bearer `.
    Token,
    /// The same, and too long to be guessed.
    AdminToken,
}

/// Largest file that is taken for a secret: more than any connection string, signature or
/// certificate chain needs.
const BYTES_MAX: u64 = 64 * 1024;
/// Shortest token of the admin listener: 80 bits, if it is written in hexadecimal.
const ADMIN_TOKEN_MIN: usize = 20;
/// Largest file of certificates: several times a whole system's.
const CERTIFICATES_MAX: u64 = 2 * 1024 * 1024;

impl SecretRule {
    pub(in crate::config) fn expected(self) -> &'static str {
        match self {
            Self::Any => "text that is not empty",
            Self::ConnectionString => "a connection string of the Event Hubs namespace or hub",
            Self::HttpUrl => "a URL that starts with https:// or http://",
            Self::ContainerUrl => {
                "the URL of a blob container, such as https://<account>.blob.core.windows.net/<container>"
            }
            Self::Certificate => {
                "a certificate with its private key, as PEM text (-----BEGIN ...) or PKCS#12 in base64"
            }
            Self::Certificates => "certificates as PEM text (-----BEGIN CERTIFICATE-----)",
            Self::PrivateKey => "a private key as PEM text (-----BEGIN PRIVATE KEY-----)",
            Self::Proxy => "a URL of the form http://host:port or https://host:port, or \"none\"",
            Self::Token => "a token: visible characters without a space",
            Self::AdminToken => "a token: at least 20 visible characters without a space",
            Self::HeaderValue => "the value of an HTTP header: visible characters on one line",
        }
    }

    /// Whether it may be bytes that are no text, in base64.
    pub(in crate::config) fn takes_bytes(self) -> bool {
        self == Self::Certificate
    }

    /// Whether it is PEM text, which ends with a line break by itself.
    fn is_pem(self) -> bool {
        matches!(
            self,
            Self::Certificate | Self::Certificates | Self::PrivateKey
        )
    }

    /// Largest file that it is taken from.
    pub(in crate::config) fn bytes_max(self) -> u64 {
        match self {
            Self::Certificates => CERTIFICATES_MAX,
            _ => BYTES_MAX,
        }
    }

    /// Looks at the text; a mistake says no more than its kind.
    pub(in crate::config) fn check(self, text: &str) -> Result<(), Mistake> {
        if text.is_empty() {
            return Err(Mistake::new("empty"));
        }
        // A line break at the end of a variable would otherwise show as a refused credential.
        if text.trim() != text && !self.is_pem() {
            return Err(
                Mistake::new("a text with white space around it (not shown)")
                    .hint("remove the space or line break at its beginning or end"),
            );
        }
        match self {
            Self::Any => Ok(()),
            Self::ConnectionString => match ConnectionString::parse(text) {
                Ok(_) => Ok(()),
                Err(error) => Err(not_shown().hint(error.to_string())),
            },
            Self::HttpUrl => web_url(text).map(|_| ()),
            Self::ContainerUrl => {
                let url = web_url(text)?;
                let named = url
                    .path_segments()
                    .is_some_and(|mut all| all.any(|one| !one.is_empty()));
                if named {
                    Ok(())
                } else {
                    Err(not_shown().hint("the name of the container is missing at the end"))
                }
            }
            Self::Certificate if text.contains("-----BEGIN") => Ok(()),
            Self::Certificate => {
                let base64: String = text.split_whitespace().collect();
                match STANDARD.decode(base64) {
                    Ok(bytes) if !bytes.is_empty() => Ok(()),
                    _ => Err(not_shown().hint("a file is named by certificate_file")),
                }
            }
            Self::Certificates => certificates(text),
            Self::PrivateKey => private_key(text),
            Self::Proxy if text == "none" => Ok(()),
            Self::Proxy => match web_url(text) {
                Ok(url) if matches!(url.path(), "" | "/") && url.query().is_none() => Ok(()),
                _ => Err(not_shown()),
            },
            Self::AdminToken if text.len() < ADMIN_TOKEN_MIN => {
                Err(Mistake::new("a shorter token (not shown)")
                    .hint("make one, for example with `openssl rand -hex 24`"))
            }
            Self::Token | Self::AdminToken if text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(())
            }
            Self::Token | Self::AdminToken => {
                Err(not_shown().hint("\"Bearer\" is put before it; give the token alone"))
            }
            Self::HeaderValue => HeaderValue::from_str(text)
                .map(|_| ())
                .map_err(|_| not_shown()),
        }
    }
}

fn not_shown() -> Mistake {
    Mistake::new("something else (not shown)")
}

fn web_url(text: &str) -> Result<Url, Mistake> {
    let url = Url::parse(text).map_err(|_| not_shown())?;
    if matches!(url.scheme(), "http" | "https") && url.fragment().is_none() {
        Ok(url)
    } else {
        Err(not_shown())
    }
}

fn certificates(text: &str) -> Result<(), Mistake> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(all) if !all.is_empty() => Ok(()),
        _ => Err(not_shown().hint(
            "a file is named by the key with \"_file\" at its end, and holds PEM, not DER or PKCS#12",
        )),
    }
}

fn private_key(text: &str) -> Result<(), Mistake> {
    if text.contains("ENCRYPTED") {
        return Err(Mistake::new("an encrypted key (not shown)").hint("give it decrypted"));
    }
    PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map(|_| ())
        .map_err(|_| not_shown())
}
