//! Text that is no JSON, record by record.
//!
//! One pass of a tokeniser that knows how such texts break ([`object`]): an object that it reads
//! without a repair is forwarded as it is, one that it repairs is marked, and what it cannot make
//! sense of is a piece of text that ends where the object does. So a bad record costs none of its
//! neighbours. Where brackets do not tell an end, the next object of a record's kind does.
//!
//! Work is counted: it may be a fixed multiple of the text's length, and what is left then is one
//! piece of text. So no input takes more than linear time.

use bytes::Bytes;

use self::object::{Outcome, read};
use super::collect::Collector;
use super::{RecordKind, Records, Unparsable, shapes};

mod boundary;
mod object;
mod output;
mod pieces;
mod scan;
mod string;
mod word;

/// How often every byte may be looked at.
const WORK_FACTOR: usize = 16;

/// Splits it into what can be recovered.
pub(super) fn split(text: &Bytes) -> Records {
    let mut repair = Repair {
        text,
        collector: Collector::new(text),
        work: text.len().saturating_mul(WORK_FACTOR),
    };
    repair.texts();
    if repair.collector.len() == 0 {
        // Brackets and commas alone: somebody meant something.
        repair.whole();
    }
    repair.collector.finish()
}

struct Repair<'a> {
    text: &'a [u8],
    collector: Collector,
    /// Bytes that may still be looked at.
    work: usize,
}

/// What an object stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Array,
    Envelope,
}

