//! The ledger: for each host "0 events missing", or the exact list of what is.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use vong_proto::event::{Lane, StreamId};
use vong_proto::session::Gap;

use super::reader::{lane, number};
use super::{JournalError, bound};
use crate::entry::HostId;

/// What is known of one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLedger {
    /// Its streams.
    pub streams: Vec<StreamLedger>,
    /// What is no longer named one by one.
    pub forgotten: HostTotals,
}

/// What is known of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamLedger {
    /// The stream.
    pub stream: StreamId,
    /// Its lanes, by number; lanes that never carried anything stand at 0.
    pub lanes: Vec<LaneLedger>,
}

/// What is known of one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneLedger {
    /// The lane.
    pub lane: Lane,
    /// The last number owned or declared missing.
    pub high_water: u64,
    /// Events that this collector keeps but cannot read.
    pub opaque: u64,
    /// Events that the store refused for good.
    pub set_aside: u64,
    /// What is missing.
    pub gaps: Vec<NamedGap>,
}

/// A range of missing numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedGap {
    /// First missing number.
    pub first: u64,
    /// Last missing number.
    pub last: u64,
    /// Why.
    pub reason: String,
    /// How many of each kind, as far as known.
    pub counts: BTreeMap<String, u64>,
    /// When the collector learned of it, milliseconds since 1970.
    pub at_ms: i64,
}

impl NamedGap {
    /// So many events are missing.
    pub fn missing(&self) -> u64 {
        self.last + 1 - self.first
    }

    pub(super) fn from_gap(gap: &Gap, at_ms: i64) -> NamedGap {
        NamedGap {
            first: gap.first,
            last: gap.last,
            reason: gap.reason.clone(),
            counts: gap.counts.clone(),
            at_ms,
        }
    }

    pub(super) fn into_gap(self, lane: Lane) -> Gap {
        Gap {
            lane,
            first: self.first,
            last: self.last,
            reason: self.reason,
            counts: self.counts,
        }
    }
}

/// What is missing of one host, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostTotals {
    /// The host.
    pub host: HostId,
    /// Events that are gone.
    pub missing: u64,
    /// Events kept that this collector cannot read.
    pub opaque: u64,
    /// Events that the store refused for good.
    pub set_aside: u64,
}

pub(super) fn of_host(connection: &Connection, host: HostId) -> Result<HostLedger, JournalError> {
    Ok(HostLedger {
        streams: streams(connection, host)?,
        forgotten: bound::forgotten(connection, host)?,
    })
}

fn streams(connection: &Connection, host: HostId) -> Result<Vec<StreamLedger>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT stream, lane, high_water, opaque,
                (SELECT count(*) FROM set_aside s WHERE s.stream = m.stream AND s.lane = m.lane)
         FROM marks m WHERE host = ?1 ORDER BY stream, lane",
    )?;
    let mut rows = statement.query([host.0])?;
    let mut streams: Vec<StreamLedger> = Vec::new();
    while let Some(row) = rows.next()? {
        let stream = StreamId(row.get(0)?);
        let lane = lane(row, 1)?;
        let ledger = LaneLedger {
            lane,
            high_water: number(row, 2)?,
            opaque: number(row, 3)?,
            set_aside: number(row, 4)?,
            gaps: gaps(connection, stream, lane)?,
        };
        match streams.last_mut() {
            Some(last) if last.stream == stream => last.lanes.push(ledger),
            _ => streams.push(StreamLedger {
                stream,
                lanes: vec![ledger],
            }),
        }
    }
    Ok(streams)
}

fn gaps(connection: &Connection, stream: StreamId, lane: Lane) -> Result<Vec<NamedGap>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT first, last, reason, counts, at_ms FROM gaps WHERE stream = ?1 AND lane = ?2 ORDER BY first",
    )?;
    let mut rows = statement.query(params![stream.0, lane as u32])?;
    let mut gaps = Vec::new();
    while let Some(row) = rows.next()? {
        gaps.push(NamedGap {
            first: number(row, 0)?,
            last: number(row, 1)?,
            reason: row.get(2)?,
            counts: serde_json::from_str(&row.get::<_, String>(3)?).unwrap_or_default(),
            at_ms: row.get(4)?,
        });
    }
    Ok(gaps)
}

pub(super) fn totals(connection: &Connection) -> Result<Vec<HostTotals>, JournalError> {
    let mut statement = connection.prepare_cached(
        "SELECT host, min(sum(missing), ?1), min(sum(opaque), ?1), min(sum(aside), ?1) FROM (
             SELECT host, last + 1 - first AS missing, 0 AS opaque, 0 AS aside FROM gaps
             UNION ALL SELECT host, 0, opaque, 0 FROM marks WHERE opaque > 0
             UNION ALL SELECT host, 0, 0, 1 FROM set_aside
             UNION ALL SELECT host, min(missing, ?1), min(opaque, ?1), min(set_aside, ?1) FROM forgotten
         ) GROUP BY host ORDER BY host",
    )?;
    let totals = statement.query_map([bound::SUM_MAX], |row| {
        Ok(HostTotals {
            host: HostId(row.get(0)?),
            missing: number(row, 1)?,
            opaque: number(row, 2)?,
            set_aside: number(row, 3)?,
        })
    })?;
    Ok(totals.collect::<Result<_, _>>()?)
}
