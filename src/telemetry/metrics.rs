//! The metrics: each family is defined once, and its points are read out of a [`Snapshot`].
//!
//! [`exposition`] writes them for Prometheus, [`super::otlp`] pushes them, and `docs/metrics.md` is
//! made of the same definitions. Nothing is counted here.
//!
//! Labels hold what the configuration names, numbers of partitions, words of this program, and
//! categories, which [`super::categories`] bounds.

use super::histogram::Distribution;
use super::snapshot::Snapshot;

mod partitions;
mod process;
mod sinks;
mod sources;
mod text;

pub use text::{exposition, negotiated};

/// What every name begins with.
pub const PREFIX: &str = "entra_forwarder";

/// One family of metrics.
#[derive(Debug)]
pub struct Family {
    /// The name without prefix, unit, and the ending that its kind asks for.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it is measured in.
    pub unit: Unit,
    /// Names of the labels.
    pub labels: &'static [&'static str],
    /// What it says, in one line.
    pub help: &'static str,
    /// What is normal, or when to worry, in one line.
    pub normal: &'static str,
    /// Its points in a picture of the process.
    pub points: fn(&Snapshot) -> Vec<Point>,
}

/// What a family is, in the words of OpenMetrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Never falls while the process runs.
    Counter,
    /// Rises and falls.
    Gauge,
    /// How many values fell below each of a few bounds.
    Histogram,
    /// Always 1: the labels are what it says.
    Info,
}

impl Kind {
    /// The word of OpenMetrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }
}

/// What a family is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things that the name says.
    None,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// From 0 to 1.
    Ratio,
}

impl Unit {
    /// The word that the name ends with.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
            Self::Ratio => Some("ratio"),
        }
    }
}

/// One value of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// Values of the labels, in the order of [`Family::labels`].
    pub labels: Vec<String>,
    /// The value.
    pub value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// How many.
    Count(u64),
    /// A whole number.
    Whole(i64),
    /// A number.
    Number(f64),
    /// A distribution.
    Distribution(Distribution),
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(is_so: bool) -> Self {
        Self::Count(u64::from(is_so))
    }
}

impl From<&Distribution> for Value {
    fn from(distribution: &Distribution) -> Self {
        Self::Distribution(distribution.clone())
    }
}

impl Point {
    fn new<const N: usize>(labels: [&str; N], value: impl Into<Value>) -> Self {
        Self {
            labels: labels.map(str::to_owned).into(),
            value: value.into(),
        }
    }
}

/// The point of a family without labels.
fn one(value: impl Into<Value>) -> Vec<Point> {
    vec![Point::new([], value)]
}

impl Family {
    /// The name with prefix and unit.
    pub fn base_name(&self) -> String {
        let unit = self.unit.name();
        let unit = unit.map(|unit| format!("_{unit}")).unwrap_or_default();
        format!("{PREFIX}_{}{unit}", self.name)
    }

    /// The name under which it is found in Prometheus; those of histograms get `_bucket`, `_sum` and
    /// `_count` there.
    pub fn full_name(&self) -> String {
        let ending = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        format!("{}{ending}", self.base_name())
    }
}

/// All families, under the headings of the page.
static TABLES: [(&str, &[Family]); 4] = [
    (
        "The process, and whether everything arrives",
        process::FAMILIES,
    ),
    ("Sources and categories", sources::FAMILIES),
    ("Partitions", partitions::FAMILIES),
    ("Sinks", sinks::FAMILIES),
];

/// All families, in the order of the page.
pub fn families() -> impl Iterator<Item = &'static Family> {
    TABLES.iter().flat_map(|(_, families)| *families)
}

#[cfg(test)]
mod tests;
