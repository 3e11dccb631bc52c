//! A look at a spool from outside, while the agent runs or not: how much waits, and what cannot be seen here.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use serde::Serialize;

use super::SpoolError;
use vong_proto::event::Sensor;

use crate::clock;
use crate::state::{self, FIRST_LOOK_KEY, FirstLook};

/// What stands in a spool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Per lane: events that the collector does not own yet.
    pub waiting: [u64; 4],
    /// Bytes that these take.
    pub bytes: u64,
    /// How far the first look at a watched tree has come, while there is one.
    pub first_look: Option<FirstLook>,
    /// What the sensors said in this boot that they cannot see.
    pub unsupported: Vec<Unseen>,
}

/// Something that cannot be seen on this PC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// The sensor.
    pub sensor: String,
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Looks into the spool at `path`.
///
/// # Errors
/// When it is not there or cannot be read.
pub fn look(path: &Path) -> Result<Contents, SpoolError> {
    let file = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut waiting = [0; 4];
    let mut bytes = 0;
    let mut lanes = file.prepare("SELECT lane, next - 1 - acked, bytes FROM lanes")?;
    let mut rows = lanes.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(lane) = waiting.get_mut(row.get::<_, usize>(0)?) {
            *lane = row.get(1)?;
        }
        bytes += row.get::<_, u64>(2)?;
    }
    let mut first_look = file.prepare("SELECT value FROM sensor_state WHERE sensor = ?1 AND key = ?2")?;
    let first_look: Option<Vec<u8>> = first_look
        .query_row(params![state::number(Sensor::Files), FIRST_LOOK_KEY], |row| {
            row.get(0)
        })
        .optional()?;
    let mut unsupported =
        file.prepare("SELECT sensor, what, why FROM unsupported WHERE boot = ?1 ORDER BY sensor, what")?;
    let unseen = unsupported.query_map([clock::boot_id().0], |row| {
        Ok(Unseen {
            sensor: row.get(0)?,
            what: row.get(1)?,
            why: row.get(2)?,
        })
    })?;
    Ok(Contents {
        waiting,
        bytes,
        first_look: first_look.and_then(|value| FirstLook::decode(&value)),
        unsupported: unseen.collect::<Result<_, _>>()?,
    })
}
