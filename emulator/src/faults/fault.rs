//! What is scripted: a fault, where it applies, and when.

use serde::{Deserialize, Serialize};

use super::Action;

/// Where a fault applies. A field that is absent matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// Name of the hub, compared without case.
    pub hub: Option<String>,
    /// Consumer group, compared without case.
    pub group: Option<String>,
    /// Partition id.
    pub partition: Option<String>,
    /// Number of the connection, as in the attach log.
    pub connection: Option<u64>,
}

/// When a fault fires, counted over everything that its matcher matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// Let so many go by first. For what happens on an event that was sent: 0
    /// fires at once, without an event; n fires right after the n-th.
    pub after: u64,
    /// After the first time, fire again with every so many-th; `None` is each.
    pub every: Option<u64>,
    /// Only for the event of this sequence number.
    pub sequence: Option<i64>,
    /// How often it fires; `None` is without end.
    pub times: Option<u64>,
}

impl Default for When {
    fn default() -> Self {
        Self {
            after: 0,
            every: None,
            sequence: None,
            times: Some(1),
        }
    }
}

/// One scripted fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What goes wrong.
    pub action: Action,
    /// Where.
    #[serde(rename = "where", default)]
    pub at: Matcher,
    /// When.
    #[serde(default)]
    pub when: When,
}

impl Fault {
    /// `action` everywhere, once, at the next occasion.
    pub fn once(action: Action) -> Self {
        Self {
            action,
            at: Matcher::default(),
            when: When::default(),
        }
    }

    /// `action` everywhere, at each occasion.
    pub fn always(action: Action) -> Self {
        Self::once(action).times(None)
    }

    /// The same for one hub only.
    pub fn hub(mut self, name: &str) -> Self {
        self.at.hub = Some(name.to_owned());
        self
    }

    /// The same for one partition id only.
    pub fn partition(mut self, partition: u32) -> Self {
        self.at.partition = Some(partition.to_string());
        self
    }

    /// The same for one connection only.
    pub fn connection(mut self, connection: u64) -> Self {
        self.at.connection = Some(connection);
        self
    }

    /// The same after `count` occasions have passed (see [`When::after`]).
    pub fn after(mut self, count: u64) -> Self {
        self.when.after = count;
        self
    }

    /// The same with every `count`-th occasion, without end.
    pub fn every(mut self, count: u64) -> Self {
        self.when.every = Some(count);
        self.when.times = None;
        self
    }

    /// The same for the event of one sequence number.
    pub fn sequence(mut self, sequence: i64) -> Self {
        self.when.sequence = Some(sequence);
        self
    }

    /// The same so many times; `None` is without end.
    pub fn times(mut self, times: Option<u64>) -> Self {
        self.when.times = times;
        self
    }
}

/// What is going on at one occasion, for matching.
#[derive(Clone, Copy, Default)]
pub(crate) struct Occasion<'a> {
    pub(crate) hub: Option<&'a str>,
    pub(crate) group: Option<&'a str>,
    pub(crate) partition: Option<&'a str>,
    pub(crate) connection: u64,
    pub(crate) sequence: Option<i64>,
}

impl Matcher {
    pub(super) fn matches(&self, occasion: &Occasion<'_>) -> bool {
        let same = |wanted: &Option<String>, given: Option<&str>| {
            wanted
                .as_ref()
                .is_none_or(|wanted| given.is_some_and(|given| given.eq_ignore_ascii_case(wanted)))
        };
        same(&self.hub, occasion.hub)
            && same(&self.group, occasion.group)
            && same(&self.partition, occasion.partition)
            && self
                .connection
                .is_none_or(|wanted| wanted == occasion.connection)
    }
}

impl When {
    /// Whether the `seen`-th occasion (from 1) is one to fire at. `behind` is
    /// set for what fires behind an occasion instead of in its place.
    pub(super) fn due(&self, seen: u64, behind: bool) -> bool {
        if self.sequence.is_some() {
            return true;
        }
        let every = self.every.unwrap_or(1).max(1);
        match behind {
            // Behind the n-th, then behind each `every`-th more; with `every`
            // alone the first time is behind the `every`-th.
            true if self.after == 0 => seen.is_multiple_of(every),
            true => seen >= self.after && (seen - self.after).is_multiple_of(every),
            false => seen > self.after && (seen - self.after - 1).is_multiple_of(every),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_form() {
        let text = r#"{"action":{"kind":"detach_link","condition":"amqp:link:stolen"},
            "where":{"hub":"h","partition":"0"},"when":{"after":5,"times":null}}"#;
        let fault: Fault = serde_json::from_str(text).unwrap();
        assert_eq!(fault.when.after, 5);
        assert_eq!(fault.when.times, None);
        let fault: Fault = serde_json::from_str(r#"{"action":{"kind":"reset"}}"#).unwrap();
        assert_eq!(fault, Fault::once(Action::Reset));
    }
}
