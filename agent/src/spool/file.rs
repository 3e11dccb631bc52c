//! The spool's SQLite file: opening, migrating, measuring, and the statements of one transaction.
//!
//! Write-ahead log, `synchronous=FULL`: a commit is durable when it returns, through kill -9 and power loss.
//! `auto_vacuum=INCREMENTAL` from creation, because it cannot be switched on later: erased pages can be given
//! back to the disk step by step.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};
use vong_proto::event::{Lane as LaneName, StreamId, Unsupported};

use super::fault::SpoolError;
use super::lane::{Lane, charge};
use crate::clock;
use crate::report::StateChange;
use crate::state;

/// One file for each step; a file that has been released is never changed.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_initial.sql")];

/// What every spool of the newest version can answer.
const TABLES: [&str; 6] = [
    "SELECT lane, base, next, acked, bytes, last_hash FROM lanes",
    "SELECT stream, born_ms FROM meta",
    "SELECT lane, position, kind, bytes FROM events",
    "SELECT lane, first, last, reason, counts FROM gaps",
    "SELECT sensor, key, value FROM sensor_state",
    "SELECT sensor, what, why, boot FROM unsupported",
];

/// Where a lane can stand; one that stands elsewhere is not found. Collectors take no number beyond 2^48.
const SOUND_LANE: &str = "SELECT base, next, acked, bytes, last_hash FROM lanes
     WHERE lane = ?1 AND base BETWEEN 0 AND acked AND acked < next AND next < 1 << 48 AND bytes BETWEEN 0 AND 1 << 48
     AND NOT EXISTS (SELECT 1 FROM events WHERE events.lane = ?1 AND position >= next)
     AND NOT EXISTS (SELECT 1 FROM gaps WHERE gaps.lane = ?1 AND (first < 1 OR last < first OR last >= next))";

/// The longest name of a kind that collectors take; ours are short words.
const KIND_BYTES_MAX: usize = 255;

/// A reader of the sensors' memory never holds the file for long; a back-up program might.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// SQLite's page cache, KiB. Appending and erasing at the ends of the trees touches few pages.
const CACHE_KIB: i64 = 1_024;

/// A log longer than this is cut back after it has been copied into the database.
const LOG_BYTES: i64 = 4 * 1024 * 1024;

/// Free pages are given back to the disk when they are more than this many (16 MiB), so many at a time.
const FREE_PAGES_KEPT: u64 = 4_096;
const FREE_PAGES_STEP: u64 = 1_024;

/// The open file.
#[derive(Debug)]
pub(super) struct SpoolFile {
    connection: Connection,
}

/// A dropped range, in positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dropped {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) reason: String,
    pub(super) counts: BTreeMap<String, u64>,
}

/// Makes the file for its owner alone, before SQLite would make it for everybody; its log takes over the rights.
/// Paths and command lines of every user stand in it.
fn make_private(path: &Path) -> Result<(), SpoolError> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    vong_os::rights::readable_by(&mut options, false);
    let made = options.open(path).map_err(|source| SpoolError::File {
        path: path.to_owned(),
        source,
    });
    made.map(drop)
}

/// An event as it is kept.
pub(super) struct Kept {
    pub(super) position: u64,
    pub(super) bytes: Vec<u8>,
}

impl SpoolFile {
    /// Opens the file, making or migrating it as needed; says whether it is new.
    pub(super) fn open(path: &Path) -> Result<(Self, bool), SpoolError> {
        Self::try_open(path).map_err(SpoolError::while_opening)
    }

    fn try_open(path: &Path) -> Result<(Self, bool), SpoolError> {
        make_private(path)?;
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
        let mut file = Self { connection };
        let new = file.migrate()?;
        Ok((file, new))
    }

    fn migrate(&mut self) -> Result<bool, SpoolError> {
        let found: usize = self
            .connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if found > MIGRATIONS.len() {
            let known = MIGRATIONS.len();
            return Err(SpoolError::Newer { found, known });
        }
        for (step, sql) in MIGRATIONS.iter().enumerate().skip(found) {
            let tx = self.begin()?;
            tx.execute_batch(sql)?;
            if step == 0 {
                let row = params![clock::random_id(), clock::wall_ms()];
                tx.execute("INSERT INTO meta (stream, born_ms) VALUES (?1, ?2)", row)?;
            }
            tx.pragma_update(None, "user_version", step + 1)?;
            tx.commit()?;
        }
        for select in TABLES {
            self.connection.prepare(select)?;
        }
        Ok(found == 0)
    }

