//! What names and filters give for one record.

use std::borrow::Cow;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Filter, Known, Operand, Source, Step, VALUE_MAX};
use crate::record::{Fields, Record};

/// A record and what was read of it so far.
pub(super) struct Reader<'a> {
    record: Record<'a>,
    fields: Fields<'a>,
}

/// What there is so far; a text is never empty.
enum Value<'v> {
    Text(Cow<'v, str>),
    Moment(OffsetDateTime),
}

impl<'a> Reader<'a> {
    pub(super) fn new(record: Record<'a>) -> Self {
        Self {
            record,
            fields: record.read(&[]),
        }
    }

    /// Adds what an expression gives.
    pub(super) fn expression(&mut self, steps: &[Step], out: &mut String) {
        let mut value = None;
        for step in steps {
            value = match (value, step) {
                (None, Step::Or(operand)) => self.operand(operand),
                (Some(value), Step::Filter(filter)) => filter.apply(value),
                (value, _) => value,
            };
        }
        if let Some(text) = value.and_then(Value::into_text) {
            out.push_str(&text);
        }
    }

    fn operand<'v>(&mut self, operand: &'v Operand) -> Option<Value<'v>>
    where
        'a: 'v,
    {
        match operand {
            Operand::Literal(text) => Value::text(Cow::Borrowed(text.as_str())),
            Operand::Read { from, .. } => match from {
                Source::Path(path) => Value::text(self.record.at(path)?),
                Source::Known(known) => self.known(*known),
            },
        }
    }

    fn known(&mut self, known: Known) -> Option<Value<'a>> {
        let origin = self.record.origin();
        let text = match known {
            Known::Category => self.fields.category()?,
            Known::Hub => Cow::Borrowed(origin.hub.event_hub.as_str()),
            Known::Id => Cow::Owned(self.record.stable_id().to_string()),
            Known::Namespace => Cow::Borrowed(origin.hub.namespace.as_str()),
            Known::OwnId => Cow::Owned(self.fields.own_id()?),
            Known::Partition => Cow::Borrowed(origin.partition.as_str()),
            Known::ResourceProvider => Cow::Owned(self.fields.resource_provider()?),
            Known::Sequence => Cow::Owned(origin.position.sequence.0.to_string()),
            Known::Severity => Cow::Borrowed(self.fields.severity()?.name()),
            Known::Tenant => Cow::Owned(self.fields.tenant()?.id.to_string()),
            Known::Time => return Value::moment(self.fields.time()?.0.nanoseconds().into()),
            Known::Enqueued => {
                let milliseconds = i128::from(origin.position.enqueued_at?.0);
                return Value::moment(milliseconds * 1_000_000);
            }
        };
        Value::text(text)
    }
}

impl<'v> Value<'v> {
    fn text(text: Cow<'v, str>) -> Option<Self> {
        let text = tidy(text);
        (!text.is_empty()).then_some(Self::Text(text))
    }

    fn moment(nanoseconds: i128) -> Option<Self> {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
        // RFC 3339 has no other years.
        let is_written = (0..=9999).contains(&moment.year());
        is_written.then_some(Self::Moment(moment))
    }

    fn into_text(self) -> Option<Cow<'v, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Moment(moment) => moment.format(&Rfc3339).ok().map(Cow::Owned),
        }
    }
}

impl Filter {
    fn apply<'v>(&self, value: Value<'v>) -> Option<Value<'v>> {
        if let (Self::Date(pattern), Value::Moment(moment)) = (self, &value) {
            return Value::text(Cow::Owned(pattern.write(*moment)));
        }
        let text = value.into_text()?;
        Value::text(match self {
            // Of a moment alone; no template has it behind anything else.
            Self::Date(_) => text,
            Self::Lower => Cow::Owned(text.to_lowercase()),
            Self::Slug => Cow::Owned(text.chars().map(slug).collect()),
            Self::Trim => Cow::Owned(text.trim().to_owned()),
            Self::Truncate(characters) => Cow::Owned(text.chars().take(*characters).collect()),
            Self::Upper => Cow::Owned(text.to_uppercase()),
        })
    }
}

fn slug(c: char) -> char {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
        _ => '-',
    }
}

/// A text of at most [`VALUE_MAX`] characters, with blanks for control characters.
fn tidy(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= VALUE_MAX && !text.contains(char::is_control) {
        return text;
    }
    let chars = text.chars().take(VALUE_MAX);
    let tidy = chars.map(|c| if c.is_control() { ' ' } else { c });
    Cow::Owned(tidy.collect())
}
