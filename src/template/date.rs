//! Patterns of dates.

use std::fmt::Write;

use time::OffsetDateTime;

use super::TemplateError;
use super::cursor::{Quoted, error};

/// How a moment is written, in UTC.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Token {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Text(char),
}

const WORDS: [(&str, Token); 5] = [
    ("YYYY", Token::Year),
    ("MM", Token::Month),
    ("DD", Token::Day),
    ("HH", Token::Hour),
    ("mm", Token::Minute),
];

const EXPECTED: &str = "YYYY, MM, DD, HH or mm (no other letters)";

impl Pattern {
    /// Reads the pattern that stands in quotes from a place on.
    ///
    /// # Errors
    /// When it has other letters, or nothing of a date.
    pub(super) fn compile(open: usize, quoted: &Quoted) -> Result<Self, TemplateError> {
        let mut rest = quoted.as_slice();
        let mut tokens = Vec::new();
        while let Some(((first, place), behind)) = rest.split_first() {
            let word = WORDS.iter().find(|(word, _)| {
                let next = rest.iter().map(|(c, _)| *c).take(word.len());
                next.eq(word.chars())
            });
            if let Some((word, token)) = word {
                tokens.push(*token);
                rest = rest.get(word.len()..).unwrap_or_default();
            } else if first.is_alphabetic() {
                return Err(error(*place, EXPECTED));
            } else {
                tokens.push(Token::Text(*first));
                rest = behind;
            }
        }
        if tokens.iter().all(|it| matches!(it, Token::Text(_))) {
            return Err(error(open, EXPECTED));
        }
        Ok(Self(tokens))
    }

    /// A moment in this form.
    pub(super) fn write(&self, moment: OffsetDateTime) -> String {
        let mut text = String::new();
        for token in &self.0 {
            let number = match token {
                Token::Year => {
                    // Writing to a text cannot fail.
                    write!(text, "{:04}", moment.year()).ok();
                    continue;
                }
                Token::Text(c) => {
                    text.push(*c);
                    continue;
                }
                Token::Month => u8::from(moment.month()),
                Token::Day => moment.day(),
                Token::Hour => moment.hour(),
                Token::Minute => moment.minute(),
            };
            write!(text, "{number:02}").ok();
        }
        text
    }
}
