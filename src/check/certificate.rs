//! What a certificate says of itself.

use std::time::SystemTime;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_cert::der::Decode;

use crate::event_hub::Timestamp;

/// Most characters of a name.
const NAME_MAX: usize = 120;

/// What is told of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Whose it is.
    pub(crate) subject: String,
    /// Who made it.
    pub(crate) issuer: String,
    /// From when on it holds.
    pub(crate) begins: Timestamp,
    /// Until when it holds.
    pub(crate) ends: Timestamp,
}

impl Certificate {
    /// Reads the binary form (DER); `None` when it is no certificate.
    pub(crate) fn of_der(der: &[u8]) -> Option<Self> {
        let read = x509_cert::Certificate::from_der(der).ok()?;
        let own = read.tbs_certificate;
        let moment = |time: x509_cert::time::Time| Timestamp::from(SystemTime::from(time));
        Some(Self {
            subject: shown(&own.subject.to_string()),
            issuer: shown(&own.issuer.to_string()),
            begins: moment(own.validity.not_before),
            ends: moment(own.validity.not_after),
        })
    }

    /// Reads the first one of a PEM text: by custom that of the key's owner.
    pub(crate) fn of_pem(text: &str) -> Option<Self> {
        let first = CertificateDer::pem_slice_iter(text.as_bytes()).find_map(Result::ok)?;
        Self::of_der(&first)
    }
}

/// A name that a peer has chosen, fit for one line.
fn shown(name: &str) -> String {
    let name = name.replace(|letter: char| letter.is_control(), " ");
    let short: String = name.chars().take(NAME_MAX).collect();
    match short.is_empty() {
        true => "without a name".to_owned(),
        false => format!("`{short}`"),
    }
}
