//! Commands to agents: rows that the collector holding the connection fetches, sends and finishes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::fold::storable;
use super::query::{Statement, json};
use super::{Registry, Result, Transaction, next_id, next_ids, policy};
use crate::entry::HostId;

/// One command.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Its number; on the wire, as text, its id.
    pub id: i64,
    /// Who is to carry it out.
    pub host: HostId,
    /// What to do, as [`Order::kind`] names it.
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
    /// Numbers that belong to the answer, such as how many files were scanned.
    pub counts: BTreeMap<String, u64>,
}

/// What hosts can be told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Look again at everything below one watch; an empty name is all of them.
    Rescan {
        /// The watch's name in the policy.
        watch: String,
    },
    /// Let the antivirus bring its definitions up to date.
    UpdateSignatures {
        /// Given up after this time, in seconds.
        limit_s: u32,
    },
    /// Let the antivirus look at where malware usually lands.
    QuickScan {
        /// Given up after this time, in seconds.
        limit_s: u32,
    },
}

/// A command that reached nobody within this time has lapsed: who ordered it looks again, and orders again.
const LIFE_MS: i64 = 24 * 3_600_000;

impl Order {
    /// Definitions come over a thin line in a quarter of an hour.
    pub const UPDATE_LIMIT_S: u32 = 900;
    /// An old PC scans its users' folders in two hours.
    pub const SCAN_LIMIT_S: u32 = 7_200;

    /// The name under which it is kept.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Rescan { .. } => "rescan",
            Self::UpdateSignatures { .. } => "update_signatures",
            Self::QuickScan { .. } => "quick_scan",
        }
    }

    /// What it is to be done with.
    pub fn parameters(&self) -> Value {
        match self {
            Self::Rescan { watch } => json!({ "watch": watch }),
            Self::UpdateSignatures { limit_s } | Self::QuickScan { limit_s } => json!({ "limit_s": limit_s }),
        }
    }

    /// The command that tells a host to do it.
    pub fn to(&self, host: HostId, by: &str, now_ms: i64) -> NewCommand {
        NewCommand {
            host,
            kind: self.kind().to_owned(),
            parameters: self.parameters(),
            expires_ms: now_ms + LIFE_MS,
            created_by: by.to_owned(),
        }
    }
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
    done, detail, counts";

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
        counts: json(row, "counts")?,
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

/// Gives the same command to every active host of these units, if there are no more than `hosts_max`; how many they
/// are.
///
/// # Errors
/// When the database fails.
pub async fn insert_for_units(
    tx: &mut Transaction,
    units: &[i64],
    order: &Order,
    by: &str,
    now_ms: i64,
    hosts_max: i64,
) -> Result<i64> {
    let mut statement = Statement::new("SELECT COUNT(*) FROM hosts h WHERE h.status = 'active' AND ");
    statement.among("h.unit_id", units);
    let hosts: i64 = statement.query().fetch_one(&mut **tx).await?.try_get(0)?;
    if hosts == 0 || hosts > hosts_max {
        return Ok(hosts);
    }
    let before = next_ids(tx, "commands", hosts).await?;
    let mut statement = Statement::new(
        "INSERT INTO commands (id, host_id, kind, parameters, created_ms, expires_ms, created_by) SELECT ",
    );
    statement
        .bind(before)
        .sql(" + ROW_NUMBER() OVER (ORDER BY h.id), h.id, ");
    statement.bind(order.kind().to_owned()).sql(", ");
    statement.bind(order.parameters().to_string()).sql(", ");
    statement.bind(now_ms).sql(", ").bind(now_ms + LIFE_MS).sql(", ");
    statement
        .bind(storable(by))
        .sql(" FROM hosts h WHERE h.status = 'active' AND ");
    statement.among("h.unit_id", units);
    statement.query().execute(&mut **tx).await?;
    policy::bump_revision(tx).await?;
    Ok(hosts)
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
    counts: &BTreeMap<String, u64>,
    now_ms: i64,
) -> Result<()> {
    sqlx::query(
        "UPDATE commands SET finished_ms = $3, done = $4, detail = $5, counts = $6 \
         WHERE id = $1 AND host_id = $2 AND finished_ms IS NULL",
    )
    .bind(id)
    .bind(host.0)
    .bind(now_ms)
    .bind(i64::from(done))
    .bind(storable(detail))
    .bind(storable(&json!(counts).to_string()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
