//! A service principal that signs with a certificate.
//!
//! `azure_identity` has such a credential, but only over the system's OpenSSL, which a static
//! binary does not have. So its credential for assertions is used, and the assertion is signed
//! here: PS256 with the certificate's SHA-256 thumbprint
//! (<https://learn.microsoft.com/entra/identity-platform/certificate-credentials>).

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Secret;
use crate::event_hub::Timestamp;
use crate::trust::certificate::Certificate;

/// How long an assertion holds; one is made for every request.
const ASSERTION_LIFE: Duration = Duration::from_secs(5 * 60);

/// Why a certificate cannot be used. Shows no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("the PEM text holds no certificate (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    #[error("the PEM text holds no private key (-----BEGIN PRIVATE KEY-----)")]
    NoKey,
    #[error(
        "the private key in the PEM text is encrypted: give it decrypted, or as PKCS#12 with \
         certificate_password"
    )]
    EncryptedKey,
    #[error("certificate_password is given, but PEM text has none: remove it")]
    NeedlessPassword,
    #[error("it is neither PEM text nor PKCS#12 in base64")]
    Format,
    #[error("it cannot be opened as PKCS#12: is certificate_password right?")]
    Pkcs12,
    #[error("the PKCS#12 file holds no private key with its certificate")]
    EmptyPkcs12,
    #[error("the private key is none that signs here: an RSA key of 2048 to 8192 bits is needed")]
    KeyKind,
}

/// Makes the assertions with which a certificate stands for a secret.
pub(super) struct CertificateAssertion {
    key: KeyPair,
    /// The first part of every assertion.
    header: String,
    /// URL of the token endpoint.
    audience: String,
    client_id: String,
}

impl CertificateAssertion {
    /// Reads the certificate: PEM text with the private key and the certificate, or PKCS#12 in
    /// base64.
    pub(super) fn new(
        certificate: &Secret,
        password: Option<&Secret>,
        audience: String,
        client_id: String,
    ) -> Result<Self, CertificateError> {
        let (certificate, key) = read(certificate, password)?;
        let thumbprint = digest::digest(&digest::SHA256, &certificate);
        let header = serde_json::json!({
            "alg": "PS256",
            "typ": "JWT",
            "x5t#S256": URL_SAFE_NO_PAD.encode(thumbprint),
        });
        Ok(Self {
            key,
            header: URL_SAFE_NO_PAD.encode(header.to_string()),
            audience,
            client_id,
        })
    }

    fn assertion(&self, now: SystemTime) -> Option<String> {
        let seconds = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let claims = serde_json::json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": azure_core::Uuid::new_v4().to_string(),
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + ASSERTION_LIFE.as_secs(),
        });
        let signed = format!(
            "{}.{}",
            self.header,
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for CertificateAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAssertion")
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ClientAssertion for CertificateAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.assertion(SystemTime::now()).ok_or_else(|| {
            azure_core::Error::with_message(ErrorKind::Credential, "the assertion was not signed")
        })
    }
}

/// The certificate alone, in binary form; `None` when it cannot be used.
pub(crate) fn certificate_der(certificate: &Secret, password: Option<&Secret>) -> Option<Vec<u8>> {
    let (certificate, _) = read(certificate, password).ok()?;
    Some(certificate)
}

/// When the certificate ends; `None` when it cannot be read.
pub(super) fn ends(certificate: &Secret, password: Option<&Secret>) -> Option<Timestamp> {
    let certificate = Certificate::of_der(&certificate_der(certificate, password)?)?;
    Some(certificate.ends)
}

fn read(
    certificate: &Secret,
    password: Option<&Secret>,
) -> Result<(Vec<u8>, KeyPair), CertificateError> {
    let text = certificate.expose();
    match text.contains("-----BEGIN") {
        true if password.is_some() => Err(CertificateError::NeedlessPassword),
        true => from_pem(text),
        false => from_pkcs12(text, password.map_or("", Secret::expose)),
    }
}

/// The first certificate is the one of the key, as every tool writes it.
fn from_pem(text: &str) -> Result<(Vec<u8>, KeyPair), CertificateError> {
    let certificate = CertificateDer::pem_slice_iter(text.as_bytes())
        .find_map(Result::ok)
        .ok_or(CertificateError::NoCertificate)?;
    let key = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(key)) => KeyPair::from_pkcs8(key.secret_pkcs8_der()),
        Ok(PrivateKeyDer::Pkcs1(key)) => KeyPair::from_der(key.secret_pkcs1_der()),
        Ok(_) => return Err(CertificateError::KeyKind),
        Err(_) if text.contains("ENCRYPTED") => return Err(CertificateError::EncryptedKey),
        Err(_) => return Err(CertificateError::NoKey),
    };
    let key = key.map_err(|_| CertificateError::KeyKind)?;
    Ok((certificate.to_vec(), key))
}

fn from_pkcs12(text: &str, password: &str) -> Result<(Vec<u8>, KeyPair), CertificateError> {
    let text: String = text.split_whitespace().collect();
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| CertificateError::Format)?;
    let store = p12_keystore::KeyStore::from_pkcs12(&bytes, password)
        .map_err(|_| CertificateError::Pkcs12)?;
    let (_, chain) = store
        .private_key_chain()
        .ok_or(CertificateError::EmptyPkcs12)?;
    let certificate = chain.chain().first().ok_or(CertificateError::EmptyPkcs12)?;
    let key = KeyPair::from_pkcs8(chain.key()).map_err(|_| CertificateError::KeyKind)?;
    Ok((certificate.as_der().to_vec(), key))
}
