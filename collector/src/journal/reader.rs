//! Reading the journal beside its writer, on a connection of its own.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use sha2::{Digest, Sha256};
use vong_proto::event::{AgentId, Lane, StreamId};
use vong_proto::session::{Batch, Gap};

use super::{Backlog, Cursor, InsertPart, InsertPlan, JournalError, Mark, codec, ledger};
use crate::entry::{Entry, Events, Fact, HostId};

/// An event costs this much beside its own bytes: a batch may hold thousands that are nearly empty.
const EVENT_COST_BYTES: usize = 128;

pub(super) fn open(path: &Path) -> Result<Connection, JournalError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

pub(super) fn entries(
    connection: &Connection,
    after: u64,
    max_entries: usize,
    max_bytes: usize,
) -> Result<Vec<Entry>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT pos, received_ms, kind, payload, host, agent, stream, lane, first, last, skip, raw_bytes, offset_ms, gaps,
                cloned
         FROM entries WHERE pos > ?1 ORDER BY pos LIMIT ?2",
    )?;
    let mut rows = statement.query(params![to_sql(after), to_sql(max_entries as u64)])?;
    let mut entries = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let payload: Vec<u8> = row.get(3)?;
        let entry = entry(row, payload)?;
        bytes += unpacked_bytes(&entry, row)?;
        entries.push(entry);
        if bytes >= max_bytes {
            break;
        }
    }
    Ok(entries)
}

/// What an entry takes in memory: its events before they were packed, and what even an empty one costs.
fn unpacked_bytes(entry: &Entry, row: &Row<'_>) -> rusqlite::Result<usize> {
    let Fact::Events(events) = &entry.fact else {
        return Ok(EVENT_COST_BYTES);
    };
    let raw_bytes: u32 = row.get(11)?;
    Ok(raw_bytes as usize + EVENT_COST_BYTES * (1 + events.events.len()))
}

fn entry(row: &Row<'_>, payload: Vec<u8>) -> Result<Entry, JournalError> {
    let fact = match row.get(2)? {
        codec::KIND_EVENTS => Fact::Events(events(row, payload)?),
        _ => codec::decode(&payload)?,
    };
    Ok(Entry {
        pos: number(row, 0)?,
        received_ms: row.get(1)?,
        fact,
    })
}

fn events(row: &Row<'_>, packed: Vec<u8>) -> Result<Events, JournalError> {
    let batch = Batch {
        lane: lane(row, 7)?,
        first: number(row, 8)?,
        last: number(row, 9)?,
        raw_bytes: row.get(11)?,
        events: packed,
        gaps: Vec::new(),
    };
    Ok(Events {
        host: HostId(row.get(4)?),
        agent: AgentId(row.get(5)?),
        stream: StreamId(row.get(6)?),
        offset_ms: row.get(12)?,
        events: codec::events(&batch, number(row, 10)?)?,
        gaps: gaps(batch.lane, &row.get::<_, String>(13)?)?,
        cloned: row.get(14)?,
    })
}

fn gaps(lane: Lane, json: &str) -> Result<Vec<Gap>, JournalError> {
    let gaps: Vec<ledger::NamedGap> = serde_json::from_str(json)
        .map_err(|error| JournalError::Sqlite(format!("an entry is damaged: {error}")))?;
    Ok(gaps.into_iter().map(|gap| gap.into_gap(lane)).collect())
}

pub(super) fn cursor(connection: &Connection, cursor: Cursor) -> Result<u64, JournalError> {
    let pos = connection.query_row(
        "SELECT pos FROM cursors WHERE name = ?1",
        [cursor.name()],
        |row| number(row, 0),
    )?;
    Ok(pos)
}

pub(super) fn planned_insert(connection: &Connection) -> Result<Option<InsertPlan>, JournalError> {
    let plan = connection
        .query_row("SELECT after, through FROM insert_plan", [], |row| {
            Ok(InsertPlan {
                after: number(row, 0)?,
                through: number(row, 1)?,
            })
        })
        .optional()?;
    Ok(plan)
}

/// The part that the insert into a table goes on with, if it was refused as a whole.
pub(super) fn insert_part(connection: &Connection, table: &str) -> Result<Option<InsertPart>, JournalError> {
    let part = connection
        .prepare_cached("SELECT from_row, rows FROM insert_parts WHERE table_name = ?1")?
        .query_row([table], |row| {
            Ok(InsertPart {
                from: number(row, 0)?,
                rows: number(row, 1)?,
            })
        })
        .optional()?;
    Ok(part)
}

/// The first 16 hexadecimal digits of the SHA-256 over everything that an insert is made of.
pub(super) fn composition(connection: &Connection, plan: InsertPlan) -> Result<String, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT pos, received_ms, host, stream, lane, first, last, skip, offset_ms, payload
         FROM entries WHERE pos > ?1 AND pos <= ?2 AND kind = ?3 ORDER BY pos",
    )?;
    let range = params![to_sql(plan.after), to_sql(plan.through), codec::KIND_EVENTS];
    let mut rows = statement.query(range)?;
    let mut hash = Sha256::new();
    while let Some(row) = rows.next()? {
        for column in [0, 1, 2, 4, 5, 6, 7, 8] {
            hash.update(row.get::<_, i64>(column)?.to_le_bytes());
        }
        hash.update(row.get_ref(3)?.as_blob().unwrap_or_default());
        hash.update(row.get_ref(9)?.as_blob().unwrap_or_default());
    }
    Ok(hex::encode(&hash.finalize()[..8]))
}

pub(super) fn marks(connection: &Connection, stream: StreamId) -> Result<[Mark; 4], JournalError> {
    let mut statement =
        connection.prepare_cached("SELECT lane, high_water, last_hash FROM marks WHERE stream = ?1")?;
    let mut rows = statement.query([stream.0])?;
    let mut marks: [Mark; 4] = Default::default();
    while let Some(row) = rows.next()? {
        marks[lane(row, 0)?.index()] = Mark {
            high_water: number(row, 1)?,
            last_hash: row.get(2)?,
        };
    }
    Ok(marks)
}

pub(super) fn backlog(connection: &Connection) -> Result<Backlog, JournalError> {
    let entries = connection.query_row("SELECT count(*) FROM entries", [], |row| number(row, 0))?;
    Ok(Backlog {
        bytes: bytes_in_use(connection)?,
        entries,
    })
}

/// Bytes of the pages that hold something.
pub(super) fn bytes_in_use(connection: &Connection) -> Result<u64, JournalError> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| number(row, 0));
    Ok((pragma("page_count")? - pragma("freelist_count")?) * pragma("page_size")?)
}

pub(super) fn lane(row: &Row<'_>, column: usize) -> rusqlite::Result<Lane> {
    let index: i64 = row.get(column)?;
    u32::try_from(index)
        .ok()
        .and_then(Lane::from_index)
        .ok_or(rusqlite::Error::IntegralValueOutOfRange(column, index))
}

/// SQLite's integers are signed; numbers of events and positions never come near the sign.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
