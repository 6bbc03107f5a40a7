//! The format of an `http` sink: records as they came, one per line or in an array.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::config::{Encoding, SinkConfig};
use crate::deliver::response::{ACCEPTING, Answer, Verdict, by_status};
use crate::event_hub::Timestamp;
use crate::record::Record;

use super::{Format, Shaping, Unfit, array};

/// The wire format of an `http` sink.
///
/// | encoding | body | content type |
/// |---|---|---|
/// | `ndjson` | each record on a line of its own | `application/x-ndjson` |
/// | `json_array` | `[record,record]` | `application/json` |
///
/// `prefix` and `suffix` stand around it. A record's bytes are written as they came; what is no
/// JSON object is written as one that holds it ([`Record::write_json`]). In `ndjson`, a line break
/// inside a record (which in a JSON text can only be white space between tokens) becomes a blank.
/// On request, Office 365 audit records are taken out of Defender's
/// ([`Record::write_office365`]), and records are cut or restamped ([`Shaping`]).
#[derive(Clone, Debug)]
pub struct Plain {
    encoding: Encoding,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    shaping: Shaping,
    success: Success,
}

/// Which 2xx answers an endpoint accepts with. Endpoints behind a firewall or a gateway may say
/// 200 to what they have thrown away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Success {
    /// Statuses, all of them 2xx.
    pub statuses: Vec<u16>,
    /// What the answer's body must hold.
    pub body_contains: Option<String>,
    /// What the answer's body must not hold.
    pub body_excludes: Option<String>,
}

impl Success {
    /// Why a 2xx answer is no acceptance; `None` when it is one.
    fn objection(&self, answer: &Answer) -> Option<&'static str> {
        let holds = |text: &String| memchr::memmem::find(&answer.body, text.as_bytes()).is_some();
        if !self.statuses.contains(&answer.status) {
            Some("it is not among `success.statuses`")
        } else if self.body_contains.as_ref().is_some_and(|it| !holds(it)) {
            Some("its body lacks `success.body_contains`")
        } else if self.body_excludes.as_ref().is_some_and(holds) {
            Some("its body has `success.body_excludes`")
        } else {
            None
        }
    }
}

impl Default for Success {
    fn default() -> Self {
        Self {
            statuses: ACCEPTING.to_vec(),
            body_contains: None,
            body_excludes: None,
        }
    }
}

impl Plain {
    /// The format of a sink as it is configured.
    pub fn of(sink: &SinkConfig, clock: Arc<dyn Clock>) -> Self {
        Self {
            encoding: sink.encoding,
            prefix: sink.prefix.as_str().into(),
            suffix: sink.suffix.as_str().into(),
            shaping: Shaping::of(sink, clock),
            success: sink.success.clone(),
        }
    }

    /// A format with bytes before and after the body, and otherwise of a sink as nobody set it.
    pub fn new(encoding: Encoding, prefix: &str, suffix: &str) -> Self {
        let sink = SinkConfig {
            encoding,
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
            ..SinkConfig::default()
        };
        Self::of(&sink, Arc::new(SystemClock))
    }

    fn write_line(&self, record: &Record<'_>, now: Timestamp, out: &mut Vec<u8>) {
        let start = out.len();
        self.shaping.write(record, now, out);
        let line = out.get_mut(start..).unwrap_or_default();
        for byte in line {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        out.push(b'\n');
    }
}

impl Format for Plain {
    fn content_type(&self) -> &'static str {
        match self.encoding {
            Encoding::Ndjson => "application/x-ndjson",
            Encoding::JsonArray => "application/json",
        }
    }

    fn frame_bytes(&self) -> u64 {
        (self.prefix.len() + self.suffix.len() + 2) as u64
    }

    /// Exact for JSON objects, but for those of which only an inner one is written.
    fn record_bytes_max(&self, record: &Record<'_>) -> u64 {
        self.shaping.bytes_max(record) + 1
    }

    fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<Option<Timestamp>, Unfit> {
        self.shaping.check(record, now)
    }

    fn write(&self, records: &mut dyn Iterator<Item = Record<'_>>, out: &mut Vec<u8>) {
        let now = self.shaping.now();
        out.extend_from_slice(&self.prefix);
        match self.encoding {
            Encoding::Ndjson => {
                for record in records {
                    self.write_line(&record, now, out);
                }
            }
            Encoding::JsonArray => array(records, out, |record, out| {
                self.shaping.write(record, now, out);
            }),
        }
        out.extend_from_slice(&self.suffix);
    }

