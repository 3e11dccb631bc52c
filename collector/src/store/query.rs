//! Every question that may be asked about events. Each takes a [`Scope`], and values only ever travel as
//! parameters, never as part of the statement.

use clickhouse::query::Query;
use clickhouse::{Row, RowOwned, RowRead};
use serde::{Deserialize, Serialize};

use super::row::{EventRow, SampleRow, fold};
use super::{Store, StoreError};
use crate::entry::HostId;
use crate::scope::Scope;

/// No answer is longer, whatever was asked for.
pub(super) const MAX_ROWS: u32 = 1_000;
const NEWEST_FIRST: &str = "ORDER BY time DESC, pos DESC, i DESC";

/// Which events a list shows; `Default` shows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Only this host's.
    pub host: Option<HostId>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only with this text in their path, without regard to case and accents.
    pub text: Option<String>,
    /// Only under this watch.
    pub watch: Option<String>,
    /// Only explained by what has this name.
    pub cause_name: Option<String>,
    /// Only explained by a package of this version.
    pub cause_version: Option<String>,
    /// Only what nothing explains.
    pub unexplained: bool,
    /// Only from this moment on, milliseconds since 1970.
    pub from_ms: Option<i64>,
    /// Only before this moment.
    pub to_ms: Option<i64>,
    /// Only what follows this row in the list: the next page.
    pub after: Option<Cursor>,
}

/// Which events are followed; `Default` follows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail {
    /// Only this host's.
    pub host: Option<HostId>,
    /// Only of this kind.
    pub kind: Option<String>,
}

/// A row's place in a list that shows the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// Its time.
    pub time_ms: i64,
    /// Its journal position.
    pub pos: u64,
    /// Its place in its batch.
    pub i: u32,
}

impl Cursor {
    /// The place of a row, to ask for what follows it.
    pub fn of(row: &EventRow) -> Self {
        Self {
            time_ms: row.time,
            pos: row.pos,
            i: row.i,
        }
    }

    /// What its list is sorted by, the newest last.
    pub fn order(self) -> (i64, u64, u32) {
        (self.time_ms, self.pos, self.i)
    }
}

/// How many events an hour had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct HourCount {
    /// The hour's beginning, milliseconds since 1970.
    pub hour_ms: i64,
    /// Events received in it.
    pub events: u64,
}

impl Store {
    /// Events, the newest first.
    pub async fn timeline(
        &self,
        scope: &Scope,
        timeline: &Timeline,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut conditions = Conditions::of_timeline(scope, timeline);
        if let Some(Cursor { time_ms, pos, i }) = timeline.after {
            let text =
                "(time, pos, i) < (fromUnixTimestamp64Milli({time: Int64}), {pos: UInt64}, {i: UInt32})";
            let (time, i) = (Value::Signed(time_ms), Value::Unsigned(i.into()));
            conditions.and(text, [("time", time), ("pos", Value::Unsigned(pos)), ("i", i)]);
        }
        self.events(conditions, NEWEST_FIRST, limit).await
    }

    /// The event at a journal position and place in its batch.
    pub async fn event(&self, scope: &Scope, pos: u64, i: u32) -> Result<Option<EventRow>, StoreError> {
        let mut conditions = Conditions::within(scope);
        let (text, i) = (
            "pos = {pos: UInt64} AND i = {i: UInt32}",
            Value::Unsigned(i.into()),
        );
        conditions.and(text, [("pos", Value::Unsigned(pos)), ("i", i)]);
        Ok(self.events(conditions, "", 1).await?.pop())
    }

    /// The newest event of a kind that tells a host's whole state, such as `antivirus` or `network`.
    pub async fn latest(
        &self,
        scope: &Scope,
        host: HostId,
        kind: &str,
    ) -> Result<Option<EventRow>, StoreError> {
        let timeline = Timeline {
            host: Some(host),
            kind: Some(kind.to_owned()),
            ..Timeline::default()
        };
        Ok(self.timeline(scope, &timeline, 1).await?.pop())
    }

    /// The newest state of each of a host's probes.
    pub async fn latest_probes(&self, scope: &Scope, host: HostId) -> Result<Vec<EventRow>, StoreError> {
        let order = "ORDER BY probe_name, time DESC, pos DESC, i DESC LIMIT 1 BY probe_name";
        self.events(Conditions::of_kind(scope, host, "probe_state"), order, MAX_ROWS)
            .await
    }

