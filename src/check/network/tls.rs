//! A handshake that ends well also with a certificate that nobody trusts, to tell whose it is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::Verifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::TlsConfig;
use crate::trust::certificate::Certificate;

/// What a trusted peer has shown.
pub(super) struct Shown {
    /// `None` when it cannot be read.
    pub(super) certificate: Option<Certificate>,
    /// The version of TLS.
    pub(super) version: &'static str,
}

/// Why there is no connection that may be used.
pub(super) enum Failed {
    /// The certificate is not trusted.
    Untrusted {
        /// As the library says it.
        words: String,
        shown: Option<Certificate>,
    },
    /// What is configured for TLS cannot be used.
    Setting(String),
    /// There was no handshake.
    Other(String),
}

/// Opens TLS to a host over a connection.
pub(super) async fn open(
    stream: TcpStream,
    host: &str,
    settings: &TlsConfig,
    most: Duration,
) -> Result<(TlsStream<TcpStream>, Shown), Failed> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| Failed::Other(format!("{host} is no name for TLS")))?;
    let recorder = Arc::new(Recorder::new(settings).map_err(Failed::Setting)?);
    let config = config(Arc::clone(&recorder), settings).map_err(Failed::Setting)?;
    let handshake = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = match tokio::time::timeout(most, handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(Failed::Other(words(&error))),
        Err(_) => {
            return Err(Failed::Other(format!(
                "no answer within {} s",
                most.as_secs()
            )));
        }
    };
    let seen = recorder.take();
    let certificate = seen.der.as_deref().and_then(Certificate::of_der);
    if let Some(words) = seen.objection {
        return Err(Failed::Untrusted {
            words,
            shown: certificate,
        });
    }
    let version = match stream.get_ref().1.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS 1.3",
    };
    let shown = Shown {
        certificate,
        version,
    };
    Ok((stream, shown))
}

/// The innermost cause, of which the outer ones say no more.
fn words(error: &std::io::Error) -> String {
    match error
        .get_ref()
        .and_then(|it| it.downcast_ref::<rustls::Error>())
    {
        Some(rustls::Error::InvalidMessage(_)) => "what answers does not speak TLS".to_owned(),
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

fn config(recorder: Arc<Recorder>, settings: &TlsConfig) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(recorder);
    let Some((certificate, key)) = &settings.identity else {
        return Ok(config.with_no_client_auth());
    };
    let chain = certificates(certificate.expose(), "tls.certificate")?;
    let key = PrivateKeyDer::from_pem_slice(key.expose().as_bytes());
    let key = key.map_err(|_| "tls.key holds no private key in PEM".to_owned())?;
    let config = config.with_client_auth_cert(chain, key);
    config.map_err(|_| "tls.certificate and tls.key do not fit together".to_owned())
}

fn certificates(pem: &str, key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    read.map_err(|_| format!("{key} holds something else than certificates in PEM"))
}

/// Lets every certificate pass, and keeps what the system's verifier says of it. Nothing secret is
/// sent over a connection that it objects to.
#[derive(Debug)]
struct Recorder {
    judge: Verifier,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    der: Option<Vec<u8>>,
    objection: Option<String>,
}

impl Recorder {
    fn new(settings: &TlsConfig) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let own = settings.ca.as_ref();
        let own = own.map(|ca| certificates(ca.expose(), "tls.ca"));
        let judge = match own.transpose()? {
            Some(own) => Verifier::new_with_extra_roots(own, provider),
            None => Verifier::new(provider),
        };
        Ok(Self {
            judge: judge.map_err(|error| format!("no authorities to trust: {error}"))?,
            seen: Mutex::default(),
        })
    }

    fn take(&self) -> Seen {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut seen)
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.judge.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.der = Some(end_entity.to_vec());
        seen.objection = verdict.err().map(|error| error.to_string());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
