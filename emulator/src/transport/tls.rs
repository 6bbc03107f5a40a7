//! TLS at the broker's end.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Transport;
use crate::error::{Error, Result};

/// The broker's certificate and key.
#[derive(Clone)]
pub struct Tls(Arc<ServerConfig>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Takes a certificate, with the chain to its authority behind it, and the
    /// certificate's private key, both as PEM texts.
    ///
    /// # Errors
    /// [`Error::Invalid`] when one of them is not what it should be, or the two
    /// do not belong together.
    pub fn from_pem(certificates: &str, key: &str) -> Result<Self> {
        let invalid = |what: &str, error: &dyn fmt::Display| {
            Error::Invalid(format!("the {what} cannot be used: {error}"))
        };
        let chain = CertificateDer::pem_slice_iter(certificates.as_bytes())
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| invalid("certificate", &error))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| invalid("key", &error))?;
        // Named, because the process may have no default or another one.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid("TLS library", &error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| invalid("certificate", &error))?;
        Ok(Self(Arc::new(config)))
    }

    pub(super) async fn accept<S>(&self, stream: S) -> std::io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.0.clone()).accept(stream).await
    }
}

impl<S: Transport> Transport for TlsStream<S> {
    fn reset_on_drop(&self) {
        self.get_ref().0.reset_on_drop();
    }

    fn acknowledge(&self) {
        self.get_ref().0.acknowledge();
    }
}
