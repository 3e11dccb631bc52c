//! Output: tables for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::format_description;
use unicode_normalization::char::is_combining_mark;

use super::AdminError;

/// Prints a value as JSON on lines of its own.
pub(super) fn json(value: &impl Serialize) -> Result<(), AdminError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Prints a value as JSON on one line, at once.
pub(super) fn json_line(value: &Value) -> Result<(), AdminError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

/// Prints a line of our own making.
pub(super) fn line(text: &str) -> Result<(), AdminError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Prints rows under a head, in columns as wide as they need; says so when there are none.
pub(super) fn table<const COLUMNS: usize>(
    head: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> Result<(), AdminError> {
    let mut out = io::stdout().lock();
    if rows.is_empty() {
        return Ok(writeln!(out, "none")?);
    }
    Ok(out.write_all(laid_out(head, rows).as_bytes())?)
}

fn laid_out<const COLUMNS: usize>(head: [&str; COLUMNS], rows: &[[String; COLUMNS]]) -> String {
    let rows: Vec<[String; COLUMNS]> = std::iter::once(head.map(str::to_owned))
        .chain(rows.iter().cloned())
        .map(|row| row.map(|cell| plain(&cell)))
        .collect();
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width_max) in row.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width_max - width(cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How many places a text takes: a mark on a letter takes none.
fn width(text: &str) -> usize {
    text.chars().filter(|c| !is_combining_mark(*c)).count()
}

/// Text of unknown origin as a terminal may see it: control characters, and those that turn the direction of
/// writing, are spelt out.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A moment in UTC, or a dash.
pub(super) fn moment(ms: Option<i64>) -> String {
    const FORMAT: &[time::format_description::BorrowedFormatItem<'static>] =
        format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    let moment = ms.and_then(|ms| OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)).ok());
    moment
        .and_then(|moment| moment.format(FORMAT).ok())
        .unwrap_or_else(|| "-".to_owned())
}

/// The word under which an enum's variant is known everywhere.
pub(super) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        other => unreachable!("only enums without content are words: {other:?}"),
    }
}

/// `yes` or `no`.
pub(super) fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_however_accents_are_typed() {
        let rows = ["Xã Đông", "Xa\u{303} Đo\u{302}ng"].map(|name| [name.to_owned(), "1".to_owned()]);
        let text = laid_out(["name", "#"], &rows);
        let widths: Vec<usize> = text.lines().map(width).collect();
        assert_eq!(widths, [10, 10, 10], "{text}");
    }

    #[test]
    fn a_terminal_obeys_nobodys_name() {
        assert_eq!(plain("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(plain("hồ sơ"), "hồ sơ");
    }

    #[test]
    fn moments_are_read_by_people() {
        assert_eq!(moment(Some(1_795_424_461_999)), "2026-11-23 09:01:01Z");
        assert_eq!(moment(None), "-");
    }
}
