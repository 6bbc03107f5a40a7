//! What may be left of a text when the pieces are taken out.
//!
//! - white space, brackets, commas, colons, semicolons, quotes, `null`; zeros, byte order marks and
//!   record separators (<https://www.rfc-editor.org/rfc/rfc7464>);
//! - the key of an envelope: `records` in any letter case, or `record`;
//! - what stands beside that key in the envelope's own object;
//! - a string that holds JSON, whose pieces are found elsewhere.
//!
//! Anything else was lost. In text that is no JSON, what stands beside the envelope's key is told
//! by its place alone ([`lost_of_broken`]).

use serde::de::IgnoredAny;
use serde_json::value::RawValue;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// An object that was opened outside of any piece.
#[derive(Default)]
struct Frame {
    has_records: bool,
    /// Where something else than records begins.
    beside: Option<usize>,
}

#[derive(Debug, PartialEq)]
enum Token {
    Piece,
    Open(u8),
    Close(u8),
    Colon,
    Comma,
    /// A string or a word.
    Scalar(usize, usize),
}

/// What was found there.
#[derive(Default)]
pub(super) struct Remains {
    /// Where the first thing stands that was lost.
    pub(super) lost: Option<usize>,
    /// The contents of strings that hold JSON.
    pub(super) unpacked: Vec<String>,
}

/// Looks through what is left of a text.
pub(super) fn remains(text: &[u8], pieces: &[(usize, usize)]) -> Remains {
    let mut remains = Remains::default();
    let tokens = tokens(text, pieces);
    match is_json(text) {
        true => remains.lost = lost(text, &tokens, &mut remains.unpacked),
        false => remains.lost = lost_of_broken(text, &tokens),
    }
    remains
}

fn lost(text: &[u8], tokens: &[Token], unpacked: &mut Vec<String>) -> Option<usize> {
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match *token {
            Token::Open(b'{') => frames.push(Frame::default()),
            Token::Close(b'}') => {
                let frame = frames.pop().unwrap_or_default();
                if let Some(place) = frame.unexplained() {
                    return Some(place);
                }
            }
            Token::Scalar(start, end) => {
                let word = &text[start..end];
                let is_key = tokens.get(at) == Some(&Token::Colon);
                match frames.last_mut() {
                    Some(frame) if is_key && is_envelope_key(word) => frame.has_records = true,
                    Some(frame) if is_key => {
                        frame.beside.get_or_insert(start);
                        at += 1;
                        at += value_tokens(&tokens[at..]);
                    }
                    _ => match json_in_string(word) {
                        Some(json) => unpacked.push(json),
                        None if word == b"null" || !says_something(word) => {}
                        None => return Some(start),
                    },
                }
            }
            _ => {}
        }
    }
    frames.iter().find_map(Frame::unexplained)
}

/// The same where quotes and brackets cannot be trusted: what is not structure stands in front of
/// the records, with the envelope's key, or behind the bracket that closed them.
fn lost_of_broken(text: &[u8], tokens: &[Token]) -> Option<usize> {
    let mut in_envelope = false;
    for gap in tokens.split(|token| *token == Token::Piece) {
        let mut first = None;
        // A bracket closed, or nothing opened before a key: what stands beside the records.
        let mut is_beside = true;
        for (at, token) in gap.iter().enumerate() {
            match *token {
                Token::Close(_) if first.is_none() => is_beside = true,
                Token::Open(_) if first.is_none() => is_beside = false,
                Token::Scalar(start, end) => {
                    let word = &text[start..end];
                    in_envelope |= names_records(word);
                    let before = at.checked_sub(1).and_then(|before| gap.get(before));
                    let is_member = [gap.get(at + 1), before].contains(&Some(&Token::Colon));
                    let is_content = word != b"null" && says_something(word);
                    if is_content && !names_records(word) && json_in_string(word).is_none() {
                        let is_behind = gap[..at].iter().any(|it| matches!(it, Token::Close(_)));
                        first.get_or_insert((start, is_beside && (is_member || is_behind)));
                    }
                }
                _ => {}
            }
        }
        let is_named = gap.iter().any(|token| match *token {
            Token::Scalar(start, end) => names_records(&text[start..end]),
            _ => false,
        });
        match first {
            Some((start, is_beside)) if !(is_named || in_envelope && is_beside) => {
                return Some(start);
            }
            _ => {}
        }
    }
    None
}

