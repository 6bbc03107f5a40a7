//! Multisets of records: what was produced, what arrived, and how the two differ.

use std::collections::HashMap;

use bytes::Bytes;

/// Records, each with how often it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bag(HashMap<Bytes, u64>);

/// How what arrived differs from what was produced.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    /// Records that were produced and did not arrive.
    pub(crate) missing: u64,
    /// Records that arrived and were never produced: altered ones are here.
    pub(crate) unexpected: u64,
    /// Arrivals beyond what was produced.
    pub(crate) duplicates: u64,
    /// Some of the missing and unexpected ones, cut.
    pub(crate) examples: Vec<String>,
}

impl Bag {
    /// Puts one record in.
    pub(crate) fn add(&mut self, record: Bytes) {
        *self.0.entry(record).or_default() += 1;
    }

    /// How many records are in it, repetitions included.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many different records are in it.
    pub(crate) fn distinct(&self) -> u64 {
        self.0.len() as u64
    }

    /// All records, repetitions included.
    pub(crate) fn all(&self) -> impl Iterator<Item = Bytes> {
        let repeated = |(record, count): (&Bytes, &u64)| {
            std::iter::repeat_n(record.clone(), usize::try_from(*count).unwrap())
        };
        self.0.iter().flat_map(repeated)
    }

    /// Whether every record of `other` is in it as often as there.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|(record, count)| self.0.get(record).is_some_and(|have| have >= count))
    }

    /// What of `produced` is here, and what else.
    pub(crate) fn against(&self, produced: &Self) -> Difference {
        let mut difference = Difference {
            missing: 0,
            unexpected: 0,
            duplicates: 0,
            examples: Vec::new(),
        };
        for (record, wanted) in &produced.0 {
            let have = self.0.get(record).copied().unwrap_or_default();
            difference.duplicates += have.saturating_sub(*wanted);
            if have < *wanted {
                difference.missing += wanted - have;
                difference.show("missing", record);
            }
        }
        for (record, have) in &self.0 {
            if !produced.0.contains_key(record) {
                difference.unexpected += have;
                difference.show("unexpected", record);
            }
        }
        difference
    }
}

impl Difference {
    fn show(&mut self, what: &str, record: &[u8]) {
        if self.examples.len() < 6 {
            let text = String::from_utf8_lossy(record);
            self.examples.push(format!("{what}: {text:.200}"));
        }
    }

    /// Asserts that nothing is lost or altered, and gives the number of duplicates.
    pub(crate) fn duplicates_only(&self) -> u64 {
        assert_eq!((self.missing, self.unexpected), (0, 0), "{self:#?}");
        self.duplicates
    }
}

impl Extend<Bytes> for Bag {
    fn extend<T: IntoIterator<Item = Bytes>>(&mut self, records: T) {
        records.into_iter().for_each(|record| self.add(record));
    }
}

impl FromIterator<Bytes> for Bag {
    fn from_iter<T: IntoIterator<Item = Bytes>>(records: T) -> Self {
        let mut bag = Self::default();
        bag.extend(records);
        bag
    }
}
