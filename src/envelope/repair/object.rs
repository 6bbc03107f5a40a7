//! One object, read as if it were JSON, and mended where it is not.

use super::super::Repairs;
use super::output::Output;
use super::string::{self, End, Place};
use super::{boundary, scan, word};

/// What became of an object.
pub(super) enum Outcome {
    /// It ended, and this is its text; without a repair it is the text as it stands.
    Object { end: usize, output: Output },
    /// It ended, and no JSON can be made of it.
    Broken { end: usize, has_members: bool },
    /// Another object begins before it ends.
    RanInto { next: usize },
    /// The text ended first, perhaps in the string that begins here.
    Open { in_string: Option<usize> },
}

/// Reads the object or the array that begins at `start`. The second value is the number of bytes
/// that were looked at.
pub(super) fn read(text: &[u8], start: usize) -> (Outcome, usize) {
    let mut reader = Reader {
        text,
        start,
        at: start,
        end: start,
        furthest: start,
        open: Open::default(),
        expects: Expects::Value,
        output: Output::default(),
        is_broken: false,
        has_members: false,
    };
    let outcome = loop {
        if let Some(outcome) = reader.step() {
            break outcome;
        }
    };
    (outcome, reader.furthest.max(reader.at) - start)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    Key,
    Colon,
    Value,
    /// A comma, or the end of what is open.
    Next,
}

struct Reader<'a> {
    text: &'a [u8],
    start: usize,
    at: usize,
    /// Behind the last thing that belongs to the object.
    end: usize,
    furthest: usize,
    open: Open,
    expects: Expects,
    output: Output,
    /// It makes no sense: only strings and brackets count from here on.
    is_broken: bool,
    has_members: bool,
}

/// The opening brackets of what is open.
#[derive(Default)]
struct Open {
    brackets: Vec<u8>,
    /// How many of them are braces, so that nobody has to look.
    braces: usize,
}

impl Open {
    fn push(&mut self, bracket: u8) {
        self.brackets.push(bracket);
        self.braces += usize::from(bracket == b'{');
    }

    fn pop(&mut self) -> Option<u8> {
        let bracket = self.brackets.pop()?;
        self.braces -= usize::from(bracket == b'{');
        Some(bracket)
    }

    fn has(&self, bracket: u8) -> bool {
        match bracket {
            b'{' => self.braces > 0,
            _ => self.brackets.len() > self.braces,
        }
    }

    fn in_object(&self) -> bool {
        self.brackets.last() == Some(&b'{')
    }
}

