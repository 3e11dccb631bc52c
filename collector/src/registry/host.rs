//! Hosts: the PCs themselves. A host outlives its agents, its name and its installation.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;
use vong_proto::session::Fingerprint;

use super::fold::{fold, storable};
use super::query::{flag, json, json_option, parsed, parsed_option, word};
use super::{Registry, Result, Transaction, fingerprint, next_id, policy};
use crate::entry::{CloneSign, HostId};

mod connection;

pub use self::connection::{Presented, reset_connections, set_connected, set_disconnected, touch_seen};

/// One PC.
#[derive(Clone, Debug, PartialEq)]
pub struct Host {
    /// Its number.
    pub id: HostId,
    /// The unit it belongs to.
    pub unit_id: i64,
    /// Its name, as it last said.
    pub name: String,
    /// The inventory number on its case.
    pub asset_number: String,
    /// Where it stands.
    pub place: String,
    /// What it is for.
    pub kind: HostKind,
    /// Whether its silence is a fault: so for servers, not for workstations.
    pub always_on: bool,
    /// Its operating system.
    pub os: String,
    /// What tells it from others.
    pub fingerprint: Fingerprint,
    /// Whether it belongs here.
    pub status: HostStatus,
    /// When it was first enrolled.
    pub created_ms: i64,
    /// Whether its agent is connected now.
    pub connected: bool,
    /// Since when it is, or was last, connected.
    pub connected_since_ms: Option<i64>,
    /// When it was last heard; `None` is never.
    pub last_seen_ms: Option<i64>,
    /// Whether its agent said goodbye then.
    pub said_goodbye: bool,
    /// Since when two machines use its agent's key.
    pub cloned_ms: Option<i64>,
    /// How that was found out.
    pub cloned_how: Option<CloneSign>,
    /// Its agent's version.
    pub agent_version: String,
    /// Whether its agent may see everything.
    pub privileged: bool,
    /// Its running boot, as 32 hexadecimal digits.
    pub boot: String,
    /// Clock difference, collector minus PC.
    pub clock_offset_ms: i64,
    /// The policy last offered or applied.
    pub policy_version: i64,
    /// Its hash.
    pub policy_hash: String,
    /// What became of it.
    pub policy_state: PolicyState,
    /// Why it was refused.
    pub policy_refusal: String,
    /// Whether antivirus protects it.
    pub protection: Protection,
    /// When that was seen.
    pub protection_ms: Option<i64>,
    /// The antivirus products behind it.
    pub protection_detail: Option<serde_json::Value>,
    /// A code of why it does not; empty when it does, or nobody knows.
    pub protection_reason: String,
    /// The product that this rests on; empty when there is none.
    pub product: String,
    /// That product's version; empty when unknown.
    pub product_version: String,
    /// When its definitions were built.
    pub definitions_ms: Option<i64>,
    /// When its network was seen.
    pub network_ms: Option<i64>,
    /// Adapters, gateways and resolvers.
    pub network_detail: Option<serde_json::Value>,
}

/// What a PC is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostKind {
    /// Somebody works at it and switches it off.
    Workstation,
    /// It serves others.
    Server,
}

/// Whether a PC belongs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostStatus {
    /// It does.
    Active,
    /// Somebody has to approve it first.
    Pending,
    /// It no longer does.
    Retired,
}

/// What became of the policy sent to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyState {
    /// None was sent yet.
    None,
    /// It is on its way.
    Sent,
    /// It is in force.
    Applied,
    /// The agent refused it and said why.
    Refused,
}

/// Whether antivirus protects a PC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// A product is on and knows recent malware.
    Protected,
    /// A product is on, but its definitions are old.
    Stale,
    /// Products are installed; none is on.
    Off,
    /// There is none.
    Missing,
    /// Nobody can tell: never to be read as fine.
    Unknown,
}

/// What is to be known of a new host.
#[derive(Clone, Debug, PartialEq)]
pub struct NewHost {
    /// The unit it belongs to.
    pub unit_id: i64,
    /// Its name.
    pub name: String,
    /// Its operating system.
    pub os: String,
    /// What tells it from others.
    pub fingerprint: Fingerprint,
    /// What it is for.
    pub kind: HostKind,
    /// Whether it belongs here.
    pub status: HostStatus,
}

/// What people say about a host; `None` leaves a part as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostEdit {
    /// The unit it belongs to.
    pub unit_id: Option<i64>,
    /// The inventory number on its case.
    pub asset_number: Option<String>,
    /// Where it stands.
    pub place: Option<String>,
    /// What it is for.
    pub kind: Option<HostKind>,
    /// Whether its silence is a fault.
    pub always_on: Option<bool>,
    /// Whether it belongs here.
    pub status: Option<HostStatus>,
}

