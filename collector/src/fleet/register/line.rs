//! From cells to a line that may be taken: bounded, printable, of a known unit, and named once.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Field, Sheet, SheetLine, header};

/// Why a line is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineFaultCode {
    /// It has neither an asset number nor a name.
    Unnamed,
    /// It has more fields than the header.
    TooManyFields,
    /// A field is longer than it may be.
    TooLong,
    /// A field holds a NUL or another character that no text has.
    Unprintable,
    /// It names no unit, and none was given for all lines.
    NoUnit,
    /// No unit has this name.
    UnknownUnit,
    /// Several units have this name.
    AmbiguousUnit,
    /// That is no hardware address.
    BadMac,
    /// An earlier line has this asset number.
    DuplicateAssetNumber,
    /// An earlier line has this hardware address.
    DuplicateMac,
    /// An earlier line without an asset number is the same PC by serial number, or by name within its unit.
    DuplicatePc,
}

/// A fault of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineFault {
    /// The line's number.
    pub line: u64,
    /// The field.
    pub field: Option<Field>,
    /// Why it is not taken.
    pub code: LineFaultCode,
    /// What stands there, shortened.
    pub value: String,
    /// Of a duplicate: the line that was first.
    pub first_line: Option<u64>,
}

/// A line that may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    pub(super) unit: i64,
    /// What its columns say, the unit's apart; the hardware address in one spelling.
    pub(super) cells: BTreeMap<Field, String>,
}

impl Line {
    pub(super) fn cell(&self, field: Field) -> &str {
        self.cells.get(&field).map_or("", String::as_str)
    }
}

/// Units by their names in one spelling.
pub(super) struct Units {
    by_name: HashMap<String, Vec<i64>>,
    /// The unit of all lines, whatever they say.
    only: Option<i64>,
}

impl Units {
    pub(super) fn new<'a>(units: impl Iterator<Item = (i64, &'a str)>, only: Option<i64>) -> Self {
        let mut by_name: HashMap<String, Vec<i64>> = HashMap::new();
        for (id, name) in units {
            by_name.entry(header::key(name)).or_default().push(id);
        }
        Self { by_name, only }
    }

    fn find(&self, name: &str) -> Result<i64, LineFaultCode> {
        if let Some(only) = self.only {
            return Ok(only);
        }
        let key = header::key(name);
        match self.by_name.get(&key).map(Vec::as_slice) {
            _ if key.is_empty() => Err(LineFaultCode::NoUnit),
            Some([id]) => Ok(*id),
            Some(_) => Err(LineFaultCode::AmbiguousUnit),
            None => Err(LineFaultCode::UnknownUnit),
        }
    }
}

/// Characters that a field may have: what a label or a form has room for, and a remark some more.
fn chars_max(field: Field) -> usize {
    match field {
        Field::AssetNumber | Field::Mac => 64,
        Field::Name | Field::Unit | Field::Place => 255,
        Field::Custodian | Field::Kind | Field::Os | Field::Serial => 200,
        Field::Note => 2_000,
    }
}

/// The lines that may be taken, and all faults of the others.
pub(super) fn checked(sheet: Sheet, units: &Units) -> (Vec<Line>, Vec<LineFault>, u64) {
    let mut seen = Seen::default();
    let (mut lines, mut faults, mut bad) = (Vec::new(), Vec::new(), 0);
    for line in sheet.lines {
        match check(line, units, &mut seen) {
            Ok(line) => lines.push(line),
            Err(found) => {
                bad += 1;
                faults.extend(found);
            }
        }
    }
    (lines, faults, bad)
}

/// What earlier lines were, by number of line.
#[derive(Default)]
struct Seen(HashMap<(LineFaultCode, String), u64>);

impl Seen {
    /// The earlier line that was the same, if there was one; notes this one.
    fn earlier(&mut self, code: LineFaultCode, key: String, number: u64) -> Option<u64> {
        let first = *self.0.entry((code, key)).or_insert(number);
        (first != number).then_some(first)
    }
}

