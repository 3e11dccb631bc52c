//! Rows that this build cannot read, such as one that a newer version wrote.
//!
//! They are set aside, never changed: a later version may read them. Whoever works through rows goes on with
//! the others, and notes in [`SetAside`] what had to wait, for the log, the figures and the readiness page.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use sqlx::Row;
use sqlx::any::AnyRow;
use tracing::error;

use super::{Error, Result};

/// So many set-aside rows of a table are remembered by name; beyond, they are still passed over and logged.
const NAMED_MAX: usize = 10_000;

/// Rows, each read on its own.
#[derive(Debug)]
pub struct Readable<T> {
    /// Those that could be read, in their order.
    pub rows: Vec<T>,
    /// Those that could not.
    pub unreadable: Vec<Unreadable>,
}

/// A row that cannot be read.
#[derive(Debug)]
pub struct Unreadable {
    /// Its table.
    pub table: &'static str,
    /// Its key.
    pub id: String,
    /// What is wrong with it.
    pub error: Error,
}

impl<T> Readable<T> {
    pub(super) fn of(table: &'static str, rows: &[AnyRow], read: impl Fn(&AnyRow) -> Result<T>) -> Self {
        let mut readable = Self {
            rows: Vec::with_capacity(rows.len()),
            unreadable: Vec::new(),
        };
        for row in rows {
            match read(row) {
                Ok(read) => readable.rows.push(read),
                Err(error) => readable.unreadable.push(Unreadable {
                    table,
                    id: key(row),
                    error,
                }),
            }
        }
        readable
    }
}

/// The row's `id`, a number or a text.
fn key(row: &AnyRow) -> String {
    row.try_get::<i64, _>("id")
        .map(|id| id.to_string())
        .or_else(|_| row.try_get("id"))
        .unwrap_or_else(|_| "?".to_owned())
}

/// Which rows wait for a version that can read them: by table and key.
#[derive(Debug, Default)]
pub struct SetAside(Mutex<BTreeMap<&'static str, BTreeSet<String>>>);

impl SetAside {
    /// Notes a row; it is logged the first time.
    pub fn note(&self, table: &'static str, id: &str, error: &(dyn std::error::Error + 'static)) {
        let mut noted = self.0.lock().expect("no holder of this lock can panic");
        let noted = noted.entry(table).or_default();
        if noted.contains(id) {
            return;
        }
        error!(table, id, error, "a row cannot be read and is set aside");
        if noted.len() < NAMED_MAX {
            noted.insert(id.to_owned());
        }
    }

    /// Notes all of these rows.
    pub fn note_all(&self, unreadable: &[Unreadable]) {
        for row in unreadable {
            self.note(row.table, &row.id, &row.error);
        }
    }

    /// How many rows of a table wait.
    pub fn count_of(&self, table: &'static str) -> i64 {
        let noted = self.0.lock().expect("no holder of this lock can panic");
        noted.get(table).map_or(0, |ids| ids.len() as i64)
    }

    /// Every row, as in `alerts 12`; the reasons stand in the log.
    pub fn list(&self) -> Vec<String> {
        let noted = self.0.lock().expect("no holder of this lock can panic");
        let ids = noted
            .iter()
            .flat_map(|(table, ids)| ids.iter().map(move |id| (table, id)));
        ids.map(|(table, id)| format!("{table} {id}")).collect()
    }
}

/// An error with its causes, in one line.
pub fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        told.push_str(": ");
        told.push_str(&source.to_string());
        cause = source.source();
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_full_of_bad_rows_leaves_the_others_their_room() {
        let set_aside = SetAside::default();
        for id in 0..=NAMED_MAX {
            set_aside.note("deliveries", &id.to_string(), &Error::UnitLoop);
        }
        set_aside.note("alerts", "1", &Error::UnitLoop);
        assert_eq!(set_aside.count_of("deliveries"), NAMED_MAX as i64);
        assert_eq!(set_aside.count_of("alerts"), 1);
    }
}
