//! Exceptions: PCs that may lawfully be uncovered for a while, each with author, reason and end.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::{fold, storable};
use super::pc::{current, holds_now};
use super::query::{Page, Paged, Statement, containing, flag, parsed, word};
use super::{Registry, Result, Transaction, next_id};
use crate::entry::HostId;
use crate::scope::Scope;

/// What allows a PC to be an exception.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// A rule forbids it any network.
    OfflineRule,
    /// It is a tablet or a kiosk.
    TabletKiosk,
    /// No agent or antivirus exists for its system.
    Unsupported,
    /// It is out of use and waits to be taken from the register.
    Retired,
}

/// What an exception is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A line of the register.
    Asset(i64),
    /// A host.
    Host(HostId),
}

/// A new exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewException {
    /// What it is for.
    pub subject: Subject,
    /// What allows it.
    pub kind: ExceptionKind,
    /// Why.
    pub reason: String,
    /// Its author.
    pub created_by: String,
    /// When it ends.
    pub ends_ms: i64,
}

/// An exception with the PC it is for.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedException {
    /// Its number.
    pub id: i64,
    /// The register's line that it is for.
    pub asset_id: Option<i64>,
    /// The host that it is for, or that its line is joined to.
    pub host_id: Option<HostId>,
    /// The PC's name.
    pub name: String,
    /// Its asset number.
    pub asset_number: String,
    /// Where it stands.
    pub place: String,
    /// The unit it counts at.
    pub unit_id: i64,
    /// That unit's name.
    pub unit_name: String,
    /// What allows it.
    pub kind: ExceptionKind,
    /// Why.
    pub reason: String,
    /// Its author.
    pub created_by: String,
    /// When it was made.
    pub created_ms: i64,
    /// When it ends.
    pub ends_ms: i64,
    /// When it was ended early.
    pub ended_ms: Option<i64>,
    /// By whom; empty when it was not.
    pub ended_by: String,
    /// Whether it holds now.
    pub current: bool,
}

/// Which exceptions; `None` means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExceptionFilter {
    /// Of PCs of these units.
    pub units: Option<Vec<i64>>,
    /// Only those that hold now, or only those that do not.
    pub current: Option<bool>,
    /// Of the exceptions of one PC that hold now, only the one made last: a host that had one may be joined to a line
    /// that has one too.
    pub one_per_pc: bool,
    /// Of PCs whose name, asset number or place contains this, however it is typed.
    pub search: Option<String>,
}

/// One page of exceptions, the newest first.
///
/// # Errors
/// When the database fails, or the cursor is not one of ours.
pub async fn list(
    registry: &Registry,
    scope: &Scope,
    filter: &ExceptionFilter,
    now_ms: i64,
    page: &Page,
) -> Result<Paged<ListedException>> {
    let mut statement = Statement::new(
        "SELECT e.id AS id, e.asset_id AS asset_id, h.id AS host_id, COALESCE(h.name, a.name) AS name, \
         COALESCE(NULLIF(h.asset_number, ''), a.asset_number, '') AS asset_number, \
         COALESCE(NULLIF(h.place, ''), a.place, '') AS place, u.id AS unit_id, u.name AS unit_name, e.kind AS kind, \
         e.reason AS reason, e.created_by AS created_by, e.created_ms AS created_ms, e.ends_ms AS ends_ms, \
         e.ended_ms AS ended_ms, e.ended_by AS ended_by, CASE WHEN ",
    );
    current(&mut statement, now_ms);
    statement.sql(" THEN 1 ELSE 0 END AS current").sql(FROM);
    narrow(&mut statement, scope, filter, now_ms);
    if let Some((_, id)) = page.position::<i64>()? {
        statement.sql(" AND e.id < ").bind(id);
    }
    statement.sql(" ORDER BY e.id DESC LIMIT ").bind(page.limit() + 1);
    let rows = statement.query().fetch_all(registry.readers()).await?;
    let exceptions = rows.iter().map(from_row).collect::<Result<_>>()?;
    Ok(Paged::of(exceptions, page.limit(), |it: &ListedException| {
        (it.id, it.id)
    }))
}

/// How many exceptions a filter finds.
///
/// # Errors
/// When the database fails.
pub async fn count(registry: &Registry, scope: &Scope, filter: &ExceptionFilter, now_ms: i64) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*)");
    statement.sql(FROM);
    narrow(&mut statement, scope, filter, now_ms);
    let row = statement.query().fetch_one(registry.readers()).await?;
    Ok(row.try_get(0)?)
}

