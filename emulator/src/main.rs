//! The emulator as a program of its own.

use clap::Parser;
use entra_forwarder_emulator::cli;

/// An Event Hubs emulator over AMQP 1.0 with scripted faults.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    args: cli::Args,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    cli::run(Cli::parse().args, cli::interrupted()).await?;
    Ok(())
}
