//! The command line, shared by the small binary and by the main program.

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::{Emulator, HubOptions, Options, Result, Rights, SharedKey};

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
    /// Largest message in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1024 * 1024)]
    pub max_message_size: usize,
}

/// Runs an emulator until `shutdown` completes. Prints one line with the
/// connection string for every hub, and one for the control port when there is
/// one (`control http://...`), then serves.
///
/// # Errors
/// What [`Emulator::start`] and the control port's socket answer.
pub async fn run(args: Args, shutdown: impl Future<Output = ()>) -> Result<()> {
    let emulator = Arc::new(Emulator::start(args.options()?).await?);
    for (name, _) in &args.options()?.hubs {
        say(&emulator.connection_string(Some(name)));
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
            ..Options::default()
        })
    }
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
