//! Distributions: how many values fell below each of a few bounds.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// A distribution that is counted into.
#[derive(Debug)]
pub struct Histogram(Mutex<Distribution>);

/// What a [`Histogram`] holds: counts per bucket, not yet added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Upper bounds of the buckets, ascending; above the last one is one bucket more.
    pub bounds: Vec<f64>,
    /// Values per bucket.
    pub counts: Vec<u64>,
    /// Sum of the values.
    pub sum: f64,
}

impl Distribution {
    /// An empty one.
    pub fn new(bounds: &[f64]) -> Self {
        Self {
            bounds: bounds.to_vec(),
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        }
    }

    /// Counts a value. What is not finite is left out.
    pub fn note(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        let place = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(place) {
            *count += 1;
            self.sum += value;
        }
    }

    /// Adds the values of another one with the same bounds.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.counts.iter_mut().zip(&other.counts) {
            *sum += count;
        }
        self.sum += other.sum;
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Histogram {
    /// An empty one.
    pub fn new(bounds: &[f64]) -> Self {
        Self(Mutex::new(Distribution::new(bounds)))
    }

    /// Counts a value.
    pub fn note(&self, value: f64) {
        self.lock().note(value);
    }

    /// What was counted so far.
    pub fn read(&self) -> Distribution {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Distribution> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::new(&[1.0, 10.0]);
        for value in [0.0, 1.0, 1.5, 10.0, 11.0, f64::NAN, -3.0] {
            histogram.note(value);
        }
        let read = histogram.read();
        assert_eq!(read.counts, [3, 2, 1]);
        assert_eq!((read.count(), read.sum), (6, 20.5));
    }
}
