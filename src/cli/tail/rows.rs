//! As what a record is shown.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::clock::SystemClock;
use crate::config::SinkConfig;
use crate::envelope::RecordKind;
use crate::format::{Format, Plain};
use crate::record::{Field, Path, Record};

/// Characters between which a column's width stays; the last one is as wide as it is.
const WIDTHS: std::ops::RangeInclusive<usize> = 8..=40;

/// One field that is shown.
#[derive(Clone, Debug)]
pub(super) struct Column {
    title: String,
    path: Path,
}

impl Column {
    pub(super) fn of(title: &str, path: Path) -> Self {
        Self {
            title: title.to_owned(),
            path,
        }
    }
}

/// As what records are shown.
pub(super) struct Rows {
    is_columns: bool,
    /// Those that were asked for.
    fields: Vec<Column>,
    /// Widths so far.
    widths: Vec<usize>,
    lines: Plain,
    /// Largest size to which a compressed event is unpacked.
    pub(super) expansion_max: u64,
}

/// Columns when no fields are asked for.
const USUAL: [&str; 5] = ["TIME", "CATEGORY", "RESULT", "PLACE", "OPERATION"];

impl Rows {
    pub(super) fn new(is_columns: bool, fields: Vec<Column>, expansion_max: u64) -> Self {
        let clock = std::sync::Arc::new(SystemClock);
        let widths = match fields.len() {
            0 => vec![24, 20, 8, 10, 0],
            count => vec![*WIDTHS.start(); count],
        };
        Self {
            is_columns,
            fields,
            widths,
            lines: Plain::of(&SinkConfig::default(), clock),
            expansion_max,
        }
    }

    /// The line above all others, if there is one.
    pub(super) fn titles(&mut self, out: &mut Vec<u8>) {
        if self.is_columns {
            let titles = match self.fields.as_slice() {
                [] => USUAL.map(Cow::Borrowed).to_vec(),
                fields => fields
                    .iter()
                    .map(|it| Cow::Owned(it.title.clone()))
                    .collect(),
            };
            self.columns(&titles, out);
        }
    }

    /// A record as a line.
    pub(super) fn line(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        match (self.is_columns, self.fields.is_empty()) {
            // As an endpoint would get it.
            (false, true) => self.lines.write(&mut std::iter::once(*record), out),
            (false, false) => self.object(record, out),
            (true, true) => {
                let cells = usual(record);
                self.columns(&cells, out);
            }
            (true, false) => {
                let cell = |it: &Column| {
                    let raw = record.raw_at(&it.path);
                    let text = record.at(&it.path).or(raw);
                    text.map_or_else(|| "-".to_owned(), Cow::into_owned)
                };
                let cells: Vec<_> = self.fields.iter().map(cell).map(Cow::Owned).collect();
                self.columns(&cells, out);
            }
        }
    }

    /// An object with the fields, as they stand in the record.
    fn object(&self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut line = String::from("{");
        for (place, field) in self.fields.iter().enumerate() {
            let raw = record.raw_at(&field.path);
            // One that is no JSON by itself would make the line none either.
            let raw = raw.filter(|raw| serde_json::from_str::<&RawValue>(raw).is_ok());
            let comma = if place == 0 { "" } else { "," };
            let title = serde_json::Value::from(field.title.as_str());
            let raw = raw.as_deref().unwrap_or("null");
            line.push_str(&format!("{comma}{title}:{raw}"));
        }
        line.push('}');
        // White space between tokens may hold line breaks.
        out.extend(line.bytes().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            byte => byte,
        }));
        out.push(b'\n');
    }

    /// Cells on a line, in columns that become wider when they must.
    fn columns(&mut self, cells: &[Cow<'_, str>], out: &mut Vec<u8>) {
        let mut line = String::new();
        let last = cells.len().saturating_sub(1);
        for (place, (cell, width)) in cells.iter().zip(&mut self.widths).enumerate() {
            let cell = super::super::dead_letters::printable(cell);
            if place == last {
                line.push_str(&cell);
                continue;
            }
            *width = (*width).max(cell.chars().count().min(*WIDTHS.end()));
            let shown: String = cell.chars().take(*width).collect();
            line.push_str(&format!("{shown:<width$}  ", width = *width));
        }
        out.extend_from_slice(line.trim_end().as_bytes());
        out.push(b'\n');
    }
}

