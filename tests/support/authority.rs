//! A certificate authority of this test process, and a server certificate for this machine.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tempfile::TempDir;

/// Files and keys of the authority.
pub(crate) struct Authority {
    folder: TempDir,
    /// For servers on `localhost` and `127.0.0.1`.
    pub(crate) server: Arc<rustls::ServerConfig>,
}

/// The authority of this process.
pub(crate) fn authority() -> &'static Authority {
    static AUTHORITY: LazyLock<Authority> = LazyLock::new(make);
    &AUTHORITY
}

impl Authority {
    /// Its certificate, for `SSL_CERT_FILE`.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The server's certificate.
    pub(crate) fn server_file(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The server's private key.
    pub(crate) fn key_file(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}

fn make() -> Authority {
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let params = CertificateParams::new(names).unwrap();
    let server = params.signed_by(&key, &ca).unwrap();
    let authority = Authority {
        folder: tempfile::tempdir().unwrap(),
        server: Arc::new(
            rustls::ServerConfig::builder()
                .with_no_client_auth()
                .with_single_cert(
                    vec![server.der().clone()],
                    PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
                )
                .unwrap(),
        ),
    };
    std::fs::write(authority.ca_file(), ca.pem()).unwrap();
    std::fs::write(authority.server_file(), server.pem()).unwrap();
    std::fs::write(authority.key_file(), key.serialize_pem()).unwrap();
    authority
}
