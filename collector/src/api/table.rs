//! Tables as files for spreadsheets: CSV in UTF-8 with the mark that spreadsheets know it by.
//!
//! What came from a PC or a register may look like a formula, and a spreadsheet would carry it out; every cell is
//! [`defused`].

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, UtcOffset};
use utoipa::ToSchema;

use crate::fleet::register::defused;

/// Rows of a file at most: more than spreadsheets of PCs have, less than what would fill the collector's memory.
pub(super) const ROWS_MAX: i64 = 100_000;

/// The language of headers and words in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Language {
    /// Vietnamese.
    #[default]
    Vi,
    /// English.
    En,
}

impl Language {
    /// The one of two texts that is in this language.
    pub(super) fn pick<'a>(self, vietnamese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Vi => vietnamese,
            Self::En => english,
        }
    }
}

/// A table to download.
pub(super) struct Table {
    name: String,
    text: String,
}

impl Table {
    /// A table with these headers, each in Vietnamese and English; `name` is the file's, without its ending.
    pub(super) fn new(name: &str, language: Language, headers: &[(&str, &str)]) -> Self {
        let mut table = Self {
            name: name.to_owned(),
            text: "\u{feff}".to_owned(),
        };
        table.row(headers.iter().map(|(vi, en)| language.pick(vi, en).to_owned()));
        table
    }

    /// Appends a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        for (at, cell) in cells.into_iter().enumerate() {
            if at > 0 {
                self.text.push(',');
            }
            self.text.push('"');
            let safe = defused(&cell.replace('\0', ""));
            self.text.push_str(&safe.replace('"', "\"\""));
            self.text.push('"');
        }
        self.text.push_str("\r\n");
    }
}

/// A moment in Vietnam's time, as spreadsheets read it; nothing for none.
pub(super) fn moment(at_ms: Option<i64>) -> String {
    let offset = UtcOffset::from_hms(7, 0, 0).unwrap_or(UtcOffset::UTC);
    let at = at_ms.and_then(|at_ms| OffsetDateTime::from_unix_timestamp(at_ms.div_euclid(1_000)).ok());
    let Some(at) = at.map(|at| at.to_offset(offset)) else {
        return String::new();
    };
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, _) = at.to_hms();
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}", u8::from(month))
}

impl IntoResponse for Table {
    fn into_response(self) -> Response {
        let disposition = format!("attachment; filename=\"{}.csv\"", self.name);
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ];
        (headers, self.text).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_formula_is_shown_as_text() {
        let mut table = Table::new("x", Language::Vi, &[("Tên", "Name")]);
        for cell in ["=1+1", "\0=1", "a=1", "say \"x\"", "x;\"=1", "một\nhai"] {
            table.row([cell.to_owned()]);
        }
        assert_eq!(
            table.text,
            "\u{feff}\"Tên\"\r\n\"'=1+1\"\r\n\"'=1\"\r\n\"a=1\"\r\n\"say \"\"x\"\"\"\r\n\"x;'\"\"=1\"\r\n\
             \"một\nhai\"\r\n"
        );
    }

    #[test]
    fn moments_are_in_vietnams_time() {
        assert_eq!(moment(Some(1_795_971_600_000)), "2026-11-30 00:00");
        assert_eq!(moment(None), "");
        assert_eq!(moment(Some(i64::MAX)), "");
    }
}