fn check(mut line: SheetLine, units: &Units, seen: &mut Seen) -> Result<Line, Vec<LineFault>> {
    let number = line.number;
    let mut faults = Vec::new();
    let mut fault = |field, code, value: &str, first_line| {
        faults.push(LineFault {
            line: number,
            field,
            code,
            value: header::shortened(value),
            first_line,
        });
    };
    if line.is_too_long {
        fault(None, LineFaultCode::TooManyFields, "", None);
    }
    for (field, cell) in &line.cells {
        if cell.chars().count() > chars_max(*field) {
            fault(Some(*field), LineFaultCode::TooLong, cell, None);
        }
        if cell
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        {
            fault(
                Some(*field),
                LineFaultCode::Unprintable,
                &cell.escape_default().to_string(),
                None,
            );
        }
    }
    let said = |field| line.cells.get(&field).map_or("", String::as_str);
    if said(Field::AssetNumber).is_empty() && said(Field::Name).is_empty() {
        fault(None, LineFaultCode::Unnamed, "", None);
    }
    let unit = units.find(said(Field::Unit));
    if let Err(code) = unit {
        fault(Some(Field::Unit), code, said(Field::Unit), None);
    }
    let mac = mac(said(Field::Mac));
    if mac.is_none() {
        fault(Some(Field::Mac), LineFaultCode::BadMac, said(Field::Mac), None);
    }
    if let (Ok(unit), Some(mac)) = (unit, &mac) {
        for (code, field, key) in identities(unit, mac, &line.cells) {
            if let Some(first) = seen.earlier(code, key, number) {
                fault(Some(field), code, said(field), Some(first));
            }
        }
    }
    match (unit, mac) {
        (Ok(unit), Some(mac)) if faults.is_empty() => {
            line.cells.remove(&Field::Unit);
            if let Some(cell) = line.cells.get_mut(&Field::Mac) {
                *cell = mac;
            }
            Ok(Line {
                number,
                unit,
                cells: line.cells,
            })
        }
        _ => Err(faults),
    }
}

/// What no second line of a file may be.
fn identities(unit: i64, mac: &str, cells: &BTreeMap<Field, String>) -> Vec<(LineFaultCode, Field, String)> {
    let key = |field| {
        cells
            .get(&field)
            .map_or_else(String::new, |cell| header::key(cell))
    };
    let number = cells.get(&Field::AssetNumber).map_or("", String::as_str);
    let mut identities = Vec::new();
    if !number.is_empty() {
        let number = number_key(number);
        identities.push((LineFaultCode::DuplicateAssetNumber, Field::AssetNumber, number));
    } else if !key(Field::Serial).is_empty() {
        let serial = format!("serial {}", key(Field::Serial));
        identities.push((LineFaultCode::DuplicatePc, Field::Serial, serial));
    } else if !key(Field::Name).is_empty() {
        let name = format!("name {unit} {}", key(Field::Name));
        identities.push((LineFaultCode::DuplicatePc, Field::Name, name));
    }
    if !mac.is_empty() {
        identities.push((LineFaultCode::DuplicateMac, Field::Mac, mac.to_owned()));
    }
    identities
}

/// An asset number in one spelling: letters in one case, no spaces.
pub(super) fn number_key(number: &str) -> String {
    let letters = number.chars().filter(|c| !c.is_whitespace());
    letters.flat_map(char::to_lowercase).collect()
}

/// A hardware address as six pairs of lower-case digits with colons; `None` when it is none. Nothing stays nothing.
pub fn mac(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let is_separator = |c: char| matches!(c, ':' | '-' | '.' | ' ');
    let digits: String = text.chars().filter(|c| !is_separator(*c)).collect();
    let is_address = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
    let is_shared = digits.chars().all(|c| c == '0') || digits.chars().all(|c| c.eq_ignore_ascii_case(&'f'));
    if !is_address || is_shared {
        return None;
    }
    let digits = digits.to_ascii_lowercase();
    let pairs: Vec<&str> = (0..6).map(|pair| &digits[2 * pair..2 * pair + 2]).collect();
    Some(pairs.join(":"))
}
