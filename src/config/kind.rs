//! Kinds of values: what each accepts, and the checked value it makes of a written one.

use std::net::SocketAddr;
use std::time::Duration;

use super::node::{Value, shown_text};
use super::{Secret, Start};
use crate::event_hub::Timestamp;

mod globs;
mod secret;
mod text;

pub(crate) use secret::SecretRule;
pub(crate) use text::TextRule;
pub(super) use text::{OWN_HEADERS, is_name, namespace};

/// Which values a key takes.
pub(crate) enum Kind {
    /// Text that may be shown.
    Text(TextRule),
    /// Text that is never shown, by value or by file.
    Secret(SecretRule),
    /// A whole number.
    Integer { min: u64, max: u64 },
    /// `true` or `false`.
    Bool,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A duration with its unit.
    Duration { min_ms: u64, max_ms: u64 },
    /// A size with its unit.
    Bytes { min: u64, max: u64 },
    /// A socket address, or `off`.
    Listen,
    /// A start position.
    Start,
    /// A list of globs.
    Globs,
}

/// A value that its kind accepted.
#[derive(Clone)]
pub(crate) enum Typed {
    Text(String),
    Secret(Secret),
    Integer(u64),
    Bool(bool),
    Word(&'static str),
    Duration(Duration),
    Bytes(u64),
    Listen(Option<SocketAddr>),
    Start(Start),
    Globs(Vec<String>),
}

/// Why a kind refuses a value.
pub(super) struct Mistake {
    /// What is there, as it may be shown.
    pub(super) found: String,
    /// What to do, if there is more to say than what is expected.
    pub(super) hint: Option<String>,
}

impl Mistake {
    pub(super) fn new(found: impl Into<String>) -> Self {
        Self {
            found: found.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Kind {
    /// What the kind accepts, for problems: fits behind "expected".
    pub(super) fn expected(&self) -> String {
        match self {
            Self::Text(rule) => rule.expected().to_owned(),
            Self::Secret(rule) => rule.expected().to_owned(),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Bool => "true or false".to_owned(),
            Self::Word(words) => one_of(words),
            Self::Duration { min_ms, max_ms } => {
                format!(
                    "a duration from {} to {}",
                    duration(*min_ms),
                    duration(*max_ms)
                )
            }
            Self::Bytes { min, max } => format!("a size from {} to {}", bytes(*min), bytes(*max)),
            Self::Listen => "an address and port such as \"0.0.0.0:8080\", or \"off\"".to_owned(),
            Self::Globs => globs::EXPECTED.to_owned(),
            Self::Start => {
                "\"earliest\", \"latest\", an RFC 3339 time such as \"2026-01-31T00:00:00Z\", or a \
                 sequence number"
                    .to_owned()
            }
        }
    }

    /// Reads a written value.
    ///
    /// # Errors
    /// The mistake, which shows nothing of a secret.
    pub(super) fn check(&self, value: &Value) -> Result<Typed, Mistake> {
        match self {
            Self::Text(rule) => rule.check(plain_text(value)?).map(Typed::Text),
            Self::Secret(rule) => {
                let text = value.as_text().ok_or_else(|| {
                    Mistake::new("not text; its value is not shown").hint("put it in quotes")
                })?;
                rule.check(text).map(|()| Typed::Secret(Secret::new(text)))
            }
            Self::Integer { min, max } => check_integer(value, *min, *max),
            Self::Bool => check_bool(value),
            Self::Word(words) => check_word(value, words),
            Self::Duration { min_ms, max_ms } => check_duration(value, *min_ms, *max_ms),
            Self::Bytes { min, max } => check_bytes(value, *min, *max),
            Self::Listen => check_listen(value),
            Self::Start => check_start(value),
            Self::Globs => globs::check(value).map(Typed::Globs),
        }
    }
}

/// Text as such; other scalars want quotes.
fn plain_text(value: &Value) -> Result<&str, Mistake> {
    value.as_text().ok_or_else(|| {
        let mistake = Mistake::new(value.shown());
        match value {
            Value::Null | Value::List(_) | Value::Table(_) => mistake,
            _ => mistake.hint("put it in quotes"),
        }
    })
}

fn check_integer(value: &Value, min: u64, max: u64) -> Result<Typed, Mistake> {
    let number = match value {
        Value::Integer(text) | Value::Plain(text) => text.trim().parse::<u64>().ok(),
        _ => None,
    };
    match number {
        Some(number) if (min..=max).contains(&number) => Ok(Typed::Integer(number)),
        _ => {
            let mistake = Mistake::new(value.shown());
            match value {
                Value::Text(text) if text.trim().parse::<u64>().is_ok() => {
                    Err(mistake.hint("write it without quotes"))
                }
                _ => Err(mistake),
            }
        }
    }
}

fn check_bool(value: &Value) -> Result<Typed, Mistake> {
    match value {
        Value::Bool(value) => Ok(Typed::Bool(*value)),
        Value::Plain(text) if text == "true" => Ok(Typed::Bool(true)),
        Value::Plain(text) if text == "false" => Ok(Typed::Bool(false)),
        Value::Text(text) if text == "true" || text == "false" => {
            Err(Mistake::new(value.shown()).hint("write it without quotes"))
        }
        _ => Err(Mistake::new(value.shown())),
    }
}

fn check_word(value: &Value, words: &'static [&'static str]) -> Result<Typed, Mistake> {
    let text = plain_text(value)?;
    if let Some(word) = words.iter().find(|word| **word == text) {
        return Ok(Typed::Word(word));
    }
    let lower = text.to_ascii_lowercase().replace('-', "_");
    let near = words
        .iter()
        .map(|word| (strsim::damerau_levenshtein(word, &lower), word))
        .min()
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1));
    let mistake = Mistake::new(value.shown());
    Err(match near {
        Some((_, word)) => mistake.hint(format!("did you mean \"{word}\"?")),
        None => mistake,
    })
}

/// Whether a value is a number to which no unit was written.
fn is_bare_number(value: &Value) -> bool {
    match value {
        Value::Integer(_) | Value::Float(_) => true,
        Value::Text(text) | Value::Plain(text) => text.trim().parse::<f64>().is_ok(),
        _ => false,
    }
}

fn check_duration(value: &Value, min_ms: u64, max_ms: u64) -> Result<Typed, Mistake> {
    if is_bare_number(value) {
        return Err(
            Mistake::new(format!("{}, a number without a unit", value.shown()))
                .hint("write the unit, as in \"500ms\", \"5s\" or \"2min\""),
        );
    }
    let parsed = humantime::parse_duration(plain_text(value)?.trim());
    let range = Duration::from_millis(min_ms)..=Duration::from_millis(max_ms);
    match parsed {
        Ok(duration) if range.contains(&duration) => Ok(Typed::Duration(duration)),
        Ok(_) => Err(Mistake::new(value.shown())),
        Err(_) => {
            Err(Mistake::new(value.shown()).hint("write it as in \"500ms\", \"5s\" or \"2min\""))
        }
    }
}

fn check_bytes(value: &Value, min: u64, max: u64) -> Result<Typed, Mistake> {
    if is_bare_number(value) {
        return Err(
            Mistake::new(format!("{}, a number without a unit", value.shown()))
                .hint("write the unit, as in \"512KiB\" or \"1MiB\""),
        );
    }
    match plain_text(value)?.trim().parse::<bytesize::ByteSize>() {
        Ok(size) if (min..=max).contains(&size.0) => Ok(Typed::Bytes(size.0)),
        Ok(_) => Err(Mistake::new(value.shown())),
        Err(_) => Err(Mistake::new(value.shown()).hint("write it as in \"512KiB\" or \"1MiB\"")),
    }
}

fn check_listen(value: &Value) -> Result<Typed, Mistake> {
    let text = plain_text(value)?;
    if text == "off" {
        return Ok(Typed::Listen(None));
    }
    text.parse()
        .map(|address| Typed::Listen(Some(address)))
        .map_err(|_| {
            let mistake = Mistake::new(shown_text(text));
            match text.trim_start_matches(':').parse::<u16>() {
                Ok(port) => mistake.hint(format!("write \"0.0.0.0:{port}\" for every interface")),
                Err(_) => mistake,
            }
        })
}

fn check_start(value: &Value) -> Result<Typed, Mistake> {
    let start = match value {
        Value::Integer(text) => text.parse().ok(),
        Value::Moment(text) => Timestamp::parse_rfc3339(text).map(Start::Time),
        Value::Text(text) | Value::Plain(text) => text.trim().parse().ok(),
        _ => None,
    };
    start
        .map(Typed::Start)
        .ok_or_else(|| Mistake::new(value.shown()))
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// A duration in the largest unit that divides it.
fn duration(ms: u64) -> String {
    let units = [
        (86_400_000, "days"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1_000, "s"),
    ];
    match units.iter().find(|(unit, _)| ms.is_multiple_of(*unit)) {
        _ if ms == 0 => "0s".to_owned(),
        Some((unit, "days")) if ms == *unit => "1day".to_owned(),
        Some((unit, name)) => format!("{}{name}", ms / unit),
        None => format!("{ms}ms"),
    }
}

/// A size in the largest binary unit that divides it.
pub(super) fn bytes(size: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    units
        .iter()
        .find(|(shift, _)| size > 0 && size.is_multiple_of(1_u64 << shift))
        .map_or_else(
            || format!("{size}B"),
            |(shift, unit)| format!("{}{unit}", size >> shift),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_as_it_can_be_written() {
        const DAY: u64 = 86_400_000;
        for (ms, expected) in [
            (0, "0s"),
            (1, "1ms"),
            (1_500, "1500ms"),
            (90_000, "90s"),
            (60_000, "1min"),
            (3_600_000, "1h"),
            (DAY, "1day"),
            (7 * DAY, "7days"),
            (30 * DAY, "30days"),
            (365 * DAY, "365days"),
            (365 * DAY + 1, "31536000001ms"),
        ] {
            assert_eq!(duration(ms), expected);
            let read = humantime::parse_duration(expected).unwrap();
            assert_eq!(read, Duration::from_millis(ms), "{expected}");
        }
    }
}
