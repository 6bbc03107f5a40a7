use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::clock::SystemClock;
use crate::envelope;
use crate::record::{Origin, REPLAYED, RESTAMPED, TRUNCATED};

const OLD: &str = "2026-01-01T00:00:00Z";
const HOUR: i64 = 3_600_000;

fn now() -> Timestamp {
    Timestamp::parse_rfc3339("2026-01-02T00:00:00Z").unwrap()
}

fn shaping(record: RecordLimits) -> Shaping {
    let sink = SinkConfig {
        record,
        ..SinkConfig::default()
    };
    Shaping::of(&sink, Arc::new(SystemClock))
}

fn aged(on_old: OnOld) -> RecordLimits {
    RecordLimits {
        age: Some(Duration::from_secs(12 * 3_600)),
        on_old,
        ..RecordLimits::default()
    }
}

fn sized(limit: u64, on_oversize: OnOversize) -> RecordLimits {
    RecordLimits {
        bytes: Some(limit),
        on_oversize,
        ..RecordLimits::default()
    }
}

/// What becomes of the only record of a body that was enqueued at `now`.
fn shape(
    shaping: &Shaping,
    body: &str,
    now: Timestamp,
) -> Result<(String, Option<Timestamp>), Unfit> {
    let mut origin = Origin::any();
    origin.position.enqueued_at = Some(now);
    let split = envelope::split(&Bytes::from(body.to_owned()), 0);
    assert_eq!(split.len(), 1);
    let record = Record::new(split.all().next().unwrap(), &origin);
    let until = shaping.check(&record, now)?;
    let mut out = Vec::new();
    shaping.write(&record, now, &mut out);
    assert!(out.len() as u64 <= shaping.bytes_max(&record), "{body}");
    Ok((String::from_utf8(out).unwrap(), until))
}

#[test]
fn without_limits_everything_is_as_it_came() {
    let shaping = shaping(RecordLimits::default());
    let body = format!("{{\"time\":\"{OLD}\", \"a\":\"{}\"}}", "x".repeat(100_000));
    assert_eq!(shape(&shaping, &body, now()), Ok((body.clone(), None)));
}

#[test]
fn the_limit_is_exact() {
    let body = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    assert_eq!(body(2_000).len(), 2_000);
    let (kept, cut) = (
        shaping(sized(2_000, OnOversize::DeadLetter)),
        shaping(sized(2_000, OnOversize::Truncate)),
    );
    for shaping in [&kept, &cut] {
        assert_eq!(shape(shaping, &body(2_000), now()), Ok((body(2_000), None)));
    }
    let refused = Unfit::Oversize {
        bytes: 2_001,
        limit: 2_000,
    };
    assert_eq!(shape(&kept, &body(2_001), now()), Err(refused));
    assert_eq!(refused.reason(), "oversize");
    let (out, _) = shape(&cut, &body(2_001), now()).unwrap();
    assert!(out.contains(TRUNCATED) && out.len() <= 2_000);
}

#[test]
fn text_counts_as_it_is_written() {
    let shaping = shaping(sized(1_024, OnOversize::DeadLetter));
    // Eight times as many may be written, and are not.
    let text = "x".repeat(1_000);
    let written = format!("{{\"message\":\"{text}\"}}");
    assert_eq!(shape(&shaping, &text, now()), Ok((written, None)));
    let quotes = "a\"".repeat(400);
    let unfit = shape(&shaping, &quotes, now()).unwrap_err();
    assert_eq!(
        unfit.to_string(),
        "1214 bytes, of 1024 allowed by max_record_bytes"
    );
}

#[test]
fn the_limit_of_age_is_exact() {
    let shaping = shaping(aged(OnOld::DeadLetter));
    let body = format!("{{\"time\":\"{OLD}\"}}");
    let from = |hours: i64, more: i64| {
        let moment = Timestamp::parse_rfc3339(OLD).unwrap();
        Timestamp(moment.0 + hours * HOUR + more)
    };
    let until = Some(from(12, 1));
    for young in [from(0, 0), from(12, 0), from(-24, 0)] {
        assert_eq!(shape(&shaping, &body, young), Ok((body.clone(), until)));
    }
    let time = from(0, 0);
    let unfit = shape(&shaping, &body, from(12, 1)).unwrap_err();
    assert_eq!(unfit, Unfit::TooOld { time });
    assert_eq!(unfit.reason(), "too_old");
    assert!(
        unfit.to_string().starts_with("of 2026-01-01T00:00:00.000Z"),
        "{unfit}"
    );
    // A record without a time has that of its event.
    let (_, until) = shape(&shaping, "{\"a\":1}", now()).unwrap();
    assert_eq!(until, Some(Timestamp(now().0 + 12 * HOUR + 1)));
}

