//! `check`: what works, what does not, and what to do about it.

use std::time::Duration;

use super::ConfigFile;
use super::config::{load, print};
use super::exit::Exit;
use crate::check::finding::{Cause, Finding, Outcome};
use crate::check::{self, Scope, destinations};
use crate::config::{Config, Problems};

mod json;
mod text;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    file: ConfigFile,

    /// Print JSON (fields: docs/check.md) instead of a table.
    #[arg(long)]
    json: bool,

    /// Print every host, port and protocol that the configuration uses, and connect to nothing.
    #[arg(long, conflicts_with_all = ["only", "skip_sinks", "timeout"])]
    print_destinations: bool,

    /// Only this component (`sources.entra`, `checkpoints`, `sinks.siem`) or group of them
    /// (`sources`, `sinks`, `credentials`); can be given several times.
    #[arg(long, value_name = "COMPONENT")]
    only: Vec<String>,

    /// Leave the sinks out.
    #[arg(long)]
    skip_sinks: bool,

    /// Longest time for everything.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// Does what was asked.
pub(super) async fn run(args: Args) -> Exit {
    // On a thread of its own: the walks share what threads cannot prove to each other to be theirs.
    let runtime = tokio::runtime::Handle::current();
    let task = tokio::task::spawn_blocking(move || runtime.block_on(check(args)));
    task.await.unwrap_or(Exit::Internal)
}

async fn check(args: Args) -> Exit {
    let loaded = match load(&args.file) {
        Ok(loaded) => loaded,
        Err(problems) => return refused(&args, &problems),
    };
    if args.print_destinations {
        let variable = |name: &str| std::env::var(name).ok();
        let found = destinations::of(&loaded.config, &variable);
        return print(&match args.json {
            true => json::destinations(&found),
            false => text::destinations(&found),
        });
    }
    if let Some(unknown) = unknown(&args.only, &loaded.config) {
        let known = check::components(&loaded.config).join(", ");
        eprintln!("error: --only: there is no `{unknown}` (there is {known})");
        return Exit::Usage;
    }
    let scope = Scope {
        only: args.only.clone(),
        skip_sinks: args.skip_sinks,
        timeout: args.timeout,
    };
    let client_id = std::env::var("AZURE_CLIENT_ID").ok();
    let findings = check::run(&loaded, &scope, client_id.as_deref()).await;
    shown(&args, &findings)
}

fn refused(args: &Args, problems: &Problems) -> Exit {
    let findings = check::refused(problems);
    if args.print_destinations {
        return super::config::report(problems);
    }
    shown(args, &findings)
}

/// The first name that is none of a component, or of several.
fn unknown<'a>(only: &'a [String], config: &Config) -> Option<&'a String> {
    let known = check::components(config);
    only.iter().find(|only| {
        let below = format!("{only}.");
        !known.iter().any(|it| it == *only || it.starts_with(&below))
    })
}

fn shown(args: &Args, findings: &[Finding]) -> Exit {
    let exit = exit(findings);
    let printed = print(&match args.json {
        true => json::findings(findings, exit),
        false => text::findings(findings, text::has_colours()),
    });
    match printed {
        Exit::Done => exit,
        other => other,
    }
}

/// By the first failure.
fn exit(findings: &[Finding]) -> Exit {
    let mut causes = findings.iter().filter_map(|it| match it.outcome {
        Outcome::Failed(cause) => Some(cause),
        _ => None,
    });
    match causes.next() {
        None => Exit::Done,
        Some(Cause::Configuration) => Exit::Configuration,
        Some(Cause::Unavailable) => Exit::Unavailable,
        Some(Cause::NotPermitted) => Exit::NotPermitted,
        Some(Cause::Other) => Exit::No,
    }
}
