//! The asset register as offices keep it: a table out of a spreadsheet, in whatever form that saved it.
//!
//! ```text
//! bytes ─decode─▶ text ─header─▶ columns ─line─▶ lines ─plan─▶ what is added, changed, taken out ─join─▶ hosts
//! ```
//! All of that is decided without a database or a clock ([`read()`], [`plan()`], [`join()`]), so that a dry run says
//! exactly what a real one does; [`import()`] is the only part that writes. A line with a fault is named and not taken,
//! the others are; a file that cannot be read as a whole is refused with its place.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod decode;
mod formula;
mod header;
mod import;
mod join;
mod line;
mod plan;

pub use self::decode::Encoding;
pub use self::formula::defused;
pub use self::import::{ImportError, Options, Report, import, join_all};
pub use self::join::{AssetKeys, HostKeys, Joining, join};
pub use self::line::{LineFault, LineFaultCode, mac};
use self::plan::plan;
pub use self::plan::{Change, Known, Plan};

/// The largest file that is read: 100,000 lines of 300 bytes and some more.
pub const FILE_BYTES_MAX: usize = 32 << 20;
/// A province has fewer PCs. A file with more lines is refused, not cut.
pub const LINES_MAX: usize = 100_000;
/// Faults of lines that are named; all of them are counted.
pub const FAULTS_SHOWN_MAX: usize = 200;

/// What a column says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The office's own number for it.
    AssetNumber,
    /// The PC's name.
    Name,
    /// The office it belongs to.
    Unit,
    /// Where it stands.
    Place,
    /// Who uses it.
    Custodian,
    /// What it is.
    Kind,
    /// Its operating system.
    Os,
    /// Its hardware address.
    Mac,
    /// Its serial number.
    Serial,
    /// Anything else.
    Note,
}

impl Field {
    /// All of them.
    pub const ALL: [Field; 10] = [
        Field::AssetNumber,
        Field::Name,
        Field::Unit,
        Field::Place,
        Field::Custodian,
        Field::Kind,
        Field::Os,
        Field::Mac,
        Field::Serial,
        Field::Note,
    ];

    /// The name by which a mapping calls it.
    pub fn name(self) -> &'static str {
        match self {
            Field::AssetNumber => "asset_number",
            Field::Name => "name",
            Field::Unit => "unit",
            Field::Place => "place",
            Field::Custodian => "custodian",
            Field::Kind => "kind",
            Field::Os => "os",
            Field::Mac => "mac",
            Field::Serial => "serial",
            Field::Note => "note",
        }
    }
}

/// Why a file is no register at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileFault {
    /// Nothing stands in it.
    #[error("the file is empty")]
    Empty,
    /// It is larger than [`FILE_BYTES_MAX`].
    #[error("the file has more than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// Its characters are in no encoding that is read here.
    #[error("line {line} holds bytes that are no text; save the file as UTF-8")]
    Undecodable {
        /// The line.
        line: u64,
    },
    /// A field begins with a quote that does not end: what follows would all be that field.
    #[error("line {line}: a field begins with a quote that does not end")]
    OpenQuote {
        /// The line on which the quote stands.
        line: u64,
    },
    /// It has more than [`LINES_MAX`] lines.
    #[error("the file has more than {LINES_MAX} lines; divide it by units")]
    TooManyLines,
    /// None of its first lines names a column of asset numbers or names of PCs.
    #[error("no header names a column of asset numbers or names of PCs; say which column is what")]
    NoHeader,
    /// The mapping names a field that there is not.
    #[error(
        "{0:?} is no field; fields are asset_number, name, unit, place, custodian, kind, os, mac, serial, note"
    )]
    UnknownField(String),
    /// The mapping names a column that the file does not have.
    #[error("the file has no column {0:?}")]
    UnknownColumn(String),
    /// The mapping names a field twice.
    #[error("the mapping names {0} twice")]
    FieldTwice(&'static str),
}

/// Which column is what, where the headers do not say so: `field=header` pairs separated by `;`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mapping(BTreeMap<Field, String>);

impl Mapping {
    /// Reads a mapping such as `asset_number=Số thẻ;name=Tên`.
    ///
    /// # Errors
    /// When it names no field, or one twice.
    pub fn parse(text: &str) -> Result<Self, FileFault> {
        let mut mapping = BTreeMap::new();
        for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
            let unknown = || FileFault::UnknownField(header::shortened(pair));
            let (field, column) = pair.split_once('=').ok_or_else(unknown)?;
            let field = Field::ALL.into_iter().find(|it| it.name() == field.trim());
            let field = field.ok_or_else(unknown)?;
            if mapping.insert(field, header::key(column)).is_some() {
                return Err(FileFault::FieldTwice(field.name()));
            }
        }
        Ok(Self(mapping))
    }
}

/// A column of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its header.
    pub header: String,
    /// What it says; `None` when it is not read.
    pub field: Option<Field>,
}

/// What a file says, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// How its characters were written.
    pub encoding: Encoding,
    /// What separates its fields.
    pub separator: char,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its lines below the header that hold anything.
    pub lines: Vec<SheetLine>,
}

/// One line, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SheetLine {
    /// Its number in the file, from 1.
    pub number: u64,
    /// What its columns say, trimmed; columns that are not read are absent.
    pub cells: BTreeMap<Field, String>,
    /// Whether it has more cells than the header.
    pub is_too_long: bool,
}

/// Reads a file.
///
/// # Errors
/// When it is no register at all.
pub fn read(bytes: &[u8], mapping: &Mapping) -> Result<Sheet, FileFault> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(FileFault::TooLarge);
    }
    let (encoding, text) = decode::decode(bytes)?;
    if text.trim().is_empty() {
        return Err(FileFault::Empty);
    }
    header::sheet(encoding, &text, mapping)
}

#[cfg(test)]
mod tests;
