//! Records that leave with the present as their time, for endpoints that refuse old ones.

use serde::Serialize;

use super::members::with_last;
use super::scan::lookup;
use super::{EventTime, StableId, TimeSource, json};
use crate::event_hub::Timestamp;

/// Key of the mark in a restamped record.
pub const RESTAMPED: &str = "entra_forwarder_restamped";

/// At most how many bytes a record grows by.
pub(crate) const RESTAMPED_BYTES_MAX: u64 = 320;

/// Longest value that is taken for a time which can be replaced; real ones have some 30 bytes.
const ORIGINAL_MAX: usize = 128;

/// 1970-01-01 in .NET ticks of 100 ns since the year 1.
const TICKS_1970: i64 = 621_355_968_000_000_000;

/// A JSON object with `now` in the member that its time was taken from, and the mark as its last
/// member: `{"time":<the original value, exact>,"id":"<stable id>"}`.
///
/// - Text becomes RFC 3339 with milliseconds; a number stays one of its unit, so that no
///   endpoint's mapping breaks.
/// - When the time stands in a string that holds `properties`, that string is written anew; nothing
///   else changes its bytes.
/// - An object without a time of its own only gets the mark, with the time at which Event Hubs took
///   it in.
/// - An object that bears the mark already keeps that one.
///
/// `None` when its time cannot be replaced: its value is absurdly long.
pub(crate) fn restamped(
    object: &[u8],
    (time, source): (EventTime, TimeSource),
    now: Timestamp,
    id: StableId,
) -> Option<Vec<u8>> {
    let object = std::str::from_utf8(object).ok()?;
    let (replaced, original) = match source {
        TimeSource::Field(path) => replace(object, path, now)?,
        TimeSource::Enqueued => {
            let enqueued_at = Timestamp(time.nanoseconds() / 1_000_000);
            (object.to_owned(), quoted(&enqueued_at.to_rfc3339()))
        }
    };
    let [marked] = lookup(object.as_bytes(), [RESTAMPED]);
    if marked.is_some() {
        return Some(replaced.into_bytes());
    }
    let mark = format!("\"{RESTAMPED}\":{{\"time\":{original},\"id\":\"{id}\"}}");
    with_last(&replaced, &mark).map(String::into_bytes)
}

/// The object with the present at a path, and what stood there.
fn replace(object: &str, path: &str, now: Timestamp) -> Option<(String, String)> {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    // The first one of the name, as where the time was read.
    let [value] = lookup(object.as_bytes(), [name]);
    let value = value?;
    let (new, original) = match rest {
        Some(rest) => replace_within(value, rest, now)?,
        None if value.len() > ORIGINAL_MAX => return None,
        None => (present_like(value, now), value.to_owned()),
    };
    let start = value.as_ptr().addr().checked_sub(object.as_ptr().addr())?;
    let (before, after) = (object.get(..start)?, object.get(start + value.len()..)?);
    Some((format!("{before}{new}{after}"), original))
}

/// The same in an object, or in a string that holds one.
fn replace_within(value: &str, path: &str, now: Timestamp) -> Option<(String, String)> {
    if value.starts_with('{') {
        return replace(value, path, now);
    }
    let held: String = serde_json::from_str(value).ok()?;
    let inner = held.trim_ascii();
    let (new, original) = replace_within(inner, path, now)?;
    let before = held.get(..held.len() - held.trim_ascii_start().len())?;
    let after = held.get(held.trim_ascii_end().len()..)?;
    Some((quoted(&format!("{before}{new}{after}")), original))
}

/// The present, written as this value writes its time.
fn present_like(value: &str, now: Timestamp) -> String {
    let quote = if value.starts_with('"') { "\"" } else { "" };
    let text = value.trim_matches('"').trim();
    let is_number = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    if !is_number {
        return quoted(&now.to_rfc3339());
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    // Between 2000 and 2199 the number of digits tells the unit, as in `moment`.
    let milliseconds = now.0;
    let number = match whole.trim_start_matches('0').len() {
        ..=11 if fraction.is_empty() => (milliseconds / 1_000).to_string(),
        ..=11 => format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000),
        12..=14 => milliseconds.to_string(),
        15..=17 => milliseconds.saturating_mul(1_000).to_string(),
        _ if whole
            .parse()
            .is_ok_and(|it: i64| it < TICKS_1970 + TICKS_1970 / 8) =>
        {
            milliseconds
                .saturating_mul(10_000)
                .saturating_add(TICKS_1970)
                .to_string()
        }
        _ => milliseconds.saturating_mul(1_000_000).to_string(),
    };
    format!("{quote}{number}{quote}")
}

fn quoted(text: &(impl Serialize + ?Sized)) -> String {
    let mut out = Vec::new();
    json::write(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests;
