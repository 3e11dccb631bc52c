//! How far the readers have come, and the insert that is under way: what must survive a crash so that each event
//! is stored exactly once.

use rusqlite::{Transaction, params};
use tracing::warn;

use super::reader::to_sql;
use super::{Cursor, InsertPart, InsertPlan, SetAside, bound};

/// Notes that a reader has passed a position, and erases what both have passed.
pub(super) fn pass(transaction: &Transaction<'_>, cursor: Cursor, pos: u64) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE cursors SET pos = max(pos, ?2) WHERE name = ?1",
        params![cursor.name(), to_sql(pos)],
    )?;
    if cursor == Cursor::Store {
        transaction.execute("DELETE FROM insert_plan WHERE through <= ?1", [to_sql(pos)])?;
        transaction.execute(
            "DELETE FROM insert_parts WHERE NOT EXISTS (SELECT 1 FROM insert_plan)",
            [],
        )?;
    }
    transaction.execute(
        "DELETE FROM entries WHERE pos <= (SELECT min(pos) FROM cursors)",
        [],
    )?;
    Ok(())
}

/// Fixes the composition of the next insert.
pub(super) fn plan(transaction: &Transaction<'_>, plan: InsertPlan) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM insert_parts", [])?;
    transaction.execute(
        "INSERT OR REPLACE INTO insert_plan (only_one, after, through) VALUES (1, ?1, ?2)",
        params![to_sql(plan.after), to_sql(plan.through)],
    )?;
    Ok(())
}

/// Fixes the next part of the insert into a table, and notes what was set aside on the way there.
pub(super) fn part(
    transaction: &Transaction<'_>,
    table: &str,
    part: InsertPart,
    set_aside: Option<SetAside>,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT OR REPLACE INTO insert_parts (table_name, from_row, rows) VALUES (?1, ?2, ?3)",
        params![table, to_sql(part.from), to_sql(part.rows)],
    )?;
    let Some(event) = set_aside else { return Ok(()) };
    transaction.execute(
        "INSERT OR IGNORE INTO set_aside (pos, stream, lane, seq, host, reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            to_sql(event.pos),
            event.stream.0,
            event.lane as u32,
            to_sql(event.seq),
            event.host.0,
            event.reason
        ],
    )?;
    bound::set_aside(transaction, event.host)
}

/// Goes on above a position, as if every position up to it had been used.
pub(super) fn go_on_above(transaction: &Transaction<'_>, pos: u64) -> rusqlite::Result<()> {
    let changed = transaction.execute(
        "UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'entries'",
        [to_sql(pos)],
    )?;
    if changed == 0 {
        transaction.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('entries', ?1)",
            [to_sql(pos)],
        )?;
    }
    warn!(pos, "the journal goes on above this position");
    Ok(())
}
