//! `config`: look at the configuration without running.

use clap::Subcommand;

use super::ConfigFile;
use super::exit::Exit;
use crate::config::{self, Loaded, Problems};

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the configuration and say everything that is wrong with it (exit code 78).
    Validate(ConfigFile),
    /// Print the effective configuration and where each value comes from, secrets hidden.
    Show(ConfigFile),
    /// Print a configuration with every key and what it means.
    Example,
    /// Print the JSON Schema of the configuration file.
    Schema,
    /// Print docs/configuration.md.
    Reference,
}

/// Reads the configuration file and the environment.
///
/// # Errors
/// All mistakes at once.
pub(super) fn load(file: &ConfigFile) -> Result<Loaded, Problems> {
    let environment = config::process_environment();
    let text = config::read_file(file.config.as_deref(), &environment)?;
    config::load(text, environment)
}

/// Prints mistakes, one sentence each.
pub(super) fn report(problems: &Problems) -> Exit {
    for problem in problems.iter() {
        eprintln!("error: {problem}");
    }
    Exit::Configuration
}

/// Does what was asked.
pub(super) fn run(args: &Args) -> Exit {
    let (file, show) = match &args.command {
        Command::Validate(file) => (file, false),
        Command::Show(file) => (file, true),
        Command::Example => return print(&config::example()),
        Command::Schema => return print(&format!("{:#}\n", config::schema())),
        Command::Reference => return print(&config::reference()),
    };
    match load(file) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                eprintln!("warning: {warning}");
            }
            if show {
                print(&loaded.effective.to_string())
            } else {
                print("the configuration is valid\n")
            }
        }
        Err(problems) => report(&problems),
    }
}

/// Prints to standard output; a reader that went away (`| head`) is no error.
pub(super) fn print(text: &str) -> Exit {
    use std::io::Write;
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Exit::Unavailable,
        _ => Exit::Done,
    }
}