/// What most people look for.
fn usual(record: &Record<'_>) -> [Cow<'static, str>; 5] {
    let mut fields = record.read(&[
        Field::Category,
        Field::OperationName,
        Field::Result,
        Field::Time,
    ]);
    let or_dash = |text: Option<Cow<'_, str>>| match text {
        Some(text) => Cow::Owned(text.into_owned()),
        None => Cow::Borrowed("-"),
    };
    let time = fields.time().map(|(time, _source)| {
        let milliseconds = time.nanoseconds().div_euclid(1_000_000);
        Cow::Owned(crate::event_hub::Timestamp(milliseconds).to_rfc3339())
    });
    let origin = record.origin();
    let place = format!(
        "{}/{}/{}",
        origin.partition,
        origin.position.sequence,
        record.index()
    );
    let what = match record.kind() {
        RecordKind::Text(kind) => Some(Cow::Owned(format!("(no JSON: {})", kind.name()))),
        RecordKind::Value => Some(Cow::Borrowed("(no object)")),
        RecordKind::Object | RecordKind::Repaired => fields.operation_name(),
    };
    let what = or_dash(what);
    [
        or_dash(time),
        or_dash(fields.category()),
        or_dash(fields.result()),
        Cow::Owned(place),
        what,
    ]
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::envelope;
    use crate::record::Origin;

    fn shown(is_columns: bool, fields: &[&str], body: &str) -> String {
        let column = |path: &&str| Column::of(path, path.parse().unwrap());
        let fields = fields.iter().map(column).collect();
        let mut rows = Rows::new(is_columns, fields, 0);
        let mut out = Vec::new();
        rows.titles(&mut out);
        let (body, origin) = (Bytes::copy_from_slice(body.as_bytes()), Origin::any());
        for piece in envelope::split(&body, 0).all() {
            rows.line(&Record::new(piece, &origin), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn elsewhere_a_record_is_as_it_is_forwarded() {
        let body = "{\"records\":[{\"a\":1.50,\n\"a\":2},\"text\"]}";
        let expected = "{\"a\":1.50, \"a\":2}\n{\"message\":\"text\"}\n";
        assert_eq!(shown(false, &[], body), expected);
    }

    #[test]
    fn fields_keep_their_values() {
        let body =
            "{\"records\":[{\"n\":1.50,\"p\":{\"e\":[1,\n2]},\"x\":1},{\"n\":\"a\\u001b\"},3]}";
        let expected = "{\"n\":1.50,\"p.e\":[1, 2]}\n{\"n\":\"a\\u001b\",\"p.e\":null}\n\
                        {\"n\":null,\"p.e\":null}\n";
        assert_eq!(shown(false, &["n", "p.e"], body), expected);
        let expected = "n         p.e\n1.50      [1,\\n2]\na\\u{1b}   -\n-         -\n";
        assert_eq!(shown(true, &["n", "p.e"], body), expected);
    }

    #[test]
    fn on_a_terminal_there_is_what_people_look_for() {
        let body = "{\"records\":[{\"time\":\"2026-01-31T08:00:00Z\",\"category\":\"SignInLogs\",\
                    \"operationName\":\"Sign-in activity\",\"resultType\":\"50140\"},5]}";
        let shown = shown(true, &[], body);
        let lines: Vec<_> = shown.lines().collect();
        assert!(lines[0].starts_with("TIME "), "{shown}");
        for word in ["2026-01-31T08:00:00.000Z", "SignInLogs", "50140", "0/-1/0"] {
            assert!(lines[1].contains(word), "{shown}");
        }
        assert!(lines[1].ends_with("Sign-in activity"), "{shown}");
        assert!(lines[2].ends_with("(no object)"), "{shown}");
    }
}
