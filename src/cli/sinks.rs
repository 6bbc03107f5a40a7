//! Sinks that are named on the command line.

use super::dead_letters::printable;
use super::exit::Exit;
use super::failure::Failure;
use crate::config::Config;

/// Makes sure that there is a sink of this name.
///
/// # Errors
/// When there is none; the sentence names those that there are.
pub(super) fn known(config: &Config, option: &str, sink: &str) -> Result<(), Failure> {
    if config.sinks.contains_key(sink) {
        return Ok(());
    }
    let known: Vec<_> = config.sinks.keys().map(String::as_str).collect();
    let known = known.join(", ");
    let sentence = format!("{option}: there is no sink `{sink}` (there is {known})");
    Err(Failure::new(Exit::Usage, printable(&sentence)))
}
