//! What a sensor remembers, read back: baselines and bookmarks, which lie in the spool's file so that
//! they change in one transaction with the events that they explain.
//!
//! Each sensor reads through a connection of its own; the file's write-ahead log lets it read while the
//! spool writes. It sees what is committed: a sensor that must see its own change waits for it with
//! [`Reports::commit`](crate::report::Reports::commit).

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use vong_proto::event::Sensor;

/// A checkpoint may hold the file this long at most; readers are otherwise never held up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The page cache of one reader, KiB: pages of keys in order need hardly any.
const CACHE_KIB: i64 = 256;

/// The key of the files sensor under which stands how far its first look has come, while there is one.
pub const FIRST_LOOK_KEY: &[u8] = b"\xfffirst_look";

/// How far the first look at a watched tree has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstLook {
    /// The tree.
    pub root: String,
    /// Files that were met so far.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl FirstLook {
    /// As it is kept.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and text can be written as JSON")
    }

    /// What was kept, if it can be read.
    pub fn decode(value: &[u8]) -> Option<FirstLook> {
        serde_json::from_slice(value).ok()
    }
}

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A read-only view of what sensors remember; one for each thread.
#[derive(Debug)]
pub struct StateReader(Connection);

/// Memory could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the sensors' memory in the spool")]
pub struct StateError(#[from] rusqlite::Error);

impl StateReader {
    /// Opens the spool's file, which the spool has made before any sensor starts.
    ///
    /// # Errors
    /// When it is not there or is not a spool.
    pub fn open(spool: &Path) -> Result<Self, StateError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(spool, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(Self(connection))
    }

    /// The value of one key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn get(&self, sensor: Sensor, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        let mut select = self
            .0
            .prepare_cached("SELECT value FROM sensor_state WHERE sensor = ?1 AND key = ?2")?;
        Ok(select
            .query_row(params![number(sensor), key], |row| row.get(0))
            .optional()?)
    }

    /// At most `limit` pairs in the order of their keys (as bytes), beginning behind `after`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn page(&self, sensor: Sensor, after: Option<&[u8]>, limit: usize) -> Result<Vec<Pair>, StateError> {
        // The empty key stands before all others, and no sensor uses it.
        let after = after.unwrap_or_default();
        let mut select = self.0.prepare_cached(
            "SELECT key, value FROM sensor_state WHERE sensor = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
        )?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map(params![number(sensor), after, limit], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// How a sensor is named in the file; numbers are never reused.
pub fn number(sensor: Sensor) -> i64 {
    match sensor {
        Sensor::Files => 1,
        Sensor::Antivirus => 2,
        Sensor::Network => 3,
        Sensor::Presence => 4,
        Sensor::Tripwire => 5,
    }
}
