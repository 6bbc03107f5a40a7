//! Records for people's eyes: nothing of them can move a terminal's cursor.

use serde::de::IgnoredAny;

/// A text on one line, with control characters escaped.
pub(in crate::cli) fn printable(text: &str) -> String {
    escaped(text, |_| false)
}

fn escaped(text: &str, is_kept: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            _ if is_kept(letter) => shown.push(letter),
            // Those that change the direction of what follows deceive as well.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                shown.extend(letter.escape_unicode());
            }
            _ if letter.is_control() => shown.extend(letter.escape_default()),
            _ => shown.push(letter),
        }
    }
    shown
}

/// A record: JSON with its members on lines of their own and otherwise as it is, another text as it
/// is, and of anything else its size.
pub(super) fn record(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let size = bytes.len();
        return format!("({size} bytes that are no text: --raw prints them)\n");
    };
    if text.is_empty() {
        return "(no bytes)\n".to_owned();
    }
    let shown = match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => indented(text),
        Err(_) => text.to_owned(),
    };
    let mut shown = escaped(&shown, |letter| matches!(letter, '\n' | '\t'));
    if !shown.ends_with('\n') {
        shown.push('\n');
    }
    shown
}

/// Deepest indentation.
const DEPTH_MAX: usize = 20;

/// Sets the members of well-formed JSON on lines of their own; changes white space only, so that
/// numbers and keys stay as they are.
fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut before = ' ';
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth.min(DEPTH_MAX)));
    };
    for letter in json.chars() {
        if in_string {
            out.push(letter);
            in_string = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            ' ' | '\n' | '\r' | '\t' => continue,
            '{' | '[' => depth += 1,
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                if !matches!(before, '{' | '[') {
                    line(&mut out, depth);
                }
            }
            _ if matches!(before, '{' | '[') => line(&mut out, depth),
            _ => {}
        }
        if matches!(letter, '{' | '[') && matches!(before, '{' | '[') {
            line(&mut out, depth - 1);
        }
        out.push(letter);
        in_string = letter == '"';
        match letter {
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
        before = letter;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_indented_and_not_changed() {
        let check = |json: &str, expected: &str| assert_eq!(record(json.as_bytes()), expected);
        check(
            "{\"a\":1.50,\r\n\"a\" : [ ] ,\"b\":{\"c, {\\\"\":[[1e400,{}]]}}",
            "{\n  \"a\": 1.50,\n  \"a\": [],\n  \"b\": {\n    \"c, {\\\"\": [\n      [\n        1e400,\n        {}\n      ]\n    ]\n  }\n}\n",
        );
        check("[]", "[]\n");
        check(" \"\\\\\" ", "\"\\\\\"\n");
        check("7", "7\n");
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(
            printable("a\u{1b}[2J\r\n\u{9b}\u{202e}b"),
            "a\\u{1b}[2J\\r\\n\\u{9b}\\u{202e}b"
        );
        assert_eq!(
            record("no json \u{1b}[1m\tü\nx".as_bytes()),
            "no json \\u{1b}[1m\tü\nx\n"
        );
        let shown = record("{\"a\":\"\u{9b}2J\u{7f}\"}".as_bytes());
        assert_eq!(shown, "{\n  \"a\": \"\\u{9b}2J\\u{7f}\"\n}\n");
        assert_eq!(
            record(b"\xff"),
            "(1 bytes that are no text: --raw prints them)\n"
        );
        assert_eq!(record(b""), "(no bytes)\n");
    }
}
