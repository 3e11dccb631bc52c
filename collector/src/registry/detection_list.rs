//! Detections as people ask for them: filtered, scoped, the newest first, and summed up by threat.

use sqlx::Row;
use sqlx::any::AnyRow;
use vong_proto::event::{Outcome, Remedy, Severity};

use super::fold::{fold, storable};
use super::query::{Page, Paged, Statement, containing, parsed, severity_option, word};
use super::{Registry, Result};
use crate::entry::HostId;
use crate::scope::Scope;

/// Malware that was found, with the names that go with it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedDetection {
    /// Its number.
    pub id: i64,
    /// Where.
    pub host: HostId,
    /// That host's name.
    pub host_name: String,
    /// That host's unit.
    pub unit_id: i64,
    /// That unit's name.
    pub unit_name: String,
    /// By which product.
    pub product: String,
    /// Of which vendor.
    pub vendor: String,
    /// The threat.
    pub threat: String,
    /// The vendor's category.
    pub category: String,
    /// How grave the vendor says it is.
    pub severity: Option<Severity>,
    /// The file, as text.
    pub path: String,
    /// The file's bytes as hexadecimal digits, when the text does not say it all.
    pub path_hex: String,
    /// The program that touched it.
    pub process: String,
    /// The user it was found under.
    pub user: String,
    /// SHA-256 of the file.
    pub sha256: String,
    /// What was done.
    pub action: Remedy,
    /// Whether that worked.
    pub outcome: Outcome,
    /// The vendor's own code.
    pub code: String,
    /// Where it was read.
    pub source: String,
    /// When it was found.
    pub found_ms: i64,
    /// When something was said of it last.
    pub updated_ms: i64,
    /// When it became harmless.
    pub handled_ms: Option<i64>,
    /// The event that told of it first.
    pub event_key: String,
}

/// Which detections; `None` means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetectionFilter {
    /// On hosts of these units.
    pub units: Option<Vec<i64>>,
    /// On this host.
    pub host: Option<HostId>,
    /// On active hosts only.
    pub active_only: bool,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Of exactly this threat.
    pub threat: Option<String>,
    /// Part of the threat's, the file's, the user's, the product's or the host's name.
    pub search: Option<String>,
    /// Found not before.
    pub from_ms: Option<i64>,
    /// Found before.
    pub to_ms: Option<i64>,
}

/// A threat and how much of it there was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreatCount {
    /// The threat.
    pub threat: String,
    /// Detections of it.
    pub files: i64,
    /// Of these, those made harmless.
    pub handled: i64,
    /// Hosts on which it was found.
    pub hosts: i64,
    /// When it was found last.
    pub last_ms: i64,
}

/// One page of detections, the newest first.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(
    registry: &Registry,
    scope: &Scope,
    filter: &DetectionFilter,
    page: &Page,
) -> Result<Paged<ListedDetection>> {
    let after = page.position::<i64>()?;
    let detections = read(registry, scope, filter, after, page.limit() + 1).await?;
    Ok(Paged::of(detections, page.limit(), |it| (it.found_ms, it.id)))
}

/// The newest detections that a filter finds, but no more than `limit`.
///
/// # Errors
/// When the database fails.
pub async fn first(
    registry: &Registry,
    scope: &Scope,
    filter: &DetectionFilter,
    limit: i64,
) -> Result<Vec<ListedDetection>> {
    read(registry, scope, filter, None, limit).await
}

/// How many detections a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn count(registry: &Registry, scope: &Scope, filter: &DetectionFilter) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*)");
    statement.sql(FROM);
    narrow(&mut statement, scope, filter);
    let row = statement.query().fetch_one(registry.readers()).await?;
    Ok(row.try_get(0)?)
}

/// The threats found most often among the detections that a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn threats(
    registry: &Registry,
    scope: &Scope,
    filter: &DetectionFilter,
    limit: i64,
) -> Result<Vec<ThreatCount>> {
    let mut statement = Statement::new(
        "SELECT d.threat AS threat, COUNT(*) AS files, COUNT(DISTINCT d.host_id) AS hosts, \
         MAX(d.found_ms) AS last_ms, \
         CAST(SUM(CASE WHEN d.outcome = 'succeeded' THEN 1 ELSE 0 END) AS BIGINT) AS handled",
    );
    statement.sql(FROM);
    narrow(&mut statement, scope, filter);
    statement
        .sql(" GROUP BY d.threat ORDER BY COUNT(*) DESC, d.threat LIMIT ")
        .bind(limit);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter()
        .map(|row| {
            Ok(ThreatCount {
                threat: row.try_get("threat")?,
                files: row.try_get("files")?,
                handled: row.try_get("handled")?,
                hosts: row.try_get("hosts")?,
                last_ms: row.try_get("last_ms")?,
            })
        })
        .collect()
}

