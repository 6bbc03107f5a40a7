//! What a point of the check found.

use std::sync::{Arc, Mutex, PoisonError};

/// What is looked at. The words are stable: `--json` and docs/check.md have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Point {
    /// The configuration: what it lacks, what it warns of.
    Configuration,
    /// The host's name has addresses.
    Name,
    /// A connection is taken, by the proxy where one is configured.
    Tcp,
    /// The peer shows a certificate that is trusted here.
    Tls,
    /// By whose right: the token, signature, key or certificate, and when it ends.
    Credential,
    /// The clock of this machine, by the peer's.
    Clock,
    /// The hub answers questions.
    Hub,
    /// The consumer group is there.
    ConsumerGroup,
    /// Events may be received.
    Receive,
    /// Who owns the partitions.
    Owners,
    /// What one partition holds, and what of it is left to do.
    Partition,
    /// What will be delivered.
    Backlog,
    /// Which categories came in the last 24 hours.
    Categories,
    /// The store is there and can be listed.
    Container,
    /// Something can be written.
    Write,
    /// Something can be read.
    Read,
    /// Conditional writes go through only when their condition holds.
    Conditions,
    /// Something can be deleted.
    Delete,
    /// Soft delete and versioning.
    Protection,
    /// The endpoint accepts a request without records.
    Request,
    /// It came to its end in time.
    Time,
}

impl Point {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::Configuration,
        Self::Name,
        Self::Tcp,
        Self::Tls,
        Self::Credential,
        Self::Clock,
        Self::Hub,
        Self::ConsumerGroup,
        Self::Receive,
        Self::Owners,
        Self::Partition,
        Self::Backlog,
        Self::Categories,
        Self::Container,
        Self::Write,
        Self::Read,
        Self::Conditions,
        Self::Delete,
        Self::Protection,
        Self::Request,
        Self::Time,
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Credential => "credential",
            Self::Clock => "clock",
            Self::Hub => "hub",
            Self::ConsumerGroup => "consumer_group",
            Self::Receive => "receive",
            Self::Owners => "owners",
            Self::Partition => "partition",
            Self::Backlog => "backlog",
            Self::Categories => "categories",
            Self::Container => "container",
            Self::Write => "write",
            Self::Read => "read",
            Self::Conditions => "conditions",
            Self::Delete => "delete",
            Self::Protection => "protection",
            Self::Request => "request",
            Self::Time => "time",
        }
    }
}

/// How a point came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it must be.
    Ok,
    /// As it must be, and worth knowing.
    Note,
    /// It works, and may cost, or not for long.
    Warning,
    /// It does not work.
    Failed(Cause),
    /// Not looked at, since an earlier point failed.
    Skipped,
}

impl Outcome {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Failed(_) => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What kind of failure it is, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The configuration is wrong.
    Configuration,
    /// Something does not answer, or is not there.
    Unavailable,
    /// Something refuses.
    NotPermitted,
    /// Anything else.
    Other,
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it belongs to, as a path of the configuration (`sources.entra`).
    pub component: String,
    /// What was looked at.
    pub point: Point,
    /// Which one of several, such as the id of a partition.
    pub of: Option<String>,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen; never payload, never a secret.
    pub seen: String,
    /// What to do; there is one for everything but `ok` and `skipped`.
    pub remedy: Option<String>,
}

/// The findings of one component, as they come.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    component: Arc<str>,
    findings: Arc<Mutex<Vec<Finding>>>,
}

impl Log {
    /// Nothing found yet.
    pub(crate) fn of(component: impl Into<Arc<str>>) -> Self {
        Self {
            component: component.into(),
            findings: Arc::default(),
        }
    }

    /// What it is about.
    pub(crate) fn component(&self) -> &str {
        &self.component
    }

    /// What was found so far.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        let findings = self.findings.lock();
        findings.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn ok(&self, point: Point, seen: impl Into<String>) {
        self.add(point, Outcome::Ok, seen.into(), None);
    }

    pub(crate) fn note(&self, point: Point, seen: impl Into<String>, remedy: impl Into<String>) {
        self.add(point, Outcome::Note, seen.into(), Some(remedy.into()));
    }

    pub(crate) fn warning(&self, point: Point, seen: impl Into<String>, remedy: impl Into<String>) {
        self.add(point, Outcome::Warning, seen.into(), Some(remedy.into()));
    }

    pub(crate) fn failed(
        &self,
        point: Point,
        cause: Cause,
        seen: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let outcome = Outcome::Failed(cause);
        self.add(point, outcome, seen.into(), Some(remedy.into()));
    }

    /// These are not looked at, since this one failed.
    pub(crate) fn skipped(&self, points: &[Point], since: Point) {
        self.skipped_since(points, since.word());
    }

    /// The same, since something of this name failed.
    pub(crate) fn skipped_since(&self, points: &[Point], since: &str) {
        for &point in points {
            let seen = format!("since `{since}` failed");
            self.add(point, Outcome::Skipped, seen, None);
        }
    }

    fn add(&self, point: Point, outcome: Outcome, seen: String, remedy: Option<String>) {
        self.put(Finding {
            component: self.component.to_string(),
            point,
            of: None,
            outcome,
            seen,
            remedy,
        });
    }

    /// One of several findings of a point.
    pub(crate) fn put(&self, finding: Finding) {
        let findings = self.findings.lock();
        let mut findings = findings.unwrap_or_else(PoisonError::into_inner);
        findings.push(finding);
    }
}