impl Repair<'_> {
    /// Everything from the beginning: objects, arrays, and text between them.
    fn texts(&mut self) {
        let mut at = 0;
        loop {
            at = scan::separators(self.text, at);
            at = match self.text.get(at) {
                None => return,
                // What is left of an envelope.
                Some(b']' | b'}') if self.collector.len() > 0 => at + 1,
                Some(b'{') if self.has_work() => self.object(at, Around::Nothing),
                Some(b'[') if self.has_work() && scan::begins_array(self.text, at) => {
                    self.members(at + 1, Around::Array)
                }
                Some(_) => self.plain(at),
            };
        }
    }

    fn has_work(&self) -> bool {
        self.work > 0
    }

    /// An envelope, or a record; gives the position behind it.
    fn object(&mut self, start: usize, around: Around) -> usize {
        let is_outermost = around == Around::Nothing;
        if let Some(value) = self.envelope(start, around) {
            let end = match self.text.get(value) {
                Some(b'[') => self.members(value + 1, Around::Envelope),
                _ => self.object(value, Around::Envelope),
            };
            return self.rest_of_envelope(end);
        }
        match self.read_record(start) {
            Outcome::RanInto { next } => {
                self.push_text(start, next, Unparsable::Broken);
                next
            }
            Outcome::Object { end, output } => {
                let range = self.text.get(start..end).unwrap_or_default();
                if output.repairs().is_empty() {
                    let is_taken = match is_outermost {
                        true => shapes::split_into(&mut self.collector, range, start).is_some(),
                        false => output::is_json(range),
                    };
                    if is_taken && !is_outermost {
                        self.collector.push(start, end, RecordKind::Object);
                    }
                    if !is_taken {
                        self.push_text(start, end, Unparsable::Broken);
                    }
                } else if std::str::from_utf8(range).is_ok() && output::is_json(output.json()) {
                    let repairs = output.repairs();
                    self.collector
                        .push_repaired(start, end, output.json(), repairs);
                } else {
                    self.push_text(start, end, Unparsable::Broken);
                }
                end
            }
            Outcome::Broken { end, has_members } => {
                if is_outermost && !has_members {
                    // Text that begins with a brace.
                    return self.plain(start);
                }
                self.push_text(start, end, Unparsable::Broken);
                end
            }
            Outcome::Open { in_string } => match self.resume_after(start, in_string) {
                Some(next) => {
                    self.push_text(start, next, Unparsable::Broken);
                    next
                }
                None => {
                    self.push_text(start, self.text.len(), Unparsable::Truncated);
                    self.text.len()
                }
            },
        }
    }

    /// Reads a record. One that begins a line and has no end before another of its kind begins
    /// one, which can be read, was cut off there: in NDJSON, the end of a line is the record's.
    fn read_record(&mut self, start: usize) -> Outcome {
        let Some(next) = boundary::next_line(self.text, start) else {
            return self.read(start);
        };
        match self.read_within(start, next) {
            Outcome::Open { .. } if self.is_object(next) => Outcome::RanInto { next },
            Outcome::Open { .. } => self.read(start),
            outcome => outcome,
        }
    }

    fn is_object(&mut self, start: usize) -> bool {
        let end = boundary::next_line(self.text, start).unwrap_or(self.text.len());
        matches!(self.read_within(start, end), Outcome::Object { .. })
    }

    /// Reads an object or an array.
    fn read(&mut self, start: usize) -> Outcome {
        self.read_within(start, self.text.len())
    }

    /// The same when the text ends at `end`. Counts the work.
    fn read_within(&mut self, start: usize, end: usize) -> Outcome {
        let (outcome, looked_at) = read(self.text.get(..end).unwrap_or_default(), start);
        self.work = self.work.saturating_sub(looked_at);
        outcome
    }

    /// Where reading goes on when an object does not end: at the next one of a record's kind.
    fn resume_after(&mut self, start: usize, in_string: Option<usize>) -> Option<usize> {
        if !self.has_work() {
            return None;
        }
        self.work = self.work.saturating_sub(self.text.len() - start);
        match in_string {
            Some(string) => boundary::any(self.text, start, string),
            None => boundary::alike(self.text, start),
        }
    }

    /// The members of an array whose opening bracket is behind us; gives the position behind it.
    fn members(&mut self, mut at: usize, around: Around) -> usize {
        let mut depth = 0_usize;
        loop {
            at = scan::separators(self.text, at);
            at = match self.text.get(at) {
                None => return at,
                Some(b']') if depth == 0 => return at + 1,
                Some(b']') => {
                    depth -= 1;
                    at + 1
                }
                // One too many, or the array's own end is missing.
                Some(b'}') => at + 1,
                Some(_) if !self.has_work() => self.plain(at),
                Some(b'{') => self.object(at, around),
                Some(b'[') => match self.whole_value(at) {
                    Some(end) => end,
                    None => {
                        depth += 1;
                        at + 1
                    }
                },
                Some(b'"') => match self.whole_value(at) {
                    Some(end) => end,
                    None => self.stray(at),
                },
                Some(_) => self.stray(at),
            };
        }
    }

    /// An array or a string that is JSON and ends as a member does.
    fn whole_value(&mut self, start: usize) -> Option<usize> {
        let end = match self.text.get(start) {
            Some(b'[') => match self.read(start) {
                Outcome::Object { end, output } if output.repairs().is_empty() => end,
                _ => return None,
            },
            _ => string::plain_end(self.text, start)?,
        };
        let follows = scan::white_space(self.text, end);
        if !matches!(self.text.get(follows), None | Some(b',' | b']' | b'}')) {
            return None;
        }
        let range = self.text.get(start..end).unwrap_or_default();
        shapes::split_into(&mut self.collector, range, start)?;
        Some(end)
    }

    /// Something between members that is neither an object nor an array.
    fn stray(&mut self, start: usize) -> usize {
        let end = word::stray_end(self.text, start).max(start + 1);
        let range = self.text.get(start..end).unwrap_or_default();
        if shapes::split_into(&mut self.collector, range, start).is_none() {
            self.push_text(start, end, Unparsable::Text);
        }
        end
    }

    /// Text, up to something on a later line that can be read.
    fn plain(&mut self, start: usize) -> usize {
        let mut at = start;
        let is_behind_records = self.collector.len() > 0;
        while let Some(candidate) = boundary::in_text(self.text, at + 1, is_behind_records) {
            if !self.has_work() {
                break;
            }
            if self.envelope(candidate, Around::Nothing).is_some()
                || matches!(self.read(candidate), Outcome::Object { .. })
            {
                self.push_text(start, candidate, Unparsable::Text);
                return candidate;
            }
            at = candidate;
        }
        match self.collector.len() {
            0 => self.whole(),
            _ => self.push_text(start, self.text.len(), Unparsable::Text),
        }
        self.text.len()
    }

    /// Where the value of an envelope begins: an array or an object.
    fn envelope(&mut self, start: usize, around: Around) -> Option<usize> {
        let mut keys = scan::Keys::new(self.text, start);
        let (mut is_first, mut has_own, mut held) = (true, false, None);
        while let Some(key) = keys.next_key() {
            let is_misspelt = is_first && key.is("record");
            let is_records = key.is("records") || is_misspelt;
            if is_records && held.is_none() {
                // Held in another way, the records are no less: the object is kept as it is.
                let holds_records = matches!(self.text.get(key.value), Some(b'[' | b'{'));
                let is_one = match around {
                    // A record may have such a key, among others.
                    Around::Envelope => is_first && self.is_only_value(key.value),
                    Around::Nothing | Around::Array => {
                        !is_misspelt || self.is_only_value(key.value)
                    }
                };
                if !(holds_records && is_one) {
                    return None;
                }
                if scan::begins_list(self.text, key.value) {
                    return Some(key.value);
                }
                held = Some(key.value);
            }
            is_first = false;
            has_own |= key.is_own();
            let Some(end) = self.value_end(key.value) else {
                break;
            };
            keys.go_on(end);
        }
        // A record may have such a key as well, and say little there.
        held.filter(|_| !has_own)
    }

    /// Whether nothing stands behind this value in its object, as far as that can be read.
    fn is_only_value(&mut self, value: usize) -> bool {
        let Some(end) = self.value_end(value) else {
            return true;
        };
        let follows = scan::white_space(self.text, end);
        matches!(self.text.get(follows), None | Some(b'}'))
    }

    fn value_end(&mut self, value: usize) -> Option<usize> {
        match self.text.get(value)? {
            b'{' | b'[' if self.has_work() => match self.read(value) {
                Outcome::Object { end, .. } => Some(end),
                _ => None,
            },
            b'{' | b'[' => None,
            b'"' | b'\'' => string::plain_end(self.text, value),
            _ => Some(word::end(self.text, value)),
        }
    }

    /// Passes over the keys that stand behind the records, unless they are records again.
    fn rest_of_envelope(&mut self, from: usize) -> usize {
        let mut keys = scan::Keys::inside(self.text, from);
        while let Some(key) = keys.next_key() {
            let end = match self.text.get(key.value) {
                Some(b'[') if key.is("records") => {
                    Some(self.members(key.value + 1, Around::Envelope))
                }
                Some(b'{') if key.is("records") => Some(self.object(key.value, Around::Envelope)),
                Some(byte) if key.is("records") && *byte != b'n' => None,
                _ => self.value_end(key.value),
            };
            match end {
                Some(end) => keys.go_on(end),
                None => break,
            }
        }
        let at = keys.position();
        match self.text.get(at) {
            Some(b'}') => at + 1,
            _ => at,
        }
    }

    fn whole(&mut self) {
        let (text, end) = (self.text, self.text.len());
        let kind = pieces::kind(text, Unparsable::Text);
        self.collector.push(0, end, RecordKind::Text(kind));
    }

    /// Adds a piece of text without what surrounds it, unless nothing is left.
    fn push_text(&mut self, start: usize, end: usize, kind: Unparsable) {
        if let Some((start, end)) = pieces::trimmed(self.text, start, end) {
            let kind = pieces::kind(self.text.get(start..end).unwrap_or_default(), kind);
            self.collector.push(start, end, RecordKind::Text(kind));
        }
    }
}

#[cfg(test)]
mod tests;
