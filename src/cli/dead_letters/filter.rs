//! Which dead letters are meant.

use super::super::moment::moment;
use super::category::has_category;
use crate::deliver::dead_letter::{Facts, StoredLetter};
use crate::event_hub::Timestamp;

/// Filters that the commands have in common; all that are given must fit.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Filter {
    /// Only those first seen at this time or later: RFC 3339, or a duration back from now (2h, 3d).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,

    /// Only those first seen before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,

    /// Only those of this reason (such as text, truncated, undecodable).
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,

    /// Only those that this sink refused; "-" for those that no sink was asked about.
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,

    /// Only those of this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,

    /// Only records of this category (such as SignInLogs). Reads every record.
    #[arg(long, value_name = "CATEGORY")]
    category: Option<String>,
}

/// The name in place of a sink's when none was asked.
pub(super) const NO_SINK: &str = "-";

impl Filter {
    /// The folder that all of them are in.
    pub(super) fn folder(&self) -> String {
        match (&self.source, &self.sink) {
            (Some(source), Some(sink)) => format!("{source}/{sink}/"),
            (Some(source), None) => format!("{source}/"),
            (None, _) => String::new(),
        }
    }

    /// Whether it takes everything.
    pub(super) fn is_empty(&self) -> bool {
        let texts = [&self.reason, &self.sink, &self.source, &self.category];
        let times = [self.since, self.until];
        texts.iter().all(|it| it.is_none()) && times.iter().all(Option::is_none)
    }

    /// Whether the record itself is asked for.
    pub(super) fn needs_body(&self) -> bool {
        self.category.is_some()
    }

    /// Whether none of a batch can be meant, as far as its first letter tells.
    pub(super) fn excludes_batch(&self, first: &Facts) -> bool {
        !self.has_place(first) || !self.has_time(first)
    }

    /// Whether what is known of a letter fits.
    pub(super) fn fits(&self, facts: &Facts) -> bool {
        let reason = self.reason.as_ref();
        self.has_place(facts)
            && self.has_time(facts)
            && reason.is_none_or(|reason| *reason == facts.reason)
    }

    /// Whether the record fits.
    pub(super) fn fits_body(&self, letter: &StoredLetter) -> bool {
        let category = self.category.as_ref();
        category.is_none_or(|category| has_category(letter, category))
    }

    fn has_place(&self, facts: &Facts) -> bool {
        let sink = facts.sink.as_deref().unwrap_or(NO_SINK);
        self.sink.as_ref().is_none_or(|wanted| wanted == sink)
            && self
                .source
                .as_ref()
                .is_none_or(|wanted| *wanted == facts.source)
    }

    fn has_time(&self, facts: &Facts) -> bool {
        self.since.is_none_or(|since| facts.first_seen >= since)
            && self.until.is_none_or(|until| facts.first_seen < until)
    }

    /// The same, ending at a time at the latest.
    pub(super) fn before(mut self, moment: Timestamp) -> Self {
        self.until = Some(self.until.map_or(moment, |until| until.min(moment)));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_follow_from_source_and_sink() {
        let folder = |source: Option<&str>, sink: Option<&str>| {
            let filter = Filter {
                source: source.map(str::to_owned),
                sink: sink.map(str::to_owned),
                ..Filter::default()
            };
            filter.folder()
        };
        assert_eq!(folder(None, None), "");
        assert_eq!(folder(None, Some("siem")), "");
        assert_eq!(folder(Some("entra"), None), "entra/");
        assert_eq!(folder(Some("entra"), Some(NO_SINK)), "entra/-/");
    }
}
