//! What a record says of itself, read when someone asks.
//!
//! No tree is built. A scan of the record looks for the keys of what was asked for and stops when
//! it has them, which in most records is long before the end; only what is not there costs a scan
//! of the whole record, once.
//!
//! | field | taken from, the first that has something |
//! |---|---|
//! | category | `category`, `categoryValue` |
//! | operation name | `operationName`, `operationNameValue`, `operation` |
//! | resource id | `resourceId` |
//! | resource provider | the last `/providers/<name>` of the resource id |
//! | correlation id | `correlationId` |
//! | result | `resultType`, `resultSignature`, `resultStatus`, `result`, `status` with a `value`, `properties.result` |
//! | severity | `level` |
//! | tenant | [`Tenant`](super::Tenant) |
//! | time | [`TimeSource`](super::TimeSource) |
//! | own id | [`Fields::own_id`] |
//!
//! - The letter case of keys does not matter (`Level`, `level`).
//! - The first of several members with one name counts, where many parsers take the last: to find
//!   out that there is no second one would mean to read every record to its end.
//! - Only objects have fields, those that a repair made included. What is text, another value or
//!   broken has none.
//! - A value may be a string, a number (its digits as they stand), or
//!   `{"value":..,"localizedValue":..}`. `null` and `""` say nothing.
//! - `properties` may be an object, or a string that holds one.

use std::borrow::Cow;

use super::keys::{KEYS, Key};
use super::scan::{lookup, scan};
use super::{Record, Severity, value};

/// Something that a record says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// [`Fields::category`].
    Category,
    /// [`Fields::correlation_id`].
    CorrelationId,
    /// [`Fields::operation_name`].
    OperationName,
    /// [`Fields::own_id`].
    OwnId,
    /// [`Fields::resource_id`] and [`Fields::resource_provider`].
    ResourceId,
    /// [`Fields::result`].
    Result,
    /// [`Fields::severity`].
    Severity,
    /// [`Fields::tenant`].
    Tenant,
    /// [`Fields::time`].
    Time,
}

impl Field {
    /// The keys that say it in most records.
    fn keys(self) -> u32 {
        match self {
            Self::Category => Key::Category.bit(),
            Self::CorrelationId => Key::CorrelationId.bit(),
            Self::OperationName => Key::OperationName.bit(),
            Self::OwnId => Key::Category.bit() | Key::Properties.bit(),
            Self::ResourceId => Key::ResourceId.bit(),
            Self::Result => Key::ResultType.bit(),
            Self::Severity => Key::Level.bit(),
            Self::Tenant => Key::TenantId.bit() | Key::ResourceId.bit(),
            Self::Time => Key::Time.bit(),
        }
    }
}

/// The fields of one record, filled as far as someone asked.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    pub(super) record: Record<'a>,
    found: [Option<&'a str>; KEYS],
    /// The keys of which it is certain what they hold, if anything.
    known: u32,
}

impl<'a> Record<'a> {
    /// Reads several fields in one scan; others are read when they are asked for.
    pub fn read(&self, fields: &[Field]) -> Fields<'a> {
        let mut read = Fields {
            record: *self,
            found: [None; KEYS],
            known: 0,
        };
        read.need(fields.iter().fold(0, |keys, field| keys | field.keys()));
        read
    }

    /// [`Fields::category`].
    pub fn category(&self) -> Option<Cow<'a, str>> {
        self.read(&[Field::Category]).category()
    }

    /// [`Fields::operation_name`].
    pub fn operation_name(&self) -> Option<Cow<'a, str>> {
        self.read(&[Field::OperationName]).operation_name()
    }

    /// [`Fields::resource_id`].
    pub fn resource_id(&self) -> Option<Cow<'a, str>> {
        self.read(&[Field::ResourceId]).resource_id()
    }

    /// [`Fields::resource_provider`].
    pub fn resource_provider(&self) -> Option<String> {
        self.read(&[Field::ResourceId]).resource_provider()
    }

    /// [`Fields::correlation_id`].
    pub fn correlation_id(&self) -> Option<Cow<'a, str>> {
        self.read(&[Field::CorrelationId]).correlation_id()
    }

    /// [`Fields::result`].
    pub fn result(&self) -> Option<Cow<'a, str>> {
        self.read(&[Field::Result]).result()
    }

    /// [`Fields::severity`].
    pub fn severity(&self) -> Option<Severity> {
        self.read(&[Field::Severity]).severity()
    }
}

