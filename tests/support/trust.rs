//! A certificate authority of one test: who trusts it, and servers that it vouches for.

use std::net::SocketAddr;
use std::sync::Arc;

use entra_forwarder_emulator::Tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, Certificate};
use crate::server::{FREE, Server};

/// An authority, and a file with its certificate.
pub(crate) struct Trust {
    authority: Authority,
    file: NamedTempFile,
}

impl Trust {
    /// Makes an authority that nobody else knows.
    pub(crate) fn new() -> Self {
        let authority = Authority::new();
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority.pem()).unwrap();
        Self { authority, file }
    }

    /// For `SSL_CERT_FILE` of who is to trust it.
    pub(crate) fn file(&self) -> String {
        self.file.path().to_string_lossy().into_owned()
    }

    /// Its own certificate, as PEM text.
    pub(crate) fn pem(&self) -> String {
        self.authority.pem()
    }

    /// What a server has to have, for this host name or address.
    pub(crate) fn certify(&self, name: &str) -> Certificate {
        self.authority.certify(&[name])
    }

    /// The emulator's end of TLS, for this host name.
    pub(crate) fn tls(&self, name: &str) -> Tls {
        let made = self.certify(name);
        Tls::from_pem(&made.certificate, &made.key).unwrap()
    }

    /// An HTTP server's end of TLS, for this host name.
    pub(crate) fn acceptor(&self, name: &str) -> TlsAcceptor {
        let made = self.certify(name);
        let chain = CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }

    /// A port that takes TLS for this host name and passes what is in it on to a server without.
    pub(crate) async fn front(&self, name: &str, server: SocketAddr) -> Server {
        let acceptor = self.acceptor(name);
        let converse = move |client| {
            let acceptor = acceptor.clone();
            async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            }
        };
        Server::start(FREE, converse).await
    }
}
