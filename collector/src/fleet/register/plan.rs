//! What a file changes in the register that is known: each line finds the entry that it is about, or becomes one.
//!
//! An entry *is* its asset number; without one its serial number; without that its name within its unit. Lines are
//! first matched by what they are, all of them, and only then, among what is left, by anything that tells them: so a
//! file that was brought in finds exactly its own entries again, and changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::line::{Line, number_key};
use super::{Field, header};

/// An entry of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number in the registry.
    pub id: i64,
    /// Its unit.
    pub unit: i64,
    /// What it says; nothing of an absent field.
    pub cells: BTreeMap<Field, String>,
}

impl Known {
    fn cell(&self, field: Field) -> &str {
        self.cells.get(&field).map_or("", String::as_str)
    }
}

/// What happens to one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The file's line; `None` of an entry that is taken out.
    pub line: Option<u64>,
    /// The entry as it was; `None` of a new one.
    pub before: Option<Known>,
    /// Its unit afterwards.
    pub unit: i64,
    /// What it says afterwards.
    pub cells: BTreeMap<Field, String>,
}

/// What a file changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Entries that come in.
    pub added: Vec<Change>,
    /// Entries that change.
    pub changed: Vec<Change>,
    /// Lines that change nothing.
    pub unchanged: u64,
    /// Entries that are taken out.
    pub removed: Vec<Change>,
}

/// Plans what these lines change. What the file does not name is taken out of the units in `removing`.
pub(super) fn plan(lines: Vec<Line>, known: Vec<Known>, removing: &HashSet<i64>) -> Plan {
    let matches = matched(&lines, &known);
    let used: HashSet<usize> = matches.iter().flatten().copied().collect();
    let mut plan = Plan::default();
    for (line, found) in lines.into_iter().zip(matches) {
        match found {
            Some(at) => change(&mut plan, line, &known[at]),
            None => plan.added.push(Change {
                line: Some(line.number),
                before: None,
                unit: line.unit,
                cells: said(line.cells),
            }),
        }
    }
    for (at, entry) in known.into_iter().enumerate() {
        if !used.contains(&at) && removing.contains(&entry.unit) {
            plan.removed.push(Change {
                line: None,
                unit: entry.unit,
                cells: entry.cells.clone(),
                before: Some(entry),
            });
        }
    }
    plan
}

fn change(plan: &mut Plan, line: Line, before: &Known) {
    let mut cells = before.cells.clone();
    cells.extend(line.cells);
    let cells = said(cells);
    if cells == before.cells && line.unit == before.unit {
        plan.unchanged += 1;
        return;
    }
    plan.changed.push(Change {
        line: Some(line.number),
        before: Some(before.clone()),
        unit: line.unit,
        cells,
    });
}

/// An empty cell and an absent one are the same.
fn said(cells: BTreeMap<Field, String>) -> BTreeMap<Field, String> {
    cells.into_iter().filter(|(_, cell)| !cell.is_empty()).collect()
}

/// By what an entry or a line can be known, the surest first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Number(String),
    Mac(String),
    Serial(String),
    Name(i64, String),
}

fn keys(unit: i64, cell: impl Fn(Field) -> String) -> Vec<Key> {
    let keys = [
        Key::Number(number_key(&cell(Field::AssetNumber))),
        Key::Mac(cell(Field::Mac)),
        Key::Serial(header::key(&cell(Field::Serial))),
        Key::Name(unit, header::key(&cell(Field::Name))),
    ];
    let says_something = |key: &Key| match key {
        Key::Number(text) | Key::Mac(text) | Key::Serial(text) | Key::Name(_, text) => !text.is_empty(),
    };
    keys.into_iter().filter(says_something).collect()
}

/// The key that an entry or a line is; a hardware address may be exchanged.
fn identity(keys: &[Key]) -> Option<&Key> {
    keys.iter().find(|key| !matches!(key, Key::Mac(_)))
}

/// For each line, the entry that it is about.
fn matched(lines: &[Line], known: &[Known]) -> Vec<Option<usize>> {
    let of_known: Vec<Vec<Key>> = known
        .iter()
        .map(|entry| keys(entry.unit, |field| entry.cell(field).to_owned()))
        .collect();
    let of_lines: Vec<Vec<Key>> = lines
        .iter()
        .map(|line| keys(line.unit, |field| line.cell(field).to_owned()))
        .collect();
    let mut found: Vec<Option<usize>> = vec![None; lines.len()];
    let mut used = HashSet::new();
    let mut by_identity: HashMap<&Key, usize> = HashMap::new();
    for (at, keys) in of_known.iter().enumerate() {
        if let Some(identity) = identity(keys) {
            by_identity.entry(identity).or_insert(at);
        }
    }
    for (found, keys) in found.iter_mut().zip(&of_lines) {
        let entry = identity(keys).and_then(|identity| by_identity.get(identity));
        *found = entry.copied().filter(|at| used.insert(*at));
    }
    let mut by_key: HashMap<&Key, Vec<usize>> = HashMap::new();
    for (at, keys) in of_known.iter().enumerate() {
        for key in keys {
            by_key.entry(key).or_default().push(at);
        }
    }
    for (found, keys) in found.iter_mut().zip(&of_lines) {
        if found.is_none() {
            *found = likely(keys, &of_known, &by_key, &used).filter(|at| used.insert(*at));
        }
    }
    found
}

/// The one entry nobody has claimed that shares a key with a line. Two asset numbers are two things.
fn likely(
    keys: &[Key],
    known: &[Vec<Key>],
    by_key: &HashMap<&Key, Vec<usize>>,
    used: &HashSet<usize>,
) -> Option<usize> {
    let is_numbered = |keys: &[Key]| matches!(keys.first(), Some(Key::Number(_)));
    keys.iter().find_map(|key| {
        let candidates = by_key.get(key)?;
        let mut fitting = candidates
            .iter()
            .copied()
            .filter(|at| !(used.contains(at) || is_numbered(keys) && is_numbered(&known[*at])));
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    })
}