/// The unit at which an exception's PC counts; `None` when there is no such exception.
///
/// # Errors
/// When the database fails.
pub async fn unit_of(registry: &Registry, id: i64) -> Result<Option<i64>> {
    let mut statement = Statement::new("SELECT u.id");
    statement.sql(FROM).sql(" AND e.id = ").bind(id);
    let row = statement.query().fetch_optional(registry.readers()).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// Whether a PC, known by its line or its host, has a current exception.
///
/// # Errors
/// When the database fails.
pub async fn holds(tx: &mut Transaction, subject: Subject, now_ms: i64) -> Result<bool> {
    let mut statement =
        Statement::new("SELECT COUNT(*) FROM exceptions e LEFT JOIN assets a ON a.removed_ms IS NULL AND ");
    match subject {
        Subject::Asset(asset) => {
            statement.sql("a.id = ").bind(asset);
            statement.sql(" WHERE (e.asset_id = ").bind(asset);
            statement.sql(" OR e.host_id = a.host_id) AND ");
        }
        Subject::Host(host) => {
            statement.sql("a.host_id = ").bind(host.0);
            statement.sql(" WHERE (e.host_id = ").bind(host.0);
            statement.sql(" OR e.asset_id = a.id) AND ");
        }
    }
    current(&mut statement, now_ms);
    let found: i64 = statement.query().fetch_one(&mut **tx).await?.try_get(0)?;
    Ok(found > 0)
}

/// Makes an exception.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, new: &NewException, now_ms: i64) -> Result<i64> {
    let id = next_id(tx, "exceptions").await?;
    let (asset, host) = match new.subject {
        Subject::Asset(asset) => (Some(asset), None),
        Subject::Host(host) => (None, Some(host.0)),
    };
    sqlx::query(
        "INSERT INTO exceptions (id, asset_id, host_id, kind, reason, created_by, created_ms, ends_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(id)
    .bind(asset)
    .bind(host)
    .bind(word(new.kind))
    .bind(storable(&new.reason))
    .bind(storable(&new.created_by))
    .bind(now_ms)
    .bind(new.ends_ms)
    .execute(&mut **tx)
    .await?;
    Ok(id)
}

/// Ends an exception before its time; whether it still held.
///
/// # Errors
/// When the database fails.
pub async fn end(tx: &mut Transaction, id: i64, by: &str, now_ms: i64) -> Result<bool> {
    let ended = sqlx::query(
        "UPDATE exceptions SET ended_ms = $2, ended_by = $3 WHERE id = $1 AND ended_ms IS NULL AND ends_ms > $2",
    )
    .bind(id)
    .bind(now_ms)
    .bind(storable(by))
    .execute(&mut **tx)
    .await?;
    Ok(ended.rows_affected() > 0)
}

/// The PC of an exception counts where its host stands, and at its line's unit when it has no active host.
const FROM: &str = " FROM exceptions e LEFT JOIN assets a ON a.id = e.asset_id \
    LEFT JOIN hosts h ON h.id = COALESCE(e.host_id, a.host_id) AND (e.asset_id IS NULL OR h.status = 'active') \
    JOIN units u ON u.id = COALESCE(h.unit_id, a.unit_id) WHERE 1 = 1";

fn from_row(row: &AnyRow) -> Result<ListedException> {
    Ok(ListedException {
        id: row.try_get("id")?,
        asset_id: row.try_get("asset_id")?,
        host_id: row.try_get::<Option<i64>, _>("host_id")?.map(HostId),
        name: row.try_get("name")?,
        asset_number: row.try_get("asset_number")?,
        place: row.try_get("place")?,
        unit_id: row.try_get("unit_id")?,
        unit_name: row.try_get("unit_name")?,
        kind: parsed(row, "kind")?,
        reason: row.try_get("reason")?,
        created_by: row.try_get("created_by")?,
        created_ms: row.try_get("created_ms")?,
        ends_ms: row.try_get("ends_ms")?,
        ended_ms: row.try_get("ended_ms")?,
        ended_by: row.try_get("ended_by")?,
        current: flag(row, "current")?,
    })
}

fn narrow(statement: &mut Statement, scope: &Scope, filter: &ExceptionFilter, now_ms: i64) {
    for units in [&scope.units, &filter.units].into_iter().flatten() {
        statement.sql(" AND ").among("u.id", units);
    }
    if let Some(holds) = filter.current {
        statement.sql(if holds { " AND (" } else { " AND NOT (" });
        current(statement, now_ms);
        statement.sql(")");
        if holds {
            // As in the numbers: what is taken out of the register or retired is no known PC.
            statement.sql(" AND a.removed_ms IS NULL AND (a.id IS NOT NULL OR h.status = 'active')");
        }
    }
    if filter.one_per_pc {
        statement.sql(
            " AND NOT EXISTS (SELECT 1 FROM exceptions o LEFT JOIN assets l ON l.removed_ms IS NULL \
             AND (l.id = o.asset_id OR l.host_id = o.host_id) \
             LEFT JOIN hosts k ON k.id = COALESCE(o.host_id, l.host_id) AND k.status = 'active' \
             WHERE o.id > e.id AND (o.host_id IS NULL OR k.id IS NOT NULL) \
             AND (l.id = e.asset_id OR k.id = h.id) AND ",
        );
        holds_now(statement, "o", now_ms);
        statement.sql(")");
    }
    if let Some(search) = &filter.search {
        statement.sql(" AND COALESCE(h.search_folded, '') || ' ' || COALESCE(a.search_folded, '') LIKE ");
        statement.bind(containing(&fold(search))).sql(" ESCAPE '!'");
    }
}
