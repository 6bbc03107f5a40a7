//! Records of letters, as they are divided into requests.

use std::sync::Arc;

use super::prepare::Part;
use crate::deliver::halving::Divide;
use crate::format::Format;

/// Records of some letters that make one request.
#[derive(Clone, Debug)]
pub(super) struct Parts(pub(super) Vec<Part>);

impl Parts {
    /// Parts of which each can be one request ([`Format::group`]).
    pub(super) fn grouped(self, format: &dyn Format) -> Vec<Self> {
        let mut groups: Vec<(Option<String>, Self)> = Vec::new();
        for record in self.records() {
            let alone = record.0.iter().flat_map(Part::records).next();
            let group = alone.and_then(|it| format.group(&it));
            match groups.iter_mut().find(|(known, _)| *known == group) {
                Some((_, parts)) => parts.add(record),
                None => groups.push((group, record)),
            }
        }
        groups.into_iter().map(|(_, parts)| parts).collect()
    }

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
