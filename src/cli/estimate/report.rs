//! An estimate for people and for programs.

use serde_json::{Value, json};

use super::count::{Cell, Estimate, NO_TENANT, Sum};
use super::measure::Measure;
use crate::cli::dead_letters::printable;
use crate::cli::table::Table;

const DAY: f64 = 86_400.0;

/// Bytes as bills count them.
fn size(bytes: f64) -> String {
    match bytes {
        ..1e3 => format!("{bytes:.0} B"),
        ..1e6 => format!("{:.1} kB", bytes / 1e3),
        ..1e9 => format!("{:.1} MB", bytes / 1e6),
        ..1e12 => format!("{:.2} GB", bytes / 1e9),
        _ => format!("{:.2} TB", bytes / 1e12),
    }
}

/// How often the time that was read goes into a day; `None` when it is none.
fn per_day(estimate: &Estimate) -> Option<f64> {
    let seconds = estimate.time().as_secs_f64();
    (seconds > 0.0).then(|| DAY / seconds)
}

/// A count of a day.
fn daily(count: u64, per_day: Option<f64>) -> String {
    per_day.map_or_else(|| "-".to_owned(), |it| format!("{:.0}", count as f64 * it))
}

/// Compressed bytes of a cell, as the first sink that would get it sends them.
fn compressed(estimate: &Estimate, cell: &Cell) -> Option<f64> {
    let mut sinks = estimate.sinks.iter().filter(|sink| sink.sends());
    sinks.find_map(|sink| Some(sink.cells.get(cell)?.sent_bytes))
}

/// Tables.
pub(super) fn tables(estimate: &Estimate) -> String {
    let (from, to) = estimate.span;
    let mut text = format!(
        "from {from} to {to}: {} events, {}\n",
        estimate.events,
        size(estimate.event_bytes as f64)
    );
    for gone in &estimate.gone {
        text.push_str(&format!(
            "not whole: {gone}; a day is reckoned from what is left\n"
        ));
    }
    if estimate.passed > 0 {
        let passed = estimate.passed;
        text.push_str(&format!("not whole: {passed} events could not be read\n"));
    }
    text.push_str(&format!("\n{}\n{}\n", received(estimate), sent(estimate)));
    let unfit: u64 = estimate.sinks.iter().map(|sink| sink.unfit).sum();
    for (sum, what) in [
        (estimate.unrouted, "records that no sink selects"),
        (estimate.uncategorised, "records without a category"),
        (estimate.unparsable, "pieces that are no JSON"),
    ] {
        let (records, bytes) = (sum.records, size(sum.bytes as f64));
        text.push_str(&format!("{what}: {records} ({bytes})\n"));
    }
    if unfit > 0 {
        text.push_str(&format!(
            "records that limits of sinks do not let pass: {unfit}\n"
        ));
    }
    text
}

/// A size of some days.
fn over(days: f64, bytes: f64, per_day: Option<f64>) -> String {
    per_day.map_or_else(|| "-".to_owned(), |it| size(bytes * it * days))
}

/// What there is, the largest first.
fn received(estimate: &Estimate) -> Table {
    let per_day = per_day(estimate);
    let mut table = Table::uncut(&[
        "CATEGORY",
        "TENANT",
        "RECORDS",
        "SIZE",
        "COMPRESSED",
        "RECORDS/DAY",
        "SIZE/DAY",
        "SIZE/30 DAYS",
    ]);
    let mut cells: Vec<_> = estimate.cells.iter().collect();
    cells.sort_by_key(|(cell, sum)| (std::cmp::Reverse(sum.bytes), (*cell).clone()));
    let mut row = |name: &str, tenant: &str, sum: &Sum, sent: Option<f64>| {
        let bytes = sum.bytes as f64;
        table.row(vec![
            printable(name),
            tenant.to_owned(),
            sum.records.to_string(),
            size(bytes),
            sent.map_or_else(|| "-".to_owned(), size),
            daily(sum.records, per_day),
            over(1.0, bytes, per_day),
            over(30.0, bytes, per_day),
        ]);
    };
    for (cell, sum) in cells {
        row(&cell.0, &cell.1, sum, compressed(estimate, cell));
    }
    row("all", NO_TENANT, &estimate.all, None);
    table
}

