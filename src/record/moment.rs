//! The ways in which services write a moment.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// Nanoseconds since 1970; see [`super::EventTime::parse`].
pub(super) fn parse(text: &str) -> Option<i64> {
    let mut cursor = Cursor(text.trim().as_bytes());
    if cursor.word("/Date(") {
        let digits = cursor.0.strip_suffix(b")/")?;
        return number(digits);
    }
    let first = cursor.digits()?;
    let (date, american) = match cursor.next() {
        Some(b'-') => (iso(first, &mut cursor)?, false),
        Some(b'/') => (american(first, &mut cursor)?, true),
        _ => return number(text.trim().as_bytes()),
    };
    if !(1971..2200).contains(&date.year()) {
        return None;
    }
    if american || !(cursor.byte(b'T') || cursor.byte(b't')) {
        cursor.blanks().then_some(())?;
    }
    let time = time_of_day(&mut cursor)?;
    cursor.blanks();
    let offset = offset(&mut cursor)?;
    cursor.0.is_empty().then_some(())?;
    let moment = OffsetDateTime::new_in_offset(date, time, offset);
    i64::try_from(moment.unix_timestamp_nanos()).ok()
}

/// `YYYY-MM-DD`, behind its first `-`.
fn iso(year: &[u8], cursor: &mut Cursor<'_>) -> Option<Date> {
    let month = cursor.number(1, 2)?;
    cursor.byte(b'-').then_some(())?;
    date(year, month, cursor.number(1, 2)?)
}

/// `M/D/YYYY`, behind its first `/`.
fn american(month: &[u8], cursor: &mut Cursor<'_>) -> Option<Date> {
    (month.len() <= 2).then_some(())?;
    let month = integer(month)?;
    let day = cursor.number(1, 2)?;
    cursor.byte(b'/').then_some(())?;
    date(cursor.digits()?, month, day)
}

fn date(year: &[u8], month: u64, day: u64) -> Option<Date> {
    (year.len() == 4).then_some(())?;
    let year = i32::try_from(integer(year)?).ok()?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(year, month, u8::try_from(day).ok()?).ok()
}

/// `h:mm`, `h:mm:ss`, `h:mm:ss.f...`, each with or without `AM` or `PM`.
fn time_of_day(cursor: &mut Cursor<'_>) -> Option<Time> {
    let mut hour = cursor.number(1, 2)?;
    cursor.byte(b':').then_some(())?;
    let minute = cursor.number(2, 2)?;
    let (mut second, mut nanosecond) = (0, 0);
    if cursor.byte(b':') {
        second = cursor.number(2, 2)?;
        if cursor.byte(b'.') || cursor.byte(b',') {
            nanosecond = fraction(cursor.digits()?)?;
        }
    }
    // A leap second; clocks of computers stop at the second before.
    if second == 60 {
        (second, nanosecond) = (59, 999_999_999);
    }
    let before = cursor.0;
    cursor.blanks();
    match cursor.0.get(..2).map(<[u8]>::to_ascii_uppercase).as_deref() {
        Some(half @ (b"AM" | b"PM")) => {
            cursor.skip(2);
            (hour <= 12).then_some(())?;
            hour = hour % 12 + if half == b"PM" { 12 } else { 0 };
        }
        _ => cursor.0 = before,
    }
    let [hour, minute, second] = [hour, minute, second].map(|it| u8::try_from(it).ok());
    Time::from_hms_nano(hour?, minute?, second?, nanosecond).ok()
}

/// `Z`, `UTC`, `GMT`, `+hh`, `+hhmm`, `+hh:mm`; UTC when there is nothing.
fn offset(cursor: &mut Cursor<'_>) -> Option<UtcOffset> {
    if cursor.0.is_empty() || ["Z", "UTC", "GMT"].iter().any(|word| cursor.word(word)) {
        return Some(UtcOffset::UTC);
    }
    let sign = match cursor.next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = cursor.digits()?;
    let (hours, minutes) = match digits.split_at_checked(2)? {
        (hours, b"") if cursor.byte(b':') => (integer(hours)?, cursor.number(2, 2)?),
        (hours, b"") => (integer(hours)?, 0),
        (hours, minutes) if minutes.len() == 2 => (integer(hours)?, integer(minutes)?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(())?;
    let minutes = i32::try_from(hours * 60 + minutes).ok()?;
    UtcOffset::from_whole_seconds(sign * minutes * 60).ok()
}

/// Nanoseconds of the digits behind a point.
fn fraction(digits: &[u8]) -> Option<u32> {
    let (mut nanoseconds, mut weight) = (0, 100_000_000);
    for digit in digits {
        nanoseconds += u32::from(digit - b'0') * weight;
        weight /= 10;
    }
    (!digits.is_empty()).then_some(nanoseconds)
}

/// 2000-01-01 and 2200-01-01, in seconds since 1970.
const SECONDS: std::ops::Range<i64> = 946_684_800..7_258_118_400;

/// 1970-01-01 in .NET ticks of 100 ns since the year 1.
const TICKS_1970: i64 = 621_355_968_000_000_000;

/// A number since 1970 in the only unit that makes it a moment between 2000 and 2200.
fn number(text: &[u8]) -> Option<i64> {
    let mut cursor = Cursor(text);
    let whole = i64::try_from(integer(cursor.digits()?)?).ok()?;
    let rest = match cursor.byte(b'.') {
        true => i64::from(fraction(cursor.digits()?)?),
        false => 0,
    };
    cursor.0.is_empty().then_some(())?;
    for unit in [1_000_000_000, 1_000_000, 1_000, 1] {
        let moment = whole.checked_mul(unit).unwrap_or(i64::MAX);
        if SECONDS.contains(&(moment / 1_000_000_000)) {
            return moment.checked_add(rest / (1_000_000_000 / unit));
        }
    }
    let moment = (whole - TICKS_1970).checked_mul(100)?;
    SECONDS
        .contains(&(moment / 1_000_000_000))
        .then_some(moment)
}

fn integer(digits: &[u8]) -> Option<u64> {
    (!digits.is_empty()).then_some(())?;
    digits.iter().try_fold(0_u64, |sum, digit| {
        sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
    })
}

/// What is left of a text.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// Takes the next byte.
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes this byte, if it is the next one.
    fn byte(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        if found {
            self.skip(1);
        }
        found
    }

    /// Takes this word in any letter case, if it is next.
    fn word(&mut self, word: &str) -> bool {
        let next = self.0.get(..word.len());
        let found = next.is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.skip(word.len());
        }
        found
    }

    /// Takes blanks, also those that do not break: .NET writes one before `AM` since ICU 72.
    /// Gives whether there were any.
    fn blanks(&mut self) -> bool {
        let before = self.0.len();
        while self.byte(b' ') || self.word("\u{a0}") || self.word("\u{202f}") {}
        self.0.len() < before
    }

    /// Takes digits, as many as there are; `None` when there is none.
    fn digits(&mut self) -> Option<&'a [u8]> {
        let end = self
            .0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (end > 0).then_some(digits)
    }

    /// Takes a number of so many digits.
    fn number(&mut self, from: usize, to: usize) -> Option<u64> {
        let digits = self.digits()?;
        (from..=to)
            .contains(&digits.len())
            .then(|| integer(digits))?
    }

    fn skip(&mut self, bytes: usize) {
        self.0 = self.0.get(bytes..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
