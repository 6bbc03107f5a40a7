//! The start position in a consumer link's selector filter.
//!
//! The SQL-like text is always one comparison of an annotation with a literal:
//! <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide>.

/// Where a reader wants to begin.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StartAt {
    /// At the first retained event (`@earliest`, or offset `-1`).
    Earliest,
    /// At what arrives after the attach (`@latest`).
    Latest,
    /// At an offset, a text that only the broker understands.
    Offset(String),
    /// At a sequence number.
    Sequence(i64),
    /// At an enqueued time in milliseconds since 1970-01-01 UTC.
    Time(i64),
}

/// A start position and whether it is itself wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// Where.
    pub at: StartAt,
    /// `>=` instead of `>`.
    pub inclusive: bool,
}

impl Start {
    /// Without a filter the service begins at the first event.
    pub fn earliest() -> Self {
        Self {
            at: StartAt::Earliest,
            inclusive: false,
        }
    }
}

/// Reads a selector.
///
/// # Errors
/// A sentence that says what is not understood; the attach is refused with it.
pub fn parse(selector: &str) -> Result<Start, String> {
    let unknown = || format!("The filter expression '{selector}' is not understood.");
    let (name, rest) = selector.split_once('>').ok_or_else(unknown)?;
    let (inclusive, literal) = match rest.strip_prefix('=') {
        Some(literal) => (true, literal),
        None => (false, rest),
    };
    let literal = unquote(literal.trim()).ok_or_else(unknown)?;
    let name = name.trim();
    let name = name.strip_prefix("amqp.annotation.").ok_or_else(unknown)?;
    let at = match name {
        "x-opt-offset" => match literal {
            "-1" | "@earliest" => StartAt::Earliest,
            "@latest" => StartAt::Latest,
            offset => StartAt::Offset(offset.to_owned()),
        },
        "x-opt-sequence-number" => match literal {
            "@latest" => StartAt::Latest,
            number => StartAt::Sequence(number.parse().map_err(|_| unknown())?),
        },
        // The older name is still sent by some clients.
        "x-opt-enqueued-time" | "x-opt-enqueuedtimeutc" => {
            StartAt::Time(literal.parse().map_err(|_| unknown())?)
        }
        _ => return Err(unknown()),
    };
    Ok(Start { at, inclusive })
}

/// Takes the quotes off a literal; `None` when only one is there.
fn unquote(text: &str) -> Option<&str> {
    match text.strip_prefix('\'') {
        Some(inner) => inner.strip_suffix('\''),
        None if text.ends_with('\'') || text.is_empty() => None,
        None => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(selector: &str) -> (StartAt, bool) {
        let start = parse(selector).unwrap();
        (start.at, start.inclusive)
    }

    #[test]
    fn the_clients_forms() {
        assert_eq!(
            start("amqp.annotation.x-opt-offset > '-1'"),
            (StartAt::Earliest, false)
        );
        assert_eq!(
            start("amqp.annotation.x-opt-offset > '@latest'"),
            (StartAt::Latest, false)
        );
        assert_eq!(
            start("amqp.annotation.x-opt-offset >= '4096'"),
            (StartAt::Offset("4096".into()), true)
        );
        assert_eq!(
            start("amqp.annotation.x-opt-sequence-number > '7'"),
            (StartAt::Sequence(7), false)
        );
        assert_eq!(
            start("amqp.annotation.x-opt-sequence-number >= 7"),
            (StartAt::Sequence(7), true)
        );
        assert_eq!(
            start("amqp.annotation.x-opt-sequence-number > -1"),
            (StartAt::Sequence(-1), false)
        );
        assert_eq!(
            start("amqp.annotation.x-opt-enqueued-time >= '1700000000000'"),
            (StartAt::Time(1_700_000_000_000), true)
        );
    }

    #[test]
    fn what_is_not_understood() {
        for selector in [
            "",
            "amqp.annotation.x-opt-offset = '1'",
            "amqp.annotation.x-opt-other > '1'",
            "x-opt-offset > '1'",
            "amqp.annotation.x-opt-sequence-number > 'one'",
            "amqp.annotation.x-opt-sequence-number > '1",
            "amqp.annotation.x-opt-sequence-number > ",
        ] {
            assert!(parse(selector).is_err(), "{selector}");
        }
    }
}