/// What the sinks would get of it.
fn sent(estimate: &Estimate) -> Table {
    let per_day = per_day(estimate);
    let mut table = Table::uncut(&[
        "SINK",
        "RECORDS",
        "SIZE",
        "BODIES",
        "COMPRESSED",
        "REQUESTS",
        "COMPRESSED/DAY",
        "COMPRESSED/30 DAYS",
    ]);
    for sink in &estimate.sinks {
        let sends = |text: String| match sink.sends() {
            true => text,
            false => "-".to_owned(),
        };
        let sent = sink.sent_bytes as f64;
        table.row(vec![
            sink.name.clone(),
            sink.sum.records.to_string(),
            size(sink.sum.bytes as f64),
            sends(size(sink.body_bytes as f64)),
            sends(size(sent)),
            sends(sink.requests.to_string()),
            sends(over(1.0, sent, per_day)),
            sends(over(30.0, sent, per_day)),
        ]);
    }
    table
}

/// The same as JSON. Sizes are in bytes.
pub(super) fn json(estimate: &Estimate) -> Value {
    let per_day = per_day(estimate);
    let sum = |sum: &Sum| json!({"records": sum.records, "bytes": sum.bytes});
    let daily = |records: u64, bytes: f64| {
        let per = |days: f64| {
            per_day.map(|per_day| {
                json!({
                    "records": (records as f64 * per_day * days).round(),
                    "bytes": (bytes * per_day * days).round(),
                })
            })
        };
        (per(1.0), per(30.0))
    };
    let cell = |(cell, counted): (&Cell, &Sum)| {
        let (day, month) = daily(counted.records, counted.bytes as f64);
        json!({
            "category": cell.0,
            "tenant": (cell.1 != NO_TENANT).then_some(&cell.1),
            "records": counted.records,
            "bytes": counted.bytes,
            "compressed_bytes": compressed(estimate, cell).map(f64::round),
            "per_day": day,
            "per_30_days": month,
        })
    };
    let of_sink = |sink: &Measure| {
        let (day, month) = daily(sink.sum.records, sink.sent_bytes as f64);
        let cells = sink.cells.iter().map(|(cell, share)| {
            json!({
                "category": cell.0,
                "tenant": (cell.1 != NO_TENANT).then_some(&cell.1),
                "records": share.sum.records,
                "bytes": share.sum.bytes,
                "body_bytes": share.body_bytes.round(),
                "compressed_bytes": share.sent_bytes.round(),
            })
        });
        json!({
            "sink": sink.name,
            "sends": sink.sends(),
            "records": sink.sum.records,
            "bytes": sink.sum.bytes,
            "body_bytes": sink.body_bytes,
            "compressed_bytes": sink.sent_bytes,
            "requests": sink.requests,
            "not_let_pass": sink.unfit,
            "compressed_per_day": day,
            "compressed_per_30_days": month,
            "categories": cells.collect::<Vec<_>>(),
        })
    };
    json!({
        "from": estimate.span.0.to_rfc3339(),
        "to": estimate.span.1.to_rfc3339(),
        "seconds": estimate.time().as_secs_f64(),
        "is_whole": estimate.gone.is_empty() && estimate.passed == 0,
        "gone": estimate.gone,
        "events": estimate.events,
        "event_bytes": estimate.event_bytes,
        "events_not_readable": estimate.passed,
        "received": sum(&estimate.all),
        "categories": estimate.cells.iter().map(cell).collect::<Vec<_>>(),
        "sinks": estimate.sinks.iter().map(of_sink).collect::<Vec<_>>(),
        "unrouted": sum(&estimate.unrouted),
        "without_category": sum(&estimate.uncategorised),
        "unparsable": sum(&estimate.unparsable),
    })
}
