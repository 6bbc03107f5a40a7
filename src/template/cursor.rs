//! What is left of a template's text while it is read.

use std::borrow::Cow;

use super::TemplateError;

/// Places count from 0; the column of a place is one more.
pub(super) struct Cursor {
    chars: Vec<char>,
    at: usize,
}

/// The characters of a text in quotes, each with its place.
pub(super) type Quoted = Vec<(char, usize)>;

/// An error at a place.
pub(super) fn error(place: usize, expected: impl Into<Cow<'static, str>>) -> TemplateError {
    TemplateError {
        column: place + 1,
        expected: expected.into(),
    }
}

impl Cursor {
    pub(super) fn new(text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
        }
    }

    /// The next place.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// The next character; `None` at the end.
    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    /// Takes the next character.
    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// Takes these characters, if they are next.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let count = word.chars().count();
        let next = self.chars.get(self.at..self.at + count);
        let found = next.is_some_and(|next| next.iter().copied().eq(word.chars()));
        if found {
            self.at += count;
        }
        found
    }

    /// Takes these characters.
    ///
    /// # Errors
    /// When they are not next.
    pub(super) fn need(&mut self, word: &str) -> Result<(), TemplateError> {
        if self.take(word) {
            Ok(())
        } else {
            Err(error(self.at, format!("\"{word}\"")))
        }
    }

    /// Takes characters as long as they fit.
    pub(super) fn take_while(&mut self, fits: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(next) = self.peek().filter(|next| fits(*next)) {
            taken.push(next);
            self.at += 1;
        }
        taken
    }

    /// Takes blanks.
    pub(super) fn blanks(&mut self) {
        self.take_while(|c| c == ' ');
    }

    /// Takes a whole number.
    ///
    /// # Errors
    /// When there is none in the range.
    pub(super) fn number(&mut self, from: usize, to: usize) -> Result<usize, TemplateError> {
        let place = self.at;
        let digits = self.take_while(|c| c.is_ascii_digit());
        let number = digits.parse().ok();
        number
            .filter(|number| (from..=to).contains(number))
            .ok_or_else(|| error(place, format!("a whole number from {from} to {to}")))
    }

    /// Takes a text in quotes, if a quote is next.
    ///
    /// # Errors
    /// When it has no end, or an escape that is none.
    pub(super) fn quoted(&mut self) -> Result<Option<Quoted>, TemplateError> {
        let open = self.at;
        if !self.take("\"") {
            return Ok(None);
        }
        let mut chars = Vec::new();
        loop {
            let place = self.at;
            match self.next() {
                Some('"') => return Ok(Some(chars)),
                Some('\\') => match self.next() {
                    Some(c @ ('"' | '\\')) => chars.push((c, place)),
                    _ => return Err(error(place + 1, "\" or \\ behind a backslash")),
                },
                Some(c) => chars.push((c, place)),
                None => return Err(error(open, "a second quote that ends this text")),
            }
        }
    }
}