pub(super) const COLUMNS: &str = "h.id, h.unit_id, h.name, h.asset_number, h.place, h.kind, h.always_on, h.os, \
    h.fingerprint, h.status, h.created_ms, h.connected, h.connected_since_ms, h.last_seen_ms, h.agent_version, \
    h.privileged, h.boot, h.clock_offset_ms, h.policy_version, h.policy_hash, h.policy_state, h.policy_refusal, \
    h.protection, h.protection_ms, h.protection_detail, h.protection_reason, h.product, h.product_version, \
    h.definitions_ms, h.network_ms, h.network_detail, h.said_goodbye, \
    (SELECT MIN(c.cloned_ms) FROM agents c WHERE c.host_id = h.id AND c.revoked_ms IS NULL) AS cloned_ms, \
    (SELECT MIN(c.cloned_how) FROM agents c WHERE c.host_id = h.id AND c.revoked_ms IS NULL \
     AND c.cloned_ms IS NOT NULL) AS cloned_how";

pub(super) fn from_row(row: &AnyRow) -> Result<Host> {
    Ok(Host {
        id: HostId(row.try_get("id")?),
        unit_id: row.try_get("unit_id")?,
        name: row.try_get("name")?,
        asset_number: row.try_get("asset_number")?,
        place: row.try_get("place")?,
        kind: parsed(row, "kind")?,
        always_on: flag(row, "always_on")?,
        os: row.try_get("os")?,
        fingerprint: json(row, "fingerprint")?,
        status: parsed(row, "status")?,
        created_ms: row.try_get("created_ms")?,
        connected: flag(row, "connected")?,
        connected_since_ms: row.try_get("connected_since_ms")?,
        last_seen_ms: row.try_get("last_seen_ms")?,
        said_goodbye: flag(row, "said_goodbye")?,
        cloned_ms: row.try_get("cloned_ms")?,
        cloned_how: parsed_option(row, "cloned_how")?,
        agent_version: row.try_get("agent_version")?,
        privileged: flag(row, "privileged")?,
        boot: row.try_get("boot")?,
        clock_offset_ms: row.try_get("clock_offset_ms")?,
        policy_version: row.try_get("policy_version")?,
        policy_hash: row.try_get("policy_hash")?,
        policy_state: parsed(row, "policy_state")?,
        policy_refusal: row.try_get("policy_refusal")?,
        protection: parsed(row, "protection")?,
        protection_ms: row.try_get("protection_ms")?,
        protection_detail: json_option(row, "protection_detail")?,
        protection_reason: row.try_get("protection_reason")?,
        product: row.try_get("product")?,
        product_version: row.try_get("product_version")?,
        definitions_ms: row.try_get("definitions_ms")?,
        network_ms: row.try_get("network_ms")?,
        network_detail: json_option(row, "network_detail")?,
    })
}

/// The host with this number.
///
/// # Errors
/// When the database fails.
pub async fn by_id(registry: &Registry, id: HostId) -> Result<Option<Host>> {
    sqlx::query(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM hosts h WHERE h.id = $1"
    )))
    .bind(id.0)
    .fetch_optional(registry.readers())
    .await?
    .map(|row| from_row(&row))
    .transpose()
}

/// All hosts with this name, however it is typed.
///
/// # Errors
/// When the database fails.
pub async fn by_name(registry: &Registry, name: &str) -> Result<Vec<Host>> {
    let statement = format!("SELECT {COLUMNS} FROM hosts h WHERE h.name_folded = $1 ORDER BY h.id");
    sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(fold(name))
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(from_row)
        .collect()
}

/// The known host that a fingerprint most likely belongs to. One that waits for approval is not known yet, and
/// one that is retired gives way to one that is not.
///
/// # Errors
/// When the database fails.
pub async fn by_fingerprint(registry: &Registry, asking: &Fingerprint) -> Result<Option<Host>> {
    let mut best: Option<((bool, u32), Host)> = None;
    let statement = format!(
        "SELECT {COLUMNS} FROM host_marks m JOIN hosts h ON h.id = m.host_id \
         WHERE m.kind = $1 AND m.value = $2 AND h.status <> 'pending' ORDER BY h.id"
    );
    for (kind, value) in fingerprint::marks(asking) {
        let rows = sqlx::query(sqlx::AssertSqlSafe(statement.clone()))
            .bind(kind)
            .bind(value)
            .fetch_all(registry.readers())
            .await?;
        for row in &rows {
            let host = from_row(row)?;
            let Some(likeness) = fingerprint::likeness(&host.fingerprint, asking) else {
                continue;
            };
            let rank = (host.status == HostStatus::Active, likeness);
            if best.as_ref().is_none_or(|(known, _)| rank > *known) {
                best = Some((rank, host));
            }
        }
    }
    Ok(best.map(|(_, host)| host))
}

