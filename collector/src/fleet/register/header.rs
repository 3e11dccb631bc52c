//! From text to columns: which character separates fields, which line is the header, and what its words mean.

use std::collections::BTreeMap;

use super::formula::as_it_was;
use super::{Column, Encoding, Field, FileFault, LINES_MAX, Mapping, Sheet, SheetLine};
use crate::registry::fold::fold;

/// Registers begin with titles and empty lines; the header is looked for in so many lines.
const HEADER_LINES_MAX: usize = 20;
/// Characters of a header that are shown.
const HEADER_CHARS_MAX: usize = 100;
/// Columns that are looked at; further ones are not read.
const COLUMNS_MAX: usize = 200;

/// What headers are called, folded; the dashboard's own export is among them.
const WORDS: &[(Field, &[&str])] = &[
    (
        Field::AssetNumber,
        &[
            "ma tai san",
            "so tai san",
            "ma so tai san",
            "so hieu tai san",
            "ma ts",
            "so ts",
            "so the",
            "so the tai san",
            "ma the tai san",
            "asset number",
            "asset no",
            "asset id",
            "asset tag",
            "inventory number",
        ],
    ),
    (
        Field::Name,
        &[
            "ten may",
            "ten may tinh",
            "ten pc",
            "ten thiet bi",
            "computer name",
            "computer",
            "hostname",
            "host name",
            "pc name",
            "name",
        ],
    ),
    (
        Field::Unit,
        &[
            "don vi",
            "ten don vi",
            "don vi su dung",
            "co quan",
            "co quan don vi",
            "unit",
            "office",
            "department",
        ],
    ),
    (
        Field::Place,
        &[
            "noi dat",
            "vi tri",
            "phong",
            "phong lam viec",
            "noi su dung",
            "dia diem",
            "place",
            "location",
            "room",
        ],
    ),
    (
        Field::Custodian,
        &[
            "nguoi su dung",
            "nguoi dung",
            "ho ten nguoi su dung",
            "nguoi quan ly",
            "can bo su dung",
            "custodian",
            "user",
            "owner",
        ],
    ),
    (
        Field::Kind,
        &[
            "loai",
            "loai may",
            "loai thiet bi",
            "loai tai san",
            "chung loai",
            "ten tai san",
            "kind",
            "type",
        ],
    ),
    (Field::Os, &["he dieu hanh", "hdh", "os", "operating system"]),
    (
        Field::Mac,
        &["dia chi mac", "mac", "mac address", "dia chi vat ly"],
    ),
    (
        Field::Serial,
        &[
            "so se ri",
            "so seri",
            "so serial",
            "se ri",
            "seri",
            "serial",
            "serial number",
            "s n",
        ],
    ),
    (Field::Note, &["ghi chu", "note", "notes", "remark", "remarks"]),
];

/// A header in one spelling: folded, words separated by single spaces.
pub(super) fn key(header: &str) -> String {
    let folded = fold(header);
    let words = folded.split(|c: char| !c.is_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The beginning of a text of somebody else's.
pub(super) fn shortened(text: &str) -> String {
    text.trim().chars().take(HEADER_CHARS_MAX).collect()
}

/// Where a quote stands that begins a field and does not end. A quote within a field that does not begin with one is a
/// letter, such as that of a screen of 24".
fn open_quote(text: &str, separator: u8) -> Option<usize> {
    let (mut open, mut begins) = (None, true);
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match (open, byte) {
            (Some(_), b'"') if bytes.peek().is_some_and(|(_, next)| *next == b'"') => {
                bytes.next();
            }
            (Some(_), b'"') => open = None,
            (Some(_), _) => {}
            (None, b'"') if begins => (open, begins) = (Some(at), false),
            (None, _) => begins = byte == separator || byte == b'\n' || byte == b'\r',
        }
    }
    open
}

/// Reads the table that a text is.
pub(super) fn sheet(encoding: Encoding, text: &str, mapping: &Mapping) -> Result<Sheet, FileFault> {
    let (separator, text, lines_before) = separator(text);
    if let Some(at) = open_quote(text, separator as u8) {
        let line = lines_before + LineCount::of(text).line_at(at as u64);
        return Err(FileFault::OpenQuote { line });
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator as u8)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let mut count = LineCount::of(text);
    let mut columns: Option<Vec<Column>> = None;
    let (mut lines, mut looked_at) = (Vec::new(), 0);
    // Of text in memory, whose lines may have any number of fields, every record can be read.
    while reader.read_record(&mut record).unwrap_or(false) {
        let number = lines_before + count.line_at(record.position().map_or(0, csv::Position::byte));
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let Some(columns) = &columns else {
            looked_at += 1;
            columns = header(&record, mapping)?;
            if columns.is_none() && looked_at >= HEADER_LINES_MAX {
                break;
            }
            continue;
        };
        if lines.len() >= LINES_MAX {
            return Err(FileFault::TooManyLines);
        }
        lines.push(line(&record, columns, number));
    }
    let Some(columns) = columns else {
        return Err(missing(mapping));
    };
    Ok(Sheet {
        encoding,
        separator,
        columns,
        lines,
    })
}

/// Which line a record stands in. The reader's own count takes a record to begin with the empty lines before it.
struct LineCount<'a> {
    rest: &'a [u8],
    read: u64,
    line: u64,
}

