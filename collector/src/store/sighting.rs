//! Where a content has been seen.

use clickhouse::Row;
use serde::Deserialize;

use super::query::{Conditions, MAX_ROWS, Value};
use super::row::RawBytes;
use super::{Store, StoreError};
use crate::scope::Scope;

/// A path of a host at which a content has been seen.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Sighting {
    /// The host.
    pub host: i64,
    /// The path.
    pub path: RawBytes,
    /// When first, milliseconds since 1970.
    pub first_ms: i64,
    /// When last.
    pub last_ms: i64,
    /// In so many events.
    pub events: u64,
}

impl Store {
    /// Where a content has been seen, the latest first.
    pub async fn sightings(
        &self,
        scope: &Scope,
        sha256: &[u8; 32],
        limit: u32,
    ) -> Result<Vec<Sighting>, StoreError> {
        let mut conditions = Conditions::within(scope);
        conditions.and(
            "file_sha256 = unhex({sha256: String})",
            [("sha256", Value::Text(hex::encode(sha256)))],
        );
        let sql = format!(
            "SELECT host, file_path AS path, min(toUnixTimestamp64Milli(time)) AS first_ms, \
             max(toUnixTimestamp64Milli(time)) AS last_ms, count() AS events FROM events WHERE {} \
             GROUP BY host, path ORDER BY last_ms DESC, host, path LIMIT {{limit: UInt32}}",
            conditions.text()
        );
        let query = conditions
            .bind(self.client.query(&sql))
            .param("limit", limit.min(MAX_ROWS));
        Ok(query.fetch_all().await?)
    }
}
