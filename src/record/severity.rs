//! How grave a record is, from `Level`.

use serde::Serialize;

/// Azure's levels, the gravest first.
///
/// As a number 1 to 5: <https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// 1.
    Critical = 1,
    /// 2.
    Error,
    /// 3.
    Warning,
    /// 4.
    Informational,
    /// 5.
    Verbose,
}

impl Severity {
    /// Reads a number from 1 to 5 or a word in any letter case; `None` for anything else.
    pub fn parse(level: &str) -> Option<Self> {
        let level = level.trim();
        // A number may have been through a language that has only floating-point ones.
        let number = level.strip_suffix(".0").unwrap_or(level);
        WORDS
            .iter()
            .find(|(word, _)| number.eq_ignore_ascii_case(word))
            .map(|(_, severity)| *severity)
    }

    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Informational => "informational",
            Self::Verbose => "verbose",
        }
    }
}

const WORDS: [(&str, Severity); 18] = [
    ("4", Severity::Informational),
    ("Informational", Severity::Informational),
    ("Information", Severity::Informational),
    ("Info", Severity::Informational),
    ("Notice", Severity::Informational),
    ("3", Severity::Warning),
    ("Warning", Severity::Warning),
    ("Warn", Severity::Warning),
    ("2", Severity::Error),
    ("Error", Severity::Error),
    ("Err", Severity::Error),
    ("1", Severity::Critical),
    ("Critical", Severity::Critical),
    ("Fatal", Severity::Critical),
    ("5", Severity::Verbose),
    ("Verbose", Severity::Verbose),
    ("Debug", Severity::Verbose),
    ("Trace", Severity::Verbose),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words() {
        use Severity::{Critical, Error, Informational, Verbose, Warning};
        let all = [Critical, Error, Warning, Informational, Verbose];
        for (number, severity) in (1..).zip(all) {
            assert_eq!(Severity::parse(&format!("{number}")), Some(severity));
            assert_eq!(Severity::parse(&format!("{number}.0")), Some(severity));
            assert_eq!(
                Severity::parse(&severity.name().to_uppercase()),
                Some(severity)
            );
        }
        assert_eq!(Severity::parse(" Information"), Some(Informational));
        assert_eq!(Severity::parse("WARN"), Some(Warning));
        for unknown in ["", "0", "6", "44", "-4", "4.5", "Metadata", "true", "high"] {
            assert_eq!(Severity::parse(unknown), None, "{unknown}");
        }
        assert!(Critical < Verbose);
    }
}
