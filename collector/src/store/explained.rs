//! What one cause explains, as runs: changes of files that follow each other within ten minutes are one.

use clickhouse::Row;
use serde::Deserialize;

use super::query::{Conditions, MAX_ROWS, Value};
use super::row::RawBytes;
use super::{Cursor, Store, StoreError, Timeline};
use crate::scope::Scope;

/// Changes of one cause belong together while no more than this lies between one and the next.
const PAUSE_MS: i64 = 10 * 60_000;
/// So many paths of a run are named.
const PATHS_SHOWN: u32 = 3;
/// So many watches of a run are named.
const WATCHES_SHOWN: u32 = 10;

/// Changes of files with one cause, in one go.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Run {
    /// `package`, `planned`.
    pub cause_kind: String,
    /// The package, or the window's name.
    pub cause_name: String,
    /// The package's version.
    pub cause_version: String,
    /// The package manager, or who announced the window.
    pub cause_by: String,
    /// So many changes.
    pub changes: u64,
    /// When the first was, milliseconds since 1970.
    pub first_ms: i64,
    /// When the last was.
    pub last_ms: i64,
    /// Journal position of the last one's batch.
    pub last_pos: u64,
    /// Its place in the batch.
    pub last_i: u32,
    /// The watches that they fall under.
    pub watches: Vec<String>,
    /// Some of their paths.
    pub paths: Vec<RawBytes>,
}

impl Run {
    /// Its place in a list that shows the newest first: that of its last change.
    pub fn last(&self) -> Cursor {
        Cursor {
            time_ms: self.last_ms,
            pos: self.last_pos,
            i: self.last_i,
        }
    }
}

impl Store {
    /// Runs of explained changes, the newest first: of those changes that the timeline asks for, the runs whose last
    /// change follows its place. Runs are made before the place is looked at, so no page splits one.
    pub async fn explained_runs(
        &self,
        scope: &Scope,
        timeline: &Timeline,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        let explained = Timeline {
            unexplained: false,
            after: None,
            ..timeline.clone()
        };
        let mut conditions = Conditions::of_timeline(scope, &explained);
        conditions.and("cause_kind != ''", []);
        let matching = conditions.text();
        let mut following = "";
        if let Some(Cursor { time_ms, pos, i }) = timeline.after {
            following = "HAVING (last_ms, last_pos, last_i) < ({time: Int64}, {pos: UInt64}, {i: UInt32})";
            let (time, i) = (Value::Signed(time_ms), Value::Unsigned(i.into()));
            conditions.and("", [("time", time), ("pos", Value::Unsigned(pos)), ("i", i)]);
        }
        let sql = format!(
            "SELECT cause_kind, cause_name, cause_version, cause_by, count() AS changes, min(ms) AS first_ms, \
             tupleElement(max(place), 1) AS last_ms, tupleElement(max(place), 2) AS last_pos, tupleElement(max(place), 3) AS last_i, \
             arraySort(groupUniqArray({WATCHES_SHOWN})(file_watch)) AS watches, \
             groupArray({PATHS_SHOWN})(file_path) AS paths \
             FROM (SELECT *, sum(begins) OVER (cause ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run \
                   FROM (SELECT cause_kind, cause_name, cause_version, cause_by, file_watch, file_path, \
                         toUnixTimestamp64Milli(time) AS ms, (ms, pos, i) AS place, \
                         ms - lagInFrame(ms, 1, ms) OVER (PARTITION BY cause_kind, cause_name, cause_version, cause_by \
                           ORDER BY ms, pos, i ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > {PAUSE_MS} AS begins \
                         FROM events WHERE {matching}) \
                   WINDOW cause AS (PARTITION BY cause_kind, cause_name, cause_version, cause_by ORDER BY place)) \
             GROUP BY cause_kind, cause_name, cause_version, cause_by, run {following} \
             ORDER BY last_ms DESC, last_pos DESC, last_i DESC LIMIT {{limit: UInt32}}"
        );
        let query = conditions
            .bind(self.client.query(&sql))
            .param("limit", limit.min(MAX_ROWS));
        Ok(query.fetch_all().await?)
    }
}