impl Frame {
    /// What stands in an object that is no envelope.
    fn unexplained(&self) -> Option<usize> {
        self.beside.filter(|_| !self.has_records)
    }
}

/// The number of tokens of which the value consists that these begin with.
fn value_tokens(tokens: &[Token]) -> usize {
    let mut depth = 0;
    for (count, token) in tokens.iter().enumerate() {
        match token {
            Token::Open(_) => depth += 1,
            Token::Close(_) if depth > 0 => depth -= 1,
            Token::Piece | Token::Close(_) => return count,
            Token::Comma if depth == 0 => return count,
            Token::Scalar(..) | Token::Colon | Token::Comma => {}
        }
        if depth == 0 {
            return count + 1;
        }
    }
    tokens.len()
}

/// Whether the key of an envelope stands in it, be it between stray quotes.
fn names_records(word: &[u8]) -> bool {
    let word = word.to_ascii_lowercase();
    let named = word.windows(6).any(|part| part == b"record");
    named || word.windows(2).any(|part| part == b"\\u")
}

fn is_separator(byte: u8) -> bool {
    byte.is_ascii_whitespace() || b";\0\x1e".contains(&byte)
}

/// Whether a string or a word is more than structure in quotes.
fn says_something(word: &[u8]) -> bool {
    let is_structure = |byte: &u8| b"{}[]:,\"'".contains(byte) || is_separator(*byte);
    !word.iter().all(is_structure)
}

/// Whether a text is a sequence of JSON texts.
pub(super) fn is_json(text: &[u8]) -> bool {
    let mut texts = serde_json::Deserializer::from_slice(text).into_iter::<&RawValue>();
    texts.all(|text| text.is_ok())
}

fn json_in_string(word: &[u8]) -> Option<String> {
    let content: String = serde_json::from_slice(word).ok()?;
    let texts = serde_json::Deserializer::from_str(&content).into_iter::<IgnoredAny>();
    let texts: Vec<_> = texts.collect::<Result<_, _>>().ok()?;
    (!texts.is_empty()).then_some(content)
}

fn is_envelope_key(word: &[u8]) -> bool {
    let key = match serde_json::from_slice(word) {
        Ok(key) => key,
        Err(_) => String::from_utf8_lossy(word).trim_matches('\'').to_owned(),
    };
    ["record", "records"].contains(&key.to_lowercase().as_str())
}

fn tokens(text: &[u8], pieces: &[(usize, usize)]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut pieces = pieces.iter().peekable();
    let mut at = 0;
    while at < text.len() {
        if let Some((_, end)) = pieces.next_if(|piece| piece.0 == at) {
            tokens.push(Token::Piece);
            at = *end;
            continue;
        }
        let next_piece = pieces.peek().map_or(text.len(), |piece| piece.0);
        let token = match text[at] {
            open @ (b'{' | b'[') => Token::Open(open),
            close @ (b'}' | b']') => Token::Close(close),
            b':' => Token::Colon,
            b',' => Token::Comma,
            byte if is_separator(byte) => {
                at += 1;
                continue;
            }
            0xef if text[at..next_piece].starts_with(MARK) => {
                at += MARK.len();
                continue;
            }
            quote @ (b'"' | b'\'') => {
                // One that is not closed is a stray quote.
                let length = string_length(&text[at..next_piece], quote).unwrap_or(1);
                tokens.push(Token::Scalar(at, at + length));
                at += length;
                continue;
            }
            _ => {
                let rest = &text[at..next_piece];
                let is_end = |byte: &u8| b"{}[]:,\"'".contains(byte) || is_separator(*byte);
                let length = rest.iter().position(is_end).unwrap_or(rest.len());
                tokens.push(Token::Scalar(at, at + length));
                at += length;
                continue;
            }
        };
        tokens.push(token);
        at += 1;
    }
    tokens
}

/// With its quotes.
fn string_length(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}
