//! `man`: manual pages, made of what `--help` says.

use std::io;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use super::Cli;
use super::config::print;
use super::exit::Exit;

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write a page for every command into this directory, which is created if it is not there
    /// (`entra-forwarder.1`, `entra-forwarder-run.1`, ...). Without it, the first of them is printed.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Does what was asked.
pub(super) fn run(args: &Args) -> Exit {
    let Some(folder) = &args.out else {
        return print(&page());
    };
    match pages(folder) {
        Ok(()) => Exit::Done,
        Err(error) => {
            let folder = folder.display();
            eprintln!("error: cannot write manual pages into {folder}: {error}");
            Exit::Unavailable
        }
    }
}

/// The page of the program itself.
fn page() -> String {
    let mut page = Vec::new();
    // Writing into memory cannot fail.
    let _written = Man::new(command()).render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}

fn pages(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command(), folder)
}

/// Without `help`, which has no page.
fn command() -> clap::Command {
    Cli::command().disable_help_subcommand(true)
}
