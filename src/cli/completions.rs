//! `completions`: what a shell needs to complete this program's command lines.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::config::print;
use super::exit::Exit;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The shell.
    shell: Shell,
}

/// Prints the script.
pub(super) fn run(args: &Args) -> Exit {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    print(&String::from_utf8_lossy(&script))
}
