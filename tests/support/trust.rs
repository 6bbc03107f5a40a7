//! A certificate authority of one test: who trusts it, and servers that it vouches for.

use std::net::SocketAddr;
use std::sync::Arc;

use entra_forwarder_emulator::Tls;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
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
        TlsAcceptor::from(Arc::new(self.server(name, None)))
    }

    /// The same that lets in only those whose certificate `clients` has made.
    pub(crate) fn mutual(&self, name: &str, clients: &Self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::new(self.server(name, Some(clients))))
    }

    /// The same that offers HTTP/2 as well.
    pub(crate) fn acceptor_h2(&self, name: &str) -> TlsAcceptor {
        let mut config = self.server(name, None);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    fn server(&self, name: &str, clients: Option<&Self>) -> rustls::ServerConfig {
        let made = self.certify(name);
        let chain = CertificateDer::from_pem_slice(made.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(clients) => {
                let mut roots = rustls::RootCertStore::empty();
                let known = CertificateDer::from_pem_slice(clients.pem().as_bytes()).unwrap();
                roots.add(known).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        config.with_single_cert(vec![chain], key).unwrap()
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