const FROM: &str =
    " FROM detections d JOIN hosts h ON h.id = d.host_id JOIN units u ON u.id = h.unit_id WHERE 1 = 1";

async fn read(
    registry: &Registry,
    scope: &Scope,
    filter: &DetectionFilter,
    after: Option<(i64, i64)>,
    limit: i64,
) -> Result<Vec<ListedDetection>> {
    let mut statement = Statement::new(
        "SELECT d.id, d.host_id, d.product, d.vendor, d.threat, d.category, d.severity, d.path, d.path_hex, \
         d.process, d.user_name, d.sha256, d.action, d.outcome, d.code, d.source, d.found_ms, d.updated_ms, \
         d.handled_ms, d.event_key, h.name AS host_name, u.id AS unit_id, u.name AS unit_name",
    );
    statement.sql(FROM);
    narrow(&mut statement, scope, filter);
    if let Some((found_ms, id)) = after {
        statement.sql(" AND (d.found_ms < ").bind(found_ms);
        statement.sql(" OR (d.found_ms = ").bind(found_ms);
        statement.sql(" AND d.id < ").bind(id).sql("))");
    }
    statement
        .sql(" ORDER BY d.found_ms DESC, d.id DESC LIMIT ")
        .bind(limit);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    rows.iter().map(from_row).collect()
}

fn from_row(row: &AnyRow) -> Result<ListedDetection> {
    Ok(ListedDetection {
        id: row.try_get("id")?,
        host: HostId(row.try_get("host_id")?),
        host_name: row.try_get("host_name")?,
        unit_id: row.try_get("unit_id")?,
        unit_name: row.try_get("unit_name")?,
        product: row.try_get("product")?,
        vendor: row.try_get("vendor")?,
        threat: row.try_get("threat")?,
        category: row.try_get("category")?,
        severity: severity_option(row, "severity")?,
        path: row.try_get("path")?,
        path_hex: row.try_get("path_hex")?,
        process: row.try_get("process")?,
        user: row.try_get("user_name")?,
        sha256: row.try_get("sha256")?,
        action: parsed(row, "action")?,
        outcome: parsed(row, "outcome")?,
        code: row.try_get("code")?,
        source: row.try_get("source")?,
        found_ms: row.try_get("found_ms")?,
        updated_ms: row.try_get("updated_ms")?,
        handled_ms: row.try_get("handled_ms")?,
        event_key: row.try_get("event_key")?,
    })
}

fn narrow(statement: &mut Statement, scope: &Scope, filter: &DetectionFilter) {
    for units in [&scope.units, &filter.units].into_iter().flatten() {
        statement.sql(" AND ").among("h.unit_id", units);
    }
    if filter.active_only {
        statement.sql(" AND h.status = 'active'");
    }
    if let Some(host) = filter.host {
        statement.sql(" AND d.host_id = ").bind(host.0);
    }
    if let Some(outcome) = filter.outcome {
        statement.sql(" AND d.outcome = ").bind(word(outcome));
    }
    if let Some(threat) = &filter.threat {
        statement.sql(" AND d.threat = ").bind(storable(threat));
    }
    if let Some(from_ms) = filter.from_ms {
        statement.sql(" AND d.found_ms >= ").bind(from_ms);
    }
    if let Some(to_ms) = filter.to_ms {
        statement.sql(" AND d.found_ms < ").bind(to_ms);
    }
    if let Some(search) = &filter.search {
        // What came from the PC is not kept folded; without accents it is found in any case of letters.
        let pattern = containing(&search.to_lowercase());
        let columns = ["d.threat", "d.path", "d.user_name", "d.product"];
        statement.sql(" AND (h.search_folded LIKE ");
        statement.bind(containing(&fold(search))).sql(" ESCAPE '!'");
        for column in columns {
            statement.sql(&format!(" OR LOWER({column}) LIKE "));
            statement.bind(pattern.clone()).sql(" ESCAPE '!'");
        }
        statement.sql(")");
    }
}
