//! Microsoft 365 audit records in the shape of the Office 365 Management Activity API.
//!
//! Defender streams them inside of its own: a record of `AdvancedHunting-CloudAppEvents` has the
//! whole audit record in `properties.RawEventData`
//! (<https://learn.microsoft.com/defender-xdr/advanced-hunting-cloudappevents-table>).

use std::borrow::Cow;

use super::scan::lookup;
use super::{Field, Record, value};

const CATEGORY: &str = "AdvancedHunting-CloudAppEvents";
const MEMBER: &str = "RawEventData";

impl<'a> Record<'a> {
    /// The Office 365 audit record inside: the bytes of an object as they stand, or what a string
    /// holds. Never longer than [`Record::object`]. `None` when there is no such object.
    pub fn unwrap_office365(&self) -> Option<Cow<'a, str>> {
        let mut fields = self.read(&[Field::Category]);
        if !fields.category()?.eq_ignore_ascii_case(CATEGORY) {
            return None;
        }
        match fields.properties()? {
            Cow::Borrowed(properties) => inner(properties.as_bytes()),
            Cow::Owned(properties) => Some(Cow::Owned(inner(properties.as_bytes())?.into_owned())),
        }
    }
}

fn inner(properties: &[u8]) -> Option<Cow<'_, str>> {
    let [raw] = lookup(properties, [MEMBER]);
    value::object(raw?)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::super::testing::with;
    use super::super::{MARK, Origin, Record};
    use crate::envelope::{Piece, RecordKind, Repairs};

    fn check(body: &str, expected: Option<&str>) {
        with(body, |record| {
            let inner = record.unwrap_office365();
            assert_eq!(inner.as_deref(), expected, "{body}");
            if let Some(inner) = inner {
                assert!(inner.len() < record.object().unwrap().len());
            }
        });
    }

    fn of(properties: &str, expected: Option<&str>) {
        let category = "\"category\":\"advancedhunting-cloudappevents\"";
        check(
            &format!("{{{category},\"properties\":{properties}}}"),
            expected,
        );
    }

    #[test]
    fn an_object_keeps_its_bytes() {
        let raw = "{ \"Id\":\"a\",\n\"n\":1.50,\"Id\":\"b\"}";
        of(&format!("{{\"x\":1,\"RawEventData\": {raw} }}"), Some(raw));
        of("{\"rawEventData\":{}}", Some("{}"));
        let body = format!(
            "{{\"category\":\"AdvancedHunting-CloudAppEvents\",\"properties\":{{\"RawEventData\":{raw}}}}}"
        );
        with(&body, |record| {
            assert!(matches!(record.unwrap_office365(), Some(Cow::Borrowed(_))));
        });
    }

    #[test]
    fn a_string_is_decoded() {
        of(
            r#"{"RawEventData":"{\"Id\":\"\u00e4\\\"\"}"}"#,
            Some("{\"Id\":\"ä\\\"\"}"),
        );
        of(r#""{\"RawEventData\":{\"Id\":1}}""#, Some("{\"Id\":1}"));
    }

    #[test]
    fn what_has_none_stays_as_it_is() {
        of("{\"RawEventData\":null}", None);
        of("{\"RawEventData\":[]}", None);
        of(r#"{"RawEventData":"text"}"#, None);
        of(r#"{"RawEventData":"{'Id':1}"}"#, None);
        of("{}", None);
        of("null", None);
        check(
            r#"{"category":"AdvancedHunting-DeviceEvents","properties":{"RawEventData":{}}}"#,
            None,
        );
        check("{\"properties\":{\"RawEventData\":{}}}", None);
        check("\"AdvancedHunting-CloudAppEvents\"", None);
    }

    #[test]
    fn a_repaired_record_keeps_its_mark_and_its_bound() {
        const BROKEN: &str = "{'category':'AdvancedHunting-CloudAppEvents',...";
        const JSON: &str = r#"{"category":"AdvancedHunting-CloudAppEvents","properties":{"RawEventData":{"Id":1}}}"#;
        let origin = Origin::any();
        let piece = Piece {
            kind: RecordKind::Repaired,
            original: BROKEN.as_bytes(),
            repaired: Some((JSON.as_bytes(), Repairs::SINGLE_QUOTES)),
            index: 0,
        };
        let record = Record::new(piece, &origin);
        let mut out = Vec::new();
        record.write_office365(&mut out);
        let out = String::from_utf8(out).unwrap();
        let expected = format!(
            "{{\"Id\":1,\"{MARK}\":{{\"repairs\":[\"single_quotes\"],\"original\":\"{BROKEN}\"}}}}"
        );
        assert_eq!(out, expected);
        assert!(out.len() as u64 <= record.json_bytes_max());
    }
}
