//! Policies: partial documents per unit, merged down the tree into what an agent gets.
//!
//! Objects merge by key; lists of named things (watches, probes) merge by name, so that a commune can
//! add a folder or change one probe without repeating the province's list. Any other value replaces.
//!
//! The version of an effective policy is the `policy` revision, a counter that every change of units,
//! policies or memberships moves: it grows for every host whatever changed, and whether a host's policy
//! really changed is told by its hash.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::Row;
use vong_proto::policy::Policy;

use super::query::json as read_json;
use super::{Registry, Result, Transaction, unit};
use crate::entry::HostId;

/// A unit's own part of the policy.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitPolicy {
    /// The unit.
    pub unit_id: i64,
    /// Grows with each change.
    pub version: i64,
    /// The partial document.
    pub document: Value,
    /// When it was changed.
    pub updated_ms: i64,
    /// By whom.
    pub updated_by: String,
}

/// What an agent gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePolicy {
    /// The `policy` revision when it was put together.
    pub version: i64,
    /// SHA-256 of the document, hexadecimal.
    pub hash: String,
    /// [`Policy`] as JSON.
    pub document: String,
    /// The unit whose hosts get it.
    pub unit_id: i64,
    /// What those may send together, in kbit/s; 0 for no limit.
    pub unit_kbit_s: u32,
}

/// The counter that moves with every change of which a connected agent must learn: policies, units, its
/// host's unit, commands and revocations.
///
/// # Errors
/// When the database fails.
pub async fn revision(registry: &Registry) -> Result<i64> {
    Ok(
        sqlx::query_scalar("SELECT value FROM revisions WHERE name = 'policy'")
            .fetch_one(registry.readers())
            .await?,
    )
}

pub(super) async fn bump_revision(tx: &mut Transaction) -> Result<i64> {
    Ok(
        sqlx::query_scalar("UPDATE revisions SET value = value + 1 WHERE name = 'policy' RETURNING value")
            .fetch_one(&mut **tx)
            .await?,
    )
}

/// A unit's own part of the policy.
///
/// # Errors
/// When the database fails.
pub async fn of_unit(registry: &Registry, unit_id: i64) -> Result<Option<UnitPolicy>> {
    let row = sqlx::query(
        "SELECT unit_id, version, document, updated_ms, updated_by FROM policies WHERE unit_id = $1",
    )
    .bind(unit_id)
    .fetch_optional(registry.readers())
    .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    Ok(Some(UnitPolicy {
        unit_id: row.try_get("unit_id")?,
        version: row.try_get("version")?,
        document: read_json(&row, "document")?,
        updated_ms: row.try_get("updated_ms")?,
        updated_by: row.try_get("updated_by")?,
    }))
}

/// Sets a unit's own part of the policy and returns its version. Whether it makes valid policies is
/// asked of [`effective_with`] before.
///
/// # Errors
/// When the database fails, or the unit does not exist.
pub async fn set(tx: &mut Transaction, unit_id: i64, document: &Value, by: &str, now_ms: i64) -> Result<i64> {
    let version = bump_revision(tx).await?;
    sqlx::query(
        "INSERT INTO policies (unit_id, version, document, updated_ms, updated_by) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (unit_id) DO UPDATE SET version = excluded.version, document = excluded.document, \
         updated_ms = excluded.updated_ms, updated_by = excluded.updated_by",
    )
    .bind(unit_id)
    .bind(version)
    .bind(document.to_string())
    .bind(now_ms)
    .bind(by.to_owned())
    .execute(&mut **tx)
    .await?;
    Ok(version)
}

/// What agents of a host get.
///
/// # Errors
/// When the database fails, or the merged policy is not valid.
pub async fn effective(registry: &Registry, host: HostId) -> Result<EffectivePolicy> {
    let unit_id: i64 = sqlx::query_scalar("SELECT unit_id FROM hosts WHERE id = $1")
        .bind(host.0)
        .fetch_one(registry.readers())
        .await?;
    effective_of_unit(registry, unit_id).await
}

