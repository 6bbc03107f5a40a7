//! What a certificate says of itself (RFC 5280, 4.1.2).

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

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
        let (_, read) = X509Certificate::from_der(der).ok()?;
        let moment = |time: ASN1Time| Timestamp(time.timestamp().saturating_mul(1_000));
        Some(Self {
            subject: shown(&read.subject().to_string()),
            issuer: shown(&read.issuer().to_string()),
            begins: moment(read.validity().not_before),
            ends: moment(read.validity().not_after),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_one_counts() {
        let made = |year| {
            let mut parameters = rcgen::CertificateParams::new(["siem".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 2, 3);
            let key = rcgen::KeyPair::generate().unwrap();
            let pem = parameters.self_signed(&key).unwrap().pem();
            (key.serialize_pem(), pem)
        };
        let end = |pem: &str| Certificate::of_pem(pem).map(|it| it.ends);
        let ((key, first), (_, second)) = (made(2031), made(2050));
        let ends = end(&format!("{key}{first}{second}"));
        assert_eq!(ends, Timestamp::parse_rfc3339("2031-02-03T00:00:00Z"));
        // From 2050 on it is written in another way.
        let ends = end(&second);
        assert_eq!(ends, Timestamp::parse_rfc3339("2050-02-03T00:00:00Z"));
        assert_eq!(Certificate::of_pem(&key), None);
        assert_eq!(Certificate::of_der(b"x"), None);
    }
}
