//! Records that are cut to a size, with as little lost as can be.
//!
//! The largest members at the top leave their places, until the rest fits; their texts come, cut,
//! under a mark. What stays keeps its bytes and its order, and no member changes its type, so that
//! an endpoint's mapping still holds.

use std::cmp::Reverse;

use super::json::write;
use super::members::{Member, members};
use super::replayed::REPLAYED;
use super::restamp::RESTAMPED;
use super::{StableId, value};

/// Key of the mark in a truncated record.
pub const TRUNCATED: &str = "entra_forwarder_truncated";

/// A limit with room for the mark alone, whatever the record.
pub const TRUNCATED_BYTES_MIN: u64 = 1024;

/// What tools sort and join records by: it leaves its place last.
const PRECIOUS: [&str; 11] = [
    "time",
    "category",
    "operationName",
    "resourceId",
    "tenantId",
    "correlationId",
    "callerIpAddress",
    "id",
    "creationTime",
    RESTAMPED,
    REPLAYED,
];

/// Writes a JSON object as one of at most `limit` bytes: the same for the same bytes, id and limit.
///
/// - The mark is the last member: `{"bytes":<size of the whole>,"id":"<stable id>",
///   "left_out":{"<key>":"<beginning of the raw text of its value>"}}`.
/// - Where not even the names of what must leave have room (thousands of small members, or keys of
///   the limit's size), the mark has no `left_out`, and beside it stands what has room: first of
///   all what tools need, then the smallest.
///
/// `limit` is at least [`TRUNCATED_BYTES_MIN`].
pub(crate) fn write_truncated(json: &[u8], id: StableId, limit: u64, out: &mut Vec<u8>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mark = format!("\"{TRUNCATED}\":{{\"bytes\":{},\"id\":\"{id}\"", json.len());
    let members = members(json).unwrap_or_default();
    let mut parts: Vec<_> = members.into_iter().map(Part::new).collect();
    let is_named = name(
        &mut parts,
        mark.len() + "{".len() + LEFT_OUT.len() + "}}}".len(),
        limit,
    );
    if !is_named {
        pick(&mut parts, mark.len() + "{}}".len(), limit);
    }
    out.push(b'{');
    for part in parts.iter().filter(|part| part.stays) {
        out.extend_from_slice(part.member.key.as_bytes());
        out.push(b':');
        out.extend_from_slice(part.member.value.as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(mark.as_bytes());
    if is_named {
        out.extend_from_slice(LEFT_OUT.as_bytes());
        let mut is_first = true;
        for part in parts.iter().filter(|part| !part.stays) {
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            out.extend_from_slice(part.member.key.as_bytes());
            out.push(b':');
            write(beginning(part.member.value, part.room), out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"}}");
}

const LEFT_OUT: &str = ",\"left_out\":{";

struct Part<'a> {
    member: Member<'a>,
    rank: Rank,
    stays: bool,
    /// Bytes for its text under the mark.
    room: usize,
}

/// In the order in which members leave.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// It has the name of the mark, which no second member may have.
    Mark,
    Ordinary,
    Precious,
}

impl<'a> Part<'a> {
    fn new(member: Member<'a>) -> Self {
        let key = value::string(member.key).unwrap_or_default();
        let rank = if key == TRUNCATED {
            Rank::Mark
        } else if PRECIOUS.iter().any(|it| key.eq_ignore_ascii_case(it)) {
            Rank::Precious
        } else {
            Rank::Ordinary
        };
        Self {
            member,
            rank,
            stays: true,
            room: 0,
        }
    }

    /// In its place, with the comma behind it.
    fn size(&self) -> usize {
        self.member.key.len() + self.member.value.len() + 2
    }

    /// Under the mark without any text, with a comma.
    fn size_left_out(&self) -> usize {
        self.member.key.len() + 4
    }
}

/// Lets the largest members leave until the rest fits, with the names of what left; the texts get
/// what room there is. Says whether it could be done.
fn name(parts: &mut [Part<'_>], frame: usize, limit: usize) -> bool {
    let mut total = frame + parts.iter().map(Part::size).sum::<usize>();
    let mut order: Vec<_> = parts.iter_mut().collect();
    order.sort_by_key(|part| (part.rank, Reverse(part.size())));
    for part in order {
        if part.rank != Rank::Mark && total <= limit {
            break;
        }
        total = total - part.size() + part.size_left_out();
        part.stays = false;
    }
    let Some(mut room) = limit.checked_sub(total) else {
        return false;
    };
    let mut gone: Vec<_> = parts.iter_mut().filter(|part| !part.stays).collect();
    gone.sort_by_cached_key(|part| escaped(part.member.value));
    let mut left = gone.len();
    // There is no comma behind the last one.
    room += usize::from(left > 0);
    for part in gone {
        // An even part of what is left, or less.
        part.room = escaped(part.member.value).min(room / left.max(1));
        room -= part.room;
        left -= 1;
    }
    true
}

/// Lets only what fits stay beside the mark alone.
fn pick(parts: &mut [Part<'_>], frame: usize, limit: usize) {
    let mut room = limit.saturating_sub(frame);
    let mut order: Vec<_> = parts.iter_mut().collect();
    order.sort_by_key(|part| (Reverse(part.rank), part.size()));
    for part in order {
        part.stays = part.rank != Rank::Mark && part.size() <= room;
        if part.stays {
            room -= part.size();
        }
    }
}

/// The beginning of a text that takes at most so many bytes in a JSON string.
fn beginning(text: &str, room: usize) -> &str {
    let (mut end, mut used) = (0, 0);
    for character in text.chars() {
        used += escaped_character(character);
        if used > room {
            break;
        }
        end += character.len_utf8();
    }
    text.get(..end).unwrap_or_default()
}

/// Bytes of a text in a JSON string.
fn escaped(text: &str) -> usize {
    text.chars().map(escaped_character).sum()
}

fn escaped_character(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => character.len_utf8(),
    }
}

#[cfg(test)]
mod tests;
