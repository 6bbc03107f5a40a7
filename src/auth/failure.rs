//! What the errors of credentials mean.

use std::error::Error;

use azure_core::error::ErrorKind;

/// Most characters of one credential's words.
const WORDS_MAX: usize = 100;
/// Most characters of the words of several.
const ALL_WORDS_MAX: usize = 400;

/// The errors from the outermost to the innermost one.
fn chain<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> + 'a {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        (*error).source()
    })
    .take(16)
}

/// Whether the identity service was not reached or is in trouble, so that it has not refused.
pub(crate) fn is_unreachable(error: &azure_core::Error) -> bool {
    chain(error).any(|error| {
        let core = error.downcast_ref::<azure_core::Error>();
        let status = core.and_then(azure_core::Error::http_status);
        if let Some(status) = status {
            return !matches!(u16::from(status), 400 | 401 | 403);
        }
        // An answer that is none (a gateway's page) is no refusal.
        error.is::<std::io::Error>()
            || core.is_some_and(|core| {
                matches!(
                    core.kind(),
                    ErrorKind::Io | ErrorKind::Connection | ErrorKind::DataConversion
                )
            })
    })
}

/// The innermost cause, on one short line.
pub(crate) fn brief(error: &azure_core::Error) -> String {
    words(error, WORDS_MAX)
}

/// The same with what each of several credentials said.
pub(crate) fn whole(error: &azure_core::Error) -> String {
    words(error, ALL_WORDS_MAX)
}

fn words(error: &azure_core::Error, most: usize) -> String {
    let cause = chain(error).last().map(ToString::to_string);
    let words = cause.unwrap_or_default();
    let words: Vec<&str> = words.split_whitespace().collect();
    let mut line = words.join(" ");
    if line.chars().count() > most {
        line = line.chars().take(most - 3).collect();
        line.push_str("...");
    }
    line
}
