//! What is known now of a host: its protection, its network, and single things such as one probe.
//!
//! Each of these carries the time at which it was seen. Events may arrive late and out of order, so an
//! older one never overwrites a newer one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::Row;

use super::fold::storable;
use super::host::Protection;
use super::query::{json, parsed, word};
use super::{Registry, Result, Transaction};
use crate::entry::HostId;

/// What kind of thing a state is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noun {
    /// A probed service; the key is the probe's name.
    Probe,
    /// Something the agent cannot see; the key is sensor and code.
    Unsupported,
    /// Something a sensor has missed; the key is sensor and scope.
    Blind,
    /// A budget that its agent exceeds; the key is the budget's code.
    Strain,
    /// What the intake had to hold against its agent; the key is a [`Trouble`].
    Intake,
}

/// What the intake had to hold against an agent: it was slowed, cut off or told to begin anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// It sent more than it may, and was slowed.
    Slowed,
    /// It announced a frame that is too large, and was cut off.
    Oversized,
    /// It did not keep to the protocol, and was cut off.
    Protocol,
    /// It brought the stream of another PC, and began one of its own.
    StreamClaimed,
}

/// How often something happened; kept as a state's detail.
#[derive(Serialize, Deserialize)]
pub struct Tally {
    /// So often.
    pub times: u64,
}

/// One thing known of a host.
#[derive(Clone, Debug, PartialEq)]
pub struct HostState {
    /// What kind of thing.
    pub noun: Noun,
    /// Which.
    pub key: String,
    /// When it was seen.
    pub at_ms: i64,
    /// What was seen.
    pub detail: Value,
}

/// Whether antivirus protects a host.
#[derive(Clone, Debug, PartialEq)]
pub struct ProtectionState {
    /// The verdict.
    pub protection: Protection,
    /// Why it is not protected, or why nobody knows: a code; empty when it is.
    pub reason: String,
    /// The product that the verdict rests on; empty for none.
    pub product: String,
    /// Its version.
    pub product_version: String,
    /// When its definitions were built.
    pub definitions_ms: Option<i64>,
    /// When that was seen.
    pub at_ms: i64,
    /// The products behind it; `None` when only time has passed since they were last told.
    pub detail: Option<Value>,
}

#[cfg(test)]
impl ProtectionState {
    /// A verdict without particulars.
    pub(crate) fn plain(protection: Protection, at_ms: i64, detail: Value) -> Self {
        Self {
            protection,
            reason: String::new(),
            product: String::new(),
            product_version: String::new(),
            definitions_ms: None,
            at_ms,
            detail: Some(detail),
        }
    }
}

/// At most so many states of one kind are kept of a host, the newest: keys come from agents, and a
/// hostile one must not fill the table.
pub const STATES_MAX: usize = 200;

/// Everything known of a host.
///
/// # Errors
/// When the database fails.
pub async fn of_host(registry: &Registry, host: HostId) -> Result<Vec<HostState>> {
    sqlx::query("SELECT noun, key, at_ms, detail FROM host_states WHERE host_id = $1 ORDER BY noun, key")
        .bind(host.0)
        .fetch_all(registry.readers())
        .await?
        .iter()
        .map(|row| {
            Ok(HostState {
                noun: parsed(row, "noun")?,
                key: row.try_get("key")?,
                at_ms: row.try_get("at_ms")?,
                detail: json(row, "detail")?,
            })
        })
        .collect()
}

/// Notes that the intake had something against a host's agent, so many times more.
///
/// # Errors
/// When the database fails.
pub async fn note_trouble(
    tx: &mut Transaction,
    host: HostId,
    trouble: Trouble,
    times: u64,
    at_ms: i64,
) -> Result<()> {
    let key = word(trouble);
    let before = sqlx::query("SELECT detail FROM host_states WHERE host_id = $1 AND noun = $2 AND key = $3")
        .bind(host.0)
        .bind(word(Noun::Intake))
        .bind(key.clone())
        .fetch_optional(&mut **tx)
        .await?;
    let before = before.map(|row| json::<Tally>(&row, "detail")).transpose()?;
    let tally = Tally {
        times: before.map_or(0, |tally| tally.times).saturating_add(times),
    };
    let state = HostState {
        noun: Noun::Intake,
        key,
        at_ms,
        detail: json!(tally),
    };
    keep(tx, host, &state).await
}