impl<'a> LineCount<'a> {
    fn of(text: &'a str) -> Self {
        Self {
            rest: text.as_bytes(),
            read: 0,
            line: 1,
        }
    }

    /// The line of the first character at or behind this byte that is no line's end; bytes only go up.
    fn line_at(&mut self, byte: u64) -> u64 {
        while let Some((first, rest)) = self.rest.split_first()
            && (self.read < byte || *first == b'\n')
        {
            self.line += u64::from(*first == b'\n');
            self.read += 1;
            self.rest = rest;
        }
        self.line
    }
}

/// The separator, and the text without the line in which a spreadsheet says it.
fn separator(text: &str) -> (char, &str, u64) {
    let first = text.lines().next().unwrap_or_default();
    if let Some(said) = first.trim_end().strip_prefix("sep=")
        && let [said @ (b',' | b';' | b'\t')] = said.as_bytes()
    {
        let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
        return (char::from(*said), rest, 1);
    }
    // Titles above the header hold few separators; the line with most of one decides.
    let most = |separator: char| {
        let lines = text.lines().take(HEADER_LINES_MAX);
        lines
            .map(|line| outside_quotes(line, separator))
            .max()
            .unwrap_or(0)
    };
    let separator = [',', '\t', ';'].into_iter().max_by_key(|it| most(*it));
    (separator.unwrap_or(','), text, 0)
}

fn outside_quotes(line: &str, separator: char) -> usize {
    let mut quoted = false;
    let separators = line.chars().filter(|c| {
        quoted ^= *c == '"';
        !quoted && *c == separator
    });
    separators.count()
}

/// The columns, if this is the header: a line that names a column of asset numbers or of names.
fn header(record: &csv::StringRecord, mapping: &Mapping) -> Result<Option<Vec<Column>>, FileFault> {
    let keys: Vec<String> = record.iter().take(COLUMNS_MAX).map(key).collect();
    let mut fields: Vec<Option<Field>> = vec![None; keys.len()];
    let has_mapped = mapping.0.values().any(|column| keys.contains(column));
    for (field, column) in &mapping.0 {
        match keys.iter().position(|key| key == column) {
            Some(at) => fields[at] = Some(*field),
            None if has_mapped => return Err(FileFault::UnknownColumn(shortened(column))),
            None => return Ok(None),
        }
    }
    for (at, key) in keys.iter().enumerate() {
        let meant = WORDS.iter().find(|(_, words)| words.contains(&key.as_str()));
        if let Some((field, _)) = meant
            && fields[at].is_none()
            && !fields.contains(&Some(*field))
        {
            fields[at] = Some(*field);
        }
    }
    if !fields.contains(&Some(Field::AssetNumber)) && !fields.contains(&Some(Field::Name)) {
        return Ok(None);
    }
    let columns = record.iter().zip(fields).map(|(header, field)| Column {
        header: shortened(header),
        field,
    });
    Ok(Some(columns.collect()))
}

fn missing(mapping: &Mapping) -> FileFault {
    match mapping.0.values().next() {
        Some(column) => FileFault::UnknownColumn(shortened(column)),
        None => FileFault::NoHeader,
    }
}

fn line(record: &csv::StringRecord, columns: &[Column], number: u64) -> SheetLine {
    let cells: BTreeMap<Field, String> = columns
        .iter()
        .enumerate()
        .filter_map(|(at, column)| {
            let cell = record.get(at).unwrap_or_default().trim();
            Some((column.field?, as_it_was(cell)))
        })
        .collect();
    let surplus = record.iter().skip(columns.len());
    SheetLine {
        number,
        cells,
        is_too_long: columns.len() < COLUMNS_MAX && surplus.into_iter().any(|cell| !cell.trim().is_empty()),
    }
}