/// What agents of a unit's hosts get.
///
/// # Errors
/// When the database fails, or the merged policy is not valid.
pub async fn effective_of_unit(registry: &Registry, unit_id: i64) -> Result<EffectivePolicy> {
    // The revision first: if something changes in between, the version is too old, never too new, and
    // the next look at the revision puts it right.
    let version = revision(registry).await?;
    let documents = documents_down_to(registry, unit_id).await?;
    finished(
        unit_id,
        version,
        documents.into_iter().map(|(_, document)| document),
    )
}

/// What agents of a unit's hosts would get if `changed` had `draft` as its own part.
///
/// # Errors
/// When the database fails, or the merged policy would not be valid.
pub async fn effective_with(
    registry: &Registry,
    unit_id: i64,
    changed: i64,
    draft: &Value,
) -> Result<EffectivePolicy> {
    let version = revision(registry).await?;
    let documents = documents_down_to(registry, unit_id).await?;
    finished(
        unit_id,
        version,
        documents
            .into_iter()
            .map(|(id, document)| if id == changed { draft.clone() } else { document }),
    )
}

/// The own documents of a unit and all above it, the top first.
async fn documents_down_to(registry: &Registry, unit_id: i64) -> Result<Vec<(i64, Value)>> {
    let mut documents = Vec::new();
    for unit in unit::chain(registry, unit_id).await? {
        let own = of_unit(registry, unit.id).await?;
        documents.push((unit.id, own.map_or_else(|| json!({}), |own| own.document)));
    }
    Ok(documents)
}

fn finished(unit_id: i64, version: i64, documents: impl Iterator<Item = Value>) -> Result<EffectivePolicy> {
    let merged = documents.fold(json!({}), merge);
    let policy = Policy::from_json(&merged.to_string())?;
    let document = policy.to_json();
    Ok(EffectivePolicy {
        version,
        hash: hex::encode(Sha256::digest(&document)),
        document,
        unit_id,
        unit_kbit_s: policy.uplink.unit_kbit_s,
    })
}

/// Lays a lower document over an upper one.
pub fn merge(upper: Value, lower: Value) -> Value {
    match (upper, lower) {
        (Value::Object(upper), Value::Object(lower)) => Value::Object(merge_objects(upper, lower)),
        (Value::Array(upper), Value::Array(lower)) if named(&upper) && named(&lower) => {
            Value::Array(merge_named(upper, lower))
        }
        (_, lower) => lower,
    }
}

fn merge_objects(mut upper: Map<String, Value>, lower: Map<String, Value>) -> Map<String, Value> {
    for (key, value) in lower {
        let merged = match upper.remove(&key) {
            Some(above) => merge(above, value),
            None => value,
        };
        upper.insert(key, merged);
    }
    upper
}

fn merge_named(mut upper: Vec<Value>, lower: Vec<Value>) -> Vec<Value> {
    for value in lower {
        match upper.iter_mut().find(|above| above["name"] == value["name"]) {
            Some(above) => *above = merge(above.take(), value),
            None => upper.push(value),
        }
    }
    upper
}

/// Whether a list is one of named things; an empty list is.
fn named(list: &[Value]) -> bool {
    list.iter().all(|item| item["name"].is_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_things_merge_by_name() {
        let province = json!({"files": {"hash_max_mib": 64, "watches": [
            {"name": "records", "path": "/srv/records"}, {"name": "shared", "path": "/srv/shared"}]}});
        let commune = json!({"files": {"watches": [
            {"name": "records", "severity": "critical"}, {"name": "scans", "path": "/srv/scans"}]}});
        assert_eq!(
            merge(province, commune),
            json!({"files": {"hash_max_mib": 64, "watches": [
                {"name": "records", "path": "/srv/records", "severity": "critical"},
                {"name": "shared", "path": "/srv/shared"},
                {"name": "scans", "path": "/srv/scans"}]}})
        );
    }

    #[test]
    fn unnamed_lists_and_plain_values_are_replaced() {
        let upper = json!({"a": ["x", "y"], "b": 1});
        assert_eq!(
            merge(upper, json!({"a": ["z"], "b": null})),
            json!({"a": ["z"], "b": null})
        );
    }
}