/// Keeps what was seen, unless something newer is known, or the host is not.
///
/// # Errors
/// When the database fails.
pub async fn keep(tx: &mut Transaction, host: HostId, state: &HostState) -> Result<()> {
    sqlx::query(
        "INSERT INTO host_states (host_id, noun, key, at_ms, detail) SELECT $1, $2, $3, $4, $5 \
         WHERE EXISTS (SELECT 1 FROM hosts WHERE id = $1) ON CONFLICT (host_id, noun, key) DO UPDATE SET at_ms = excluded.at_ms, detail = excluded.detail \
         WHERE host_states.at_ms <= excluded.at_ms",
    )
    .bind(host.0)
    .bind(word(state.noun))
    .bind(storable(&state.key))
    .bind(state.at_ms)
    .bind(state.detail.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets the oldest states of a kind beyond [`STATES_MAX`]; to be called after some were kept.
///
/// # Errors
/// When the database fails.
pub async fn bound(tx: &mut Transaction, host: HostId, noun: Noun) -> Result<()> {
    sqlx::query(
        "DELETE FROM host_states WHERE host_id = $1 AND noun = $2 AND key NOT IN ( \
         SELECT key FROM host_states WHERE host_id = $1 AND noun = $2 ORDER BY at_ms DESC, key LIMIT $3)",
    )
    .bind(host.0)
    .bind(word(noun))
    .bind(i64::try_from(STATES_MAX).unwrap_or(i64::MAX))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Forgets what was seen of one kind before a moment.
///
/// # Errors
/// When the database fails.
pub async fn forget_before(tx: &mut Transaction, host: HostId, noun: Noun, before_ms: i64) -> Result<()> {
    sqlx::query("DELETE FROM host_states WHERE host_id = $1 AND noun = $2 AND at_ms < $3")
        .bind(host.0)
        .bind(word(noun))
        .bind(before_ms)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Forgets one thing.
///
/// # Errors
/// When the database fails.
pub async fn forget(tx: &mut Transaction, host: HostId, noun: Noun, key: &str) -> Result<()> {
    sqlx::query("DELETE FROM host_states WHERE host_id = $1 AND noun = $2 AND key = $3")
        .bind(host.0)
        .bind(word(noun))
        .bind(storable(key))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Keeps a host's protection, unless something newer is known.
///
/// # Errors
/// When the database fails.
pub async fn set_protection(tx: &mut Transaction, host: HostId, state: &ProtectionState) -> Result<()> {
    sqlx::query(
        "UPDATE hosts SET protection = $2, protection_ms = $3, protection_detail = COALESCE($4, protection_detail), \
         protection_reason = $5, product = $6, product_version = $7, definitions_ms = $8 \
         WHERE id = $1 AND (protection_ms IS NULL OR protection_ms <= $3)",
    )
    .bind(host.0)
    .bind(word(state.protection))
    .bind(state.at_ms)
    .bind(state.detail.as_ref().map(Value::to_string))
    .bind(storable(&state.reason))
    .bind(storable(&state.product))
    .bind(storable(&state.product_version))
    .bind(state.definitions_ms)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Keeps a host's network, unless something newer is known.
///
/// # Errors
/// When the database fails.
pub async fn set_network(tx: &mut Transaction, host: HostId, at_ms: i64, detail: &Value) -> Result<()> {
    sqlx::query(
        "UPDATE hosts SET network_ms = $2, network_detail = $3 \
         WHERE id = $1 AND (network_ms IS NULL OR network_ms <= $2)",
    )
    .bind(host.0)
    .bind(at_ms)
    .bind(detail.to_string())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