impl<'a> Fields<'a> {
    /// The category as it is written, e.g. `SignInLogs`.
    pub fn category(&mut self) -> Option<Cow<'a, str>> {
        self.first_text(&[Key::Category, Key::CategoryValue])
    }

    /// The name of the operation, e.g. `Sign-in activity`.
    pub fn operation_name(&mut self) -> Option<Cow<'a, str>> {
        self.first_text(&[Key::OperationName, Key::OperationNameValue, Key::Operation])
    }

    /// The id of the resource as it is written, e.g. `/tenants/<guid>/providers/Microsoft.aadiam`.
    pub fn resource_id(&mut self) -> Option<Cow<'a, str>> {
        self.first_text(&[Key::ResourceId])
    }

    /// The resource provider in lower case, e.g. `microsoft.aadiam`. That of the innermost
    /// resource, if the id names several.
    pub fn resource_provider(&mut self) -> Option<String> {
        let id = self.resource_id()?;
        let segments: Vec<_> = id.split('/').collect();
        let pair = segments
            .windows(2)
            .rfind(|pair| matches!(pair, [key, name] if key.eq_ignore_ascii_case("providers") && !name.is_empty()))?;
        pair.last().map(|name| name.to_ascii_lowercase())
    }

    /// The correlation id, which several records share.
    pub fn correlation_id(&mut self) -> Option<Cow<'a, str>> {
        self.first_text(&[Key::CorrelationId])
    }

    /// The result as it is written: an error code of a sign-in (`0`, `50140`), a word (`Success`),
    /// an HTTP status. `None`, `-1` and the like, which Azure writes where there is no result, are
    /// passed over.
    pub fn result(&mut self) -> Option<Cow<'a, str>> {
        let keys = [
            Key::ResultType,
            Key::ResultSignature,
            Key::ResultStatus,
            Key::Result,
        ];
        if let Some(result) = keys
            .into_iter()
            .find_map(|key| self.text(key).and_then(said))
        {
            return Some(result);
        }
        // A plain `status` is a state (`resolved`) or an object of its own kind.
        if let Some(status) = self.raw(Key::Status).filter(|it| it.starts_with('{'))
            && let Some(result) = value::text(status).and_then(said)
        {
            return Some(result);
        }
        let [result] = self.property_texts(["result"]);
        result.and_then(said)
    }

    /// The severity; `None` when `Level` says nothing or something unknown.
    pub fn severity(&mut self) -> Option<Severity> {
        Severity::parse(&self.text(Key::Level)?)
    }

    /// The first key that says something.
    pub(super) fn first_text(&mut self, keys: &[Key]) -> Option<Cow<'a, str>> {
        keys.iter().find_map(|key| self.text(*key))
    }

    /// What a key says.
    pub(super) fn text(&mut self, key: Key) -> Option<Cow<'a, str>> {
        self.raw(key).and_then(value::text)
    }

    /// The raw value of a key.
    pub(super) fn raw(&mut self, key: Key) -> Option<&'a str> {
        self.need(key.bit());
        self.found.get(key as usize).copied().flatten()
    }

    /// What members of `properties` say.
    pub(super) fn property_texts<const N: usize>(
        &mut self,
        names: [&str; N],
    ) -> [Option<Cow<'a, str>>; N] {
        match self.properties() {
            Some(Cow::Borrowed(properties)) => {
                lookup(properties.as_bytes(), names).map(|raw| raw.and_then(value::text))
            }
            Some(Cow::Owned(properties)) => lookup(properties.as_bytes(), names)
                .map(|raw| Some(Cow::Owned(value::text(raw?)?.into_owned()))),
            None => [const { None }; N],
        }
    }

    /// The object at `properties`, or in the string there.
    pub(super) fn properties(&mut self) -> Option<Cow<'a, str>> {
        self.raw(Key::Properties).and_then(value::object)
    }

    /// Makes known what these keys hold.
    fn need(&mut self, keys: u32) {
        let keys = keys & !self.known;
        if keys == 0 {
            return;
        }
        let Some(object) = self.record.object() else {
            self.known = u32::MAX;
            return;
        };
        // Everything on the way is kept, but for what may be large and nobody wants.
        let keep = keys | !Key::Properties.bit();
        let stopped = scan(object, &mut self.found, keys, |name| {
            Key::of(name)
                .filter(|key| keep & key.bit() != 0)
                .map(|key| key as usize)
        });
        self.known |= if stopped {
            (0..).zip(&self.found).fold(keys, |known, (slot, found)| {
                known | u32::from(found.is_some()) << slot
            })
        } else {
            keep
        };
    }
}

/// A result that says something.
fn said(result: Cow<'_, str>) -> Option<Cow<'_, str>> {
    let empty = ["none", "-1", "null", "<null>"];
    let says = empty.iter().all(|it| !result.eq_ignore_ascii_case(it));
    says.then_some(result)
}

#[cfg(test)]
mod tests;