    pub(super) fn stream(&self) -> Result<StreamId, SpoolError> {
        Ok(StreamId(self.connection.query_row(
            "SELECT stream FROM meta",
            [],
            |row| row.get(0),
        )?))
    }

    pub(super) fn lanes(&self) -> Result<[Lane; 4], SpoolError> {
        let mut lanes = [Lane::new(), Lane::new(), Lane::new(), Lane::new()];
        let mut select = self.connection.prepare(SOUND_LANE)?;
        for name in LaneName::ALL {
            lanes[name.index()] = select.query_row([name.index()], |row| {
                Ok(Lane {
                    base: row.get(0)?,
                    next: row.get(1)?,
                    acked: row.get(2)?,
                    handed: row.get(2)?,
                    bytes: row.get(3)?,
                    last_hash: row.get(4)?,
                })
            })?;
        }
        Ok(lanes)
    }

    /// Position of the oldest event kept.
    pub(super) fn oldest(&self, lane: LaneName) -> Result<Option<u64>, SpoolError> {
        let mut select = self
            .connection
            .prepare_cached("SELECT min(position) FROM events WHERE lane = ?1")?;
        Ok(select.query_row([lane.index()], |row| row.get(0))?)
    }

    /// Bytes in use, without the pages that are free for the next events.
    pub(super) fn used_bytes(&self) -> Result<u64, SpoolError> {
        let page: u64 = self.pragma("PRAGMA page_size")?;
        let all: u64 = self.pragma("PRAGMA page_count")?;
        Ok((all - self.free_pages()?.min(all)) * page)
    }

    /// Gives pages back to the disk, a step at a time, once many are free.
    pub(super) fn shrink(&self) -> Result<(), SpoolError> {
        if self.free_pages()? > FREE_PAGES_KEPT {
            let step = format!("PRAGMA incremental_vacuum({FREE_PAGES_STEP})");
            self.connection.execute_batch(&step)?;
        }
        Ok(())
    }

    pub(super) fn begin(&mut self) -> Result<Transaction<'_>, SpoolError> {
        Ok(self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?)
    }

    /// Dropped ranges that reach beyond `after`, in order. One that begins before it is cut, and loses its
    /// counts: how they spread over the two parts is not known.
    pub(super) fn dropped(&self, lane: LaneName, after: u64) -> Result<Vec<Dropped>, SpoolError> {
        let mut select = self.connection.prepare_cached(
            "SELECT first, last, reason, counts FROM gaps WHERE lane = ?1 AND last > ?2 ORDER BY first",
        )?;
        let rows = select.query_map(params![lane.index(), after], dropped_from_row)?;
        let reach_beyond: Vec<Dropped> = rows.collect::<Result<_, _>>()?;
        let cut = |range: Dropped| match range.first > after {
            true => range,
            false => Dropped {
                first: after + 1,
                counts: BTreeMap::new(),
                ..range
            },
        };
        Ok(reach_beyond.into_iter().map(cut).collect())
    }

    /// Contiguous events from `first` on, until one of the limits is reached; always at least one, if it is
    /// there.
    pub(super) fn events(
        &self,
        lane: LaneName,
        first: u64,
        count_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<Kept>, SpoolError> {
        let mut select = self.connection.prepare_cached(
            "SELECT position, bytes FROM events WHERE lane = ?1 AND position >= ?2 ORDER BY position LIMIT ?3",
        )?;
        let mut rows = select.query(params![lane.index(), first, count_max])?;
        let mut events: Vec<Kept> = Vec::new();
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let event = Kept {
                position: row.get(0)?,
                bytes: row.get(1)?,
            };
            bytes += event.bytes.len();
            let contiguous = event.position == first + events.len() as u64;
            if !contiguous || (bytes > bytes_max && !events.is_empty()) {
                break;
            }
            events.push(event);
        }
        Ok(events)
    }

    fn free_pages(&self) -> Result<u64, SpoolError> {
        self.pragma("PRAGMA freelist_count")
    }

    fn pragma(&self, pragma: &str) -> Result<u64, SpoolError> {
        Ok(self
            .connection
            .prepare_cached(pragma)?
            .query_row([], |row| row.get(0))?)
    }

    /// Makes the file behave as on a disk that has room for so many pages.
    #[cfg(test)]
    pub(super) fn pretend_disk_of(&self, pages: u64) {
        self.connection
            .pragma_update(None, "max_page_count", pages)
            .unwrap();
    }

    /// Makes the file behave as on a disk that can only be read.
    #[cfg(test)]
    pub(super) fn pretend_read_only(&self) {
        self.connection.pragma_update(None, "query_only", true).unwrap();
    }
}

