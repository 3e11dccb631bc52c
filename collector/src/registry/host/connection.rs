//! A host's connection: that it began, lives, and has ended.

use super::refold;
use crate::entry::HostId;
use crate::registry::fold::storable;
use crate::registry::{Result, Transaction};

/// How a connection presents itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The PC's name.
    pub name: String,
    /// Its operating system.
    pub os: String,
    /// The agent's version.
    pub agent_version: String,
    /// Whether the agent may see everything.
    pub privileged: bool,
    /// The running boot, as 32 hexadecimal digits.
    pub boot: String,
    /// Clock difference, collector minus PC.
    pub clock_offset_ms: i64,
}

/// An agent of the host has connected.
///
/// # Errors
/// When the database fails.
pub async fn set_connected(tx: &mut Transaction, id: HostId, as_said: &Presented, now_ms: i64) -> Result<()> {
    sqlx::query(
        "UPDATE hosts SET connected = 1, connected_since_ms = $2, last_seen_ms = $2, said_goodbye = 0, name = $3, \
         os = $4, agent_version = $5, privileged = $6, boot = $7, clock_offset_ms = $8 WHERE id = $1",
    )
    .bind(id.0)
    .bind(now_ms)
    .bind(storable(&as_said.name))
    .bind(storable(&as_said.os))
    .bind(storable(&as_said.agent_version))
    .bind(i64::from(as_said.privileged))
    .bind(storable(&as_said.boot))
    .bind(as_said.clock_offset_ms)
    .execute(&mut **tx)
    .await?;
    refold(tx, id).await
}

/// The host's connection has ended, properly or not.
///
/// # Errors
/// When the database fails.
pub async fn set_disconnected(
    tx: &mut Transaction,
    id: HostId,
    said_goodbye: bool,
    now_ms: i64,
) -> Result<()> {
    sqlx::query("UPDATE hosts SET connected = 0, last_seen_ms = $2, said_goodbye = $3 WHERE id = $1")
        .bind(id.0)
        .bind(now_ms)
        .bind(i64::from(said_goodbye))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// These hosts were heard: some hundred at most, in one statement.
///
/// # Errors
/// When the database fails.
pub async fn touch_seen(tx: &mut Transaction, heard: &[(HostId, i64)]) -> Result<()> {
    let values: Vec<String> = (1..=heard.len())
        .map(|row| format!("(${}, ${})", 2 * row - 1, 2 * row))
        .collect();
    let statement = format!(
        "UPDATE hosts SET last_seen_ms = heard.column2 FROM (VALUES {}) AS heard \
         WHERE hosts.id = heard.column1 AND COALESCE(hosts.last_seen_ms, 0) < heard.column2",
        values.join(", ")
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(statement));
    let bound = heard
        .iter()
        .fold(query, |query, (host, at_ms)| query.bind(host.0).bind(*at_ms));
    bound.execute(&mut **tx).await?;
    Ok(())
}

/// Forgets all connections: after a start, none of those in the rows exists.
///
/// # Errors
/// When the database fails.
pub async fn reset_connections(tx: &mut Transaction) -> Result<()> {
    sqlx::query("UPDATE hosts SET connected = 0 WHERE connected = 1")
        .execute(&mut **tx)
        .await?;
    Ok(())
}
