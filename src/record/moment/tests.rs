use time::format_description::well_known::Rfc3339;

use super::*;
use crate::clock::{Rng, SharedRng};

fn check(text: &str, expected: &str) {
    let moment = OffsetDateTime::parse(expected, &Rfc3339).unwrap();
    let expected = i64::try_from(moment.unix_timestamp_nanos()).unwrap();
    assert_eq!(parse(text), Some(expected), "{text}");
}

#[test]
fn rfc_3339_and_its_neighbours() {
    for (text, expected) in [
        ("2023-08-16T15:32:05Z", "2023-08-16T15:32:05Z"),
        (
            "2023-08-16T15:32:05.5772601Z",
            "2023-08-16T15:32:05.5772601Z",
        ),
        ("2023-08-16T15:32:05.1Z", "2023-08-16T15:32:05.1Z"),
        (
            "2023-08-16T15:32:05.678707300Z",
            "2023-08-16T15:32:05.6787073Z",
        ),
        (
            "2023-08-16T15:32:05.1234567899Z",
            "2023-08-16T15:32:05.123456789Z",
        ),
        ("2023-08-16T15:32:05,5Z", "2023-08-16T15:32:05.5Z"),
        ("2023-08-16t15:32:05z", "2023-08-16T15:32:05Z"),
        ("2023-08-16T15:32:05+00:00", "2023-08-16T15:32:05Z"),
        ("2023-08-16T15:32:05-05:00", "2023-08-16T20:32:05Z"),
        ("2023-08-16T15:32:05.25+0200", "2023-08-16T13:32:05.25Z"),
        ("2023-08-16T15:32:05+02", "2023-08-16T13:32:05Z"),
        ("2023-08-16T23:32:05-05:30", "2023-08-17T05:02:05Z"),
        ("2020-09-29T08:59:26", "2020-09-29T08:59:26Z"),
        ("2022-09-09T9:59:27.958Z", "2022-09-09T09:59:27.958Z"),
        ("2025-01-15 08:45:30.123", "2025-01-15T08:45:30.123Z"),
        ("2025-1-5 8:45", "2025-01-05T08:45:00Z"),
        ("2025-01-15  08:45:30.123 UTC", "2025-01-15T08:45:30.123Z"),
        (" 2025-01-15T08:45:30Z\n", "2025-01-15T08:45:30Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ] {
        check(text, expected);
    }
}

#[test]
fn american() {
    for (text, expected) in [
        ("8/22/2022 6:11:52 PM", "2022-08-22T18:11:52Z"),
        ("12/12/2025 3:03:58 AM", "2025-12-12T03:03:58Z"),
        ("9/9/2022 12:59:27 AM", "2022-09-09T00:59:27Z"),
        ("09/09/2022 12:59:27 pm", "2022-09-09T12:59:27Z"),
        ("9/9/2022 12:59:27.125 PM", "2022-09-09T12:59:27.125Z"),
        ("1/9/2007 10:41:00 AM +01:00", "2007-01-09T09:41:00Z"),
        ("1/9/2007 23:41:00 +01:00", "2007-01-09T22:41:00Z"),
        ("1/9/2007 23:41:00", "2007-01-09T23:41:00Z"),
        ("8/22/2022 6:11:52\u{202f}PM", "2022-08-22T18:11:52Z"),
        ("8/22/2022\u{a0}6:11 PM", "2022-08-22T18:11:00Z"),
    ] {
        check(text, expected);
    }
}

#[test]
fn numbers_of_every_unit() {
    for (text, expected) in [
        ("1795248930", "2026-11-21T08:15:30Z"),
        ("1795248930.125", "2026-11-21T08:15:30.125Z"),
        ("1795248930125", "2026-11-21T08:15:30.125Z"),
        ("1795248930125.5", "2026-11-21T08:15:30.1255Z"),
        ("1795248930125250", "2026-11-21T08:15:30.12525Z"),
        ("1795248930125250750", "2026-11-21T08:15:30.12525075Z"),
        ("638906399196346121", "2025-08-12T23:58:39.6346121Z"),
        ("/Date(1658751973240)/", "2022-07-25T12:26:13.24Z"),
        ("946684800", "2000-01-01T00:00:00Z"),
        ("7258118399999", "2199-12-31T23:59:59.999Z"),
    ] {
        check(text, expected);
    }
}

#[test]
fn what_is_no_moment() {
    for text in [
        "",
        " ",
        "-",
        "0",
        "-1795248930",
        "946684799",
        "7258118400",
        "7258118400000",
        "99999999999999999999999999",
        "1795248930.",
        "1.7e9",
        "1795248930 ",
        "true",
        "now",
        "2023-08-16",
        "8/22/2022",
        "0001-01-01T00:00:00",
        "1970-01-01T00:00:00Z",
        "1/1/0001 12:00:00 AM",
        "9999-12-31T23:59:59.9999999Z",
        "2200-01-01T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "22/8/2022 6:11:52 PM",
        "2023-08-16T24:00:00Z",
        "2023-08-16T15:60:05Z",
        "2023-08-16T15:32:61Z",
        "2023-08-16T15:32:5Z",
        "2023-08-16T15:32:05.Z",
        "2023-08-16T15Z",
        "2023-08-16T15:32:05+24:00",
        "2023-08-16T15:32:05+02:",
        "2023-08-16T15:32:05+02:60",
        "2023-08-16T15:32:05ZZ",
        "2023-08-16T15:32:05 PST",
        "2023-08-16T13:32:05 PM",
        "2023-08-16T15:32:05Z 1",
        "2023-08-1615:32:05Z",
        "23-08-16T15:32:05Z",
        "02023-08-16T15:32:05Z",
        "8/22/2022T6:11:52 PM",
        "8/22/22 6:11:52 PM",
        "12/1/20235:53:03PM",
        "/Date()/",
        "/Date(1658751973240)",
        "٢٠٢٣-08-16T15:32:05Z",
    ] {
        let read = parse(text);
        // A blank around a number is not a part of it.
        let expected = (text == "1795248930 ").then_some(1_795_248_930_000_000_000);
        assert_eq!(read, expected, "{text}");
    }
}

/// Draws from a seed.
struct Dice(SharedRng);

impl Dice {
    fn below(&self, end: u64) -> u64 {
        self.0.next_u64() % end
    }

    fn pick<T: Copy>(&self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

/// A moment, written in one of the ways, and what it is.
fn written(dice: &Dice) -> (String, i64) {
    let seconds = 31_536_000 + i64::try_from(dice.below(7_226_582_400)).unwrap();
    let digits = usize::try_from(dice.below(10)).unwrap();
    let nanoseconds = dice.below(10_u64.pow(u32::try_from(digits).unwrap()));
    let fraction = match digits {
        0 => String::new(),
        _ => format!(".{nanoseconds:0digits$}"),
    };
    let scale = 10_i64.pow(9 - u32::try_from(digits).unwrap());
    let moment = seconds * 1_000_000_000 + i64::try_from(nanoseconds).unwrap() * scale;
    let offset_minutes = i32::try_from(dice.below(24 * 60)).unwrap() - 12 * 60;
    let (offset, zone) = match dice.below(3) {
        0 => (0, dice.pick(&["", "Z", "+00:00", " UTC"]).to_owned()),
        _ => {
            let sign = if offset_minutes < 0 { '-' } else { '+' };
            let (hours, minutes) = (offset_minutes.abs() / 60, offset_minutes.abs() % 60);
            let colon = dice.pick(&["", ":"]);
            let blank = dice.pick(&["", " "]);
            (
                offset_minutes,
                format!("{blank}{sign}{hours:02}{colon}{minutes:02}"),
            )
        }
    };
    let local = OffsetDateTime::from_unix_timestamp(seconds + i64::from(offset) * 60).unwrap();
    let (year, month, day) = (local.year(), u8::from(local.month()), local.day());
    let (hour, minute, second) = (local.hour(), local.minute(), local.second());
    let half = if hour < 12 { "AM" } else { "PM" };
    let twelve = (hour + 11) % 12 + 1;
    let text = match dice.below(4) {
        0 => {
            format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
        }
        1 => format!("{year}-{month:02}-{day:02} {hour}:{minute:02}:{second:02}{fraction}{zone}"),
        2 => format!("{month}/{day}/{year} {hour}:{minute:02}:{second:02}{fraction}{zone}"),
        _ => {
            format!("{month}/{day}/{year} {twelve}:{minute:02}:{second:02}{fraction} {half}{zone}")
        }
    };
    (text, moment)
}

#[test]
fn whatever_is_written_is_read() {
    let dice = Dice(SharedRng::seeded(7));
    for _ in 0..20_000 {
        let (text, moment) = written(&dice);
        // An offset may carry the day over the first or the last one that counts.
        let edge = ["1970-", "2200-", "/1970 ", "/2200 "];
        if !edge.iter().any(|year| text.contains(year)) {
            assert_eq!(parse(&text), Some(moment), "{text}");
        }
    }
}

#[test]
fn no_text_panics_and_what_is_read_lies_in_the_range() {
    const PIECES: [&str; 28] = [
        "2023",
        "-",
        "/",
        ":",
        "T",
        " ",
        "Z",
        "+",
        ".",
        "0",
        "9",
        "12",
        "60",
        "AM",
        "pm",
        "UTC",
        ",",
        "/Date(",
        ")/",
        "\u{202f}",
        "\u{a0}",
        "é",
        "\0",
        "1795248930",
        "99999999999999999999",
        "e",
        "٣",
        "😀",
    ];
    let dice = Dice(SharedRng::seeded(11));
    let day = 86_400_000_000_000;
    let range = (31_536_000_000_000_000 - day)..=(7_258_118_400_000_000_000 + day);
    let (mut read, mut changed) = (0, 0);
    for _ in 0..40_000 {
        let mut text = match dice.below(2) {
            0 => written(&dice).0,
            _ => String::new(),
        };
        for _ in 0..=dice.below(6) {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            let place = match places.is_empty() {
                true => 0,
                false => dice.pick(&places),
            };
            match dice.below(3) {
                0 => text.insert_str(place, dice.pick(&PIECES)),
                1 => text.truncate(place),
                _ if !text.is_empty() => drop(text.remove(place)),
                _ => {}
            }
        }
        changed += 1;
        if let Some(moment) = parse(&text) {
            assert!(range.contains(&moment), "{text}");
            read += 1;
        }
    }
    assert!(read > 0 && read < changed, "{read} of {changed}");
}