/// The unit of every active host, for scoping what is stored elsewhere.
///
/// # Errors
/// When the database fails.
pub async fn units(registry: &Registry) -> Result<Vec<(HostId, i64)>> {
    sqlx::query("SELECT id, unit_id FROM hosts ORDER BY id")
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| Ok((HostId(row.try_get("id")?), row.try_get("unit_id")?)))
        .collect()
}

/// Adds a host.
///
/// # Errors
/// When the database fails.
pub async fn insert(tx: &mut Transaction, new: &NewHost, now_ms: i64) -> Result<HostId> {
    let id = HostId(next_id(tx, "hosts").await?);
    let name = storable(&new.name);
    sqlx::query(
        "INSERT INTO hosts (id, unit_id, name, name_folded, search_folded, asset_number, place, kind, always_on, \
         os, fingerprint, status, created_ms) VALUES ($1, $2, $3, $4, $4, '', '', $5, $6, $7, $8, $9, $10)",
    )
    .bind(id.0)
    .bind(new.unit_id)
    .bind(name.clone())
    .bind(fold(&name))
    .bind(word(new.kind))
    .bind(i64::from(new.kind == HostKind::Server))
    .bind(storable(&new.os))
    .bind(serde_json::to_string(&new.fingerprint).expect("a fingerprint is plain text"))
    .bind(word(new.status))
    .bind(now_ms)
    .execute(&mut **tx)
    .await?;
    keep_marks(tx, id, &new.fingerprint).await?;
    policy::bump_revision(tx).await?;
    Ok(id)
}

/// Takes over what a known PC says of itself when it is enrolled again.
///
/// # Errors
/// When the database fails.
pub async fn renew_fingerprint(tx: &mut Transaction, id: HostId, fingerprint: &Fingerprint) -> Result<()> {
    sqlx::query("UPDATE hosts SET fingerprint = $2 WHERE id = $1")
        .bind(id.0)
        .bind(serde_json::to_string(fingerprint).expect("a fingerprint is plain text"))
        .execute(&mut **tx)
        .await?;
    sqlx::query("DELETE FROM host_marks WHERE host_id = $1")
        .bind(id.0)
        .execute(&mut **tx)
        .await?;
    keep_marks(tx, id, fingerprint).await
}

async fn keep_marks(tx: &mut Transaction, id: HostId, fingerprint: &Fingerprint) -> Result<()> {
    for (kind, value) in fingerprint::marks(fingerprint) {
        sqlx::query("INSERT INTO host_marks (kind, value, host_id) VALUES ($1, $2, $3)")
            .bind(kind)
            .bind(value)
            .bind(id.0)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Changes what people say about a host; whether there is one.
///
/// # Errors
/// When the database fails, or the unit does not exist.
pub async fn edit(tx: &mut Transaction, id: HostId, edit: &HostEdit) -> Result<bool> {
    let changed = sqlx::query(
        "UPDATE hosts SET unit_id = COALESCE($2, unit_id), asset_number = COALESCE($3, asset_number), \
         place = COALESCE($4, place), kind = COALESCE($5, kind), always_on = COALESCE($6, always_on), \
         status = COALESCE($7, status) WHERE id = $1",
    )
    .bind(id.0)
    .bind(edit.unit_id)
    .bind(edit.asset_number.clone())
    .bind(edit.place.clone())
    .bind(edit.kind.map(word))
    .bind(edit.always_on.map(i64::from))
    .bind(edit.status.map(word))
    .execute(&mut **tx)
    .await?;
    refold(tx, id).await?;
    policy::bump_revision(tx).await?;
    Ok(changed.rows_affected() > 0)
}

/// Brings the folded columns up to the texts they are made of.
async fn refold(tx: &mut Transaction, id: HostId) -> Result<()> {
    let row = sqlx::query("SELECT name, asset_number, place FROM hosts WHERE id = $1")
        .bind(id.0)
        .fetch_optional(&mut **tx)
        .await?;
    let Some(row) = row else {
        return Ok(());
    };
    let (name, asset_number, place): (String, String, String) = (
        row.try_get("name")?,
        row.try_get("asset_number")?,
        row.try_get("place")?,
    );
    sqlx::query("UPDATE hosts SET name_folded = $2, search_folded = $3 WHERE id = $1")
        .bind(id.0)
        .bind(fold(&name))
        .bind(fold(&format!("{name} {asset_number} {place}")))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// What became of a policy.
///
/// # Errors
/// When the database fails.
pub async fn set_policy_state(
    tx: &mut Transaction,
    id: HostId,
    state: PolicyState,
    version: i64,
    hash: &str,
    refusal: &str,
) -> Result<()> {
    sqlx::query(
        "UPDATE hosts SET policy_state = $2, policy_version = $3, policy_hash = $4, policy_refusal = $5 WHERE id = $1",
    )
    .bind(id.0)
    .bind(word(state))
    .bind(version)
    .bind(storable(hash))
    .bind(storable(refusal))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