    fn judge(&self, answer: &Answer, _records: usize) -> Verdict {
        if !matches!(answer.status, 200..=299) {
            return by_status(answer);
        }
        match self.success.objection(answer) {
            None => Verdict::Accepted,
            Some(objection) if ACCEPTING.contains(&answer.status) => Verdict::NotNow {
                reason: format!("status {}, but {objection}", answer.status),
                retry_after: answer.retry_after,
                is_overload: false,
            },
            Some(_) => by_status(answer),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::envelope;
    use crate::record::Origin;

    fn check(encoding: Encoding, body: &'static [u8], expected: &str) {
        check_with(&Plain::new(encoding, "<", ">"), body, expected);
    }

    fn check_with(format: &Plain, body: &'static [u8], expected: &str) {
        let (split, origin) = (envelope::split(&Bytes::from_static(body), 0), Origin::any());
        let records: Vec<_> = split
            .all()
            .map(|piece| Record::new(piece, &origin))
            .collect();
        let mut out = Vec::new();
        format.write(&mut records.iter().copied(), &mut out);
        assert_eq!(String::from_utf8(out.clone()).unwrap(), expected);
        let bound: u64 = records
            .iter()
            .map(|record| format.record_bytes_max(record))
            .sum();
        assert!(out.len() as u64 <= bound + format.frame_bytes());
    }

    #[test]
    fn ndjson_keeps_a_record_on_its_line() {
        check(Encoding::Ndjson, b"", "<>");
        check(
            Encoding::Ndjson,
            b"{\"a\":1.50}{\r\n \"b\":2\n}[[\n1]]",
            "<{\"a\":1.50}\n{   \"b\":2 }\n{\"message\":[ 1]}\n>",
        );
        check(
            Encoding::Ndjson,
            b"two\nlines",
            "<{\"message\":\"two\\nlines\"}\n>",
        );
    }

    #[test]
    fn an_array_stays_an_array_whatever_is_in_it() {
        check(Encoding::JsonArray, b"", "<[]>");
        check(
            Encoding::JsonArray,
            b"[{\n\"a\":1},\"text\",2]",
            "<[{\n\"a\":1},{\"message\":\"text\"},{\"message\":2}]>",
        );
        check(
            Encoding::JsonArray,
            b"a \"b\"\n\x01",
            "<[{\"message\":\"a \\\"b\\\"\\n\\u0001\"}]>",
        );
    }

    #[test]
    fn bytes_that_are_no_text_can_be_had_back() {
        check(
            Encoding::JsonArray,
            b"a\xffb",
            "<[{\"message\":\"a\u{fffd}b\",\"message_base64\":\"Yf9i\"}]>",
        );
    }

    #[test]
    fn office_365_records_are_unwrapped_on_request() {
        const BODY: &[u8] = br#"{"records":[
            {"category":"AdvancedHunting-CloudAppEvents","properties":{"a":1,"RawEventData":{"Id":
            "x","n":1.50}}},
            {"category":"ADVANCEDHUNTING-CLOUDAPPEVENTS","properties":{"RawEventData":"{\"Id\":\"y\"}"}},
            {"category":"AdvancedHunting-CloudAppEvents","properties":{"RawEventData":null}},
            {"category":"AuditLogs","properties":{"RawEventData":{"Id":"z"}}}]}"#;
        let unwrapping = |encoding| {
            let sink = SinkConfig {
                encoding,
                unwrap_office365: true,
                ..SinkConfig::default()
            };
            Plain::of(&sink, Arc::new(SystemClock))
        };
        check_with(
            &unwrapping(Encoding::Ndjson),
            BODY,
            "{\"Id\":             \"x\",\"n\":1.50}\n\
             {\"Id\":\"y\"}\n\
             {\"category\":\"AdvancedHunting-CloudAppEvents\",\"properties\":{\"RawEventData\":null}}\n\
             {\"category\":\"AuditLogs\",\"properties\":{\"RawEventData\":{\"Id\":\"z\"}}}\n",
        );
        check_with(
            &unwrapping(Encoding::JsonArray),
            b"[{\"a\":1},2]",
            "[{\"a\":1},{\"message\":2}]",
        );
        let record = "{\"category\":\"AdvancedHunting-CloudAppEvents\",\"properties\":{\"RawEventData\":{}}}";
        let format = Plain::new(Encoding::Ndjson, "", "");
        check_with(&format, record.as_bytes(), &format!("{record}\n"));
    }

    #[test]
    fn a_2xx_is_an_acceptance_only_as_the_settings_say() {
        let plain = Plain {
            success: Success {
                statuses: vec![200, 207],
                body_contains: Some("\"code\":0".into()),
                body_excludes: Some("blocked".into()),
            },
            ..Plain::new(Encoding::Ndjson, "", "")
        };
        let verdict = |format: &Plain, status, body: &'static [u8]| {
            let answer = Answer {
                status,
                retry_after: None,
                body: Bytes::from_static(body),
            };
            format.judge(&answer, 1)
        };
        for status in [200, 207] {
            assert_eq!(verdict(&plain, status, b"{\"code\":0}"), Verdict::Accepted);
        }
        for (status, body) in [
            (200, &b"{\"code\":1}"[..]),
            (200, b"{\"code\":0} blocked"),
            (202, b"{\"code\":0}"),
        ] {
            let verdict = verdict(&plain, status, body);
            let Verdict::NotNow { reason, .. } = verdict else {
                panic!("{status}: {verdict:?}");
            };
            assert!(reason.contains("success."), "{reason}");
        }
        for status in [203, 260] {
            let verdict = verdict(&plain, status, b"{\"code\":0}");
            assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
        }
        let plain = Plain::new(Encoding::Ndjson, "", "");
        assert_eq!(verdict(&plain, 204, b""), Verdict::Accepted);
        assert_eq!(
            verdict(&plain, 503, b""),
            by_status(&Answer {
                status: 503,
                retry_after: None,
                body: Bytes::new(),
            })
        );
    }
}
