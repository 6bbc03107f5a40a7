//! The command line, shared by the small binary and by the main program.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::{Emulator, HubOptions, Layers, Options, Quirks, Result, Rights, SharedKey, Tls};

/// Options of the emulator's command line.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:5672", value_name = "ADDR")]
    pub listen: SocketAddr,
    /// Hub to create, with its number of partitions; can be repeated
    #[arg(long = "hub", value_name = "NAME:PARTITIONS", default_value = "hub:4")]
    pub hubs: Vec<String>,
    /// Consumer group that every hub knows besides $Default; can be repeated
    #[arg(long = "group", value_name = "NAME")]
    pub groups: Vec<String>,
    /// Address of the HTTP control port; none unless given
    #[arg(long, value_name = "ADDR")]
    pub control: Option<SocketAddr>,
    /// Shared access key; a new one is made unless given
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// PEM file with the certificate for --tls-listen and --websocket, and its chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// Address to listen on for AMQP over TLS; port 0 takes a free one
    #[arg(long, value_name = "ADDR", requires = "tls_certificate")]
    pub tls_listen: Option<SocketAddr>,
    /// Address to listen on for AMQP over WebSockets: over TLS if there is a certificate
    #[arg(long, value_name = "ADDR")]
    pub websocket: Option<SocketAddr>,
    /// Management calls that a hub answers in a second; 0 is without limit
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub management_calls: u32,
    /// Largest message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    pub max_message_size: usize,
}

/// Runs an emulator until `shutdown` completes. Prints one line with the
/// connection string for every hub, and one each for the other ports when there
/// are any (`amqps://...`, `wss://...` or `ws://...`, `control http://...`), then
/// serves.
///
/// # Errors
/// What [`Emulator::start`] and the control port's socket answer.
pub async fn run(args: Args, shutdown: impl Future<Output = ()>) -> Result<()> {
    let emulator = Arc::new(Emulator::start(args.options()?).await?);
    for (name, _) in &args.options()?.hubs {
        say(&emulator.connection_string(Some(name)));
    }
    for (address, layers) in args.listeners()? {
        let scheme = layers.scheme();
        let address = emulator.listen(address, layers).await?;
        say(&format!("{scheme}://{address}"));
    }
    let ending = CancellationToken::new();
    let mut serving = None;
    if let Some(address) = args.control {
        let control = Control::bind(address).await?;
        say(&format!("control http://{}", control.address()));
        let ended = ending.clone().cancelled_owned();
        serving = Some(tokio::spawn(control.serve(emulator.clone(), ended)));
    }
    shutdown.await;
    ending.cancel();
    if let Some(serving) = serving {
        match serving.await {
            Ok(served) => served?,
            Err(error) => tracing::warn!(%error, "the control port failed"),
        }
    }
    // The control port held the only other reference.
    if let Some(emulator) = Arc::into_inner(emulator) {
        let report = emulator.stop().await;
        tracing::info!(?report, "stopped");
    }
    Ok(())
}

/// Prints a line for whoever started the program; nobody listening is no error.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
        tracing::debug!(%error, "cannot print");
    }
}

impl Args {
    /// The ports besides the one for plain AMQP.
    fn listeners(&self) -> Result<Vec<(SocketAddr, Layers)>> {
        let tls = match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                Some(Tls::from_pem(&read(certificate)?, &read(key)?)?)
            }
            _ => None,
        };
        let over_tls = self.tls_listen.zip(tls.clone());
        let websocket = self.websocket.map(|address| {
            let websocket = true;
            (address, Layers { tls, websocket })
        });
        let over_tls = over_tls.map(|(address, tls)| (address, Layers::tls(tls)));
        Ok(over_tls.into_iter().chain(websocket).collect())
    }

    fn options(&self) -> Result<Options> {
        let mut hubs = Vec::new();
        for text in &self.hubs {
            let invalid = || crate::Error::Invalid(format!("'{text}' is not NAME:PARTITIONS"));
            let (name, count) = text.split_once(':').ok_or_else(invalid)?;
            let mut hub = HubOptions::new(count.parse().map_err(|_| invalid())?);
            hub.consumer_groups = self.groups.clone();
            hubs.push((name.to_owned(), hub));
        }
        let keys = self
            .key
            .iter()
            .map(|key| SharedKey::new("RootManageSharedAccessKey", key, Rights::ALL))
            .collect();
        Ok(Options {
            listen: self.listen,
            hubs,
            keys,
            max_message_size: self.max_message_size,
            quirks: Quirks {
                management_calls: Some(self.management_calls).filter(|calls| *calls > 0),
                ..Quirks::default()
            },
            ..Options::default()
        })
    }
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| crate::Error::Invalid(format!("cannot read {}: {error}", path.display())))
}

/// Completes at SIGINT or SIGTERM.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let ctrl_c = tokio::signal::ctrl_c();
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = ctrl_c => {}
                _ = terminate.recv() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "cannot listen for SIGTERM");
            let _ = ctrl_c.await;
        }
    }
}
