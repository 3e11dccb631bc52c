//! Tables as files for spreadsheets: CSV in UTF-8 with the mark that spreadsheets know it by.
//!
//! What came from a PC or a register may look like a formula, and a spreadsheet would carry it out; such a cell
//! begins with an apostrophe, which shows it as the text that it is.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// A table to download.
#[derive(Default)]
pub(super) struct Table {
    text: String,
}

impl IntoResponse for Table {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, "text/csv; charset=utf-8")], self.text).into_response()
    }
}