fn dropped_from_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Dropped> {
    let counts: String = row.get(3)?;
    Ok(Dropped {
        first: row.get(0)?,
        last: row.get(1)?,
        reason: row.get(2)?,
        counts: counts_from(&counts),
    })
}

/// How many of each kind; unknown when the disk has made of it what no collector takes.
fn counts_from(json: &str) -> BTreeMap<String, u64> {
    let counts: BTreeMap<String, u64> = serde_json::from_str(json).unwrap_or_default();
    match counts.keys().all(|kind| kind.len() <= KIND_BYTES_MAX) {
        true => counts,
        false => BTreeMap::new(),
    }
}

pub(super) fn insert_event(
    tx: &Transaction<'_>,
    lane: LaneName,
    position: u64,
    kind: &str,
    bytes: &[u8],
) -> Result<(), SpoolError> {
    tx.prepare_cached("INSERT INTO events (lane, position, kind, bytes) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![lane.index(), position, kind, bytes])?;
    Ok(())
}

pub(super) fn change_state(tx: &Transaction<'_>, change: &StateChange) -> Result<(), SpoolError> {
    let sensor = state::number(change.sensor);
    match &change.value {
        Some(value) => tx
            .prepare_cached(
                "INSERT INTO sensor_state (sensor, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (sensor, key) DO UPDATE SET value = excluded.value",
            )?
            .execute(params![sensor, change.key, value])?,
        None => tx
            .prepare_cached("DELETE FROM sensor_state WHERE sensor = ?1 AND key = ?2")?
            .execute(params![sensor, change.key])?,
    };
    Ok(())
}

pub(super) fn forget_unsupported(tx: &Transaction<'_>) -> Result<(), SpoolError> {
    tx.execute("DELETE FROM unsupported", [])?;
    Ok(())
}

pub(super) fn note_unsupported(tx: &Transaction<'_>, unsupported: &Unsupported) -> Result<(), SpoolError> {
    let Unsupported {
        sensor, what, why, ..
    } = unsupported;
    if unsupported.cured {
        tx.prepare_cached("DELETE FROM unsupported WHERE sensor = ?1 AND what = ?2")?
            .execute(params![sensor.name(), what])?;
        return Ok(());
    }
    tx.prepare_cached(
        "INSERT INTO unsupported (sensor, what, why, boot) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (sensor, what) DO UPDATE SET why = excluded.why, boot = excluded.boot",
    )?
    .execute(params![sensor.name(), what, why, clock::boot_id().0])?;
    Ok(())
}

pub(super) fn write_lane(tx: &Transaction<'_>, name: LaneName, lane: &Lane) -> Result<(), SpoolError> {
    tx.prepare_cached(
        "UPDATE lanes SET base = ?2, next = ?3, acked = ?4, bytes = ?5, last_hash = ?6 WHERE lane = ?1",
    )?
    .execute(params![
        name.index(),
        lane.base,
        lane.next,
        lane.acked,
        lane.bytes,
        lane.last_hash
    ])?;
    Ok(())
}

pub(super) fn write_stream(tx: &Transaction<'_>, stream: StreamId) -> Result<(), SpoolError> {
    tx.execute("UPDATE meta SET stream = ?1", params![stream.0])?;
    Ok(())
}

/// Erases what the collector owns; returns what the erased events were charged for.
pub(super) fn erase_through(tx: &Transaction<'_>, lane: LaneName, position: u64) -> Result<u64, SpoolError> {
    let charged = charged(tx, lane, 0, position)?;
    tx.prepare_cached("DELETE FROM events WHERE lane = ?1 AND position <= ?2")?
        .execute(params![lane.index(), position])?;
    tx.prepare_cached("DELETE FROM gaps WHERE lane = ?1 AND last <= ?2")?
        .execute(params![lane.index(), position])?;
    Ok(charged)
}

fn charged(tx: &Transaction<'_>, lane: LaneName, first: u64, last: u64) -> Result<u64, SpoolError> {
    let mut select = tx.prepare_cached(
        "SELECT count(*), coalesce(sum(length(bytes)), 0) FROM events
         WHERE lane = ?1 AND position BETWEEN ?2 AND ?3",
    )?;
    let (count, bytes): (u64, u64) = select.query_row(params![lane.index(), first, last], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(count * charge(0) + bytes)
}

/// Drops the oldest events behind `after` until so many bytes are free, or none is left; what goes is written
/// down in the same transaction. Returns what was freed.
pub(super) fn drop_oldest(
    tx: &Transaction<'_>,
    lane: LaneName,
    after: u64,
    bytes: u64,
    reason: &str,
) -> Result<u64, SpoolError> {
    let mut freed = 0;
    while freed < bytes {
        let (run_bytes, run) = oldest_run(tx, lane, after, bytes - freed)?;
        let Some((range, counts)) = run else { break };
        tx.prepare_cached("DELETE FROM events WHERE lane = ?1 AND position BETWEEN ?2 AND ?3")?
            .execute(params![lane.index(), range.start(), range.end()])?;
        let dropped = Dropped {
            first: *range.start(),
            last: *range.end(),
            reason: reason.to_owned(),
            counts,
        };
        write_dropped(tx, lane, after, dropped)?;
        freed += run_bytes;
    }
    Ok(freed)
}

/// Positions without a hole, and how many of each kind stand there.
type Run = (RangeInclusive<u64>, BTreeMap<String, u64>);

/// The oldest events behind `after` up to the next hole (which is a gap already written down), and at most so
/// many that they free `bytes`.
fn oldest_run(
    tx: &Transaction<'_>,
    lane: LaneName,
    after: u64,
    bytes: u64,
) -> Result<(u64, Option<Run>), SpoolError> {
    let mut select = tx.prepare_cached(
        "SELECT position, kind, length(bytes) FROM events WHERE lane = ?1 AND position > ?2 ORDER BY position",
    )?;
    let mut rows = select.query(params![lane.index(), after])?;
    let (mut freed, mut run): (u64, Option<Run>) = (0, None);
    while freed < bytes
        && let Some(row) = rows.next()?
    {
        let position: u64 = row.get(0)?;
        let (range, counts) = run.get_or_insert((position..=position, BTreeMap::new()));
        if position > range.end() + 1 {
            break;
        }
        *range = *range.start()..=position;
        *counts.entry(row.get(1)?).or_insert(0) += 1;
        freed += charge(row.get(2)?);
    }
    Ok((freed, run))
}

/// Writes a dropped range down, joined with the one right before it if that has not been handed out.
pub(super) fn write_dropped(
    tx: &Transaction<'_>,
    lane: LaneName,
    handed: u64,
    mut dropped: Dropped,
) -> Result<(), SpoolError> {
    let before = tx
        .prepare_cached(
            "SELECT first, last, reason, counts FROM gaps
             WHERE lane = ?1 AND last = ?2 AND first > ?3 AND reason = ?4",
        )?
        .query_row(
            params![lane.index(), dropped.first - 1, handed, dropped.reason],
            dropped_from_row,
        )
        .optional()?;
    if let Some(before) = before {
        dropped.first = before.first;
        for (kind, count) in before.counts {
            *dropped.counts.entry(kind).or_insert(0) += count;
        }
    }
    let counts = serde_json::to_string(&dropped.counts).expect("texts and numbers can be written as JSON");
    tx.prepare_cached(
        "INSERT OR REPLACE INTO gaps (lane, first, last, reason, counts) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        lane.index(),
        dropped.first,
        dropped.last,
        dropped.reason,
        counts
    ])?;
    Ok(())
}
