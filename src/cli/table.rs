//! Tables for people, and short words for times.

use std::time::Duration;

/// Most characters of a line.
const WIDTH: usize = 100;
/// Blanks between two columns.
const GAP: usize = 2;

/// A table whose columns are as wide as they must be; one of them gives way when a line would be
/// longer than 100 characters.
pub(super) struct Table {
    titles: &'static [&'static str],
    /// Column that is cut short; none is, when there is none of this number.
    flexible: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(titles: &'static [&'static str], flexible: usize) -> Self {
        Self {
            titles,
            flexible,
            rows: Vec::new(),
        }
    }

    /// One in which nothing is cut: for names that are copied out of it.
    pub(super) fn uncut(titles: &'static [&'static str]) -> Self {
        Self::new(titles, titles.len())
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut widths: Vec<usize> = self.titles.iter().map(|title| title.len()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let whole = widths.iter().sum::<usize>() + GAP * (widths.len() - 1);
        if let Some(width) = widths.get_mut(self.flexible) {
            *width = width.saturating_sub(whole.saturating_sub(WIDTH)).max(6);
        }
        let titles: Vec<String> = self
            .titles
            .iter()
            .map(|title| (*title).to_owned())
            .collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let cells = row.iter().zip(&widths).map(|(cell, width)| {
                let cell = shortened(cell, *width);
                format!("{cell:<width$}")
            });
            let line = cells.collect::<Vec<_>>().join(&" ".repeat(GAP));
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(width.saturating_sub(2)).collect();
    short.push_str("..");
    short
}

/// A duration in its largest unit, e.g. `3m`.
pub(super) fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// What is known, or a dash.
pub(super) fn or_dash(known: Option<impl ToString>) -> String {
    known.map_or_else(|| "-".to_owned(), |known| known.to_string())
}

/// A number with its sign; zero has none.
pub(super) fn signed(number: i64) -> String {
    if number == 0 {
        "0".to_owned()
    } else {
        format!("{number:+}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_columns_stand_below_their_titles() {
        let mut table = Table::new(&["part", "owner", "last"], 1);
        table.row(vec!["0".into(), "x".repeat(120), "9876543210123".into()]);
        table.row(vec!["31".into(), "-".into(), "7".into()]);
        let text = table.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{text}");
        let column = lines[0].find("last").unwrap();
        assert_eq!(lines[1].find("9876543210123"), Some(column), "{text}");
        assert_eq!(lines[2].find('7'), Some(column), "{text}");
    }

    #[test]
    fn durations_are_short() {
        for (seconds, expected) in [(0, "0s"), (119, "119s"), (600, "10m"), (90_000, "25h")] {
            assert_eq!(short(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(short(Duration::from_secs(864_000)), "10d");
    }
}
