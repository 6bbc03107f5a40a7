//! When a certificate ends (RFC 5280, 4.1.2.5).

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::event_hub::Timestamp;

/// The end of a certificate in DER; `None` when it cannot be read.
pub(crate) fn der_ends(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    Some(Timestamp(seconds.saturating_mul(1_000)))
}

/// The end of the first certificate in a PEM text, which is the one of the key.
pub(crate) fn pem_ends(pem: &str) -> Option<Timestamp> {
    let mut certificates = CertificateDer::pem_slice_iter(pem.as_bytes());
    der_ends(&certificates.find_map(Result::ok)?)
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
        let ((key, first), (_, second)) = (made(2031), made(2050));
        let ends = pem_ends(&format!("{key}{first}{second}"));
        assert_eq!(ends, Timestamp::parse_rfc3339("2031-02-03T00:00:00Z"));
        // From 2050 on it is written in another way.
        let ends = pem_ends(&second);
        assert_eq!(ends, Timestamp::parse_rfc3339("2050-02-03T00:00:00Z"));
        assert_eq!(pem_ends(&key), None);
        assert_eq!(der_ends(b"x"), None);
    }
}