impl Reader<'_> {
    /// Takes one thing; gives the outcome at the end.
    fn step(&mut self) -> Option<Outcome> {
        self.blank();
        let Some(byte) = self.text.get(self.at).copied() else {
            return Some(Outcome::Open { in_string: None });
        };
        match byte {
            b'"' | b'\'' => self.string(),
            b'}' | b']' => self.close(byte),
            b'{' if matches!(self.expects, Expects::Key | Expects::Next)
                && self.open.in_object() =>
            {
                self.another_begins()
            }
            b'{' | b'[' => self.open(byte),
            b',' => self.comma(),
            b':' => self.colon(),
            _ => self.word(),
        }
    }

    /// Passes over white space and comments.
    fn blank(&mut self) {
        loop {
            let end = scan::white_space(self.text, self.at);
            let blank = self.text.get(self.at..end).unwrap_or_default();
            if !blank.iter().all(|byte| scan::is_json_white_space(*byte)) {
                self.output.note(Repairs::CONTROL_CHARACTER);
            }
            self.at = end;
            let rest = self.text.get(self.at..).unwrap_or_default();
            let comment = match rest {
                [b'/', b'/', ..] => rest.iter().position(|byte| *byte == b'\n'),
                [b'/', b'*', ..] => rest
                    .windows(2)
                    .skip(2)
                    .position(|it| it == b"*/")
                    .map(|it| it + 4),
                _ => return,
            };
            self.at += comment.unwrap_or(rest.len());
            self.output.note(Repairs::COMMENT);
        }
    }

    fn advance(&mut self, to: usize) {
        self.at = to;
        self.end = to;
    }

    /// What follows a value: with what is open, and nothing else to be said before.
    fn value_follows(&mut self) {
        match self.expects {
            Expects::Value => {}
            Expects::Colon => self.output.repaired(b":", Repairs::MISSING_VALUE),
            Expects::Next => self.output.repaired(b",", Repairs::MISSING_COMMA),
            // An array or a bare word where a key should be.
            Expects::Key => self.is_broken = true,
        }
    }

    fn string(&mut self) -> Option<Outcome> {
        if self.expects == Expects::Next {
            self.output.repaired(b",", Repairs::MISSING_COMMA);
            self.expects = match self.open.in_object() {
                true => Expects::Key,
                false => Expects::Value,
            };
        }
        let place = match (self.expects, self.open.in_object()) {
            (Expects::Key, _) => Place::Key,
            (_, true) => Place::Member,
            (_, false) => Place::Element,
        };
        if self.expects == Expects::Colon {
            self.value_follows();
        }
        let (end, looked_at) =
            string::read(self.text, (self.start, self.at), place, &mut self.output);
        self.furthest = self.furthest.max(looked_at);
        match end {
            End::Closed(end) => self.advance(end),
            End::RanInto(next) => return Some(Outcome::RanInto { next }),
            End::Open => {
                let in_string = Some(self.at);
                self.at = looked_at;
                return Some(Outcome::Open { in_string });
            }
        }
        self.expects = match place {
            Place::Key => Expects::Colon,
            _ => Expects::Next,
        };
        None
    }

    fn open(&mut self, bracket: u8) -> Option<Outcome> {
        if bracket == b'{' && self.at > self.start && boundary::envelope_on_line(self.text, self.at)
        {
            return Some(Outcome::RanInto { next: self.at });
        }
        self.value_follows();
        self.output.raw(&[bracket]);
        self.open.push(bracket);
        self.advance(self.at + 1);
        self.expects = match bracket {
            b'{' => Expects::Key,
            _ => Expects::Value,
        };
        None
    }

    fn close(&mut self, bracket: u8) -> Option<Outcome> {
        let opening = match bracket {
            b'}' => b'{',
            _ => b'[',
        };
        if !self.open.has(opening) {
            // The end of what is around the object: its own is missing.
            return Some(self.close_all());
        }
        loop {
            let Some(top) = self.open.pop() else {
                return Some(self.finish());
            };
            self.complete();
            self.output.raw(closing(top));
            self.expects = Expects::Next;
            if top == opening {
                break;
            }
            self.output.note(Repairs::BRACKET);
        }
        self.advance(self.at + 1);
        self.open.brackets.is_empty().then(|| self.finish())
    }

    /// Writes what is missing before a closing bracket.
    fn complete(&mut self) {
        match self.expects {
            Expects::Colon => self.output.repaired(b":null", Repairs::MISSING_VALUE),
            Expects::Value if self.output.json().last() == Some(&b':') => {
                self.output.repaired(b"null", Repairs::MISSING_VALUE);
            }
            Expects::Value | Expects::Key => self.output.drop_comma(),
            Expects::Next => {}
        }
    }

    fn close_all(&mut self) -> Outcome {
        if matches!(self.expects, Expects::Key | Expects::Value) {
            // It stands between this object and the next one.
            self.output.drop_separator();
        }
        while let Some(top) = self.open.pop() {
            self.complete();
            self.output.repaired(closing(top), Repairs::BRACKET);
            self.expects = Expects::Next;
        }
        self.finish()
    }

    fn finish(&mut self) -> Outcome {
        match self.is_broken {
            true => Outcome::Broken {
                end: self.end,
                has_members: self.has_members,
            },
            false => Outcome::Object {
                end: self.end,
                output: std::mem::take(&mut self.output),
            },
        }
    }

    /// An object where a key should be: the closing brackets of this one are missing.
    fn another_begins(&mut self) -> Option<Outcome> {
        if !self.has_members {
            self.is_broken = true;
            return self.open(b'{');
        }
        Some(self.close_all())
    }

    fn comma(&mut self) -> Option<Outcome> {
        match self.expects {
            Expects::Next => {
                self.output.raw(b",");
                self.expects = match self.open.in_object() {
                    true => Expects::Key,
                    false => Expects::Value,
                };
            }
            Expects::Colon => {
                self.output.repaired(b":null,", Repairs::MISSING_VALUE);
                self.expects = Expects::Key;
            }
            Expects::Value if self.output.json().last() == Some(&b':') => {
                self.output.repaired(b"null,", Repairs::MISSING_VALUE);
                self.expects = Expects::Key;
            }
            Expects::Value | Expects::Key => self.output.note(Repairs::EXTRA_COMMA),
        }
        // A comma belongs to the object only when something follows it.
        self.at += 1;
        None
    }

    fn colon(&mut self) -> Option<Outcome> {
        match self.expects {
            Expects::Colon => {
                self.output.raw(b":");
                self.expects = Expects::Value;
                self.has_members = true;
            }
            _ => {
                self.is_broken = true;
                self.expects = Expects::Value;
            }
        }
        self.advance(self.at + 1);
        None
    }

    fn word(&mut self) -> Option<Outcome> {
        let start = self.at;
        if self.expects == Expects::Next && self.open.in_object() {
            self.output.repaired(b",", Repairs::MISSING_COMMA);
            self.expects = Expects::Key;
        }
        if self.expects == Expects::Key {
            let end = word::key_end(self.text, start);
            let colon = scan::white_space(self.text, end);
            if end > start && self.text.get(colon) == Some(&b':') {
                let name = self.text.get(start..end).unwrap_or_default();
                self.output.quoted(name, Repairs::UNQUOTED);
                self.expects = Expects::Colon;
                self.advance(end);
                return None;
            }
            // A key in quotes may follow: no text goes on through it.
            self.is_broken = true;
            self.advance(word::key_end(self.text, start).max(start + 1));
            return None;
        }
        let end = word::end(self.text, start).max(start + 1);
        let word = self.text.get(start..end).unwrap_or_default();
        self.value_follows();
        word::write(word.trim_ascii_end(), &mut self.output);
        self.expects = Expects::Next;
        self.advance(end);
        None
    }
}

fn closing(opening: u8) -> &'static [u8] {
    match opening {
        b'{' => b"}",
        _ => b"]",
    }
}