#[test]
fn a_restamped_record_is_young_again() {
    let shaping = shaping(aged(OnOld::Restamp));
    let (out, until) = shape(&shaping, &format!("{{\"time\":\"{OLD}\"}}"), now()).unwrap();
    let start = format!(
        "{{\"time\":\"2026-01-02T00:00:00.000Z\",\"{RESTAMPED}\":{{\"time\":\"{OLD}\",\"id\":\""
    );
    assert!(out.starts_with(&start), "{out}");
    assert_eq!(until, Some(Timestamp(now().0 + 12 * HOUR + 1)));
    // Where it cannot be, it is too old.
    let body = format!("{{\"time\":\"{}{OLD}\"}}", " ".repeat(200));
    let unfit = shape(&shaping, &body, now()).unwrap_err();
    assert_eq!(unfit.reason(), "too_old");
}

#[test]
fn what_grows_by_its_new_time_is_measured_with_it() {
    let body = format!("{{\"time\":\"{OLD}\",\"a\":\"{}\"}}", "x".repeat(950));
    assert!(body.len() < 1_024);
    let mut limits = aged(OnOld::Restamp);
    limits.bytes = Some(1_024);
    let unfit = shape(&shaping(limits), &body, now()).unwrap_err();
    assert_eq!(unfit.reason(), "oversize");
    limits.on_oversize = OnOversize::Truncate;
    let (out, _) = shape(&shaping(limits), &body, now()).unwrap();
    assert!(
        out.contains(TRUNCATED) && out.contains(RESTAMPED) && out.len() <= 1_024,
        "{out}"
    );
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(value["time"], "2026-01-02T00:00:00.000Z");
    assert_eq!(value[RESTAMPED]["time"], OLD);
}

#[test]
fn an_inner_record_has_a_time_of_its_own() {
    let body = format!(
        "{{\"time\":\"2026-01-01T23:59:59Z\",\"category\":\"AdvancedHunting-CloudAppEvents\",\
         \"properties\":{{\"RawEventData\":{{\"CreationTime\":\"{OLD}\"}}}}}}"
    );
    let mut sink = SinkConfig {
        record: aged(OnOld::DeadLetter),
        ..SinkConfig::default()
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    assert!(shape(&Shaping::of(&sink, Arc::clone(&clock)), &body, now()).is_ok());
    sink.unwrap_office365 = true;
    assert!(shape(&Shaping::of(&sink, Arc::clone(&clock)), &body, now()).is_err());
    sink.record.on_old = OnOld::Restamp;
    let (out, _) = shape(&Shaping::of(&sink, clock), &body, now()).unwrap();
    assert!(
        out.starts_with("{\"CreationTime\":\"2026-01-02T00:00:00.000Z\","),
        "{out}"
    );
}

#[test]
fn a_replayed_record_bears_its_mark_whatever_else_is_done_to_it() {
    let replay = Some("monday".parse().unwrap());
    let marked = "\"entra_forwarder_replay\":\"monday\"";
    let written = |limits: RecordLimits, body: &str| {
        let shaping = shaping(RecordLimits { replay, ..limits });
        let (body, origin) = (Bytes::copy_from_slice(body.as_bytes()), Origin::any());
        let records = envelope::split(&body, 0);
        let mut out = Vec::new();
        for piece in records.all() {
            let record = Record::new(piece, &origin);
            let start = out.len();
            shaping.check(&record, now()).unwrap();
            shaping.write(&record, now(), &mut out);
            assert!((out.len() - start) as u64 <= shaping.bytes_max(&record));
        }
        String::from_utf8(out).unwrap()
    };
    let none = RecordLimits::default();
    assert_eq!(
        written(none, "{\"n\":1.50}"),
        format!("{{\"n\":1.50,{marked}}}")
    );
    let text = format!("{{\"message\":\"text\",{marked}}}");
    assert_eq!(written(none, "{\"records\":[\"text\"]}"), text);
    let old = format!("{{\"time\":\"{OLD}\"}}");
    let restamped = written(aged(OnOld::Restamp), &old);
    assert!(
        restamped.contains(RESTAMPED) && restamped.contains(marked),
        "{restamped}"
    );
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(4_000));
    let cut = written(sized(1_500, OnOversize::Truncate), &large);
    assert!(cut.contains(TRUNCATED) && cut.contains(marked), "{cut}");
    assert!(cut.len() <= 1_500 && cut.contains(REPLAYED));
}
