//! A record that was taken out of its envelope before.

use bytes::Bytes;
use serde::de::IgnoredAny;

use super::{RecordKind, Records, Unparsable, collect, repair};

/// The one record that a body is, with the index that it had in its event.
///
/// Nothing is looked for inside of it: an object with a key `records` stays one record. What is no
/// JSON becomes what it became in its envelope: a repaired object, or text.
pub fn alone(body: &Bytes, index: u32) -> Records {
    let is_json =
        std::str::from_utf8(body).is_ok() && serde_json::from_slice::<IgnoredAny>(body).is_ok();
    let mut records = match (is_json, body.trim_ascii_start().first()) {
        (true, Some(b'{')) => one(body, RecordKind::Object),
        (true, _) => one(body, RecordKind::Value),
        (false, _) => {
            let repaired = repair::split(body);
            let is_one = repaired.len() == 1 && repaired.all().all(|it| it.original == body);
            let unparsable = match std::str::from_utf8(body) {
                Ok(_) => Unparsable::Text,
                Err(_) => Unparsable::InvalidUtf8,
            };
            match is_one {
                true => repaired,
                false => collect::whole(body, unparsable),
            }
        }
    };
    records.indices = vec![index];
    records
}

fn one(body: &Bytes, kind: RecordKind) -> Records {
    let mut collector = collect::Collector::new(body);
    collector.push(0, body.len(), kind);
    collector.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_stays_one() {
        let check = |body: &'static str, kind: RecordKind| {
            let records = alone(&Bytes::from_static(body.as_bytes()), 7);
            let pieces: Vec<_> = records.all().collect();
            assert_eq!(pieces.len(), 1, "{body}");
            let piece = pieces[0];
            let found = (piece.kind, piece.original, piece.index);
            assert_eq!(found, (kind, body.as_bytes(), 7));
        };
        check(r#"{"records":[{"a":1},{"a":2}]}"#, RecordKind::Object);
        check(r#"[{"a":1},{"a":2}]"#, RecordKind::Value);
        check("7", RecordKind::Value);
        check("no JSON", RecordKind::Text(Unparsable::Text));
        check("{'a':1,}", RecordKind::Repaired);
        check("{\"a\":\"cut", RecordKind::Text(Unparsable::Truncated));
        let wrong = Bytes::from_static(b"{\"a\":\"caf\xe9\"}");
        let kind = alone(&wrong, 0).all().next().unwrap().kind;
        assert_eq!(kind, RecordKind::Text(Unparsable::InvalidUtf8));
        let nested = "[".repeat(100_000) + &"]".repeat(100_000);
        let records = alone(&nested.into(), 0);
        assert_eq!(records.all().next().unwrap().kind, RecordKind::Value);
    }
}
