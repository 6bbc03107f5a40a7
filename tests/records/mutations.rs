//! Bytes that are no JSON, or no longer.

use entra_forwarder::envelope::{self, RecordKind};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::differential::quick;
use crate::generate::{documents, records_of_a_kind};
use crate::invariants::{self, EXPANSION_MAX};

/// A small change to some bytes.
#[derive(Clone, Debug)]
pub(crate) enum Mutation {
    Delete { at: usize, bytes: usize },
    Insert { at: usize, bytes: Vec<u8> },
    Flip { at: usize, bit: u8 },
    Truncate { at: usize },
}

impl Mutation {
    /// Changes them; a place behind the end counts on from the beginning.
    pub(crate) fn apply(&self, text: &mut Vec<u8>) {
        match self {
            Self::Delete { at, bytes } => {
                let at = at % (text.len() + 1);
                text.drain(at..(at + bytes).min(text.len()));
            }
            Self::Insert { at, bytes } => {
                let at = at % (text.len() + 1);
                text.splice(at..at, bytes.iter().copied());
            }
            Self::Flip { at, bit } => {
                let at = at % text.len().max(1);
                if let Some(byte) = text.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Self::Truncate { at } => text.truncate(at % (text.len() + 1)),
        }
    }
}

/// Bytes of which JSON is made, and some that it never holds.
fn piece_of_json() -> impl Strategy<Value = Vec<u8>> {
    let tokens: &[&[u8]] = &[
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"\"",
        b"'",
        b"\\",
        b"\n",
        b" ",
        b"\0",
        b"\xff",
        b"\xc3",
        b"},{",
        b"{\"records\":[",
        b"]}",
        b"null",
        b"NaN",
        b"1",
        b"x",
        b"/*",
        b"//",
        b"\xef\xbb\xbf",
        b"{'a':1}",
        b"{\"a\":1}",
        b"\"a\":",
        b"\\u00",
        b"\xf0\x9f\x98\x80",
    ];
    let tokens: Vec<_> = tokens.iter().map(|token| token.to_vec()).collect();
    prop_oneof![4 => proptest::sample::select(tokens), 1 => vec(any::<u8>(), 1..4)]
}

pub(crate) fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<usize>(), 1..8_usize).prop_map(|(at, bytes)| Mutation::Delete { at, bytes }),
        (any::<usize>(), piece_of_json()).prop_map(|(at, bytes)| Mutation::Insert { at, bytes }),
        (any::<usize>(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip { at, bit }),
        any::<usize>().prop_map(|at| Mutation::Truncate { at }),
    ]
}

/// Whether every string and every bracket that begins in a text ends in it.
fn is_closed(text: &[u8]) -> bool {
    let mut open = Vec::new();
    let mut bytes = text.iter();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if bytes.next().is_none() => return false,
            b'\'' | b'/' if !in_string => return false,
            b'{' | b'[' if !in_string => open.push(*byte),
            b'}' if !in_string && open.pop() != Some(b'{') => return false,
            b']' if !in_string && open.pop() != Some(b'[') => return false,
            _ => {}
        }
    }
    !in_string && open.is_empty()
}

proptest! {
    #![proptest_config(quick())]

    #[test]
    fn a_fault_in_a_record_costs_no_other(
        records in records_of_a_kind(),
        broken in any::<usize>(),
        mutation in mutation(),
    ) {
        let broken = broken % records.len();
        let mut inside = records[broken].as_bytes()[1..records[broken].len() - 1].to_vec();
        mutation.apply(&mut inside);
        prop_assume!(is_closed(&inside));
        let texts: Vec<_> = records
            .iter()
            .enumerate()
            .map(|(place, record)| match place == broken {
                true => [&b"{"[..], &inside, b"}"].concat(),
                false => record.clone().into_bytes(),
            })
            .collect();
        let body = [b"{\"records\":[", &texts.join(&b","[..])[..], b"]}"].concat();
        invariants::check(&body);
        let found = envelope::split(&body.into(), EXPANSION_MAX);
        let mut found = found.all().filter(|piece| piece.kind == RecordKind::Object);
        for (place, record) in records.iter().enumerate().filter(|it| it.0 != broken) {
            let is_found = found.any(|piece| piece.original == record.as_bytes());
            let inside = inside.escape_ascii();
            prop_assert!(is_found, "record {} beside {}: {{{}}}", place, broken, inside);
        }
    }

    #[test]
    fn any_bytes_are_split(body in vec(any::<u8>(), 0..64)) {
        invariants::check(&body);
    }

    #[test]
    fn any_pieces_of_json_are_split(body in vec(piece_of_json(), 0..24)) {
        invariants::check(&body.concat());
    }

    #[test]
    fn a_document_with_faults_is_split(
        document in documents(),
        mutations in vec(mutation(), 1..4),
    ) {
        let mut body = document.text.into_bytes();
        for mutation in mutations {
            mutation.apply(&mut body);
        }
        invariants::check(&body);
    }
}
