//! Records that the endpoint does not take: found, given up with their reason, the others delivered
//! once.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::bench::{WAYS, config, delivered, marked};
use crate::endpoint::Script;
use crate::reply::Reply;

/// The marks of records, and what they are refused with.
const MARKS: [(&str, u16, &str); 3] = [
    ("too large", 413, "oversize"),
    ("malformed", 400, "refused"),
    ("invalid", 422, "refused"),
];

/// What a record is refused with.
pub(crate) fn refusal(record: &Bytes) -> Option<(u16, &'static str)> {
    let text = std::str::from_utf8(record).unwrap();
    let mark = MARKS.iter().find(|(mark, ..)| text.contains(mark));
    mark.map(|(_, status, reason)| (*status, *reason))
}

/// Why a record must become a dead letter.
pub(crate) fn fate(record: &Bytes) -> Option<&'static str> {
    refusal(record).map(|(_, reason)| reason)
}

/// What an endpoint answers that looks at all records: the size first.
pub(crate) fn judged(records: &[Bytes]) -> Reply {
    let status = records.iter().filter_map(refusal).map(|(status, _)| status);
    let statuses: Vec<u16> = status.collect();
    let first = MARKS
        .iter()
        .find(|(_, status, _)| statuses.contains(status));
    first.map_or(Reply::status(200), |(_, status, _)| {
        Reply::status(*status).saying("{\"error\":\n\"no\"}", false)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_record_anywhere() {
    for way in WAYS {
        for (mark, status, reason) in MARKS {
            for at in [0, 1, 7, 31, 62, 63] {
                let script = Script::new(|_, records| judged(records));
                let records = marked(64, &[(at, mark)]);
                let ended = delivered(way, &script, config(64, 4), &records, fate).await;
                let expected = BTreeMap::from([(records[at].clone(), reason.to_owned())]);
                assert_eq!(ended.letters, expected);
                let requests = script.begun();
                assert!(requests <= 13, "{status} at {at}: {requests} requests");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_bad_records_of_all_kinds() {
    for way in WAYS {
        let bad = [
            (3, "malformed"),
            (4, "too large"),
            (5, "invalid"),
            (40, "invalid"),
            (41, "malformed"),
            (99, "too large"),
            (140, "malformed"),
        ];
        let script = Script::new(|_, records| judged(records));
        let records = marked(200, &bad);
        let ended = delivered(way, &script, config(50, 3), &records, fate).await;
        assert_eq!(ended.letters.len(), bad.len());
    }
}

/// Each answer on the way to the culprit may be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_record_behind_failures() {
    use crate::reply::Ending::{Close, Reset};
    use crate::reply::Fault;
    for way in WAYS {
        let script = Script::new(|number, records| {
            let judged = judged(records);
            let fault = match number % 4 {
                0 => Fault::Silent(Close),
                1 => return Reply::status(503),
                2 => Fault::CutBody(Reset),
                _ => Fault::None,
            };
            Reply { fault, ..judged }
        });
        let records = marked(60, &[(17, "malformed"), (50, "too large")]);
        delivered(way, &script, config(30, 2), &records, fate).await;
    }
}