    /// What a host's sensors have said that they cannot see, each thing once, as last said.
    pub async fn latest_unsupported(&self, scope: &Scope, host: HostId) -> Result<Vec<EventRow>, StoreError> {
        let order = "ORDER BY time DESC, pos DESC, i DESC \
                     LIMIT 1 BY JSONExtractString(detail, 'sensor'), JSONExtractString(detail, 'what')";
        self.events(Conditions::of_kind(scope, host, "unsupported"), order, MAX_ROWS)
            .await
    }

    /// A host's samples since a moment, the oldest first.
    pub async fn samples(
        &self,
        scope: &Scope,
        host: HostId,
        from_ms: i64,
    ) -> Result<Vec<SampleRow>, StoreError> {
        let mut conditions = Conditions::of_host(scope, host);
        conditions.and(
            "time >= fromUnixTimestamp64Milli({from: Int64})",
            [("from", Value::Signed(from_ms))],
        );
        self.rows(conditions, "samples", "ORDER BY time, pos, i", MAX_ROWS)
            .await
    }

    /// Events received in each hour since a moment; hours without any are not named.
    pub async fn events_per_hour(&self, scope: &Scope, from_ms: i64) -> Result<Vec<HourCount>, StoreError> {
        let mut conditions = Conditions::within(scope);
        conditions.and(
            "received >= fromUnixTimestamp64Milli({from: Int64})",
            [("from", Value::Signed(from_ms))],
        );
        let sql = format!(
            "SELECT toInt64(toUnixTimestamp(toStartOfHour(received))) * 1000 AS hour_ms, count() AS events \
             FROM events WHERE {} GROUP BY hour_ms ORDER BY hour_ms",
            conditions.text()
        );
        Ok(conditions.bind(self.client.query(&sql)).fetch_all().await?)
    }

    /// Events that became visible after this one (journal position, place in the batch), in the order in which
    /// they did.
    pub async fn tail(
        &self,
        scope: &Scope,
        tail: &Tail,
        (pos, i): (u64, u32),
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut conditions = Conditions::of_tail(scope, tail);
        // The first condition is what the index over positions understands.
        conditions.and(
            "pos >= {pos: UInt64} AND (pos, i) > ({pos: UInt64}, {i: UInt32})",
            [("pos", Value::Unsigned(pos)), ("i", Value::Unsigned(i.into()))],
        );
        self.events(conditions, "ORDER BY pos, i", limit).await
    }

    /// Events that became visible before this one, the latest first.
    pub async fn before(
        &self,
        scope: &Scope,
        tail: &Tail,
        (pos, i): (u64, u32),
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut conditions = Conditions::of_tail(scope, tail);
        conditions.and(
            "pos <= {pos: UInt64} AND (pos, i) < ({pos: UInt64}, {i: UInt32})",
            [("pos", Value::Unsigned(pos)), ("i", Value::Unsigned(i.into()))],
        );
        self.events(conditions, "ORDER BY pos DESC, i DESC", limit).await
    }

    /// The newest event: where [`Store::tail`] begins for those who want only what comes.
    pub async fn newest(&self) -> Result<(u64, u32), StoreError> {
        let rows = self
            .events(Conditions::within(&Scope::ALL), "ORDER BY pos DESC, i DESC", 1)
            .await?;
        Ok(rows.first().map_or((0, 0), |row| (row.pos, row.i)))
    }

    /// The hosts of the events after one journal position, up to another.
    pub async fn hosts_between(&self, after: u64, through: u64) -> Result<Vec<HostId>, StoreError> {
        let mut conditions = Conditions::within(&Scope::ALL);
        conditions.and(
            "pos > {after: UInt64} AND pos <= {through: UInt64}",
            [
                ("after", Value::Unsigned(after)),
                ("through", Value::Unsigned(through)),
            ],
        );
        let sql = format!("SELECT DISTINCT host FROM events WHERE {}", conditions.text());
        let hosts: Vec<i64> = conditions.bind(self.client.query(&sql)).fetch_all().await?;
        Ok(hosts.into_iter().map(HostId).collect())
    }

    /// Where hosts belong from now on, as the registry says; `version` grows with each change.
    pub async fn set_units(&self, hosts: &[(HostId, i64)], version: u64) -> Result<(), StoreError> {
        let mut insert = self.client.insert::<HostUnit>("host_units").await?;
        for (host, unit) in hosts {
            insert
                .write(&HostUnit {
                    host: host.0,
                    unit: *unit,
                    version,
                })
                .await?;
        }
        Ok(insert.end().await?)
    }

    async fn events(
        &self,
        conditions: Conditions,
        order: &str,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.rows(conditions, "events", order, limit).await
    }

