//! Records of letters on their way into requests.

use std::sync::Arc;

use super::Loaded;
use super::prepare::Part;
use crate::deliver::halving::Divide;

/// A request that is not full.
#[derive(Default)]
pub(super) struct Open {
    pub(super) parts: Vec<Part>,
    pub(super) records: usize,
    /// At most so many of its body, without its frame.
    pub(super) bytes: u64,
}

impl Open {
    /// Adds the record at this place of a letter.
    pub(super) fn push(&mut self, letter: &Arc<Loaded>, place: usize, bytes: u64) {
        self.records += 1;
        self.bytes += bytes;
        match self.parts.last_mut() {
            Some(part) if Arc::ptr_eq(&part.letter, letter) && part.to == place => {
                part.to = place + 1;
            }
            _ => self.parts.push(Part {
                letter: Arc::clone(letter),
                from: place,
                to: place + 1,
            }),
        }
    }
}

/// Records of some letters that make one request.
#[derive(Clone, Debug)]
pub(super) struct Parts(pub(super) Vec<Part>);

impl Parts {
    /// Adds what comes behind it.
    pub(super) fn add(&mut self, more: Self) {
        for part in more.0 {
            match self.0.last_mut() {
                Some(last) if Arc::ptr_eq(&last.letter, &part.letter) && last.to == part.from => {
                    last.to = part.to;
                }
                _ => self.0.push(part),
            }
        }
    }

    /// Each record alone.
    pub(super) fn records(&self) -> impl Iterator<Item = Self> {
        self.0.iter().flat_map(|part| {
            (part.from..part.to).map(|place| {
                Self(vec![Part {
                    from: place,
                    to: place + 1,
                    ..part.clone()
                }])
            })
        })
    }
}

impl Divide for Parts {
    fn count(&self) -> usize {
        self.0.iter().map(Part::len).sum()
    }

    fn divide(self, records: usize) -> (Self, Self) {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let mut left = records;
        for part in self.0 {
            let middle = part.from + left.min(part.len());
            left -= middle - part.from;
            if middle > part.from {
                first.push(Part {
                    to: middle,
                    ..part.clone()
                });
            }
            if middle < part.to {
                second.push(Part {
                    from: middle,
                    ..part
                });
            }
        }
        (Self(first), Self(second))
    }
}
