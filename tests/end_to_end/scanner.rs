//! Finds the records in a body by walking over its bytes: a second opinion that shares nothing
//! with the forwarder's way.

/// The elements of the array under the last `records` of the outermost object, as they stand;
/// `None` when the body is no object with such an array.
///
/// It relies on the body being valid JSON.
pub(crate) fn records(body: &[u8]) -> Option<Vec<&[u8]>> {
    let mut at = blank(body, 0);
    if body.get(at) != Some(&b'{') {
        return None;
    }
    at = blank(body, at + 1);
    let mut found = None;
    while body.get(at) == Some(&b'"') {
        let end = value(body, at);
        let key = &body[at..end];
        at = blank(body, end);
        assert_eq!(body[at], b':');
        at = blank(body, at + 1);
        let end = value(body, at);
        if key == b"\"records\"" && body[at] == b'[' {
            found = Some(elements(body, at));
        }
        at = blank(body, end);
        if body.get(at) == Some(&b',') {
            at = blank(body, at + 1);
        }
    }
    found
}

fn elements(body: &[u8], array: usize) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let mut at = blank(body, array + 1);
    while body[at] != b']' {
        let end = value(body, at);
        found.push(&body[at..end]);
        at = blank(body, end);
        if body[at] == b',' {
            at = blank(body, at + 1);
        }
    }
    found
}

/// The place behind white space.
fn blank(body: &[u8], mut at: usize) -> usize {
    while matches!(body.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The place behind the value that starts at `at`.
fn value(body: &[u8], at: usize) -> usize {
    let (mut depth, mut place) = (0_usize, at);
    loop {
        match body[place] {
            b'"' => place = string(body, place),
            b'{' | b'[' => {
                depth += 1;
                place += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                place += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => place += 1,
            _ => {
                while !matches!(
                    body.get(place),
                    None | Some(b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n')
                ) {
                    place += 1;
                }
            }
        }
        if depth == 0 {
            return place;
        }
    }
}

/// The place behind the string that starts at `at`.
fn string(body: &[u8], at: usize) -> usize {
    let mut place = at + 1;
    while body[place] != b'"' {
        place += if body[place] == b'\\' { 2 } else { 1 };
    }
    place + 1
}

#[test]
fn the_scanner_finds_what_stands_there() {
    let body = br#" {"a":["records",{"records":[1]}], "records" : [ {"b": "]}\"" } ,2, "x"] } "#;
    let found: Vec<_> = records(body).unwrap();
    assert_eq!(
        found,
        [&br#"{"b": "]}\"" }"#[..], &b"2"[..], &br#""x""#[..]]
    );
    assert_eq!(records(br#"{"records":[]}"#), Some(vec![]));
    assert_eq!(records(br#"{"records":null}"#), None);
    assert_eq!(records(b"[1]"), None);
    assert_eq!(records(b""), None);
}