    async fn rows<R: RowOwned + RowRead>(
        &self,
        conditions: Conditions,
        table: &str,
        order: &str,
        limit: u32,
    ) -> Result<Vec<R>, StoreError> {
        let sql = format!(
            "SELECT ?fields FROM {table} WHERE {} {order} LIMIT {{limit: UInt32}}",
            conditions.text()
        );
        let query = conditions
            .bind(self.client.query(&sql))
            .param("limit", limit.min(MAX_ROWS));
        Ok(query.fetch_all().await?)
    }
}

#[derive(Row, Serialize, Deserialize)]
struct HostUnit {
    host: i64,
    unit: i64,
    version: u64,
}

/// The conditions of a statement, and the values that they name.
pub(super) struct Conditions {
    texts: Vec<&'static str>,
    values: Vec<(&'static str, Value)>,
}

/// A value, as the client writes it for the server.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Value {
    Signed(i64),
    Unsigned(u64),
    Text(String),
    List(Vec<i64>),
}

impl Conditions {
    pub(super) fn within(scope: &Scope) -> Self {
        let mut conditions = Self {
            texts: vec!["true"],
            values: Vec::new(),
        };
        if let Some(units) = &scope.units {
            let text = "host IN (SELECT host FROM host_units FINAL WHERE unit IN {units: Array(Int64)})";
            conditions.and(text, [("units", Value::List(units.clone()))]);
        }
        conditions
    }

    /// Everything that a list asks for but its place in it.
    pub(super) fn of_timeline(scope: &Scope, timeline: &Timeline) -> Self {
        let mut conditions = Conditions::within(scope);
        if let Some(host) = timeline.host {
            conditions.and("host = {host: Int64}", [("host", Value::Signed(host.0))]);
        }
        if let Some(kind) = &timeline.kind {
            conditions.and("kind = {kind: String}", [("kind", Value::Text(kind.clone()))]);
        }
        if let Some(text) = &timeline.text {
            let pattern = Value::Text(like_pattern(text));
            conditions.and("file_path_folded LIKE {pattern: String}", [("pattern", pattern)]);
        }
        let words = [
            ("file_watch = {watch: String}", "watch", &timeline.watch),
            ("cause_name = {cause: String}", "cause", &timeline.cause_name),
            (
                "cause_version = {version: String}",
                "version",
                &timeline.cause_version,
            ),
        ];
        for (condition, name, word) in words {
            if let Some(word) = word {
                conditions.and(condition, [(name, Value::Text(word.clone()))]);
            }
        }
        if timeline.unexplained {
            conditions.and("cause_kind = ''", []);
        }
        if let Some(from_ms) = timeline.from_ms {
            conditions.and(
                "time >= fromUnixTimestamp64Milli({from: Int64})",
                [("from", Value::Signed(from_ms))],
            );
        }
        if let Some(to_ms) = timeline.to_ms {
            conditions.and(
                "time < fromUnixTimestamp64Milli({to: Int64})",
                [("to", Value::Signed(to_ms))],
            );
        }
        conditions
    }

    fn of_host(scope: &Scope, host: HostId) -> Self {
        let mut conditions = Self::within(scope);
        conditions.and("host = {host: Int64}", [("host", Value::Signed(host.0))]);
        conditions
    }

    fn of_tail(scope: &Scope, tail: &Tail) -> Self {
        let mut conditions = Self::within(scope);
        if let Some(host) = tail.host {
            conditions.and("host = {host: Int64}", [("host", Value::Signed(host.0))]);
        }
        if let Some(kind) = &tail.kind {
            conditions.and("kind = {kind: String}", [("kind", Value::Text(kind.clone()))]);
        }
        conditions
    }

    fn of_kind(scope: &Scope, host: HostId, kind: &str) -> Self {
        let mut conditions = Self::of_host(scope, host);
        conditions.and("kind = {kind: String}", [("kind", Value::Text(kind.to_owned()))]);
        conditions
    }

    /// Adds a condition, or only values for what stands elsewhere in the statement.
    pub(super) fn and<const VALUES: usize>(
        &mut self,
        text: &'static str,
        values: [(&'static str, Value); VALUES],
    ) {
        if !text.is_empty() {
            self.texts.push(text);
        }
        self.values.extend(values);
    }

    pub(super) fn text(&self) -> String {
        self.texts.join(" AND ")
    }

    pub(super) fn bind(&self, query: Query) -> Query {
        self.values
            .iter()
            .fold(query, |query, (name, value)| query.param(name, value))
    }
}

/// Text that finds itself anywhere in a folded path; `%`, `_` and `\` stand for themselves.
fn like_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in fold(text).chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
