//! `log-level`: changes what a running forwarder logs, for some time.

use std::time::Duration;

use super::ConfigFile;
use super::admin_client::{Client, Target};
use super::config::{load, print};
use super::exit::Exit;
use super::failure::Failure;

/// Arguments of `log-level`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A level (error, warn, info, debug, trace) or `target=level` pairs.
    filter: String,

    /// How long it lasts; then the filter counts again that the process started with.
    #[arg(long = "for", value_name = "TIME", default_value = "15m", value_parser = humantime::parse_duration)]
    lasts: Duration,

    #[command(flatten)]
    file: ConfigFile,

    #[command(flatten)]
    target: Target,
}

/// Asks for it.
pub(super) async fn run(args: Args) -> Exit {
    match change(&args).await {
        Ok(url) => {
            let lasts = humantime::format_duration(args.lasts);
            print(&format!("{url} logs {} for {lasts}\n", args.filter))
        }
        Err(failure) => failure.report(),
    }
}

async fn change(args: &Args) -> Result<String, Failure> {
    let loaded = load(&args.file).map_err(|problems| Failure::from(&problems))?;
    let Some(client) = Client::new(&loaded.config.admin, &args.target)? else {
        let sentence = "admin.listen is \"off\": name another listener with --admin";
        return Err(Failure::new(Exit::Usage, sentence));
    };
    let seconds = args.lasts.as_secs();
    client.set_log_level(&args.filter, seconds).await?;
    Ok(client.url().to_owned())
}
