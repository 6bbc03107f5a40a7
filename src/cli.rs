//! The command line.

mod admin_client;
pub mod check;
pub mod checkpoints;
pub mod completions;
pub mod config;
pub mod dead_letters;
#[cfg(feature = "demo")]
pub mod demo;
pub mod estimate;
pub mod exit;
mod failure;
mod interrupt;
pub mod log_level;
mod looking;
pub mod man;
mod moment;
mod progress;
pub mod replay;
pub mod run;
mod sinks;
pub mod status;
mod table;
pub mod tail;
mod tools;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use exit::Exit;

/// Delivers Microsoft Entra ID diagnostic logs from Azure Event Hubs to HTTP endpoints.
///
/// Nothing is lost: a position is checkpointed only when every record up to it was accepted, or is
/// kept as a dead letter.
/// Nothing is changed: records are forwarded as the bytes that Event Hubs delivered.
///
/// Start with `entra-forwarder demo`: it needs no configuration and no cloud. Then
/// `entra-forwarder config example > config.toml`, and `entra-forwarder run --config config.toml`.
///
/// Exit codes: 0 done; 1 it ran and the answer is no; 2 command line; 69 a dependency is
/// unavailable; 70 internal; 75 stopped at the deadline with unsettled records; 77 not permitted;
/// 78 configuration.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    long_about,
    max_term_width = 100,
    propagate_version = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Log filter: a level (error, warn, info, debug, trace) or `target=level` pairs.
    ///
    /// Libraries never log below info, whatever is set here: their frames hold bodies and tokens.
    /// Without it, `run` logs at info and the other commands at warn.
    #[arg(
        long,
        global = true,
        env = "ENTRA_FORWARDER_LOG",
        value_name = "FILTER"
    )]
    pub log: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Forward records until told to stop (SIGTERM, SIGINT).
    Run(run::Args),
    /// Show everything at work on this machine: hub, forwarder, endpoint, and the proof that every
    /// record arrived unaltered.
    #[cfg(feature = "demo")]
    Demo(Box<demo::Args>),
    /// Serve an Event Hubs emulator: on plain AMQP for `UseDevelopmentEmulator=true`, and over
    /// TLS and WebSockets if asked to.
    #[cfg(feature = "demo")]
    Emulator(Box<entra_forwarder_emulator::cli::Args>),
    /// Look at everything that the configuration names: what works, what does not, and what to do.
    ///
    /// Looks on and leaves nothing behind: it writes no checkpoint, claims no partition, throws no
    /// reader off, and sends no record.
    ///
    /// Exit code by the first failure: 78 configuration, 69 something does not answer or is not
    /// there, 77 something refuses, 1 anything else; 0 with warnings.
    Check(check::Args),
    /// Show whether everything arrives: at this replica and in the whole group.
    ///
    /// Asks the running forwarder's admin listener (`admin.listen`), and hub and store for all
    /// replicas. Exit code 0 when all is well, 1 when not, 69 when neither replica nor store answers.
    Status(status::Args),
    /// Change what a running forwarder logs, for some time.
    LogLevel(log_level::Args),
    /// Look at the configuration without running.
    Config(config::Args),
    /// Look at positions, set them, or take over those of another consumer.
    Checkpoints(checkpoints::Args),
    /// Look at dead letters, send them again, delete them.
    DeadLetters(dead_letters::Args),
    /// Show records as they arrive in the hub, beside a running forwarder.
    ///
    /// One line per record: its columns on a terminal, the record as it is forwarded elsewhere, or
    /// with --fields an object of these. Reads in a consumer group of its own (see
    /// `tools_consumer_group`), and disturbs nobody. Ends on a signal, or when nobody reads its
    /// output any more.
    Tail(tail::Args),
    /// Say how much there is to forward: records and gigabytes by category and tenant, and what
    /// each sink would get, compressed. Sends nothing.
    ///
    /// Reads a stretch of time from the hub in a consumer group of its own, beside a running
    /// forwarder.
    Estimate(estimate::Args),
    /// Deliver a stretch of the hub again, to some sinks or all.
    ///
    /// Reads in a consumer group of its own, beside a running forwarder, whose positions and
    /// partitions stay untouched. What is read goes the way of every record: filters, batches,
    /// repetition, dead letters. Records bear a mark, `entra_forwarder_replay`, and keep their
    /// stable ids.
    ///
    /// Positions of its own are kept in the checkpoint store: the same command again goes on where
    /// it ended.
    ///
    /// Exit code 0 when everything that was left was delivered, or nothing was left; 1 when of that
    /// something is missing, became a dead letter, or is left. What earlier runs of the same replay
    /// lost is not counted.
    Replay(replay::Args),
    /// Print a script with which a shell completes command lines.
    Completions(completions::Args),
    /// Print or write manual pages.
    Man(man::Args),
}

/// Where the configuration file is.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ConfigFile {
    /// TOML file with the configuration [env: ENTRA_FORWARDER_CONFIG, or the text itself in
    /// ENTRA_FORWARDER_CONFIG_TOML]. Every key can also be set by environment alone, as
    /// ENTRA_FORWARDER__ and its path with two underscores between its parts.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl Cli {
    /// The log filter: the one that was asked for, or the command's own.
    pub fn log_filter(&self) -> &str {
        match (&self.log, &self.command) {
            (Some(filter), _) => filter,
            (None, Command::Run(_)) => "info",
            (None, _) => "warn",
        }
    }

    /// Does what was asked.
    pub async fn execute(self) -> Exit {
        match self.command {
            Command::Run(args) => run::run(args).await,
            #[cfg(feature = "demo")]
            Command::Demo(args) => demo::run(*args).await,
            #[cfg(feature = "demo")]
            Command::Emulator(args) => emulator(*args).await,
            Command::Check(args) => check::run(args).await,
            Command::Status(args) => status::run(args).await,
            Command::LogLevel(args) => log_level::run(args).await,
            Command::Config(args) => config::run(&args),
            Command::Checkpoints(args) => checkpoints::run(args).await,
            Command::DeadLetters(args) => dead_letters::run(args).await,
            Command::Tail(args) => tail::run(args).await,
            Command::Estimate(args) => estimate::run(args).await,
            Command::Replay(args) => replay::run(args).await,
            Command::Completions(args) => completions::run(&args),
            Command::Man(args) => man::run(&args),
        }
    }
}

#[cfg(feature = "demo")]
async fn emulator(args: entra_forwarder_emulator::cli::Args) -> Exit {
    use entra_forwarder_emulator::cli;
    match cli::run(args, cli::interrupted()).await {
        Ok(()) => Exit::Done,
        Err(error) => {
            eprintln!("error: the emulator cannot run: {error}");
            Exit::Unavailable
        }
    }
}

#[cfg(all(test, feature = "demo"))]
mod tests;
