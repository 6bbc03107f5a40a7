//! A certificate authority of one test, and certificates of it.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

/// An authority that nobody knows unless told.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, as PEM texts.
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        // No two have the same name.
        let name: String = key
            .public_key_raw()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        params.distinguished_name.push(
            DnType::CommonName,
            format!("Test authority {}", &name[name.len() - 16..]),
        );
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Its own certificate, for those who are to trust it.
    pub(crate) fn pem(&self) -> String {
        self.0.as_ref().pem()
    }

    /// A certificate for these host names and addresses.
    pub(crate) fn certify(&self, names: &[&str]) -> Certificate {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        Certificate {
            certificate: params.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}
