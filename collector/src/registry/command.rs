//! Commands to agents: rows that the collector holding the connection fetches, sends and finishes.

use serde_json::Value;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::storable;
use super::query::json;
use super::{Registry, Result, Transaction, next_id, policy};
use crate::entry::HostId;

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Its number; on the wire, as text, its id.
    pub id: i64,
    /// Who is to carry it out.
    pub host: HostId,
    /// What to do: `rescan`.
    pub kind: String,
    /// With what.
    pub parameters: Value,
    /// When it was given.
    pub created_ms: i64,
    /// Not after this.
    pub expires_ms: i64,
    /// By whom.
    pub created_by: String,
    /// When it was sent last.
    pub sent_ms: Option<i64>,
    /// When its result arrived.
    pub finished_ms: Option<i64>,
    /// Whether it was carried out; `None` as long as nobody knows.
    pub done: Option<bool>,
    /// What happened.
    pub detail: String,
}

/// What is to be known of a new command.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCommand {
    /// Who is to carry it out.
    pub host: HostId,
    /// What to do.
    pub kind: String,
    /// With what.
    pub parameters: Value,
    /// Not after this.
    pub expires_ms: i64,
    /// By whom.
    pub created_by: String,
}

const COLUMNS: &str = "id, host_id, kind, parameters, created_ms, expires_ms, created_by, sent_ms, finished_ms, \
    done, detail";

fn from_row(row: &AnyRow) -> Result<Command> {
    Ok(Command {
        id: row.try_get("id")?,
        host: HostId(row.try_get("host_id")?),
        kind: row.try_get("kind")?,
        parameters: json(row, "parameters")?,
        created_ms: row.try_get("created_ms")?,
        expires_ms: row.try_get("expires_ms")?,
        created_by: row.try_get("created_by")?,
        sent_ms: row.try_get("sent_ms")?,
        finished_ms: row.try_get("finished_ms")?,
        done: row.try_get::<Option<i64>, _>("done")?.map(|done| done != 0),
        detail: row.try_get("detail")?,
    })
}

/// Gives a command.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, new: &NewCommand, now_ms: i64) -> Result<i64> {
    let id = next_id(tx, "commands").await?;
    sqlx::query(
        "INSERT INTO commands (id, host_id, kind, parameters, created_ms, expires_ms, created_by) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(id)
    .bind(new.host.0)
    .bind(new.kind.clone())
    .bind(new.parameters.to_string())
    .bind(now_ms)
    .bind(new.expires_ms)
    .bind(new.created_by.clone())
    .execute(&mut **tx)
    .await?;
    policy::bump_revision(tx).await?;
    Ok(id)
}

/// The commands that an agent of this host has yet to answer, the oldest first. A command that was sent
/// before the connection was lost is among them: carrying it out twice is harmless.
///
/// # Errors
/// When the database fails.
pub async fn pending_of(registry: &Registry, host: HostId, now_ms: i64) -> Result<Vec<Command>> {
    let statement = format!(
        "SELECT {COLUMNS} FROM commands WHERE host_id = $1 AND finished_ms IS NULL AND expires_ms > $2 ORDER BY id"
    );
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(host.0)
        .bind(now_ms)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// The latest commands of a host, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_host(registry: &Registry, host: HostId, limit: i64) -> Result<Vec<Command>> {
    let statement = format!("SELECT {COLUMNS} FROM commands WHERE host_id = $1 ORDER BY id DESC LIMIT $2");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(host.0)
        .bind(limit)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// A command was sent.
///
/// # Errors
/// When the database fails.
pub async fn mark_sent(tx: &mut Transaction, id: i64, now_ms: i64) -> Result<()> {
    sqlx::query("UPDATE commands SET sent_ms = $2 WHERE id = $1")
        .bind(id)
        .bind(now_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// A command was answered; only the first answer of the host it was given to counts.
///
/// # Errors
/// When the database fails.
pub async fn finish(
    tx: &mut Transaction,
    host: HostId,
    id: i64,
    done: bool,
    detail: &str,
    now_ms: i64,
) -> Result<()> {
    sqlx::query(
        "UPDATE commands SET finished_ms = $3, done = $4, detail = $5 \
         WHERE id = $1 AND host_id = $2 AND finished_ms IS NULL",
    )
    .bind(id)
    .bind(host.0)
    .bind(now_ms)
    .bind(i64::from(done))
    .bind(storable(detail))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
