//! Which letters become which objects.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::{DeadLetter, Facts, SINGLE_LETTERS_MAX, batch};

/// A body from this size on is an object of its own.
const LARGE_BYTES: usize = 1 << 20;
/// Bytes of bodies in one batch. With what surrounds them ([`batch::line`]) an object stays below
/// 32 MiB.
const BATCH_BYTES_MAX: usize = 8 << 20;
/// What a line has beside the bytes of its body, at most and about.
const LINE_OVERHEAD: usize = 4 << 10;

/// An object to be written.
pub(super) enum Object<'a> {
    One(&'a DeadLetter),
    Batch(Vec<&'a DeadLetter>),
}

impl Object<'_> {
    /// Under which name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::One(letter) => letter.name(),
            Self::Batch(letters) => {
                let ids: String = letters
                    .iter()
                    .map(|letter| letter.id().to_string())
                    .collect();
                let hash = digest(&SHA256, ids.as_bytes());
                let hash: String = hash
                    .as_ref()
                    .iter()
                    .take(16)
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                let event = letters.first().map(|letter| letter.event_name());
                format!("{}-batch-{hash}", event.unwrap_or_default())
            }
        }
    }

    /// Its bytes.
    pub(super) fn body(&self) -> Bytes {
        match self {
            Self::One(letter) => letter.body.clone(),
            Self::Batch(letters) => {
                let mut text = Vec::new();
                for letter in letters {
                    batch::line(&Facts::of(letter), &letter.body, &mut text);
                }
                text.into()
            }
        }
    }

    /// What stands beside the bytes: the fields of the letter, or of the first one and how many
    /// there are.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::One(letter) => Facts::of(letter).pairs(),
            Self::Batch(letters) => {
                let first = letters.first().map(|letter| Facts::of(letter).pairs());
                let mut fields = first.unwrap_or_default();
                fields.push((batch::COUNT, letters.len().to_string()));
                fields
            }
        }
    }
}

/// Divides letters into objects: the same letters give the same ones.
pub(super) fn of(letters: &[DeadLetter]) -> Vec<Object<'_>> {
    let mut objects = Vec::new();
    let mut events: BTreeMap<String, Vec<&DeadLetter>> = BTreeMap::new();
    for letter in letters {
        match letter.body.len() {
            LARGE_BYTES.. => objects.push(Object::One(letter)),
            _ => events.entry(letter.event_name()).or_default().push(letter),
        }
    }
    for letters in events.into_values() {
        if letters.len() <= SINGLE_LETTERS_MAX {
            objects.extend(letters.into_iter().map(Object::One));
            continue;
        }
        let (mut open, mut bytes) = (Vec::new(), 0);
        for letter in letters {
            let more = letter.body.len() + LINE_OVERHEAD;
            if bytes + more > BATCH_BYTES_MAX && !open.is_empty() {
                objects.push(Object::Batch(std::mem::take(&mut open)));
                bytes = 0;
            }
            bytes += more;
            open.push(letter);
        }
        objects.push(Object::Batch(open));
    }
    objects
}
